"""Excitation and inhibition in balance."""

from __future__ import annotations

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
    """The incoming weights of each map or dense neuron have a mean of zero.

    Parameters
    ----------
    kernels : sequence of str
        Names of the weights for which it holds.
    is_bounded : bool
        Whether the weights are bounded afterwards.
    """

    kernels: Sequence[str]
    is_bounded: bool = False

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.learning.balanced:
            return None
        free = (projection for projection in network.weighted if projection.plastic and projection.sign == "any")
        return cls([kernel_name(projection) for projection in free], network.weighting.kind == "binary")

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name in self.kernels:
            kernel = weights[name]
            kernel -= kernel.mean(axis=tuple(range(kernel.ndim - 1)))

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        weight = "u_{ij}" if self.is_bounded else "w_{ij}"
        return (
            "Balance",
            f"After each update{', before the bound,' if self.is_bounded else ''} the mean of the ${weight}$ over the"
            " incoming weights of each map or dense neuron is subtracted from them",
        )
