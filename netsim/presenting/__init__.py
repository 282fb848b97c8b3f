"""Present stimuli to a model: the loop over batches, in this process or on workers."""
