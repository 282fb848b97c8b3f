"""Axons of different conduction delays."""

from __future__ import annotations

import math
from typing import Any

from netsim.studies.study import PROJECTIONS, Condition, NetworkStudy


def equal_delays(condition: Condition) -> dict[str, Any]:
    """The mean of `jittered_delays` for each axon: what is left of them without the jitter."""
    import numpy as np

    mean = condition.level * math.sqrt(2 / math.pi)
    network = condition.network
    return {"delays": {name: np.full(network.ends(network.projection(name))[0], mean) for name in condition.layers}}


@NetworkStudy(
    "delay-jitter",
    "half-normal conduction delays, one an axon; the control delays all by the mean, 0.8 σ (level: σ in ms)",
    "conduction delays, σ (ms)",
    (0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
    in_windows=True,
    scope=PROJECTIONS,
    control="all delays equal",
    does_control=equal_delays,
    order=100,
)
def jittered_delays(condition: Condition) -> dict[str, Any]:
    """Half-normal delays of all axons of each projection: the absolute value of a normal draw of `level` ms."""
    network, draw = condition.network, condition.generator.standard_normal
    sources = {name: network.ends(network.projection(name))[0] for name in condition.layers}
    return {"delays": {name: condition.level * abs(draw(shape)) for name, shape in sources.items()}}
