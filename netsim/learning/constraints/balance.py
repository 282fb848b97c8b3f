"""Balance of excitation and inhibition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, kernel_name


@constraints.register("balance")
@dataclass(frozen=True)
class Balance(Constraint):
    """Incoming weights of each map or dense neuron have a mean of zero, if both signs are allowed."""

    kernels: Mapping[str, Incoming]  # by name of the weights

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        if not network.learning.balanced:
            return None
        plastic = [projection for projection in network.weighted if projection.plastic]
        free = [projection for projection in plastic if network.weight_signs(projection) is None]
        for projection in free:
            single = "of {0} would all be 0, as each is the only one of its neuron; give {0} a sign or plastic = false"
            require(network.fan_in(projection) > 1, "learning.balanced", f"weights {single.format(projection.name)}")
        return cls({kernel_name(projection): Incoming(network, projection) for projection in free})

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, incoming in self.kernels.items():
            kernel = weights[name]
            kernel -= incoming.spread(incoming.means(kernel))

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        binary = network.weighting.is_binary
        return (
            "Balance",
            f"After each update{', before the bound,' if binary else ''} the mean of the"
            f" ${'u_{ij}' if binary else 'w_{ij}'}$ over the incoming weights of each map or dense neuron is subtracted"
            " from them",
        )
