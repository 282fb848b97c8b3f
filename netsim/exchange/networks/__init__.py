"""Formats of networks with their weights, one module per format."""
