"""Formats of networks with their weights, a module each."""
