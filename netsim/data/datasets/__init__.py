"""Data sets that netsim includes or can locate, one module each, see `netsim.data.source`."""
