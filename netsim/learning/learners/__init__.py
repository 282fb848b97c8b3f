"""The learners of netsim, one module each."""
