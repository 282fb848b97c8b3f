"""Intervals over seeds, and drawing, for the experiments."""
