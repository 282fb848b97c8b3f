"""A learning rate that falls along half a cosine."""

from __future__ import annotations

import math

from netsim.learning.schedules.constant import Constant
from netsim.seams import schedules
from netsim.specification import Network
from netsim.specification.phrases import number


@schedules.register("cosine")
class Cosine(Constant):
    """From the peak to 0 along half a cosine; parameters are those of `Constant`."""

    def rate(self, progress: float) -> float:
        """See `Schedule`."""
        return self.peak * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Schedule`."""
        peak = number(network.learning.rate)
        return (
            rf"Cosine: $\eta = {peak} \times \frac{{1}}{{2}} (1 + \cos \pi z)$; $z$: share of all updates that are done"
        )
