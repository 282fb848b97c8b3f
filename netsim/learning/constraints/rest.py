"""Neurons that biases alone do not bring to threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network, Population
from netsim.specification.grid import population_times
from netsim.specification.responses import effect_of_bias
from netsim.weights.layout import Weights, bias_name


@constraints.register("rest")
@dataclass(frozen=True)
class Rest(Constraint):
    """Without synaptic input, potentials stay below a fraction of threshold."""

    bounds: Mapping[str, float]  # largest bias, by name of the biases

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        bounds = {
            bias_name(population): _bound(network, population, population.rest_below)
            for population in network.populations
            if population.rest_below is not None
        }
        return cls(bounds) if bounds else None

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, bound in self.bounds.items():
            bias = weights[name]
            below = 4 * np.finfo(bias.dtype).eps * abs(bound)  # margin for the rounding of latencies
            np.minimum(bias, bias.dtype.type(bound - below), out=bias)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        fractions = ", ".join(
            f"{population.name} {population.rest_below:g}"
            for population in network.populations
            if population.rest_below is not None
        )
        return (
            "Rest",
            "After each update the $b_j$ are at most what would bring $v_j$, without synaptic input, to a fraction of"
            f" threshold by the end of its window: {fractions}",
        )


def _bound(network: Network, population: Population, fraction: float) -> float:
    """Return the constant current that, with the drive, brings a neuron to `fraction` at the end of its window."""
    neurons, times = population.dynamics, population_times(network, population, network.training.dt)
    reached = fraction * neurons.threshold * neurons.tau
    driven = neurons.by_constant(np.array(times.end - times.onset))
    return float((reached - neurons.drive * driven) / effect_of_bias(neurons, np.array(times.end), times))
