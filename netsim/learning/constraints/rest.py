"""Neurons whose biases do not bring them to threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network, Population
from netsim.weights.layout import Weights, bias_name


@constraints.register("rest")
@dataclass(frozen=True)
class Rest(Constraint):
    """Without synaptic input, potentials stay below a fraction of threshold."""

    fractions: Mapping[str, float]  # by population
    bounds: Mapping[str, float]  # by the names of the biases

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        bounded = [one for one in network.populations if one.rest_below is not None]
        fractions = {one.name: one.rest_below for one in bounded if one.rest_below is not None}
        bounds = {bias_name(one): _bound(network, one, fractions[one.name]) for one in bounded}
        return cls(fractions, bounds) if bounded else None

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, bound in self.bounds.items():
            bias = weights[name]
            below = 4 * np.finfo(bias.dtype).eps * abs(bound)  # latencies are rounded, too
            np.minimum(bias, bias.dtype.type(bound - below), out=bias)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        fractions = ", ".join(f"{name} {fraction:g}" for name, fraction in self.fractions.items())
        return (
            "Rest",
            "After each update the $b_j$ are at most what would bring $v_j$, without synaptic input, to a fraction of"
            f" threshold by the end of its window: {fractions}",
        )


def _bound(network: Network, population: Population, fraction: float) -> float:
    """The constant current that, with the drive, brings a neuron to that fraction at the end of its window."""
    neurons, end = population.dynamics, network.window_end(population)
    reached = fraction * neurons.threshold * neurons.tau
    return (reached - neurons.drive * (end - neurons.onset)) / min(neurons.gate, end)
