"""Times on a grid of steps, as the clock-driven engine has them; both engines read a specification through this.

A time that has to be kept (an onset, a gate, a window's end) falls on the first step at or after it;
a time that may move (a stimulus latency, a delay) falls on the nearest step.
"""

import math
import sys
from dataclasses import dataclass

import numpy as np

from netsim.specification import PSP, Network, Population, Projection

# How far below threshold a potential counts as having reached it (in units of the population's threshold), and how far
# before a step a time counts as being on it (in steps). Sums of slopes reach a threshold that they equal
# exactly only up to rounding, and the engines round differently.
TOLERANCE = 1e-9
# Relative: of a product and its quotient, with a margin of two.
_ROUNDING = 4 * sys.float_info.epsilon


def step_at_or_after(time: float, dt: float) -> int:
    """First step at or after a finite time (ms)."""
    steps = time / dt
    # from some 10**6 steps on a time that is on a step is off by more than the tolerance when it is divided
    return math.ceil(steps - max(TOLERANCE, _ROUNDING * abs(steps)))


def nearest_step(time: float, dt: float) -> int:
    """Step nearest to a time (ms); halves go up."""
    return math.floor(time / dt + 0.5)


def nearest_steps(times: np.ndarray, dt: float) -> np.ndarray:
    """Steps nearest to times (ms), as floats; halves go up and ``inf`` stays."""
    return np.floor(times / dt + 0.5)


def steps_of(times: np.ndarray, dt: float) -> np.ndarray:
    """Times (ms) counted in steps, as doubles.

    Times on the grid become whole numbers, whatever the rounding of ``step * dt``. Others keep their fraction, and
    ``inf`` stays.
    """
    precision = np.finfo(np.result_type(times, np.float32))
    steps = times.astype(np.float64) / dt
    whole = np.rint(steps)
    with np.errstate(invalid="ignore"):  # inf - inf
        near = np.abs(steps - whole) <= np.maximum(TOLERANCE, 4 * precision.eps * whole)
    return np.where(near, whole, steps)


def on_grid(latencies: np.ndarray, dt: float | None) -> np.ndarray:
    """Latencies (ms) moved to the nearest step; ``inf`` stays, and without `dt` nothing moves."""
    return nearest_steps(latencies, dt) * dt if dt else latencies


def stimuli_on_grid(stimuli: np.ndarray, duration: float, dt: float) -> np.ndarray:
    """Latencies of stimuli (ms) as an engine presents them on a grid: a spike that it moves to the end has no place."""
    steps = nearest_steps(stimuli.astype(np.float64), dt)
    return np.where(steps < step_at_or_after(duration, dt), steps, np.inf) * dt


@dataclass(frozen=True)
class PopulationTimes:
    """When a population may fire, from the onset on and before the end, in ms or in steps.

    Synaptic current counts before the gate, which is at most the end.
    """

    onset: float
    end: float
    gate: float


def population_steps(network: Network, population: Population, dt: float) -> PopulationTimes:
    """The times of a population on a grid of `dt` ms, counted in steps."""
    end = step_at_or_after(network.window_end(population), dt)
    neurons = population.dynamics
    gate = min(step_at_or_after(neurons.gate, dt), end) if neurons.gated else end
    return PopulationTimes(onset=step_at_or_after(neurons.onset, dt), end=end, gate=gate)


def population_times(network: Network, population: Population, dt: float) -> PopulationTimes:
    """The times of a population (ms) as an engine with a grid of `dt` ms keeps them; 0 is no grid."""
    if not dt:
        end = network.window_end(population)
        return PopulationTimes(population.dynamics.onset, end, min(population.dynamics.gate, end))
    steps = population_steps(network, population, dt)
    return PopulationTimes(steps.onset * dt, steps.end * dt, steps.gate * dt)


def breakpoint_steps(network: Network, projection: Projection, dt: float) -> tuple[int, ...]:
    """Delays of the breakpoints of a projection's PSP on a grid of `dt` ms, counted in steps."""
    # a breakpoint after the end has no effect, and the queue of a long delay would take memory
    latest = network.duration + 2 * dt
    return tuple(nearest_step(min(delay, latest), dt) for delay, _ in projection.psp.kernel)


def psp_in_steps(network: Network, projection: Projection, dt: float) -> PSP:
    """The PSP of a projection on a grid of `dt` ms, with delays counted in steps.

    Breakpoints that fall on one step are one breakpoint.
    """
    changes: dict[float, float] = {}
    for step, (_, change) in zip(breakpoint_steps(network, projection, dt), projection.psp.kernel, strict=True):
        changes[float(step)] = changes.get(step, 0.0) + change
    return PSP("breakpoints", breakpoints=tuple(changes.items()))
