"""Synaptic weights as plain arrays by name: layout, initial draws, binary weights, files."""
