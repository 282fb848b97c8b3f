"""Bounds on learned delays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from netsim.learning.protocol import Constraint
from netsim.seams import constraints
from netsim.specification import Network
from netsim.specification.phrases import grouped, in_ms, names
from netsim.weights.layout import Weights, delay_name, delay_rates


@constraints.register("delays")
@dataclass(frozen=True)
class DelayBounds(Constraint):
    """Learned delays stay within their bounds and are never negative."""

    bounds: Mapping[str, tuple[float, float]]  # shortest and longest delay (ms), by name of the delays

    @classmethod
    def from_network(cls, network: Network) -> Self | None:
        """See `Constraint`."""
        bounds = {
            delay_name(projection): (projection.delays.shortest, network.longest_delay(projection.delays))
            for projection in network.delayed
            if projection.delays is not None and projection.learns_delays
        }
        return cls(bounds) if bounds else None

    def enforce(self, weights: Weights) -> None:
        """See `Constraint`."""
        for name, (shortest, longest) in self.bounds.items():
            np.clip(weights[name], shortest, longest, out=weights[name])

    def describe(self, network: Network) -> tuple[str, str]:
        """See `Constraint`."""
        groups = grouped(self.bounds, lambda name: self.bounds[name])
        ranges = (
            f"from ${in_ms(shortest)}$ to ${in_ms(longest)}$ ({names(name.removesuffix('.delay') for name in chosen)})"
            for (shortest, longest), chosen in groups.items()
        )
        rates = grouped(delay_rates(network).items(), lambda item: item[1])
        steps = (
            rf"$\eta$ times ${in_ms(rate)}$ ({names(name.removesuffix('.delay') for name, _ in chosen)})"
            for rate, chosen in rates.items()
        )
        cut = f"after each update they are cut to their bounds, {'; '.join(ranges)}"
        return "Delays", f"The learning rate of delays is {' and '.join(steps)}; {cut}"
