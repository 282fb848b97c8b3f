"""Tables and figures of the experiments, one module each."""
