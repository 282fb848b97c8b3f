"""Presets, and the Brian2 definitions of neurons, synapses and networks."""
