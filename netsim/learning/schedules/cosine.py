"""A learning rate that falls along half a cosine."""

import math

from netsim.seams import schedules


@schedules.register("cosine")
def cosine(progress: float) -> float:
    r"""Cosine: $\eta = {peak} \times \frac{1}{2} (1 + \cos \pi z)$; $z$: share of all updates that are done"""
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
