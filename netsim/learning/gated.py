"""The local learning step of the synapses onto neurons that share one limit, the gate.

What each spike has built up by then, and its slope, is the same for all postsynaptic neurons, so that the step is two
products over receptive fields. It is compiled as a whole: array expressions would pass through memory once for every
operation, and threads would wait for each other to be let into Python.
"""

from __future__ import annotations

import numpy as np

from netsim.learning.fields import Fields, by_position, fields_of, is_sparse, spread_onto_source, weigh_fields
from netsim.learning.gradients import Factors, LayerStep
from netsim.numerics.compilation import compiled
from netsim.numerics.vectors import lanes_of
from netsim.specification import Neurons, Projection, Window

# So many values are worked on at a time: they stay in the nearest cache.
_AT_ONCE = 1024


def step_gated(
    projection: Projection,
    neurons: Neurons,
    window: Window,
    source: np.ndarray,
    gate: float,
    displacement: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
    downward: bool = True,
) -> LayerStep:
    """The step of synapses onto neurons that the drive alone carries from the gate to threshold.

    Parameters
    ----------
    projection : Projection
    neurons : Neurons
        Of its target.
    window : Window
    source : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        Presynaptic latencies (ms).
    gate : float
        In ms.
    displacement : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
        Of the layer's own spikes (ms).
    kernel : ndarray, shape (kernel, kernel, channels, maps) or (inputs, neurons)
    causal : bool
        Propagate by the order of spikes alone, not by the slope of the PSP.
    downward : bool
        Whether the displacement of the source is asked for.
    """
    kind, maps = source.dtype, kernel.shape[-1]
    per_drive = kind.type(1 / neurons.drive)
    fields, signal = fields_of(window, projection.psp, source), by_position(displacement, window, kind)
    fields = fields._replace(changes=fields.changes * per_drive)
    weights = np.ascontiguousarray(kernel, kind).reshape(-1, maps)
    # what is not asked for is an empty array
    shared = window.shape[:2] != (1, 1)
    gathers = projection.plastic and shared
    inputs, bias = np.empty_like(fields.times), np.empty(maps if neurons.bias else 0, kind)
    gathered = np.empty_like(weights if gathers else weights[:0])
    handed = np.empty_like(fields.times if downward else fields.times[:0])
    lanes = lanes_of(kind.itemsize)
    _step(fields, kind.type(gate), signal, weights, causal, lanes, per_drive, inputs, gathered, bias, handed)
    gradient: np.ndarray | Factors | None = None
    if gathers:
        gradient = gathered.reshape(kernel.shape)
    elif projection.plastic:
        gradient = Factors(inputs.reshape(len(inputs), -1), displacement.reshape(len(displacement), -1))
    return LayerStep(gradient, bias if bias.size else None, handed.reshape(source.shape) if downward else None)


@compiled
def _step(
    fields: Fields,
    gate: float,
    signal: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
    lanes: int,
    per_drive: float,
    inputs: np.ndarray,
    gathered: np.ndarray,
    bias: np.ndarray,
    handed: np.ndarray,
) -> None:
    """The step, with the changes of `fields` per drive; nothing is written to an empty array."""
    times = fields.times.reshape(-1)
    build_up(times, gate, fields.delays, fields.changes, inputs.reshape(-1))
    visited = is_sparse(signal, fields, lanes)
    if gathered.size:
        weigh_fields(inputs, signal, fields, visited, lanes, gathered)
    if bias.size:
        sum_over_positions(signal.reshape(-1, bias.size), bias)
        for m in range(bias.size):
            bias[m] *= gate * per_drive
    if handed.size:
        spread_onto_source(signal, kernel, fields, visited, lanes, handed)
        if causal:
            multiply_by_slope(handed.reshape(-1), times, gate, np.zeros(1, times.dtype), np.full(1, per_drive))
        else:
            multiply_by_slope(handed.reshape(-1), times, gate, fields.delays, fields.changes)


@compiled
def build_up(times: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray, potential: np.ndarray) -> None:
    """Write the potential that each presynaptic spike has built up by the gate, before weight and ``1/tau``.

    Parameters
    ----------
    times : ndarray, shape (neurons,)
        Presynaptic latencies (ms).
    gate : float
        In ms.
    delays, changes : ndarray, shape (breakpoints,)
        Of the postsynaptic potential: when its slope changes (ms after the spike), and by how much.
    potential : ndarray, shape (neurons,)
        The result (ms).
    """
    zero = times.dtype.type(0)
    for first in range(0, times.size, _AT_ONCE):
        spikes, sums = times[first : first + _AT_ONCE], potential[first : first + _AT_ONCE]
        sums[:] = zero
        for k in range(delays.size):
            delay, change = delays[k], changes[k]
            for i in range(spikes.size):
                sums[i] += change * max(gate - spikes[i] - delay, zero)


@compiled
def multiply_by_slope(
    values: np.ndarray, times: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray
) -> None:
    """Multiply values of presynaptic neurons in place by the slope of their PSP just before the gate.

    Parameters
    ----------
    values : ndarray, shape (neurons,)
    times, gate, delays, changes
        As in `build_up`.
    """
    zero = times.dtype.type(0)
    slopes = np.empty(_AT_ONCE, times.dtype)
    for first in range(0, times.size, _AT_ONCE):
        spikes, own = times[first : first + _AT_ONCE], values[first : first + _AT_ONCE]
        slopes[:] = zero
        for k in range(delays.size):
            delay, change = delays[k], changes[k]
            for i in range(spikes.size):
                slopes[i] += change if gate - spikes[i] > delay else zero
        for i in range(spikes.size):
            own[i] *= slopes[i]


@compiled
def sum_over_positions(rows: np.ndarray, total: np.ndarray) -> None:
    """Write the sums of the columns of a matrix.

    Parameters
    ----------
    rows : ndarray, shape (positions, maps)
    total : ndarray, shape (maps,)
        The result.
    """
    total[:] = 0
    for row in rows:
        for m in range(total.size):
            total[m] += row[m]
