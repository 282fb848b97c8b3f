"""Studies: each module is one, in the order in which one meets them on the way from the stimulus to the decision."""
