"""Bounds on latent weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint
from netsim.seams import constraints
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name


@constraints.register("bound")
class Bound(Constraint):
    """The latent weights behind binary ones are bounded, so that every sign can still change.

    Parameters
    ----------
    bounds : mapping
        Largest absolute value, by the name of the weights.
    """

    def __init__(self, bounds: Mapping[str, float]) -> None:
        self.bounds = bounds

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if network.weighting.kind != "binary":
            return None
        bounds = {}
        for projection in network.weighted:
            if projection.plastic:
                largest = network.learning.clip * projection.initial.spread
                bounds[kernel_name(projection)] = largest / math.sqrt(network.fan_in(projection))
        return cls(bounds)

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, bound in self.bounds.items():
            np.clip(weights[name], -bound, bound, out=weights[name])

    def describe(self, network: Network) -> None:
        """See `Constraint`; the row of binary weights says it."""
