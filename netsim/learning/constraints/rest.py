"""Neurons that are silent at rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network, Population
from netsim.specification.checks import require
from netsim.weights.layout import Weights, bias_name


@constraints.register("rest")
@dataclass(frozen=True)
class Rest(Constraint):
    """The constant currents of hidden neurons do not exceed their rheobase: without synaptic input they stay silent."""

    rheobases: Mapping[str, float]  # by the names of the biases

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.learning.silent_at_rest:
            return None
        hidden = [one for one in network.populations if one.has_bias and one.name != network.output.name]
        require(bool(hidden), "learning.silent_at_rest", "is for hidden populations with a bias; there is none")
        return cls({bias_name(population): _rheobase(network, population) for population in hidden})

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, rheobase in self.rheobases.items():
            bias = weights[name]
            below = 4 * np.finfo(bias.dtype).eps * abs(rheobase)  # latencies are rounded, too
            np.minimum(bias, bias.dtype.type(rheobase - below), out=bias)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        return (
            "Rest",
            "After each update the $b_j$ of hidden neurons are at most their rheobase, with which they would reach"
            " threshold at the end of their window by themselves",
        )


def _rheobase(network: Network, population: Population) -> float:
    """The constant current that, with the drive, brings a neuron to threshold at the end of its window."""
    neurons, end = population.dynamics, network.window_end(population)
    return (neurons.threshold * neurons.tau - neurons.drive * (end - neurons.onset)) / min(neurons.gate, end)
