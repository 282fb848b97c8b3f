"""Families whose potential and synaptic current decay exponentially: the base class, and the rates of decay."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from netsim.seams import families
from netsim.specification.checks import require
from netsim.specification.families._protocol import Described, Family, Parameters
from netsim.specification.phrases import GAP, number

_SHORTEST = 1e-6
"""Shortest time constant (ms). Rounding errors of times, up to 1e-12 ms, remain small in comparison."""


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


class Decay(NamedTuple):
    """Rates and membrane time constant, in the unit of time of an engine."""

    leak: float
    decay: float
    tau: float


class Exponential(Family):
    """``tau·v' = -leak·tau·v + I + rest``, ``I' = -decay·I``: a spike adds its weight to ``I``.

    A subclass needs `rates`. Fast loops, and equations for Brian2, exist for all of them.

    Examples
    --------
    >>> import netsim
    >>> netsim.Neurons(tau=20.0, family="leaky", tau_syn=5.0).rates
    Rates(leak=0.05, decay=0.2)
    """

    regimes: ClassVar[tuple[str, ...]] = ("free", "staggered")
    additive: ClassVar[bool] = True
    fading: ClassVar[bool] = True
    kernels: ClassVar[str] = "exponential"
    cell: ClassVar[str] = "exponential"
    currents: ClassVar[str] = "exponentially decaying currents"

    @classmethod
    def check(cls, neurons: Parameters) -> None:
        """See `Family`. Refuse time constants that exact spike times do not resolve."""
        super().check(neurons)
        least = f"must be at least {_SHORTEST:g} ms for neurons of the family {families.name_of(cls)}"
        for name, constant in (("tau", neurons.tau), ("tau_syn", neurons.tau_syn)):
            short = f"{least}, not {constant}"
            require(constant is None or constant >= _SHORTEST, f"neurons.{name}", short)

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates:
        """Return the rates of potential and current (1/ms)."""
        raise NotImplementedError

    @classmethod
    def parameters(cls, neurons: Parameters, dt: float = 0.0) -> Decay:
        """See `Family`."""
        return Decay(*cls.rates(neurons).per_step(dt), neurons.tau / (dt or 1.0))

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Decay) -> np.ndarray:
        """See `Family`."""
        v, current = state
        rise, push, fade = _interval(p, span)
        return np.stack([v + (rest / p.tau - p.leak * v) * rise + current / p.tau * push, current * fade])

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Decay
    ) -> np.ndarray:
        """See `Family`."""
        from netsim.numerics.flows import crossings

        v, current = state
        every = np.broadcast_arrays(p.tau * v, current, rest, p.tau * threshold, p.leak, p.decay, limit)
        times = np.empty(v.shape)
        crossings(*(np.array(each, float).ravel() for each in every), times.ravel())
        return times

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Decay) -> np.ndarray:
        """See `Family`."""
        v, current = state
        return np.stack([(rest + current) / p.tau - p.leak * v, -p.decay * current])

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Decay) -> np.ndarray:
        """See `Family`."""
        rise, push, fade = (np.broadcast_to(each, state[0].shape) for each in _interval(p, span))
        nothing = np.zeros_like(state[0])
        return np.stack([
            np.stack([1 - p.leak * rise, push / p.tau, rise / p.tau]), np.stack([nothing, fade, nothing]),
        ])  # fmt: skip

    @classmethod
    def response(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """See `Family`."""
        return cls.rates(neurons).potential(since)

    @classmethod
    def response_to_constant(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """See `Family`."""
        return cls.rates(neurons).constant(since)

    @classmethod
    def equations(cls, neurons: Parameters, looped: bool = False) -> str:
        """See `Family`. ``leak`` and ``decay`` are `rates`."""
        return "dv/dt = -leak*v + (rest + current)/tau : 1\ndcurrent/dt = -decay*current : 1"

    @classmethod
    def step(cls, neurons: Parameters) -> str:
        """See `Family`. Brian2's own solution divides by the difference of both rates, which may be nearly equal.

        No exponent is positive, so that nothing overflows.
        """
        return """
        slow = clip(leak, 0/ms, decay)
        push = dt*exp(-slow*dt)*exprel(-abs(decay - leak)*dt)
        v = v*exp(-leak*dt) + (rest*dt*exprel(-leak*dt) + current*push)/tau
        current = current*exp(-decay*dt)
        """

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """Return the texts of the description. The default writes the rates as numbers (1/ms)."""
        rates = cls.rates(neurons)
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
            f"between events, a potential is a sum of {functions} and a constant",
            rf"(1 - \mathrm{{e}}^{{-{leak}{GAP}L_j}}) / {leak}" if rates.leak else "L_j",
            rf"$I_j'(t) = -{decay}{GAP}I_j(t)$, $I_j(0) = 0$; a spike adds its weight $w_{{ij}}$ to $I_j$ as it"
            " arrives",
            kernel,
        )


Family._with_rates = Exponential


def _interval(p: Decay, span: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what constant and synaptic currents of 1 add to ``u`` within a time, and what remains of the second."""
    leak, apart = np.asarray(p.leak), np.abs(np.subtract(p.decay, p.leak))
    rise, built = (
        np.where(rate > 0, -np.expm1(-rate * span) / np.where(rate > 0, rate, 1), span) for rate in (leak, apart)
    )
    return rise, np.exp(-np.minimum(leak, p.decay) * span) * built, np.exp(-np.asarray(p.decay) * span)
