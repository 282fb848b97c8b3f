"""The studies, one per module, ordered from the stimulus to the decision."""
