"""Bounds on latent weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint
from netsim.seams import constraints
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name


@constraints.register("bound")
@dataclass(frozen=True)
class Bound(Constraint):
    """Latent weights of binary weights have bounded absolute values, so that every sign can still change."""

    bounds: Mapping[str, float]  # largest absolute value, by name of the weights

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.weighting.is_binary:
            return None
        clip, bounds = network.learning.clip, {}
        for projection in network.weighted:
            if projection.plastic:
                initial, inputs = projection.initial, network.fan_in(projection)
                bound = clip * initial.spread / math.sqrt(inputs) + abs(initial.mean) / inputs
                bounds[kernel_name(projection)] = bound
        return cls(bounds)

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, bound in self.bounds.items():
            np.clip(weights[name], -bound, bound, out=weights[name])

    def describe(self, network: Network) -> None:
        """See `Constraint`. The row of binary weights includes it."""
