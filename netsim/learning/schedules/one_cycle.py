"""A learning rate that rises first."""

from __future__ import annotations

from netsim.learning.schedules.cosine import Cosine
from netsim.seams import schedules
from netsim.specification import Network
from netsim.specification.phrases import GAP, number

WARM_UP = 0.25
"""Share of a training in which the learning rate rises."""
FIRST_RATE = 0.04
"""Share of its peak at which it begins."""


@schedules.register("one-cycle")
class OneCycle(Cosine):
    """A linear rise to the peak, then half a cosine; parameters are those of `Constant`."""

    def rate(self, progress: float) -> float:
        """See `Schedule`."""
        if progress < WARM_UP:
            return self.peak * (FIRST_RATE + (1 - FIRST_RATE) * progress / WARM_UP)
        return super().rate((progress - WARM_UP) / (1 - WARM_UP))

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Schedule`."""
        peak, first, rise = number(network.learning.rate), number(FIRST_RATE), number(1 - FIRST_RATE)
        return (
            rf"One cycle: $\eta = {peak} \times ({first} + {rise}{GAP}z / {number(WARM_UP)})$ while"
            rf" $z < {number(WARM_UP)}$, then $\eta = {peak} \times \frac{{1}}{{2}} (1 + \cos (\pi{GAP}(z -"
            rf" {number(WARM_UP)}) / {number(1 - WARM_UP)}))$; $z$: share of all updates that are done"
        )
