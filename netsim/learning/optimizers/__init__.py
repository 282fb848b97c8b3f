"""The optimizers of netsim, one module each."""
