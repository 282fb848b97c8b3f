"""A family of one's own, of another kind than netsim's: both engines, its potentials, its causes and its learning.

Its PSPs are piecewise cubic, and its state has four variables. A family declares all of that, and no other file may
assume what only holds for the families of netsim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.seams import families
from netsim.specification import PSP, Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.specification.families import Family
from netsim.weights.initial import initial_weights


class Membrane(NamedTuple):
    tau: float


class Cubic(Family):
    """``tau·v' = x``, ``tau·x' = y``, ``tau·y' = I + rest``: a spike changes ``I`` at the breakpoints of its PSP."""

    has_psp: ClassVar[bool] = True
    additive: ClassVar[bool] = True
    states: ClassVar[int] = 4  # v, I, x, y
    regimes: ClassVar[tuple[str, ...]] = ("free", "staggered")

    @classmethod
    def parameters(cls, neurons: Any, dt: float = 0.0) -> Membrane:
        return Membrane(neurons.tau / (dt or 1.0))

    @classmethod
    def advance(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        v, current, x, y = state
        s, c = span / p.tau, current + rest
        return np.stack([v + s * (x + s * (y / 2 + s * c / 6)), current, x + s * (y + s * c / 2), y + s * c])

    @classmethod
    def crossing(
        cls, state: np.ndarray, rest: np.ndarray, threshold: np.ndarray, limit: np.ndarray, p: Membrane
    ) -> np.ndarray:
        """Between two of its turning points a cubic is monotonic, and halving finds its crossing."""
        v, current, x, y = state
        c = np.broadcast_to(current + rest, v.shape)
        with np.errstate(all="ignore"):
            root = np.sqrt(y**2 - 2 * c * x)
            turns = np.stack([np.where(c == 0, -x / y, (-y + sign * root) / c) for sign in (-1, 1)])
        far = np.broadcast_to(np.minimum(limit, 1e3) / p.tau, v.shape)
        ends = np.sort(np.where(np.isfinite(turns) & (turns > 0), np.minimum(turns, far), far), axis=0)
        first, start = np.full(v.shape, np.inf), np.zeros_like(v)
        for end in (*ends, far):
            low, high = start, end
            for _ in range(80):
                middle = (low + high) / 2
                over = cls.advance(state, rest, middle * p.tau, p)[0] >= threshold
                low, high = np.where(over, low, middle), np.where(over, middle, high)
            reached = (cls.advance(state, rest, end * p.tau, p)[0] >= threshold) & np.isinf(first)
            first, start = np.where(reached, high * p.tau, first), end
        return np.where(v >= threshold, 0.0, first)

    @classmethod
    def field(cls, state: np.ndarray, rest: np.ndarray, p: Membrane) -> np.ndarray:
        _, current, x, y = state
        return np.stack([x, np.zeros_like(x), y, current + rest]) / p.tau

    @classmethod
    def jacobian(cls, state: np.ndarray, rest: np.ndarray, span: np.ndarray, p: Membrane) -> np.ndarray:
        s = np.broadcast_to(span / p.tau, state[0].shape)
        zero, one = np.zeros_like(s), np.ones_like(s)
        third, half = s**3 / 6, s**2 / 2
        rows = [[one, third, s, half, third], [zero, one, zero, zero, zero],
                [zero, half, one, s, half], [zero, s, zero, one, s]]  # fmt: skip
        return np.stack([np.stack(row) for row in rows])

    @classmethod
    def equations(cls, neurons: Any, looped: bool = False) -> str:
        return "dv/dt = x/tau : 1\ndx/dt = y/tau : 1\ndy/dt = (current + rest)/tau : 1\ncurrent : 1"

    @classmethod
    def step(cls, neurons: Any) -> str:
        return """
        s = dt/tau
        c = current + rest
        v = v + s*(x + s*(y/2 + s*c/6))
        x = x + s*(y + s*c/2)
        y = y + s*c
        """


@pytest.fixture
def cubic(registered: Callable[..., None]) -> None:
    """The family ``cubic``, for one test."""
    registered(families, "cubic", Cubic)


def _network(dt: float = 0.0) -> tuple[Network, Batch]:
    """A chain with late output, three breakpoints, and seven different stimuli."""
    psp = PSP("triangle", rise=5.0, fall=9.0)
    hidden = Neurons(threshold=0.3, tau=7.0, family="cubic", bias=True)
    output = Neurons("staggered", threshold=0.2, tau=6.0, family="cubic", onset=18.0, drive=0.05)
    layers = [Layer("hidden", Dense(12), hidden, psp), Layer("output", Dense(3), output, PSP("plateau", rise=4.0))]
    network = Network.chain("cubic", IntensityEncoder((3, 3, 1), 12.0), layers, 60.0)
    weights = {name: array + 0.1 for name, array in initial_weights(network, seed=4).items()}
    return network, Batch(np.random.default_rng(3).uniform(0, 12, (7, 3, 3, 1)), weights)


@pytest.mark.usefixtures("cubic")
@pytest.mark.parametrize("copies", [1, 2])
def test_brian2_gives_the_same_steps_in_each_of_several_presentations(copies: int) -> None:
    network, batch = _network()
    event = EventEngine(network, 0.5).present(batch)
    brian2 = Brian2Engine(network, 0.5, target="numpy", copies=copies).present(batch)
    for name, times in event.items():
        np.testing.assert_array_equal(np.rint(times / 0.5), np.rint(brian2[name] / 0.5), err_msg=name)
    assert 0.2 < np.isfinite(event["hidden"]).mean() < 1
    assert len(np.unique(event["hidden"])) > 20
