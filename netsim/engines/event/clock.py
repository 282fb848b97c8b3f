"""How the event engine counts: in ms, or in whole steps where spikes fall on a grid.

Potentials are counted as ``u = tau·v``, so that their slope is the sum of currents.
"""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints
from netsim.specification import Network, Population, Projection
from netsim.specification.grid import (
    TOLERANCE,
    breakpoint_steps,
    nearest_steps,
    population_steps,
    step_at_or_after,
)

INSTANT = 1e-9
"""Events within so many ms are of one instant; in single precision, within what rounding makes of one."""


class Dynamics(NamedTuple):
    """What compiled loops need to know of the neurons of a population, counted by the clock.

    The threshold is in units of ``u``. Gated neurons take neither synaptic current nor bias from the onset on;
    `whole_steps` rounds spike times up. The spikes of one step, and those at the onset, are told apart if neurons
    compete: one whose potential is by ``x`` times the threshold above it comes ``x / (1 + x)`` times `rank` before.
    """

    threshold: float
    drive: float
    onset: float
    end: float
    gated: bool
    whole_steps: bool
    rank: float


class Clock:
    """What the engine counts time in, and with what precision: "single" holds only without a grid (`dt` = 0).

    `dtype` is that of the arithmetic, `times` that of spike times while they are counted. Events within `instant` are
    simultaneous. Of neurons that compete, those whose spikes are within `tie` have reached threshold at once.
    """

    def __init__(self, network: Network, dt: float, precision: str) -> None:
        self.network = network
        self.dt = dt
        self.dtype = np.dtype(np.float32 if precision == "single" and not dt else np.float64)
        steps = step_at_or_after(network.duration, dt) if dt else 0
        # whole numbers, and half the bytes to move
        self.times = np.dtype(np.float32) if dt and steps <= 2**24 else self.dtype
        self.instant = max(INSTANT, 16 * float(np.spacing(self.dtype.type(1))) * network.duration)
        # of spikes that single precision tells apart the earlier wins, as in double precision but for few
        self.tie = self.instant if self.dtype == np.float64 else 0.0

    def dynamics(self, population: Population) -> Dynamics:
        """The neurons of a population."""
        neurons, real = population.dynamics, self.dtype.type
        onset, end = neurons.onset, self.network.window_end(population)
        if self.dt:
            steps = population_steps(self.network, population, self.dt)
            onset, end = steps.onset, steps.end
        threshold, drive = self._threshold(population), neurons.drive
        rank = 0.0 if population.winners is None else 1.0 if self.dt else onset
        return Dynamics(real(threshold), real(drive), real(onset), real(end), neurons.gated, bool(self.dt), real(rank))

    def breakpoints(self, projection: Projection) -> Breakpoints:
        """The PSP of a projection."""
        delays, changes = zip(*projection.psp.kernel, strict=True)
        if self.dt:
            delays = breakpoint_steps(self.network, projection, self.dt)
        return Breakpoints(np.array(delays, self.dtype), np.array(changes, self.dtype))

    def head_start(self, population: Population, thresholds: np.ndarray) -> np.ndarray:
        """Potentials to begin with that stand for neurons' own thresholds, as nothing leaks.

        On a grid the tolerance is the same for all, so that it does not decide between neurons that compete.
        """
        common, tau = population.dynamics.threshold, population.dynamics.tau
        per_threshold = common * tau / (self.dt or 1.0)
        return ((common - thresholds) * (per_threshold / common)).astype(self.dtype)

    def _threshold(self, population: Population) -> float:
        threshold = population.dynamics.threshold * population.dynamics.tau
        return threshold * ((1 - TOLERANCE) / self.dt) if self.dt else threshold

    def count(self, times: np.ndarray) -> np.ndarray:
        """Count times (ms); on a grid, halves go up to the next step."""
        return (nearest_steps(times, self.dt) if self.dt else times).astype(self.times, copy=False)


@compiled
def multiply(values: np.ndarray, factor: float, products: np.ndarray) -> None:
    """Multiply, and widen what is in single precision."""
    for i in range(values.size):
        products[i] = factor * values[i]
