"""A learning rate that stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from netsim.learning.protocol import Schedule
from netsim.seams import schedules
from netsim.specification import Network
from netsim.specification.phrases import number


@schedules.register("constant")
@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate all along.

    Parameters
    ----------
    peak : float
        Largest learning rate.
    """

    peak: float

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Schedule`."""
        return cls(network.learning.rate)

    def rate(self, progress: float) -> float:
        """See `Schedule`."""
        return self.peak

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Schedule`."""
        return rf"Constant, $\eta = {number(network.learning.rate)}$"
