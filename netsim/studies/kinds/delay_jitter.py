"""Conduction delays that differ between axons."""

import math

from netsim.studies.study import PROJECTIONS, Changes, Condition, NetworkStudy


def equal_delays(condition: Condition) -> Changes:
    """Control of `jittered_delays`: all axons have the mean delay."""
    import numpy as np

    mean = condition.level * math.sqrt(2 / math.pi)
    return {"delays": {name: np.full(shape, mean) for name, shape in _sources(condition).items()}}


@NetworkStudy(
    "delay-jitter",
    "half-normal conduction delays, one per axon; the control delays all by the mean, 0.8 σ (level: σ in ms)",
    "conduction delays, σ (ms)",
    (0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
    in_windows=True,
    scope=PROJECTIONS,
    control="all delays equal",
    does_control=equal_delays,
    neutral=0.0,
    order=100,
)
def jittered_delays(condition: Condition) -> Changes:
    """Give each axon of a projection a half-normal delay, the absolute value of a normal draw with SD `level` ms."""
    draw = condition.generator.standard_normal
    return {"delays": {name: condition.level * abs(draw(shape)) for name, shape in _sources(condition).items()}}


def _sources(condition: Condition) -> dict[str, tuple[int, ...]]:
    network = condition.network
    return {name: network.shapes[network.projection(name).source] for name in condition.layers}
