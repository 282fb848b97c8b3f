"""Fixed signs of excitatory and inhibitory synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network
from netsim.specification.phrases import grouped, names
from netsim.weights.layout import Weights, kernel_name, sign_words


@constraints.register("sign")
@dataclass(frozen=True, eq=False)
class Sign(Constraint):
    """Weights of excitatory synapses are at least zero, weights of inhibitory synapses at most zero."""

    signs: Mapping[str, np.ndarray]  # by name of the weights, see `Network.weight_signs`

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        plastic = (
            (projection, network.weight_signs(projection)) for projection in network.weighted if projection.plastic
        )
        signed = {kernel_name(projection): signs for projection, signs in plastic if signs is not None}
        return cls(signed) if signed else None

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, signs in self.signs.items():
            kernel = weights[name]
            if signs.size == 1:
                bound = np.maximum if signs.item() > 0 else np.minimum
                bound(kernel, kernel.dtype.type(0), out=kernel)
            else:
                np.copyto(kernel, kernel.dtype.type(0), where=kernel * signs < 0)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        bound = [projection for projection in network.weighted if kernel_name(projection) in self.signs]
        wrong = {"excitatory": "negative", "inhibitory": "positive"}
        clauses = [
            rf"{wrong.get(words, 'wrongly signed')} $w_{{ij}}$ of {names(each.name for each in chosen)} ({words})"
            for words, chosen in grouped(bound, lambda projection: sign_words(network, projection)).items()
        ]
        return "Sign", f"After each update {' and '.join(clauses)} are set to 0"
