"""Times on a grid of steps, as in the clock-driven engine. Both engines read a specification through this module.

Fixed times (an onset, a gate, the end of a window) move to the first step at or after them. Other times (a stimulus
latency, a delay) move to the nearest step.
"""

import math
import sys
from dataclasses import dataclass

import numpy as np

from netsim.specification import PSP, Network, Population, Projection, PSPShape

# Tolerance of a potential below threshold (in units of the threshold of the population) and of a time before a step (in
# steps). Sums of slopes reach an equal threshold only up to rounding errors, and the engines round differently.
TOLERANCE = 1e-9
# Relative rounding error of a product and its quotient, with a safety factor of two.
_ROUNDING = 4 * sys.float_info.epsilon


def step_at_or_after(time: float, dt: float) -> int:
    """Return the first step at or after a finite time (ms)."""
    steps = time / dt
    # beyond about 10**6 steps, the rounding error of the quotient exceeds the tolerance
    return math.ceil(steps - max(TOLERANCE, _ROUNDING * abs(steps)))


def nearest_step(time: float, dt: float) -> int:
    """Return the step nearest to a time (ms). Halves round up."""
    return math.floor(time / dt + 0.5)


def nearest_steps(times: np.ndarray, dt: float) -> np.ndarray:
    """Return the steps nearest to times (ms), as floats. Halves round up and ``inf`` stays."""
    return np.floor(times / dt + 0.5)


def steps_of(times: np.ndarray, dt: float) -> np.ndarray:
    """Convert times (ms) to steps, in double precision.

    Times on the grid become whole numbers despite the rounding of ``step * dt``. Other times keep their fraction, and
    ``inf`` stays.
    """
    precision = np.finfo(np.result_type(times, np.float32))
    steps = times.astype(np.float64) / dt
    whole = np.rint(steps)
    with np.errstate(invalid="ignore"):  # inf - inf
        near = np.abs(steps - whole) <= np.maximum(TOLERANCE, 4 * precision.eps * whole)
    return np.where(near, whole, steps)


def on_grid(latencies: np.ndarray, dt: float | None) -> np.ndarray:
    """Move latencies (ms) to the nearest step. ``inf`` stays. Without `dt` all latencies stay."""
    return nearest_steps(latencies, dt) * dt if dt else latencies


def stimuli_on_grid(stimuli: np.ndarray, duration: float, dt: float) -> np.ndarray:
    """Return latencies of stimuli (ms) as presented on a grid. A spike that moves to the end becomes silent."""
    steps = nearest_steps(stimuli.astype(np.float64), dt)
    return np.where(steps < step_at_or_after(duration, dt), steps, np.inf) * dt


@dataclass(frozen=True)
class PopulationTimes:
    """The firing window of a population, ``[onset, end)``, and its gate, in ms or in steps.

    Synaptic current counts before the gate. The gate is at most the end.
    """

    onset: float
    end: float
    gate: float


def population_steps(network: Network, population: Population, dt: float) -> PopulationTimes:
    """Return the times of a population in steps of `dt` ms."""
    end = step_at_or_after(network.window_end(population), dt)
    neurons = population.dynamics
    gate = min(step_at_or_after(neurons.gate, dt), end) if neurons.gated else end
    return PopulationTimes(onset=step_at_or_after(neurons.onset, dt), end=end, gate=gate)


def population_times(network: Network, population: Population, dt: float) -> PopulationTimes:
    """Return the times of a population (ms) on a grid of `dt` ms. 0 means no grid."""
    if not dt:
        end = network.window_end(population)
        return PopulationTimes(population.dynamics.onset, end, min(population.dynamics.gate, end))
    steps = population_steps(network, population, dt)
    return PopulationTimes(steps.onset * dt, steps.end * dt, steps.gate * dt)


def breakpoint_steps(network: Network, projection: Projection, dt: float) -> tuple[int, ...]:
    """Return the delays of the breakpoints of a projection's PSP in steps of `dt` ms."""
    # a breakpoint after the end has no effect, but the queue of a long delay would take memory
    latest = network.duration + 2 * dt
    return tuple(nearest_step(min(delay, latest), dt) for delay, _ in projection.psp.kernel)


def kernel_on_grid(network: Network, projection: Projection, dt: float) -> list[tuple[float, float]]:
    """Return the breakpoints of a projection's PSP, with delays (ms) on a grid of `dt` ms. 0 means no grid."""
    kernel = list(projection.psp.kernel)
    if not dt:
        return kernel
    steps = breakpoint_steps(network, projection, dt)
    return [(step * dt, change) for step, (_, change) in zip(steps, kernel, strict=True)]


def psp_in_steps(network: Network, projection: Projection, dt: float) -> PSPShape:
    """Return the PSP of a projection with delays in steps of `dt` ms.

    Breakpoints on the same step are merged.
    """
    changes: dict[float, float] = {}
    for step, (_, change) in zip(breakpoint_steps(network, projection, dt), projection.psp.kernel, strict=True):
        changes[float(step)] = changes.get(step, 0.0) + change
    return PSP("breakpoints", breakpoints=tuple(changes.items()))
