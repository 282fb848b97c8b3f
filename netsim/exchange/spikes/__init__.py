"""Formats of spikes, a module each."""
