"""No leak: potentials are lines between the breakpoints of postsynaptic potentials."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from netsim.seams import families
from netsim.specification.families._protocol import Described, Family, Parameters
from netsim.specification.phrases import GAP


class Membrane(NamedTuple):
    """Membrane time constant, in the unit of time of an engine."""

    tau: float


@families.register("piecewise-linear")
class PiecewiseLinear(Family):
    """``tau·v' = I + rest``: a spike changes the slope at the breakpoints of its PSP."""

    has_psp: ClassVar[bool] = True
    additive: ClassVar[bool] = True
    straight: ClassVar[bool] = True
    currents_from_onset: ClassVar[bool] = True
    kernels: ClassVar[str] = "piecewise-linear"
    cell: ClassVar[str] = "integrator"
    method: ClassVar[str] = "euler"  # exact, because the slope is constant within a step
    in_double: ClassVar[bool] = False
    phrase: ClassVar[str] = "integrators without leak"
    potentials: ClassVar[str] = "piecewise-linear postsynaptic potentials"

    @classmethod
    def parameters(cls, neurons: Parameters, dt: float = 0.0) -> Membrane:
        """See `Family`."""
        return Membrane(neurons.tau / (dt or 1.0))

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`."""
        v, current = state
        return np.stack([v + (current + rest) * span / p.tau, current])

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Membrane
    ) -> np.ndarray:
        """See `Family`."""
        missing, slope = threshold - state[0], (state[1] + rest) / p.tau
        return np.where(missing <= 0, 0.0, np.where(slope > 0, missing / slope, np.inf))

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`."""
        return np.stack([(state[1] + rest) / p.tau, np.zeros_like(state[1])])

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        """See `Family`."""
        one, push = np.ones_like(state[0]), np.broadcast_to(span / p.tau, state[0].shape)
        return np.stack([np.stack([one, push, push]), np.stack([0 * one, one, 0 * one])])

    @classmethod
    def response(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """See `Family`."""
        return np.maximum(since, 0.0)

    @classmethod
    def response_to_constant(cls, neurons: Parameters, since: np.ndarray) -> np.ndarray:
        """See `Family`."""
        return np.maximum(since, 0.0)

    @classmethod
    def equations(cls, neurons: Parameters, looped: bool = False) -> str:
        """See `Family`. A gate ends the currents from outside, and currents of loops count from the onset."""
        later = "(recurrent + drive)" if looped else "drive"
        slope = f"(bias + current)*int(step < gate) + {later}*int(step >= onset)"
        return f"dv/dt = ({slope}) / tau : 1\ncurrent : 1"

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """See `Family`."""
        moves = "between events, a potential without leak is a line"
        psp = rf"\sum_k c_k \max(t - d_k,{GAP}0)"
        return Described(r"\tau v_j'(t) = I_j(t)", moves, "L_j", psp=psp)
