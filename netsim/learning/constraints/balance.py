"""Excitation and inhibition in balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name


@constraints.register("balance")
@dataclass(frozen=True)
class Balance(Constraint):
    """Incoming weights of each map or dense neuron have a mean of zero, where they are free to have both signs."""

    kernels: Sequence[str]  # names of the weights

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.learning.balanced:
            return None
        plastic = (projection for projection in network.weighted if projection.plastic)
        return cls([kernel_name(one) for one in plastic if network.weight_signs(one) is None])

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for kernel in map(weights.__getitem__, self.kernels):
            kernel -= kernel.mean(axis=tuple(range(kernel.ndim - 1)))

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        binary = network.weighting.kind == "binary"
        return (
            "Balance",
            f"After each update{', before the bound,' if binary else ''} the mean of the"
            f" ${'u_{ij}' if binary else 'w_{ij}'}$ over the incoming weights of each map or dense neuron is subtracted"
            " from them",
        )
