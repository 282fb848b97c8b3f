"""Outputs without a common drift."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network, Projection
from netsim.specification.checks import require
from netsim.weights.layout import Weights, bias_name, kernel_name


@constraints.register("centre")
@dataclass(frozen=True)
class Centre(Constraint):
    """The weights of each presynaptic neuron onto all outputs keep their initial mean.

    A common level of all outputs does not affect decisions, and targets that compare outputs do not restrict it.
    Without this constraint, it drifts until outputs reach threshold before their window, or not within it.
    """

    means: Mapping[str, float]  # of the weights of a presynaptic neuron or of biases, by name of the weights

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.learning.centred_outputs:
            return None
        output, key = network.output, "learning.centred_outputs"
        require(not network.weighting.is_binary, key, "has no meaning for binary weights; leave it out")
        means = {}
        for projection in network.incoming(output.name):
            name = projection.name
            require(_reaches_all(network, projection), key, f"needs projections onto all outputs; {name} is none")
            both = f"and the sign of {name} exclude each other; remove one of them"
            require(network.weight_signs(projection) is None, key, both)
            if projection.plastic:
                means[kernel_name(projection)] = projection.initial.mean / network.fan_in(projection)
        require(bool(means), key, f"needs plastic weights onto {output.name}, which has none")
        if output.has_bias:
            means[bias_name(output)] = network.initial_bias(output)
        return cls(means)

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, mean in self.means.items():
            array = weights[name]
            array -= array.mean(axis=-1, keepdims=True) - array.dtype.type(mean)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        return (
            "Centre",
            "After each update a number is subtracted from the $w_{ij}$ of each presynaptic neuron $i$ onto all outputs"
            f"{' and from their $b_j$' if network.output.has_bias else ''}, so that their mean stays that of the"
            " distribution they were drawn from",
        )


def _reaches_all(network: Network, projection: Projection) -> bool:
    """Return whether each presynaptic neuron has a separate weight onto every output."""
    source, target = network.ends(projection)
    shape = network.weight_shape(projection)
    return math.prod(shape) == math.prod(source) * math.prod(target) and shape[-1] == math.prod(target)
