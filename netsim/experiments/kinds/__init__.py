"""The experiments of netsim, one module each."""
