"""The protocol of a neuron family, and the rates of its two functions."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from netsim.errors import SpecificationError
from netsim.seams import families
from netsim.specification.checks import require
from netsim.specification.phrases import GAP, number


class Rates(NamedTuple):
    """Rates at which a potential and its synaptic current decay (1/ms, or per step of a grid).

    The potential ``u = tau·v`` and the synaptic current ``I`` follow ::

        u' = -leak·u + I + constant current,     I' = -decay·I

    A spike adds its weight to ``I``. Between events ``u`` is a combination of ``exp(-leak·t)`` and ``exp(-decay·t)``
    (with equal rates, of ``exp(-leak·t)`` and ``t·exp(-leak·t)``), plus a constant. A rate of 0 means no decay.

    Examples
    --------
    >>> Rates(0.1, 0.1).potential(np.array([-1.0, 0.0, 10.0])).round(6).tolist()
    [0.0, 0.0, 3.678794]
    """

    leak: float
    decay: float

    def per_step(self, dt: float) -> Rates:
        """Return the rates per step of a grid. Without a grid (0) they stay."""
        return Rates(self.leak * dt, self.decay * dt) if dt else self

    def constant(self, since: np.ndarray) -> np.ndarray:
        """Return the potential that a constant current of 1 adds in a time, which may be negative (no current yet)."""
        since = np.maximum(since, 0.0)
        return -np.expm1(-self.leak * since) / self.leak if self.leak else since

    def potential(self, since: np.ndarray) -> np.ndarray:
        """Return the potential at times after a spike of weight 1. It is 0 before the spike."""
        since = np.maximum(since, 0.0)
        slow, apart = min(self.leak, self.decay), abs(self.decay - self.leak)
        with np.errstate(invalid="ignore"):
            built = -np.expm1(-apart * since) / apart if apart else since
            return np.where(np.isfinite(since), np.exp(-slow * since) * built, 0.0)

    def slope(self, since: np.ndarray) -> np.ndarray:
        """Return the slope of `potential`. At the spike itself it is 0, as just before it."""
        with np.errstate(over="ignore"):
            rise = np.exp(-self.decay * np.maximum(since, 0.0)) - self.leak * self.potential(since)
        return np.where(since > 0, rise, 0.0)


class Described(NamedTuple):
    """Texts of a family for the model description.

    Attributes
    ----------
    potential : str
        Equation of the potential without currents from the onset on, for example ``\\tau v_j'(t) = -v_j(t) + I_j(t)``.
    current : str
        Sentence on the synaptic current.
    psp : str
        Effect ``\\varepsilon(t)`` of a spike on the potential, times ``w_{ij} / \\tau``.
    time : str
        Sentence on the potential between events.
    bias : str
        Effect of a constant current of 1 on the potential by ``L_j``, times ``1 / \\tau``.
    slope : str
        Terms that a family adds to the currents in the slope at threshold.
    """

    potential: str
    current: str
    psp: str
    time: str
    bias: str
    slope: str


class Parameters(Protocol):
    """The parameters of neurons (`netsim.specification.Neurons`) that families read."""

    @property
    def regime(self) -> str:
        """Name of the regime."""

    @property
    def tau(self) -> float:
        """Membrane time constant (ms)."""

    @property
    def tau_syn(self) -> float | None:
        """Time constant of the synaptic current (ms)."""


class Family:
    """How the potential of a neuron moves between events.

    A subclass is registered in `netsim.seams.families` and has no instances.

    Attributes
    ----------
    regimes : tuple of str
        Names of the regimes that the family supports. Empty means all.
    has_psp : bool
        Whether projections choose a postsynaptic potential (`netsim.PSP`). Otherwise the neurons determine it.
    phrase : str
        The family in words.
    steepness : float
        Slope of the potential at threshold that learning assumes without a drive, in ``threshold/tau``.
    response : str
        Name of the learner's channels (`netsim.learning.channels.RESPONSES`). ``exponential`` uses the rates.

    Examples
    --------
    >>> import netsim
    >>> netsim.Neurons(tau=20.0, family="leaky", tau_syn=5.0).rates
    Rates(leak=0.05, decay=0.2)
    """

    regimes: ClassVar[tuple[str, ...]] = ()
    has_psp: ClassVar[bool] = False
    phrase: ClassVar[str] = ""
    steepness: ClassVar[float] = 1.0
    response: ClassVar[str] = "exponential"

    @classmethod
    def check(cls, neurons: Parameters) -> None:
        """Refuse parameters that the family does not support.

        Raises
        ------
        SpecificationError
            The error names a field ``neurons.<name>``.
        """
        name = families.name_of(cls)
        supported = not cls.regimes or neurons.regime in cls.regimes
        remedy = f"is {neurons.regime}, which the family {name} does not support; use {' or '.join(cls.regimes)}"
        require(supported, "neurons.regime", remedy)

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates | None:
        """Return the rates of the two functions (1/ms), or None if a spike changes slopes at breakpoints of its PSP."""
        raise NotImplementedError

    @classmethod
    def equations(cls, neurons: Parameters) -> str:
        """Return the equations in Brian2 of the potential ``v`` and the current ``current``, in the units of `Neurons`.

        They may use ``tau`` and ``tau_syn``, and ``rest``, which is the sum of bias and drive within a step. Brian2
        solves them exactly. By default they are refused.
        """
        name = families.name_of(cls)
        raise SpecificationError("neurons.family", f"{name} has no equations for Brian2; use the engine event")

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """Return what the model description says, with the symbols of its other rows, in LaTeX mathematics.

        The default writes the rates as numbers (1/ms).
        """
        rates = cls.rates(neurons)
        assert rates is not None
        leak, decay = map(number, rates)
        leaking, fading = (rf"\mathrm{{e}}^{{-{each}{GAP}t}}" if float(each) else "1" for each in (leak, decay))
        if rates.leak == rates.decay:
            kernel, functions = rf"t{GAP}{leaking}", rf"${leaking}$ and $t{GAP}{leaking}$"
        else:
            kernel = rf"({leaking} - {fading}) / {number(rates.decay - rates.leak)}"
            functions = f"${leaking}$ and ${fading}$"
        lost = rf"- {leak}{GAP}\tau{GAP}v_j(t" if rates.leak else ""
        return Described(
            rf"\tau v_j'(t) = {f'{lost}) + ' if lost else ''}I_j(t) + b_j",
            rf"$I_j'(t) = -{decay}{GAP}I_j(t)$, $I_j(0) = 0$; a spike adds its weight $w_{{ij}}$ to $I_j$ as it"
            " arrives",
            kernel,
            f"between events, a potential is a sum of {functions} and a constant",
            rf"(1 - \mathrm{{e}}^{{-{leak}{GAP}L_j}}) / {leak}" if rates.leak else "L_j",
            f"{lost}_j)" if lost else "",
        )
