"""Units of time in the event engine: ms, or whole steps on a grid.

Potentials are ``u = tau·v``, so that their slope is the sum of currents.
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

TIE = 1e-9
"""Interval (ms) within which competing neurons reach threshold together."""


class Dynamics(NamedTuple):
    """Parameters of a population's neurons for compiled loops, in units of the clock.

    The threshold is in units of ``u``. Gated neurons receive neither synaptic current nor bias after the onset.
    `whole_steps` rounds spike times up. For competing neurons, spikes of one step, and spikes at the onset, are
    ordered. A spike comes earlier by ``x / (1 + x)`` times `rank` if the potential exceeds the threshold by ``x`` times
    the threshold.
    """

    threshold: float
    drive: float
    onset: float
    end: float
    gated: bool
    whole_steps: bool
    rank: float


class Clock:
    """Unit and precision of times in the engine. Precision "single" applies only without a grid (`dt` = 0).

    `dtype` is the type of the arithmetic, `times` the type of spike times in units of the clock. A presentation ends
    at `duration`. Events within `instant`, the rounding error of times, are simultaneous. Competing neurons with spikes
    within `tie` count as reaching threshold together.
    """

    def __init__(self, network: Network, dt: float, precision: str) -> None:
        self.network = network
        self.dt = dt
        self.dtype = np.dtype(np.float32 if precision == "single" and not dt else np.float64)
        self.duration = step_at_or_after(network.duration, dt) if dt else network.duration
        # whole numbers with half the bytes
        self.times = np.dtype(np.float32) if dt and self.duration <= 2**24 else self.dtype
        self.instant = 16 * float(np.spacing(self.dtype.type(1))) * network.duration
        # if single precision separates spikes, the earlier wins, as in double precision with few exceptions
        self.tie = max(TIE, self.instant) if self.dtype == np.float64 else 0.0

    def dynamics(self, population: Population) -> Dynamics:
        """Return the parameters of a population's neurons."""
        neurons, real = population.dynamics, self.dtype.type
        onset, end = neurons.onset, self.network.window_end(population)
        if self.dt:
            steps = population_steps(self.network, population, self.dt)
            onset, end = steps.onset, steps.end
        threshold, drive = self._threshold(population), neurons.drive
        rank = 0.0 if population.winners is None else 1.0 if self.dt else onset
        return Dynamics(real(threshold), real(drive), real(onset), real(end), neurons.gated, bool(self.dt), real(rank))

    def breakpoints(self, projection: Projection) -> Breakpoints:
        """Return the PSP of a projection."""
        delays, changes = zip(*projection.psp.kernel, strict=True)
        if self.dt:
            delays = breakpoint_steps(self.network, projection, self.dt)
        return Breakpoints(np.array(delays, self.dtype), np.array(changes, self.dtype))

    def head_start(self, population: Population, thresholds: np.ndarray) -> np.ndarray:
        """Return initial potentials that are equivalent to individual thresholds, because potentials have no leak.

        On a grid, all neurons have the same tolerance, so that it does not decide competitions.
        """
        common, tau = population.dynamics.threshold, population.dynamics.tau
        per_threshold = common * tau / (self.dt or 1.0)
        return ((common - thresholds) * (per_threshold / common)).astype(self.dtype)

    def _threshold(self, population: Population) -> float:
        threshold = population.dynamics.threshold * population.dynamics.tau
        return threshold * ((1 - TOLERANCE) / self.dt) if self.dt else threshold

    def count(self, times: np.ndarray) -> np.ndarray:
        """Convert times (ms) to units of the clock. On a grid, halves round up."""
        return (nearest_steps(times, self.dt) if self.dt else times).astype(self.times, copy=False)


@compiled
def multiply(values: np.ndarray, factor: float, products: np.ndarray) -> None:
    """Multiply, and convert single precision to double."""
    for i in range(values.size):
        products[i] = factor * values[i]
