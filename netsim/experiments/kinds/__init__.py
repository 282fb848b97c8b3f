"""The experiments that come with netsim, one in each module."""
