"""Drawn or learned conduction delays."""

import math
from dataclasses import dataclass
from typing import Literal

from netsim.reprs import short_repr
from netsim.specification.checks import check_numbers, check_types, require


@dataclass(frozen=True)
class Delays:
    """Individually drawn conduction delays of a projection, stored next to the weights.

    Parameters
    ----------
    per : {"axon", "synapse"}
        One delay per presynaptic neuron, or per weight. Synapses that share a weight share its delay.
    mean : float
        Mean of the draw (ms).
    spread : float
        Standard deviation of the draw (ms). With 0, all delays start at the mean.
    distribution : {"normal", "uniform"}
    shortest, longest : float
        Bounds (ms). Draws are clipped to them, and learned delays stay within them. The default of `longest` is the
        duration of the presentation.
    learned : bool
        Whether training changes the delays. Static weights allow it too.
    rate : float
        Learning rate of the delays, in encoding windows relative to ``learning.rate``. With Adam, a step moves a delay
        by up to about ``learning.rate · rate`` windows.

    Examples
    --------
    >>> from netsim import Delays, Dense, Projection
    >>> Projection("hidden", "output", Dense(), delay=Delays("synapse", mean=4.0, spread=2.0, learned=True)).delays.per
    'synapse'
    """

    per: Literal["axon", "synapse"] = "axon"
    mean: float = 0.0
    spread: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    shortest: float = 0.0
    longest: float = math.inf
    learned: bool = False
    rate: float = 1.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "delay")
        check_numbers(self, "delay", ("mean", "shortest"), "a time >= 0 ms")
        check_numbers(self, "delay", ["spread"], ">= 0")
        check_numbers(self, "delay", ["rate"], "positive")
        above = self.longest >= self.shortest  # False for NaN
        require(above, "delay.longest", f"must be at least shortest ({self.shortest} ms), not {self.longest}")
        within = f"must be from {self.shortest} to {self.longest} ms, shortest to longest, not {self.mean}"
        require(self.shortest <= self.mean <= self.longest, "delay.mean", within)
        require(
            self.learned or self.rate == 1.0,
            "delay.rate",
            "has a meaning only for learned delays; set learned = true or remove it",
        )
