"""Training: the loop, checkpoints, and the runs that they belong to."""
