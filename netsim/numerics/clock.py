"""A clock for durations that leaves out the time in which loops become machine code."""

import time

from netsim.numerics.compiling import compiled_so_far


def working_time() -> float:
    """Return a time (s) for differences, as `time.perf_counter`, without the time spent on compiling."""
    return time.perf_counter() - compiled_so_far()[1]
