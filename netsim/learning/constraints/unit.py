"""Weights that STDP learns stay between 0 and 1."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name


@constraints.register("unit")
@dataclass(frozen=True)
class UnitInterval(Constraint):
    """Weights that the learner `stdp` changes are between 0 and 1.

    Its steps vanish at both bounds, so that only drawn weights outside and large steps are cut.
    """

    names: tuple[str, ...]

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if network.learning.learner != "stdp":
            return None
        learning = (each for each in network.weighted if each.plastic and each.target != network.output.name)
        return cls(tuple(map(kernel_name, learning)))

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name in self.names:
            np.clip(weights[name], 0, 1, out=weights[name])

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        return ("Bounds", "weights that STDP changes are cut to [0, 1] after each step")
