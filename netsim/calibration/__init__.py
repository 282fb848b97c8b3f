"""Fitting a specification to how neurons behave: postsynaptic potentials from their response, weights from activity."""
