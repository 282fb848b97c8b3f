"""Learning-rate schedules, one module each: the fraction of the peak rate as a function of training progress.

The model description prints the docstring of a schedule, with ``{peak}`` for the peak rate.
"""
