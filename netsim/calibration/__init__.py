"""Calibration: fit postsynaptic potentials to responses, and initial weights to activity."""
