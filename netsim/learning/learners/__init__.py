"""The learners that come with netsim, one in each module."""
