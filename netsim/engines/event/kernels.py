"""Compiled loops of the event engine; each runs in one thread and releases the GIL.

They count the potential as ``u = tau·v``, so that its slope is the sum of currents, and take every time on one
clock: ms, or whole steps where spikes fall on a grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from netsim.numerics import psp
from netsim.numerics.compilation import compiled_with
from netsim.numerics.receptive_fields import multiply_fields
from netsim.numerics.vectors import (
    Lanes,
    broadcast,
    count_at_least,
    least,
    load,
    maybe_positive,
    rounded_up,
    store,
    where_at_least,
)

# "contract" lets the compiler fuse a product and a sum; infinities keep their meaning
_njit = compiled_with(fastmath={"contract"})
# called once a breakpoint: a call would take as long as the work
_inlined = compiled_with(fastmath={"contract"}, forceinline=True)


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
        Spike times; ``inf`` is silent. The result is written to `integrals`, rounded once if that is of less precision.
    layer : Constants
    """
    psp.integrate(times, layer.gate, layer.delays, layer.changes, True, integrals)


@_njit
def phased_spikes(
    below: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    start: np.ndarray | None,
    layer: Constants,
    spikes: np.ndarray,
) -> None:
    """First spikes of a phased layer: from the onset on, the drive alone moves the potential.

    All in one call, so that threads seldom wait for each other to get the GIL.

    Parameters
    ----------
    below : ndarray, shape (presentations, height, width, channels)
        Spike times of the layer below.
    kernel : ndarray, shape (inputs of a field, maps)
    bias : ndarray, shape (maps,)
    start : ndarray, shape (rows, columns, maps), or None
        Potentials to begin with.
    layer : Constants
    spikes : ndarray of the type of `kernel`, shape (presentations, rows, columns, maps)
        The result is written here.
    """
    integrals = np.empty(below.shape, kernel.dtype)
    integrate(below.reshape(-1), layer, integrals.reshape(-1))
    multiply_fields(integrals, kernel, layer.size, layer.stride, layer.padding, spikes)
    if start is not None:
        for presentation in spikes:
            presentation += start
    _carry_to_threshold(spikes.reshape(-1, bias.size), bias, layer)


@_njit
def _carry_to_threshold(potentials: np.ndarray, bias: np.ndarray, layer: Constants) -> None:
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
def multiply(values: np.ndarray, factor: float, products: np.ndarray) -> None:
    """Multiply, and widen what is in single precision."""
    for i in range(values.size):
        products[i] = factor * values[i]


class Queue(NamedTuple):
    """The breakpoints that reach each position of a layer, in order of time.

    Attributes
    ----------
    times : ndarray, shape (presentations, rows, columns, inputs of a field · breakpoints of the PSP)
        When they come.
    synapses : ndarray of int, shape of `times`
        Through which synapse, a row of the kernel; multiplied by the number of breakpoints of the PSP, plus the
        breakpoint's own number.
    counts : ndarray of int, shape (presentations, rows, columns)
        How many there are.
    """

    times: np.ndarray
    synapses: np.ndarray
    counts: np.ndarray


