"""Parameters of neurons, and their physical units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netsim.reprs import short_repr
from netsim.seams import families, regimes
from netsim.specification.checks import check_choice, check_magnitudes, check_numbers, check_types, finite, require
from netsim.specification.families import Exponential, Family, Rates


@dataclass(frozen=True)
class Scale:
    """Physical units of the potentials and currents of neurons. Times are in ms.

    Model descriptions print potentials, currents, the capacitance and the leak in these units. Simulation and learning
    do not use them.

    Parameters
    ----------
    potential : float
        Potential of 1 in mV.
    current : float
        Current of 1 in pA, and so also a weight, bias or drive of 1.
    rest : float
        Resting potential in mV, the potential of 0.

    Examples
    --------
    >>> import netsim
    >>> scale = netsim.Scale(potential=0.1, current=1.0, rest=-70.0)
    >>> scale.in_mv(200.0), scale.conductance, scale.capacitance(20.0)
    (-50.0, 10.0, 200.0)
    """

    potential: float = 1.0
    current: float = 1.0
    rest: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "scale")
        check_numbers(self, "scale", ("potential", "current"), "positive")
        check_numbers(self, "scale", ["rest"], "finite")

    def in_mv(self, potential: float) -> float:
        """Return a potential in mV."""
        return _rounded(self.rest + potential * self.potential)

    @property
    def conductance(self) -> float:
        """Conductance of the leak in nS."""
        return _rounded(self.current / self.potential)

    def capacitance(self, tau: float) -> float:
        """Return the capacitance in pF for a membrane time constant in ms."""
        return _rounded(tau * self.current / self.potential)


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")


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
        a drive, else ``threshold/tau`` (leaky: ``4·threshold/tau``). In ``phased`` only the drive determines it.
    family : str
        How the potential moves between events. ``piecewise-linear``: without leak, by the PSPs of the projections.
        ``leaky``: leaky integrate-and-fire neurons whose synaptic current decays exponentially, in the regimes ``free``
        and ``staggered``. A spike adds its weight to the current. ``non-leaky``: the same without leak. ``quadratic``:
        quadratic integrate-and-fire neurons, by PSPs, in the regime ``free``. Other families are registered in
        `netsim.seams.families`.
    tau_syn : float, optional
        Time constant of the synaptic current (ms) in the families ``leaky`` and ``non-leaky``. The default is `tau`.
    scale : Scale, optional
        Units in mV and pA for model descriptions. By default potentials and currents have no unit.

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
    family: str = "piecewise-linear"
    tau_syn: float | None = None
    scale: Scale | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "neurons")
        check_choice(self.regime, regimes, "neurons.regime")
        check_choice(self.family, families, "neurons.family")
        given = [name for name in ("crossing_slope", "tau_syn") if getattr(self, name) is not None]
        check_numbers(self, "neurons", ("threshold", "tau", *given), "positive")
        check_numbers(self, "neurons", ["onset"], "a time >= 0 ms")
        later = self.end > self.onset  # False for NaN
        require(later, "neurons.end", f"must be later than the onset ({self.onset} ms), not {self.end}")
        check_numbers(self, "neurons", ["drive"], ">= 0")
        check_magnitudes(self, "neurons", ("threshold", "tau", "drive", *given))
        regimes[self.regime].check(self.onset, self.drive)
        self.kind.check(self)
        rates: object = self.rates
        fit = isinstance(rates, Rates) and all(finite(rate) and rate >= 0 for rate in rates)
        must = f"rates must return netsim.specification.Rates of two finite numbers >= 0, not {rates!r}"
        require(not issubclass(self.kind, Exponential) or fit, f"family {self.family!r}", must)

    @property
    def kind(self) -> type[Family]:
        """The family, with its functions."""
        return families[self.family]

    @property
    def rates(self) -> Rates | None:
        """Rates of potential and current (1/ms) of the families with exponentials, None for other families."""
        return self.kind.rates(self) if issubclass(self.kind, Exponential) else None

    def by_constant(self, since: np.ndarray) -> np.ndarray:
        """Return the potential times `tau` that a constant current of 1 adds in times (ms), 0 for negative times."""
        return self.kind.response_to_constant(self, since)

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
        if self.crossing_slope is not None and not self.gated:
            return self.crossing_slope
        return (self.drive if self.drive > 0 else self.kind.steepness * self.threshold) / self.tau
