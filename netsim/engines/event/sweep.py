"""Populations swept event by event: for each position, all breakpoints in temporal order.

The cost grows with the presynaptic spikes that precede the spikes of the neurons.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numba.extending import register_jitable

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, WindowStage, convert, in_type
from netsim.numerics.compilation import compiled_with
from netsim.numerics.groups import starts_of
from netsim.numerics.order import in_order_of_time
from netsim.numerics.psp import Breakpoints
from netsim.numerics.threads import over_elements
from netsim.numerics.vectors import broadcast_wide as broadcast
from netsim.numerics.vectors import (
    count_at_least,
    from_a_line,
    least,
    maybe_positive,
    rounded_up,
    store,
    where_at_least,
)
from netsim.numerics.vectors import lanes_of_wide as lanes_of
from netsim.numerics.vectors import load_wide as load
from netsim.numerics.vectors import prefetch_wide as prefetch
from netsim.specification import Population, Window
from netsim.weights.layout import Weights

# "contract" allows fused multiply-add; infinities keep their meaning
_njit = compiled_with(fastmath={"contract"})
# inlined, because a call per breakpoint would take as long as the work
_inlined = compiled_with(fastmath={"contract"}, forceinline=True)
# Breakpoints queued at a time; they stay in the cache until their visit.
_QUEUED = 100_000
# Prefetch distance of distant weights, in breakpoints.
AHEAD = 8


class Blocks(NamedTuple):
    """Inputs of a sweep in blocks of neighbouring maps.

    `maps` has the first map of each block, and `places` the index of its first weight in the flat weights. The weights
    of successive inputs of a field are `pitch` elements apart. The bias has the shape (blocks, lanes). Initial
    potentials have the shape (rows, columns, blocks, lanes), or one row and column for all. They are ``-inf`` for
    missing maps.
    """

    maps: np.ndarray
    places: np.ndarray
    pitch: int
    weights: np.ndarray
    bias: np.ndarray
    start: np.ndarray


class Queue(NamedTuple):
    """The breakpoints that reach each position, in temporal order.

    Each has a time and a code: the row of the kernel times the number of breakpoints of the PSP, plus the index of the
    breakpoint. Both arrays have the shape (presentations, rows, columns, inputs of a field · breakpoints of the PSP +
    `AHEAD`). `counts`, shape (presentations, rows, columns), are the numbers of breakpoints. Later entries are
    undefined.
    """

    times: np.ndarray
    synapses: np.ndarray
    counts: np.ndarray


class Fields(NamedTuple):
    """The receptive fields that contain each pixel: their `positions`, and the index of the pixel in each (`pixels`).

    Pixels are ordered row by row. The fields of a pixel start at its entry of `first`, which has one final additional
    entry.
    """

    first: np.ndarray
    positions: np.ndarray
    pixels: np.ndarray


class Layout:
    """Blocks of as many neighbouring maps as a vector has lanes.

    `first` has the first map of each block, `members` its maps, and `beyond` tells which of them are missing. Weights
    that are used once are not copied (`in_place`): the last block overlaps the one before, and shares some maps.
    """

    def __init__(self, shape: tuple[int, ...], lanes: int) -> None:
        rows, columns, maps = shape
        self._lanes = lanes
        self.first = np.arange(-(-maps // self._lanes)) * self._lanes
        self.in_place = rows * columns == 1 and maps >= self._lanes
        if self.in_place:
            self.first[-1] = maps - self._lanes
        members = self.first[:, None] + np.arange(self._lanes)
        self.members = np.minimum(members, maps - 1)
        self.beyond = members >= maps

    def weights(self, kernel: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Return `places`, `pitch` and `weights` of `Blocks`."""
        if self.in_place:
            return self.first, kernel.shape[1], kernel.reshape(-1)
        return self.first * len(kernel), self._lanes, _laid_out(kernel, self._lanes)

    def by_block(self, values: np.ndarray, missing: float, dtype: np.dtype) -> np.ndarray:
        """Return values of maps, shape (..., maps), by block, shape (..., blocks, lanes)."""
        return np.ascontiguousarray(np.where(self.beyond, missing, values[..., self.members]), dtype)


