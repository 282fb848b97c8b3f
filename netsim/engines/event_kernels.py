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
# called once a breakpoint: a call would take as long as the work
_inlined = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)


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
    size, stride, padding : int
        Of the kernel: height, step and border; 1, 1 and 0 in a dense layer.
    """

    threshold: float
    drive: float
    onset: float
    gate: float
    end: float
    whole_steps: bool
    delays: np.ndarray
    changes: np.ndarray
    size: int
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


class Queue(NamedTuple):
    """The breakpoints of each presentation in order of time, and which of them reach a position of a layer.

    Attributes
    ----------
    times, changes : ndarray, shape (presentations, presynaptic neurons · breakpoints of the PSP)
        When a breakpoint comes, and by how much a weight of 1 changes the slope.
    synapses : ndarray of int, shape of `times`
        Which synapse, a row of the kernel, it comes through at the position 0, 0 if that reached so far.
    counts : ndarray of int, shape (presentations, rows, columns)
        How many breakpoints reach a position.
    chosen : ndarray of int, shape (presentations, rows, columns, inputs of a field · breakpoints of the PSP)
        Which they are.
    """

    times: np.ndarray
    changes: np.ndarray
    synapses: np.ndarray
    counts: np.ndarray
    chosen: np.ndarray


@_njit
def queue_breakpoints(maps: np.ndarray, order: np.ndarray, layer: Constants, queue: Queue) -> None:
    """Fill a queue with all breakpoints before the end of a layer's window.

    Parameters
    ----------
    maps : ndarray, shape (presentations, height, width, channels)
        Presynaptic spike times; ``inf`` is silent.
    order : ndarray of int, shape (presentations, height · width · channels)
        Presynaptic neurons by time.
    layer : Constants
    queue : Queue
        The result, from its first presentation on.
    """
    _, rows, columns = queue.counts.shape
    width, channels = maps.shape[2], maps.shape[3]
    queue.counts[:] = 0
    for b in range(len(maps)):
        spikes = maps[b].reshape(-1)
        heads = np.zeros(layer.delays.size, dtype=np.int64)
        number = 0
        while True:
            now, k = _next_breakpoint(spikes, order[b], heads, layer.delays, layer.end)
            if k < 0:
                break
            y, x, channel = _place(order[b, heads[k]], width, channels, layer.padding)
            heads[k] += 1
            queue.times[b, number] = now
            queue.changes[b, number] = layer.changes[k]
            queue.synapses[b, number] = (y * layer.size + x) * channels + channel
            left, right = _seen_from(x, layer.size, layer.stride, columns)
            for row in range(*_seen_from(y, layer.size, layer.stride, rows)):
                counts, chosen = queue.counts[b, row, left:right], queue.chosen[b, row, left:right]
                for column in range(len(counts)):
                    chosen[column, counts[column]] = number
                    counts[column] += 1
            number += 1


@_njit
def sweep(
    queue: Queue,
    channels: int,
    kernel: np.ndarray,
    bias: np.ndarray,
    layer: Constants,
    start: np.ndarray,
    latencies: np.ndarray,
) -> None:
    """First spikes, position by position, by visiting its breakpoints in order of time until all maps have fired.

    A neuron that has fired gets the potential ``-inf``, which no slope raises again.

    Parameters
    ----------
    queue : Queue
    channels : int
        Of the layer below.
    kernel : ndarray, shape (inputs of a field, maps)
    bias : ndarray, shape (maps,)
    layer : Constants
    start : ndarray, shape (rows, columns, maps)
        Potentials at the start of the presentation.
    latencies : ndarray, shape (presentations, rows, columns, maps)
        The result is written here.
    """
    presentations, rows, columns, maps = latencies.shape
    zero = latencies.dtype.type(0)
    potential = np.empty(maps, dtype=latencies.dtype)
    slope = np.empty(maps, dtype=latencies.dtype)
    gated = layer.gate <= layer.onset
    for b in range(presentations):
        times, changes, synapses = queue.times[b], queue.changes[b], queue.synapses[b]
        for row in range(rows):
            for column in range(columns):
                count, chosen = queue.counts[b, row, column], queue.chosen[b, row, column]
                corner = (row * layer.size + column) * layer.stride * channels
                fired = latencies[b, row, column]
                fired[:] = np.inf
                potential[:] = start[row, column]
                slope[:] = zero
                # before the onset nobody fires, so that only what is built up by then counts
                place = 0
                while place < count and times[chosen[place]] <= layer.onset:
                    number = chosen[place]
                    synapse, change = synapses[number] - corner, changes[number]
                    _add(potential, kernel, synapse, change * (layer.onset - times[number]))
                    _add(slope, kernel, synapse, change)
                    place += 1
                for m in range(maps):
                    potential[m] += bias[m] * layer.onset
                    slope[m] = layer.drive if gated else slope[m] + bias[m] + layer.drive
                waiting = maps - _fire_at_once(potential, layer, fired)
                # the current of a breakpoint is added on the way to the next one
                reached, synapse, change = layer.onset, 0, zero
                while not gated and place < count and waiting > 0:
                    number = chosen[place]
                    now = times[number]
                    if _advance(potential, slope, kernel, synapse, change, now - reached, layer.threshold):
                        waiting -= _fire(potential, slope, now, now - reached, layer, fired)
                    reached, synapse, change = now, synapses[number] - corner, changes[number]
                    place += 1
                if waiting > 0:
                    _add(slope, kernel, synapse, change)
                    _fire_later(potential, slope, reached, layer, fired)


@_inlined
def _place(neuron: int, width: int, channels: int, padding: int) -> tuple[int, int, int]:
    """Row and column of a presynaptic neuron, counted with the padding, and its channel."""
    pixel = neuron // channels
    return pixel // width + padding, pixel % width + padding, neuron % channels


@_inlined
def _seen_from(place: int, size: int, stride: int, count: int) -> tuple[int, int]:
    """First row (or column) of a layer that sees this row of the padded layer below, and one past the last."""
    return max(place - size + stride, 0) // stride, min(place // stride + 1, count)


@_inlined
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


@_inlined
def _add(values: np.ndarray, kernel: np.ndarray, synapse: int, factor: float) -> None:
    for m in range(values.size):
        values[m] += factor * kernel[synapse, m]


@_inlined
def _advance(
    potential: np.ndarray,
    slope: np.ndarray,
    kernel: np.ndarray,
    synapse: int,
    change: float,
    elapsed: float,
    threshold: float,
) -> bool:
    """Change the slopes, then move potentials along them; returns whether any reaches the threshold."""
    crossed = False
    for m in range(potential.size):
        slope[m] += change * kernel[synapse, m]
        potential[m] += slope[m] * elapsed
        crossed |= potential[m] >= threshold
    return crossed


@_njit
def _fire(
    potential: np.ndarray, slope: np.ndarray, now: float, elapsed: float, layer: Constants, latencies: np.ndarray
) -> int:
    """Spikes of the neurons that have reached the threshold within the time that has just elapsed, and their number."""
    fired = 0
    for m in range(potential.size):
        if potential[m] >= layer.threshold:
            latency = now - min((potential[m] - layer.threshold) / slope[m], elapsed)
            latencies[m] = np.ceil(latency) if layer.whole_steps else latency
            potential[m] = -np.inf
            fired += 1
    return fired


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
