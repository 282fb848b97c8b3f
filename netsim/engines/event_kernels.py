"""Compiled loops of the event engine; each runs in one thread and lets go of Python.

They count the potential as ``u = tau·v``, so that its slope is the sum of currents, and take every time on one
clock: ms, or whole steps where spikes fall on a grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

# "contract" lets the compiler fuse a product and a sum; infinities keep their meaning
_njit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


class Constants(NamedTuple):
    """What the kernels need to know of a layer besides its weights.

    Attributes
    ----------
    threshold : float
        In units of ``u``.
    drive : float
    onset, gate, end : float
        The gate is the onset or not before the end.
    whole_steps : bool
        Round spike times up to whole steps.
    delays, changes : ndarray, shape (breakpoints,)
        The postsynaptic potential.
    stride, padding : int
    """

    threshold: float
    drive: float
    onset: float
    gate: float
    end: float
    whole_steps: bool
    delays: np.ndarray
    changes: np.ndarray
    stride: int
    padding: int


@_njit
def integrate(times: np.ndarray, layer: Constants, integrals: np.ndarray) -> None:
    """Postsynaptic potential that each presynaptic spike has built up by the gate, before weights.

    Parameters
    ----------
    times, integrals : ndarray, shape (neurons,)
        Spike times; ``inf`` is silent. The result is written to `integrals`.
    layer : Constants
    """
    zero = times.dtype.type(0)
    integrals[:] = zero
    for k in range(layer.delays.size):
        latest = layer.gate - layer.delays[k]
        for i in range(times.size):
            integrals[i] += layer.changes[k] * max(latest - times[i], zero)


@_njit
def carry_to_threshold(potentials: np.ndarray, bias: np.ndarray, layer: Constants) -> None:
    """Replace potentials at the onset by the times at which the drive alone carries them to threshold.

    Parameters
    ----------
    potentials : ndarray, shape (rows, maps)
        Without bias. Overwritten by spike times; ``inf`` where the threshold is not reached before the end.
    bias : ndarray, shape (maps,)
    layer : Constants
    """
    silent = potentials.dtype.type(np.inf)
    for row in range(len(potentials)):
        for m in range(bias.size):
            missing = layer.threshold - (potentials[row, m] + bias[m] * layer.gate)
            time = layer.onset + missing / layer.drive
            if layer.whole_steps:
                time = np.ceil(time)
            if missing <= 0:
                time = layer.onset
            potentials[row, m] = time if time < layer.end else silent


@_njit
def sweep(
    maps: np.ndarray, order: np.ndarray, kernel: np.ndarray, bias: np.ndarray, layer: Constants, latencies: np.ndarray
) -> None:
    """First spikes of one presentation, by visiting the breakpoints of synaptic currents in order of time.

    All maps of a position are advanced together, and only when a breakpoint reaches the position. A neuron
    that has fired gets the potential ``-inf``, which no slope raises again.

    Parameters
    ----------
    maps : ndarray, shape (height, width, channels)
        Presynaptic spike times; ``inf`` is silent.
    order : ndarray of int, shape (height · width · channels,)
        Presynaptic neurons by time.
    kernel : ndarray, shape (kernel, kernel, channels, maps)
    bias : ndarray, shape (maps,)
    layer : Constants
    latencies : ndarray, shape (rows, columns, maps)
        The result is written here.
    """
    rows, columns, count = latencies.shape
    width, channels, size = maps.shape[1], maps.shape[2], len(kernel)
    stride, padding, delays, changes = layer.stride, layer.padding, layer.delays, layer.changes
    times = maps.reshape(-1)
    potentials = np.zeros(latencies.shape, dtype=maps.dtype)
    slopes = np.zeros(latencies.shape, dtype=maps.dtype)
    reached = np.full((rows, columns), layer.onset, dtype=maps.dtype)
    waiting = np.full((rows, columns), count, dtype=np.int64)
    heads = np.zeros(delays.size, dtype=np.int64)

    # before the onset nobody fires, so that the order of breakpoints does not matter
    for k in range(delays.size):
        while heads[k] < order.size and times[order[heads[k]]] + delays[k] <= layer.onset:
            neuron = order[heads[k]]
            heads[k] += 1
            gained = changes[k] * (layer.onset - times[neuron] - delays[k])
            y, x, channel = _place(neuron, width, channels, padding)
            for row in range(*_seen_from(y, size, stride, rows)):
                for column in range(*_seen_from(x, size, stride, columns)):
                    weights = kernel[y - row * stride, x - column * stride, channel]
                    _add(potentials[row, column], weights, gained)
                    _add(slopes[row, column], weights, changes[k])

    gated = layer.gate <= layer.onset
    alive = 0
    for row in range(rows):
        for column in range(columns):
            potential, slope = potentials[row, column], slopes[row, column]
            for m in range(count):
                potential[m] += bias[m] * layer.onset
                slope[m] = layer.drive if gated else slope[m] + bias[m] + layer.drive
            latencies[row, column] = np.inf
            waiting[row, column] -= _fire_at_once(potential, layer, latencies[row, column])
            alive += waiting[row, column] > 0

    while alive > 0 and not gated:
        now, k = _next_breakpoint(times, order, heads, delays, layer.end)
        if k < 0:
            break
        y, x, channel = _place(order[heads[k]], width, channels, padding)
        heads[k] += 1
        for row in range(*_seen_from(y, size, stride, rows)):
            for column in range(*_seen_from(x, size, stride, columns)):
                if waiting[row, column] == 0:
                    continue
                potential, slope = potentials[row, column], slopes[row, column]
                weights = kernel[y - row * stride, x - column * stride, channel]
                elapsed = now - reached[row, column]
                if elapsed > 0:
                    reached[row, column] = now
                    crossed = _advance(potential, slope, elapsed, layer.threshold)
                    if crossed > 0:
                        _fire(potential, slope, now, elapsed, layer, latencies[row, column])
                        waiting[row, column] -= crossed
                        alive -= waiting[row, column] == 0
                _add(slope, weights, changes[k])

    for row in range(rows):
        for column in range(columns):
            if waiting[row, column] > 0:
                _fire_later(
                    potentials[row, column], slopes[row, column], reached[row, column], layer, latencies[row, column]
                )


@_njit
def _place(neuron: int, width: int, channels: int, padding: int) -> tuple[int, int, int]:
    """Row and column of a presynaptic neuron, counted with the padding, and its channel."""
    pixel = neuron // channels
    return pixel // width + padding, pixel % width + padding, neuron % channels


@_njit
def _seen_from(place: int, size: int, stride: int, count: int) -> tuple[int, int]:
    """First row (or column) of a layer that sees this row of the padded layer below, and one past the last."""
    return max(place - size + stride, 0) // stride, min(place // stride + 1, count)


@_njit
def _next_breakpoint(
    times: np.ndarray, order: np.ndarray, heads: np.ndarray, delays: np.ndarray, end: float
) -> tuple[float, int]:
    """Time of the next breakpoint before `end` and its number in the PSP, or -1 if there is none.

    Each breakpoint of the PSP follows the spikes in the same order, so that it is enough to merge lists.
    """
    now, found = end, -1
    for k in range(delays.size):
        if heads[k] < order.size:
            time = times[order[heads[k]]] + delays[k]
            if time < now:
                now, found = time, k
    return now, found


@_njit
def _add(values: np.ndarray, weights: np.ndarray, factor: float) -> None:
    for m in range(values.size):
        values[m] += factor * weights[m]


@_njit
def _advance(potential: np.ndarray, slope: np.ndarray, elapsed: float, threshold: float) -> int:
    """Move potentials along their slopes; returns how many reach the threshold."""
    crossed = 0
    for m in range(potential.size):
        potential[m] += slope[m] * elapsed
        crossed += potential[m] >= threshold
    return crossed


@_njit
def _fire(
    potential: np.ndarray, slope: np.ndarray, now: float, elapsed: float, layer: Constants, latencies: np.ndarray
) -> None:
    """Spikes of the neurons that have reached the threshold within the time that has just elapsed."""
    for m in range(potential.size):
        if potential[m] >= layer.threshold:
            latency = now - min((potential[m] - layer.threshold) / slope[m], elapsed)
            latencies[m] = np.ceil(latency) if layer.whole_steps else latency
            potential[m] = -np.inf


@_njit
def _fire_at_once(potential: np.ndarray, layer: Constants, latencies: np.ndarray) -> int:
    """Spikes of the neurons that are at threshold at the onset; returns how many they are."""
    fired = 0
    for m in range(potential.size):
        if potential[m] >= layer.threshold:
            latencies[m] = layer.onset
            potential[m] = -np.inf
            fired += 1
    return fired


@_njit
def _fire_later(
    potential: np.ndarray, slope: np.ndarray, since: float, layer: Constants, latencies: np.ndarray
) -> None:
    """Spikes after the last breakpoint, which came at `since`."""
    for m in range(potential.size):
        if slope[m] > 0:
            latency = since + (layer.threshold - potential[m]) / slope[m]
            if layer.whole_steps:
                latency = np.ceil(latency)
            if latency < layer.end:
                latencies[m] = latency
