"""The optimizers that come with netsim, one in each module."""
