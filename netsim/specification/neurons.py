"""How the neurons of a population integrate and fire."""

import math
from dataclasses import dataclass

from netsim.reprs import short_repr
from netsim.seams import regimes
from netsim.specification.checks import check_choice, check_numbers, check_types, require


@dataclass(frozen=True)
class Neurons:
    """How the neurons of a population integrate and fire.

    Parameters
    ----------
    regime : str
        ``free``: all populations run at once. ``staggered``: a population may fire from its onset on, helped by a
        constant drive. ``phased``: integrate until the onset (the gate closes there), then the drive carries the
        potential to threshold. Others are registered in `netsim.seams.regimes`.
    threshold : float
        Firing threshold.
    tau : float
        Membrane time constant (ms).
    onset, end : float
        The window ``[onset, end)`` in which the neurons may fire (ms); `end` is cut to the presentation.
    drive : float
        Constant current from `onset` on.
    bias : bool
        Whether each map (or neuron of a population without maps) has a learned constant current.
    crossing_slope : float, optional
        Slope of the potential at threshold (1/ms) that the linear derivative assumes; by default
        ``drive/tau`` if there is a drive, else ``1/tau``. In ``phased`` the drive alone makes it.

    Examples
    --------
    >>> Neurons("phased", onset=16.0, drive=1.0).gate
    16.0
    """

    regime: str = "free"
    threshold: float = 1.0
    tau: float = 64.0
    onset: float = 0.0
    end: float = math.inf
    drive: float = 0.0
    bias: bool = False
    crossing_slope: float | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "neurons")
        check_choice(self.regime, regimes, "neurons.regime")
        given = () if self.crossing_slope is None else ("crossing_slope",)
        check_numbers(self, "neurons", ("threshold", "tau", *given), "positive")
        check_numbers(self, "neurons", ["onset"], "a time >= 0 ms")
        later = self.end > self.onset  # NaN is not
        require(later, "neurons.end", f"must be later than the onset ({self.onset} ms), not {self.end}")
        check_numbers(self, "neurons", ["drive"], ">= 0")
        regimes[self.regime].check(self.onset, self.drive)

    @property
    def gated(self) -> bool:
        """Whether synaptic current stops counting at the onset: then the latency has a closed form."""
        return bool(regimes[self.regime].gated)

    @property
    def gate(self) -> float:
        """Until when synaptic current counts (ms): the onset if gated, else ``inf``."""
        return self.onset if self.gated else math.inf

    @property
    def assumed_slope(self) -> float:
        """Slope of the potential at threshold (1/ms) that the linear derivative assumes."""
        if self.crossing_slope is not None:
            return self.crossing_slope
        return (self.drive if self.drive > 0 else 1.0) / self.tau
