"""A constant learning rate."""

from netsim.seams import schedules


@schedules.register("constant")
def constant(progress: float) -> float:
    r"""Constant, $\eta = {peak}$"""
    return 1.0
