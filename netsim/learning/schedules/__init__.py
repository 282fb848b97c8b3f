"""Learning-rate schedules, one in each module: the share of the peak rate, given the share of the updates done.

The docstring of a schedule is what the model description says of it, with ``{peak}`` for the peak rate.
"""