@_njit
def queue_breakpoints(maps: np.ndarray, bits: np.ndarray, layer: Constants, queue: Queue) -> None:
    """Fill a queue with all breakpoints before the end of a layer's window.

    Parameters
    ----------
    maps : ndarray, shape (presentations, height, width, channels)
        Presynaptic spike times; ``inf`` is silent.
    bits : ndarray of unsigned int, shape of `maps`
        The same, bit by bit, without a negative zero.
    layer : Constants
    queue : Queue
        The result, from its first presentation on.
    """
    _, rows, columns, most = queue.times.shape
    height, width, channels = maps.shape[1:]
    breakpoints = layer.delays.size
    below, beyond = _seen_from(height, rows, layer)
    lefts, rights = _seen_from(width, columns, layer)
    # numbers that cannot be negative are places without a test
    one, places = np.uint64(1), np.empty(rows * columns, dtype=np.uint64)
    for b in range(len(maps)):
        spikes, times, synapses = maps[b].reshape(-1), queue.times[b].reshape(-1), queue.synapses[b].reshape(-1)
        order = _merged(_in_order_of_time(spikes, bits[b].reshape(-1), layer.end), spikes, layer)
        for p in range(places.size):
            places[p] = np.uint64(p * most)
        for breakpoint in order:
            neuron, k = _divided(breakpoint, breakpoints)
            now = spikes[neuron] + layer.delays[k]
            pixel, channel = divmod(neuron, np.uint32(channels))
            y, x = divmod(pixel, np.uint32(width))
            for row in range(below[y], beyond[y]):
                down, right = y + layer.padding - row * layer.stride, x + layer.padding - lefts[x] * layer.stride
                synapse = ((down * layer.size + right) * channels + channel) * breakpoints + k
                for column in range(lefts[x], rights[x]):
                    position = np.uint64(row * columns + column)
                    place = places[position]
                    times[place] = now
                    synapses[place] = synapse
                    places[position] = place + one
                    synapse -= layer.stride * channels * breakpoints
        for p in range(places.size):
            queue.counts[b, p // columns, p % columns] = places[p] - np.uint64(p * most)


@_njit
def sweep(
    queue: Queue, kernel: np.ndarray, bias: np.ndarray, layer: Constants, start: np.ndarray, latencies: np.ndarray
) -> None:
    """First spikes, position by position, by visiting its breakpoints in order of time until all maps have fired.

    Some maps of a position, a block, are swept together. A neuron that has fired gets the potential ``-inf``, which no
    slope raises again.

    Parameters
    ----------
    queue : Queue
    kernel : ndarray, shape (blocks, inputs of a field, lanes)
    bias : ndarray, shape (blocks, lanes)
    layer : Constants
    start : ndarray, shape (rows, columns, blocks, lanes)
        Potentials at the start of the presentation; ``-inf`` where there is no map.
    latencies : ndarray, shape (presentations, rows, columns, maps)
        The result is written here.
    """
    presentations, rows, columns, maps = latencies.shape
    blocks, _, lanes = kernel.shape
    breakpoints = layer.delays.size
    kind = latencies.dtype.type
    nothing, silent, first_spikes = broadcast(kind(0)), broadcast(kind(np.inf)), np.empty(lanes, dtype=latencies.dtype)
    threshold, onset, end, drive = (
        broadcast(layer.threshold),
        broadcast(layer.onset),
        broadcast(layer.end),
        broadcast(layer.drive),
    )
    at_onset = onset if layer.onset < layer.end else silent  # a window may hold no step of the grid
    one = np.uint64(1)  # numbers that cannot be negative are places without a test
    for block in range(blocks):
        weights = kernel[block].reshape(-1)
        current = load(bias[block], 0)
        neurons = min(lanes, maps - block * lanes)
        for b in range(presentations):
            for row in range(rows):
                for column in range(columns):
                    count = np.uint64(queue.counts[b, row, column])
                    times, synapses = queue.times[b, row, column], queue.synapses[b, row, column]
                    # potentials are counted from the threshold
                    excess, slope = load(start[row, column, block], 0) - threshold, nothing
                    # before the onset nobody fires, so that only what is built up by then counts
                    place = np.uint64(0)
                    while place < count and times[place] <= layer.onset:
                        synapse, k = _divided(synapses[place], breakpoints)
                        arriving = load(weights, synapse * lanes) * broadcast(layer.changes[k])
                        excess = excess + arriving * broadcast(layer.onset - times[place])
                        slope = slope + arriving
                        place += one
                    excess = excess + current * onset
                    if layer.gate <= layer.onset:
                        slope, count = drive, place
                    else:
                        slope = slope + current + drive
                    fired = where_at_least(excess, nothing, at_onset, silent)
                    waiting = neurons - count_at_least(excess, nothing)
                    excess = where_at_least(excess, nothing, -silent, excess)
                    reached = layer.onset
                    while place < count and waiting > 0:
                        now = times[place]
                        excess = excess + slope * broadcast(now - reached)
                        if maybe_positive(excess):
                            # no earlier than the last breakpoint, whatever the rounding
                            late = least(broadcast(now - reached), excess / slope)
                            latency = _on_the_grid(broadcast(now) - late, layer.whole_steps)
                            fired = where_at_least(excess, nothing, latency, fired)
                            waiting -= count_at_least(excess, nothing)
                            excess = where_at_least(excess, nothing, -silent, excess)
                        synapse, k = _divided(synapses[place], breakpoints)
                        slope = slope + load(weights, synapse * lanes) * broadcast(layer.changes[k])
                        reached = now
                        place += one
                    if waiting > 0:
                        latency = _on_the_grid(broadcast(reached) - excess / slope, layer.whole_steps)
                        latency = where_at_least(latency, end, silent, latency)
                        fired = least(fired, where_at_least(nothing, slope, silent, latency))
                    store(first_spikes, 0, fired)
                    latencies[b, row, column, block * lanes : block * lanes + neurons] = first_spikes[:neurons]


@_inlined
def _divided(code: int, breakpoints: int) -> tuple[np.uint32, np.uint32]:
    """The number of a synapse or neuron, and that of a breakpoint of the PSP."""
    return (np.uint32(code), np.uint32(0)) if breakpoints == 1 else divmod(np.uint32(code), np.uint32(breakpoints))


@register_jitable
def _on_the_grid(latency: Lanes, whole_steps: bool) -> Lanes:
    return rounded_up(latency) if whole_steps else latency


_DIGIT = 11
"""Bits by which times are sorted at a time; as many counters fit into the nearest cache."""


@_njit
def _in_order_of_time(times: np.ndarray, bits: np.ndarray, end: float) -> np.ndarray:
    """The neurons that fire before `end`, in order of time and, at the same time, of number.

    The bits of floats that are not negative are in the order of the floats: they are sorted digit by digit, from the
    last one on, in a time that is proportional to their number.
    """
    order = np.empty(times.size, dtype=np.int32)
    count = 0
    for i in range(times.size):
        if times[i] < end:
            order[count] = i
            count += 1
    order, sorted_order = order[:count], np.empty(count, dtype=np.int32)
    starts = np.empty(2**_DIGIT, dtype=np.int64)
    for shift in range(0, 8 * times.itemsize, _DIGIT):
        starts[:] = 0
        for neuron in order:
            starts[(bits[neuron] >> bits.dtype.type(shift)) & (2**_DIGIT - 1)] += 1
        if count and starts[(bits[order[0]] >> bits.dtype.type(shift)) & (2**_DIGIT - 1)] == count:
            continue  # all have this digit
        total = 0
        for digit in range(starts.size):
            starts[digit], total = total, total + starts[digit]
        for neuron in order:
            digit = (bits[neuron] >> bits.dtype.type(shift)) & (2**_DIGIT - 1)
            sorted_order[starts[digit]] = neuron
            starts[digit] += 1
        order, sorted_order = sorted_order, order
    return order


@_njit
def _seen_from(size: int, count: int, layer: Constants) -> tuple[np.ndarray, np.ndarray]:
    """For each row (or column) of the layer below, the first row of the layer that sees it, and one past the last."""
    first, beyond = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    for place in range(size):
        padded = place + layer.padding
        first[place] = max(padded - layer.size + layer.stride, 0) // layer.stride
        beyond[place] = min(padded // layer.stride + 1, count)
    return first, beyond


@_njit
def _merged(order: np.ndarray, times: np.ndarray, layer: Constants) -> np.ndarray:
    """The breakpoints before the end in order of time, from the presynaptic neurons in order of time.

    Each is the number of the neuron, multiplied by the number of breakpoints of the PSP, plus its own number in the
    PSP. Each breakpoint of the PSP follows the spikes in the same order, so that it is enough to merge lists.
    """
    breakpoints = layer.delays.size
    merged = np.empty(order.size * breakpoints, dtype=np.uint32)
    heads = np.zeros(breakpoints, dtype=np.int64)
    for count in range(merged.size):
        now, found = layer.end, -1
        for k in range(breakpoints):
            if heads[k] < order.size:
                time = times[order[heads[k]]] + layer.delays[k]
                if time < now:
                    now, found = time, k
        if found < 0:
            return merged[:count]
        merged[count] = order[heads[found]] * breakpoints + found
        heads[found] += 1
    return merged
