"""Parameters of neurons."""

import math
from dataclasses import dataclass

from netsim.reprs import short_repr
from netsim.seams import regimes
from netsim.specification.checks import check_choice, check_numbers, check_types, require


@dataclass(frozen=True)
class Neurons:
    """Parameters of the neurons of a population: regime, threshold, time constant and firing window.

    Parameters
    ----------
    regime : str
        ``free``: all populations run at once. ``staggered``: a population may fire from its onset, and a constant drive
        supports it. ``phased``: neurons integrate until the onset, where the gate closes. Then the drive raises the
        potential to threshold. Other regimes are registered in `netsim.seams.regimes`.
    threshold : float
        Firing threshold.
    tau : float
        Membrane time constant (ms).
    onset, end : float
        The window ``[onset, end)`` in which the neurons may fire (ms). `end` is at most the duration of the
        presentation.
    drive : float
        Constant current from `onset`.
    bias : bool
        Whether each map (without maps, each neuron) has a learned constant current.
    crossing_slope : float, optional
        Slope of the potential at threshold (1/ms) that the linear derivative assumes. The default is ``drive/tau`` with
        a drive, else ``1/tau``. In ``phased`` only the drive determines it.

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
        later = self.end > self.onset  # False for NaN
        require(later, "neurons.end", f"must be later than the onset ({self.onset} ms), not {self.end}")
        check_numbers(self, "neurons", ["drive"], ">= 0")
        regimes[self.regime].check(self.onset, self.drive)

    @property
    def gated(self) -> bool:
        """Whether synaptic current counts only before the onset. The latency then has a closed form."""
        return bool(regimes[self.regime].gated)

    @property
    def gate(self) -> float:
        """End of the synaptic current (ms): the onset if gated, else ``inf``."""
        return self.onset if self.gated else math.inf

    @property
    def assumed_slope(self) -> float:
        """Slope of the potential at threshold (1/ms) that the linear derivative assumes."""
        if self.crossing_slope is not None:
            return self.crossing_slope
        return (self.drive if self.drive > 0 else 1.0) / self.tau
