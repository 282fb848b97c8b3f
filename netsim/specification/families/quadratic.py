"""Quadratic integrate-and-fire neurons, whose synaptic current is constant between the breakpoints of PSPs.

Between two events ``tau·v' = v² + c`` with a constant current ``c``. The solution moves by a fraction ::

    v(t) = (v·C + c·S) / (C - v·S),     C, S = cos(w·t), sin(w·t)/w     for c = w² > 0
                                        C, S = cosh(w·t), sinh(w·t)/w   for c = -w² < 0
                                        C, S = 1, t                     for c = 0

with times in `tau`. The denominator becomes 0 where the potential reaches infinity, which is after the spike.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsim.seams import families
from netsim.specification.families._protocol import Described, Family, Parameters
from netsim.specification.families.piecewise_linear import Membrane

_FAR = 1e30
"""Potential after it has reached infinity."""
_LONG = 300.0
"""Largest exponent; the potential has reached its resting value long before."""


@families.register("quadratic")
class Quadratic(Family):
    """``tau·v' = v² + I + b``: a spike changes the current ``I`` at the breakpoints of its PSP."""

    regimes: ClassVar[tuple[str, ...]] = ("free",)
    has_psp: ClassVar[bool] = True
    phrase: ClassVar[str] = "quadratic integrate-and-fire"
    potentials: ClassVar[str] = "synaptic currents, constant between breakpoints of postsynaptic potentials"

    @classmethod
    def parameters(cls, neurons: Parameters, dt: float = 0.0) -> Membrane:
        """See `Family`."""
        return Membrane(neurons.tau / (dt or 1.0))

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`."""
        v, current = state
        c, t = current + rest, np.broadcast_to(span / p.tau, v.shape)
        even, odd = _even_and_odd(c, t)
        below, w = even - v * odd, np.sqrt(np.maximum(c, 0))
        # the fraction is periodic with a positive current, and infinite at a phase of pi/2 first
        finite = np.where(w * t < np.pi / 2, below > 0, np.arctan2(v, w) + w * t < np.pi / 2)
        return np.stack([np.where(finite, (v * even + c * odd) / np.where(finite, below, 1), _FAR), current])

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Membrane
    ) -> np.ndarray:
        """Return the integral of ``tau/(v² + c)`` from the potential to threshold."""
        v, c = state[0], state[1] + rest
        w, missing, both = np.sqrt(np.abs(c)), threshold - v, c + threshold * v
        with np.errstate(all="ignore"):
            grows = np.where(c < 0, v > w, (c > 0) | (v > 0))
            slow = np.arctanh(np.minimum(missing * w / both, 1.0))
            time = np.where(c == 0, missing / both, np.where(c > 0, np.arctan2(missing * w, both), slow) / w)
        return np.where(missing <= 0, 0.0, np.where(grows, p.tau * time, np.inf))

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`."""
        return np.stack([(state[0] ** 2 + state[1] + rest) / p.tau, np.zeros_like(state[1])])

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`. The numerator of the fraction has the derivatives ``even`` and ``odd`` by ``v`` and ``c``."""
        v, c = state[0], state[1] + rest
        t = np.broadcast_to(span / p.tau, v.shape)
        even, odd = _even_and_odd(c, t)
        small = np.abs(c) * t**2 < 1e-3
        odd_by_c = np.where(small, -(t**3) / 6 * (1 - c * t**2 / 10), (t * even - odd) / np.where(small, 1, 2 * c))
        above, below, one = v * even + c * odd, even - v * odd, np.ones_like(v)
        by_c = ((odd + c * odd_by_c - v * t * odd / 2) * below + above * (t * odd / 2 + v * odd_by_c)) / below**2
        return np.stack([np.stack([1 / below**2, by_c, by_c]), np.stack([0 * one, one, 0 * one])])

    @classmethod
    def equations(cls, neurons: Parameters, looped: bool = False) -> str:
        """See `Family`."""
        return "dv/dt = (v**2 + current + rest)/tau : 1\ncurrent : 1"

    @classmethod
    def step(cls, neurons: Parameters) -> str:
        """See `Family`. The tangent and its hyperbolic counterpart replace ``S/C``."""
        quarter = repr(np.pi / 2)
        return f"""
        c = current + rest
        w = sqrt(abs(c)) + 1e-150
        angle = w*dt/tau*int(c > 0)
        odd = (tan(angle) + tanh(w*dt/tau)*int(c <= 0))/w
        below = 1 - v*odd
        finite = int(below > 0)*int(angle < {quarter}) + int(angle >= {quarter})*int(arctan(v/w) + angle < {quarter})
        v = finite*(v + c*odd)/(below*finite + 1 - finite) + (1 - finite)*{_FAR!r}
        """

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """See `Family`."""
        moves = "between events, a potential is a fraction of sines, hyperbolic sines or lines"
        return Described(r"\tau v_j'(t) = v_j(t)^2 + I_j(t)", moves)


def _even_and_odd(c: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``C`` and ``S`` of the module's docstring."""
    w = np.sqrt(np.abs(c))
    angle, safe = np.minimum(w * t, _LONG), np.where(w > 0, w, 1)
    even = np.where(c < 0, np.cosh(angle), np.cos(w * t))
    return even, np.where(w * t < 1e-150, t, np.where(c < 0, np.sinh(angle), np.sin(w * t)) / safe)
