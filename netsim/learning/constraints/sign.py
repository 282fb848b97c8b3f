"""Excitatory and inhibitory synapses keep their sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint, Row
from netsim.seams import constraints
from netsim.specification import Network
from netsim.specification.phrases import names
from netsim.weights.layout import Weights


@constraints.register("sign")
@dataclass(frozen=True)
class Sign(Constraint):
    """Weights of excitatory projections are at least zero, those of inhibitory ones at most."""

    excitatory: Sequence[str]  # names of projections, as of the inhibitory ones
    inhibitory: Sequence[str]

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        plastic = [projection for projection in network.weighted if projection.plastic]
        chosen = ([p.name for p in plastic if p.sign == sign] for sign in ("excitatory", "inhibitory"))
        constraint = cls(*chosen)
        return constraint if constraint.excitatory or constraint.inhibitory else None

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for projections, bound in ((self.excitatory, np.maximum), (self.inhibitory, np.minimum)):
            for name in projections:
                kernel = weights[f"{name}.kernel"]
                bound(kernel, kernel.dtype.type(0), out=kernel)

    def describe(self, network: Network) -> Row:
        """See `Constraint`."""
        limits = ((self.excitatory, "negative", "excitatory"), (self.inhibitory, "positive", "inhibitory"))
        clauses = [f"{sign} $w_{{ij}}$ of {names(found)} ({effect})" for found, sign, effect in limits if found]
        return "Sign", f"After each update {' and '.join(clauses)} are set to 0"