class Sweep(WindowStage):
    """A population of any regime with one input projection, which is a window."""

    ranks: ClassVar[bool] = True

    def __init__(self, clock: Clock, population: Population) -> None:
        super().__init__(clock, population)
        self._layout = Layout(self.window.shape, lanes_of(clock.dtype))
        self._fields = fields_of(self.window)
        self._start = np.where(self._layout.beyond, -np.inf, 0.0).astype(clock.dtype)[None, None]

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        return partial(self._sweep, self._in_blocks(*self.arrays(weights, thresholds)))

    def _in_blocks(self, kernel: np.ndarray, bias: np.ndarray, potentials: np.ndarray | None) -> Blocks:
        """Return the inputs of a sweep."""
        layout, start = self._layout, self._start
        if potentials is not None:
            start = layout.by_block(potentials, -np.inf, start.dtype)
        return Blocks(layout.first, *layout.weights(kernel), bias[layout.members], start)

    def _sweep(self, blocks: Blocks, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        times = self.maps(arriving).astype(self.clock.dtype, copy=False)
        queue = empty_queue(self.window, self.psp.delays.size, self._layout.in_place, times.dtype)
        bits = (times + times.dtype.type(0)).view(f"u{times.itemsize}")
        shaped = spikes.reshape(-1, *self.window.shape)
        result = in_type(shaped, times.dtype)
        for first in range(0, len(times), len(queue.counts)):
            part = slice(first, first + len(queue.counts))
            queue_breakpoints(times[part], bits[part], self.dynamics.end, self.psp, self._fields, queue)
            sweep(queue, blocks, self.dynamics, self.psp, result[part])
        convert(result, shaped)


def empty_queue(window: Window, breakpoints: int, in_place: bool, dtype: np.dtype) -> Queue:
    """Return a queue for as many presentations as stay in the cache, for a PSP with some breakpoints."""
    rows, columns, _ = window.shape
    room = window.size**2 * window.source[2] * breakpoints + AHEAD
    shape = (max(1, _QUEUED // (rows * columns * room)), rows, columns, room)
    # prefetching also reads undefined entries, so that they must be valid synapses
    synapses = np.zeros(shape, np.int32) if in_place else np.empty(shape, np.int32)
    return Queue(np.empty(shape, dtype), synapses, np.empty(shape[:3], np.int64))


def fields_of(window: Window) -> Fields:
    """See `Fields`."""
    (height, width, _), (rows, columns, _) = window.source, window.shape
    (y, row, line), (x, column, place) = _overlaps(window, height, rows), _overlaps(window, width, columns)
    pixel = np.add.outer(y * width, x).ravel()
    order = np.argsort(pixel, kind="stable")  # fields of a pixel stay in order
    positions = np.add.outer(row * columns, column).ravel()[order]
    pixels = np.add.outer(line * window.size, place).ravel()[order]
    first = starts_of(np.bincount(pixel, minlength=height * width))
    return Fields(first.astype(np.uint64), positions.astype(np.uint32), pixels.astype(np.uint32))


def _overlaps(window: Window, side: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each pair of a row (or column) of pixels and of fields that contain it, and its place in these fields."""
    places = np.arange(side)[:, None] + window.padding - window.stride * np.arange(count)
    pixels, fields = np.nonzero((places >= 0) & (places < window.size))
    return pixels, fields, places[pixels, fields]


@_njit
def queue_breakpoints(
    maps: np.ndarray, bits: np.ndarray, end: float, psp: Breakpoints, fields: Fields, queue: Queue
) -> None:
    """Fill a queue, starting at its first presentation, with all breakpoints before the end of the firing window.

    `maps` are presynaptic spike times, shape (presentations, height, width, channels). `bits` are the same bits as
    integers, without a negative zero.
    """
    _, rows, columns, room = queue.times.shape
    first, positions, pixels = fields
    channels, breakpoints = np.uint32(maps.shape[3]), psp.delays.size
    inputs = channels * np.uint32(breakpoints)
    # numbers that cannot be negative are places without a test
    step, places = np.uint64(1), np.empty(rows * columns, dtype=np.uint64)
    for b in range(len(maps)):
        spikes, times, synapses = maps[b].reshape(-1), queue.times[b].reshape(-1), queue.synapses[b].reshape(-1)
        order = _merged(in_order_of_time(spikes, bits[b].reshape(-1), maps.dtype.type(end)), spikes, end, psp.delays)
        for p in range(places.size):
            places[p] = np.uint64(p * room)
        for breakpoint in order:
            neuron, k = _divided(breakpoint, breakpoints)
            now = spikes[neuron] + psp.delays[k]
            pixel = neuron // channels
            local = np.uint32(breakpoint) - pixel * inputs
            for field in range(first[pixel], first[pixel + np.uint32(1)]):
                position = np.uint64(positions[field])
                slot = places[position]
                times[slot] = now
                synapses[slot] = pixels[field] * inputs + local
                places[position] = slot + step
        for p in range(places.size):
            queue.counts[b, p // columns, p % columns] = places[p] - np.uint64(p * room)


@_njit
def sweep(queue: Queue, blocks: Blocks, neurons: Dynamics, psp: Breakpoints, latencies: np.ndarray) -> None:
    """Write first spikes by position. Visit its breakpoints in temporal order until all maps have fired.

    The maps of a block are swept together. Neurons that have fired get the potential ``-inf``, which slopes do not
    change. Latencies have the shape (presentations, rows, columns, maps).
    """
    presentations, rows, columns, maps = latencies.shape
    lanes, breakpoints, weights, pitch = blocks.bias.shape[1], psp.delays.size, blocks.weights, blocks.pitch
    last_row, last_column = blocks.start.shape[0] - 1, blocks.start.shape[1] - 1
    real = latencies.dtype.type
    nothing, silent, first_spikes = broadcast(real(0)), broadcast(real(np.inf)), np.empty(lanes, dtype=latencies.dtype)
    threshold, onset = broadcast(neurons.threshold), broadcast(neurons.onset)
    end, drive = broadcast(neurons.end), broadcast(neurons.drive)
    at_onset = onset if neurons.onset < neurons.end else silent  # a window may contain no step of the grid
    # numbers that cannot be negative are places without a test
    step, ahead, far = np.uint64(1), np.uint64(AHEAD), pitch > lanes
    for block in range(len(blocks.bias)):
        first, map_of_block = blocks.places[block], blocks.maps[block]
        current = load(blocks.bias[block], 0)
        count_of_maps = min(lanes, maps - map_of_block)
        for b in range(presentations):
            for row in range(rows):
                for column in range(columns):
                    count = np.uint64(queue.counts[b, row, column])
                    times, synapses = queue.times[b, row, column], queue.synapses[b, row, column]
                    # potentials are relative to the threshold
                    start = blocks.start[min(row, last_row), min(column, last_column), block]
                    excess, slope = load(start, 0) - threshold, nothing
                    # before the onset no neuron fires, so that only the potential at the onset counts
                    position = np.uint64(0)
                    while position < count and times[position] <= neurons.onset:
                        synapse, k = _divided(synapses[position], breakpoints)
                        arriving = load(weights, first + synapse * pitch) * broadcast(psp.changes[k])
                        excess = excess + arriving * broadcast(neurons.onset - times[position])
                        slope = slope + arriving
                        position += step
                    excess = excess + current * onset
                    if neurons.gated:
                        slope, count = drive, position
                    else:
                        slope = slope + current + drive
                    opening = at_onset
                    if neurons.rank > 0:
                        opening = _ranked(at_onset, excess, threshold, neurons.rank)
                    fired = where_at_least(excess, nothing, opening, silent)
                    waiting = count_of_maps - count_at_least(excess, nothing)
                    excess = where_at_least(excess, nothing, -silent, excess)
                    reached = neurons.onset
                    while position < count and waiting > 0:
                        if far:
                            following, _ = _divided(synapses[position + ahead], breakpoints)
                            prefetch(weights, first + following * pitch)
                        now = times[position]
                        excess = excess + slope * broadcast(now - reached)
                        if maybe_positive(excess):
                            # not earlier than the last breakpoint, despite rounding
                            late = least(broadcast(now - reached), excess / slope)
                            latency = broadcast(now) - late
                            if neurons.whole_steps:
                                latency = _on_the_grid(latency, slope, threshold, neurons.rank)
                            fired = where_at_least(excess, nothing, latency, fired)
                            waiting -= count_at_least(excess, nothing)
                            excess = where_at_least(excess, nothing, -silent, excess)
                        synapse, k = _divided(synapses[position], breakpoints)
                        slope = slope + load(weights, first + synapse * pitch) * broadcast(psp.changes[k])
                        reached = now
                        position += step
                    if waiting > 0:
                        latency = broadcast(reached) - excess / slope
                        late = rounded_up(latency) if neurons.whole_steps else latency
                        if neurons.whole_steps:
                            latency = _on_the_grid(latency, slope, threshold, neurons.rank)
                        latency = where_at_least(late, end, silent, latency)
                        fired = least(fired, where_at_least(nothing, slope, silent, latency))
                    store(first_spikes, 0, fired)
                    written = latencies[b, row, column, map_of_block:]
                    for m in range(count_of_maps):  # assigning a slice would make a copy first
                        written[m] = first_spikes[m]


@_inlined
def _divided(code: int, breakpoints: int) -> tuple[np.uint32, np.uint32]:
    """Return the index of a synapse or neuron, and the index of a breakpoint of the PSP."""
    return (np.uint32(code), np.uint32(0)) if breakpoints == 1 else divmod(np.uint32(code), np.uint32(breakpoints))


@register_jitable
def _on_the_grid(latency: Any, slope: Any, threshold: Any, rank: float) -> Any:
    """Return the next step, with the rank that orders spikes of the same step."""
    step = rounded_up(latency)
    return _ranked(step, slope * (step - latency), threshold, rank) if rank > 0 else step


@register_jitable
def _ranked(latency: Any, excess: Any, threshold: Any, rank: float) -> Any:
    """See `Dynamics`."""
    return latency - broadcast(rank) * (excess / (excess + threshold))


@_njit
def _merged(order: np.ndarray, times: np.ndarray, end: float, delays: np.ndarray) -> np.ndarray:
    """Merge the breakpoints before the end in temporal order, from the presynaptic neurons in temporal order.

    A code is the index of the neuron times the number of breakpoints of the PSP, plus the index of the breakpoint. All
    breakpoints follow the spikes in the same order, so that merging lists suffices.
    """
    breakpoints = delays.size
    merged = np.empty(order.size * breakpoints, dtype=np.uint32)
    if breakpoints == 1:
        count = 0
        while count < order.size and times[order[count]] + delays[0] < end:
            merged[count] = order[count]
            count += 1
        return merged[:count]
    heads = np.zeros(breakpoints, dtype=np.int64)
    for count in range(merged.size):
        now, chosen = end, -1
        for k in range(breakpoints):
            if heads[k] < order.size:
                time = times[order[heads[k]]] + delays[k]
                if time < now:
                    now, chosen = time, k
        if chosen < 0:
            return merged[:count]
        merged[count] = order[heads[chosen]] * breakpoints + chosen
        heads[chosen] += 1
    return merged


def _laid_out(kernel: np.ndarray, lanes: int) -> np.ndarray:
    """Return the weights of a kernel, shape (inputs of a field, maps), by block, padded with zeros."""
    inputs, maps = kernel.shape
    count = -(-maps // lanes)
    line = from_a_line(count * inputs * lanes, kernel)
    kernels = line.reshape(count, inputs, lanes)

    def fill(blocks: slice) -> None:
        for block in range(blocks.start, blocks.stop):
            part = kernel[:, block * lanes : (block + 1) * lanes]
            kernels[block, :, : part.shape[1]] = part
            kernels[block, :, part.shape[1] :] = 0

    over_elements(count, fill, inputs * lanes)
    return line
