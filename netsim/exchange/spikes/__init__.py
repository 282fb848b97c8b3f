"""Formats of spikes, one module per format."""
