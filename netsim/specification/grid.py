"""Times on a grid of steps, as the clock-driven engine has them; both engines read a specification through this.

A time that has to be kept (an onset, a gate, a window's end) falls on the first step at or after it;
a time that may move (a stimulus latency, a delay) falls on the nearest step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netsim.errors import SpecificationError
from netsim.specification import Network, WeightedLayer
from netsim.specification.network import MOST_STEPS

# How far below threshold a potential counts as having reached it (in units of the threshold), and how far
# before a step a time counts as being on it (in steps). Sums of slopes reach a threshold that they equal
# exactly only up to rounding, and the engines round differently.
TOLERANCE = 1e-9


def step_at_or_after(time: float, dt: float) -> int:
    """First step at or after a finite time (ms)."""
    return math.ceil(time / dt - TOLERANCE)


def nearest_step(time: float, dt: float) -> int:
    """Step nearest to a time (ms); halves go up."""
    return math.floor(time / dt + 0.5)


def nearest_steps(times: np.ndarray, dt: float) -> np.ndarray:
    """Steps nearest to times (ms), as floats; halves go up and ``inf`` stays."""
    return np.floor(times / dt + 0.5)


def on_grid(latencies: np.ndarray, dt: float | None) -> np.ndarray:
    """Latencies (ms) moved to the nearest step; ``inf`` stays, and without `dt` nothing moves."""
    if not dt:
        return latencies
    return nearest_steps(latencies, dt) * dt


@dataclass(frozen=True)
class LayerSteps:
    """The times of a layer counted in steps.

    Attributes
    ----------
    onset, end : int
        The neurons may fire in steps ``onset <= n < end``.
    gate : int
        The synaptic current counts in steps ``n < gate``.
    delays : tuple of int
        Delays of the breakpoints of the PSP.
    """

    onset: int
    end: int
    gate: int
    delays: tuple[int, ...]


def layer_steps(network: Network, layer: WeightedLayer, dt: float) -> LayerSteps:
    """The times of a layer on a grid of `dt` ms."""
    end = step_at_or_after(network.window_end(layer), dt)
    gate = layer.neurons.gate_time
    return LayerSteps(
        onset=step_at_or_after(layer.neurons.onset, dt),
        end=end,
        gate=end if gate == math.inf else step_at_or_after(gate, dt),
        # a breakpoint after the end has no effect, and the queue of a long delay would take memory
        delays=tuple(nearest_step(min(delay, network.duration + 2 * dt), dt) for delay, _ in layer.psp.kernel),
    )


@dataclass(frozen=True)
class LayerTimes:
    """When the neurons of a layer may fire, and until when synaptic current counts (ms).

    Attributes
    ----------
    onset, end, gate : float
        Of the specification, moved onto the grid if there is one; the gate is at most the end.
    """

    onset: float
    end: float
    gate: float


def layer_times(network: Network, layer: WeightedLayer, dt: float) -> LayerTimes:
    """The times of a layer as an engine with a grid of `dt` ms keeps them; 0 is no grid."""
    if not dt:
        end = network.window_end(layer)
        return LayerTimes(layer.neurons.onset, end, min(layer.neurons.gate_time, end))
    steps = layer_steps(network, layer, dt)
    return LayerTimes(steps.onset * dt, steps.end * dt, min(steps.gate, steps.end) * dt)


def check_dt(network: Network, dt: float) -> None:
    """Refuse a time step that the network's encoding window does not hold.

    Raises
    ------
    SpecificationError
        If `dt` is not a positive time of at most ``encoder.t_max``, or too small.
    """
    if not (math.isfinite(dt) and dt > 0):
        raise SpecificationError("dt", f"must be a positive time in ms, not {dt}")
    if dt > network.encoder.t_max:
        raise SpecificationError(
            "dt", f"{dt} ms is larger than the encoding window of {network.encoder.t_max} ms; choose a smaller step"
        )
    if network.duration / dt > MOST_STEPS:
        raise SpecificationError("dt", f"{dt} ms cuts a presentation into more than {MOST_STEPS:,} steps")
