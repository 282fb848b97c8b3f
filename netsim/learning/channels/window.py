"""Channels of windows and dense synapses, for each pair of spikes.

Each synapse uses the latencies of its presynaptic and postsynaptic neurons, and the signal of its postsynaptic neuron.
With the synaptic limit ``L_j = min(t_j, gate)``, the potential of neuron ``j`` depends on weight ``w_ij`` through
``PSP(L_j - t_i)``. It depends on the latency of ``i`` through ``-w_ij·PSP'(L_j - t_i)``. If all neurons share one
limit, as in a gated regime, two products over receptive fields suffice (`netsim.learning.channels.gated`).
"""

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.channels.dense import PairFactors, are_enough, displacement_of_dense
from netsim.learning.channels.fields import (
    breakpoints,
    collect_from_maps,
    contiguous,
    copy_framed,
    copy_out_of_frame,
    for_loops,
    frame,
    handing_down,
    in_vectors,
    lay_out_by_map,
    list_signals,
    offsets_in_frame,
    room_by_map,
)
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.numerics.receptive_fields import gather_field
from netsim.numerics.vectors import broadcast, lanes_of, load, store, where_at_least
from netsim.specification import Projection, Window


class WindowChannel(Channel):
    """A window, or dense synapses. Loops visit each pair of a presynaptic and a postsynaptic spike.

    The kernel has the shape (..., maps) or (inputs, neurons).
    """

    def __init__(self, projection: Projection, window: Window, causal: bool = False) -> None:
        super().__init__(projection, causal=causal)
        self.window = window

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`. Other neurons have 0."""
        dtype, window = source.dtype, self.window
        spikes, limits = contiguous(source, window.source, dtype), contiguous(times, window.shape, dtype)
        current, visited = np.zeros_like(limits), contiguous(asked, window.shape, np.dtype(bool))
        weights = _by_map(synapses.weights, dtype)
        _slope_at(spikes, window, breakpoints(self.psp, dtype), limits, visited, weights, current)
        return current.reshape(times.shape)

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        if not self.plastic:
            return Step()
        dtype, window, kernel = source.dtype, self.window, synapses.weights
        psp, (times, limits, signals) = breakpoints(self.psp, dtype), self._pairs(source, until, signal)
        if self._is_dense(source, kernel):
            times, limits, signals = (each.reshape(len(source), -1) for each in (times, limits, signals))
            return Step(PairFactors(times, limits, signals, psp))
        maps = kernel.shape[-1]
        gradient = np.empty((kernel.size // maps, maps), dtype)
        by_map = room_by_map(maps, window.size, window.size * times.shape[3], times)
        collect_from_maps(by_map, _gather(times, limits, signals, psp, window, by_map), gradient)
        return Step(gradient.reshape(kernel.shape))

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        dtype, window, kernel = source.dtype, self.window, for_loops(synapses.weights, source.dtype)
        slopes, pairs = handing_down(self.psp, self.causal, dtype), self._pairs(source, until, signal)
        if self._is_dense(source, kernel):
            times, limits, signals = (each.reshape(len(source), -1) for each in pairs)
            return displacement_of_dense(times, limits, signals, slopes, kernel).reshape(source.shape)
        times, limits, signals = pairs
        displacement = np.empty_like(times)
        by_map = lay_out_by_map(kernel.reshape(-1, kernel.shape[-1]), window.size, signals)
        _scatter(by_map, times, limits, signals, slopes, window, displacement)
        return displacement.reshape(source.shape)

    def _pairs(
        self, source: np.ndarray, until: np.ndarray, signal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return presynaptic times, limits and signals in the shapes of the window."""
        limits, dtype, window = self._limits(until, signal), source.dtype, self.window
        times = contiguous(source, window.source, dtype)
        return times, contiguous(limits, window.shape, dtype), contiguous(signal, window.shape, dtype)

    def _is_dense(self, source: np.ndarray, kernel: np.ndarray) -> bool:
        one = kernel.ndim == 2 and self.window.shape[:2] == (1, 1)
        return one and are_enough(len(source), self.window.shape[2], source.dtype)


def _by_map(kernel: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return contiguous weights of each map, padded with zeros to whole vectors."""
    return in_vectors(kernel.reshape(-1, kernel.shape[-1]).T, dtype)


# Bytes of weights per block; all positions use a block while it is in the cache.
_CACHED = 200_000


@compiled
def _slope_at(
    times: np.ndarray,
    window: Window,
    psp: Breakpoints,
    limit: np.ndarray,
    wanted: np.ndarray,
    kernels: np.ndarray,
    current: np.ndarray,
) -> None:
    presentations, rows, columns, maps = limit.shape
    inputs, lanes = kernels.shape[1], lanes_of(kernels)
    seen, sums = np.empty(inputs, kernels.dtype), np.empty(lanes, kernels.dtype)
    nothing = broadcast(kernels.dtype.type(0))
    at_once = max(1, _CACHED // (inputs * kernels.itemsize))
    for first in range(0, maps, at_once):
        last = min(first + at_once, maps)
        for b in range(presentations):
            for row in range(rows):
                for column in range(columns):
                    visited = False
                    for m in range(first, last):
                        if not wanted[b, row, column, m]:
                            continue
                        if not visited:
                            gather_field(times, b, row, column, window.size, window.stride, window.padding, seen)
                            visited = True
                        weights, total = kernels[m], nothing
                        for k in range(psp.delays.size):
                            latest = broadcast(limit[b, row, column, m] - psp.delays[k])
                            change = broadcast(psp.changes[k])
                            for i in range(0, inputs, lanes):
                                since = latest - load(seen, i)
                                total = total + where_at_least(nothing, since, nothing, change * load(weights, i))
                        store(sums, 0, total)
                        current[b, row, column, m] = sums.sum()


@compiled_with(fastmath={"contract"})
def _gather(
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    psp: Breakpoints,
    window: Window,
    gathered: np.ndarray,
) -> np.ndarray:
    """Sum the gradients of the synapses of each map, one map at a time.

    `gathered` has the shape (maps, rows of a field, inputs of a row padded to whole vectors). Return the maps with any
    signal. Other maps are not written.
    """
    presentations, _, width, channels = times.shape
    _, rows, columns, maps = signal.shape
    size, numbers = gathered.shape[1:]
    stride, padding, lanes = window.stride, window.padding, lanes_of(times)
    nothing, line = broadcast(times.dtype.type(0)), (width + 2 * padding) * channels
    framed = frame(times, padding, numbers, np.inf)
    offsets = offsets_in_frame(size, numbers // lanes, line, lanes)
    vectors = len(offsets)
    flat_gathered, seen = gathered.reshape(-1), np.zeros(maps, np.bool_)
    shape = maps, rows * columns
    fields, latest, values = np.empty(shape, np.uint64), np.empty(shape, times.dtype), np.empty(shape, times.dtype)
    counts, chosen = np.empty(maps, np.uint64), np.empty(maps, np.uint32)
    signals, limits, position = signal.reshape(-1), limit.reshape(-1), 0
    for b in range(presentations):
        copy_framed(times[b], padding, framed)
        counts[:] = 0
        for row in range(rows):
            for column in range(columns):
                field = (row * line + column * channels) * stride
                for k in range(list_signals(signals, position, maps, chosen)):
                    m = chosen[k]
                    fields[m, counts[m]], latest[m, counts[m]] = field, limits[position + m]
                    values[m, counts[m]] = signals[position + m]
                    counts[m] += np.uint64(1)
                position += maps
        for m in range(maps):
            if counts[m] == 0:
                continue
            if not seen[m]:
                seen[m], gathered[m] = True, 0
            for point in range(psp.delays.size):
                delay, change = psp.delays[point], psp.changes[point]
                target, count = m * vectors * lanes, counts[m]
                for n in range(0, vectors - 1, 2):
                    offset, next_offset = offsets[n], offsets[n + 1]
                    sums, sums_of_next = load(flat_gathered, target), load(flat_gathered, target + lanes)
                    for k in range(count):
                        value, last = broadcast(change * values[m, k]), broadcast(latest[m, k] - delay)
                        at = fields[m, k]
                        since = last - load(framed, at + offset)
                        since_next = last - load(framed, at + next_offset)
                        sums = sums + value * where_at_least(nothing, since, nothing, since)
                        sums_of_next = sums_of_next + value * where_at_least(nothing, since_next, nothing, since_next)
                    store(flat_gathered, target, sums)
                    store(flat_gathered, target + lanes, sums_of_next)
                    target += 2 * lanes
                if vectors % 2:
                    sums = load(flat_gathered, target)
                    for k in range(count):
                        since = broadcast(latest[m, k] - delay) - load(framed, fields[m, k] + offsets[vectors - 1])
                        sums = sums + broadcast(change * values[m, k]) * where_at_least(nothing, since, nothing, since)
                    store(flat_gathered, target, sums)
    return seen


@compiled_with(fastmath={"contract"})
def _scatter(
    kernels: np.ndarray,
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    psp: Slopes,
    window: Window,
    displacement: np.ndarray,
) -> None:
    """Sum the displacement of each presynaptic spike, one position at a time. Kernels are ordered by map."""
    presentations, _, width, channels = times.shape
    _, rows, columns, maps = signal.shape
    size, numbers = kernels.shape[1:]
    stride, padding, lanes = window.stride, window.padding, lanes_of(times)
    line = (width + 2 * padding) * channels
    framed, onto = frame(times, padding, numbers, np.inf), frame(times, padding, numbers, 0.0)
    capacity = maps * psp.slopes.size
    signals, limits, position = signal.reshape(-1), limit.reshape(-1), 0
    chosen, visited = np.empty(maps, np.uint32), np.empty(capacity, np.int64)
    latest, values = np.empty(capacity, times.dtype), np.empty(capacity, times.dtype)
    earliest = np.empty(capacity, times.dtype)
    for b in range(presentations):
        copy_framed(times[b], padding, framed)
        onto[:] = 0
        for row in range(rows):
            for column in range(columns):
                count = 0
                for k in range(list_signals(signals, position, maps, chosen)):
                    m = chosen[k]
                    for n in range(psp.slopes.size):
                        visited[count], values[count] = m, psp.slopes[n] * signals[position + m]
                        latest[count] = limits[position + m] - psp.after[n]
                        earliest[count] = limits[position + m] - psp.until[n]
                        count += 1
                position += maps
                if count == 0:
                    continue
                for dy in range(size):
                    field = (row * stride + dy) * line + column * stride * channels
                    for left in range(0, numbers, lanes):
                        seen, sums = load(framed, field + left), load(onto, field + left)
                        for k in range(count):
                            added = sums + broadcast(values[k]) * load(kernels[visited[k], dy], left)
                            added = where_at_least(seen, broadcast(earliest[k]), added, sums)
                            sums = where_at_least(seen, broadcast(latest[k]), sums, added)
                        store(onto, field + left, sums)
        copy_out_of_frame(onto, padding, displacement[b])
