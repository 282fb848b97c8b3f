"""The experiments of netsim, one folder each."""
