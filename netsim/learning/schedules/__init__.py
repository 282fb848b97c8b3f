"""The learning-rate schedules that come with netsim, one in each module."""
