"""The data sets that come with netsim or that it knows where to find, one module each; see `netsim.data.source`."""
