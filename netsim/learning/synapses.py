"""The local learning step of the synapses of a projection, pair by pair of spikes.

Each synapse sees the latency of its presynaptic neuron, the latency of its postsynaptic neuron and the
signal that the postsynaptic neuron carries. With the synaptic limit ``L_j = min(t_j, gate)`` the potential of
neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)`` and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Where all neurons share one limit, as in the regime ``phased``, the step is two
products over receptive fields (`netsim.learning.gated`) and needs none of this.
"""

import math
from typing import NamedTuple

import numpy as np

from netsim.learning.dense import are_enough, step_dense
from netsim.learning.fields import breakpoints, collect_from_maps, contiguous, signalling
from netsim.learning.gradients import LayerStep
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.psp import Breakpoints
from netsim.numerics.receptive_fields import gather_field
from netsim.numerics.vectors import broadcast, lanes_of, load, store, total, where_at_least
from netsim.specification import Projection, Window


def step_pairwise(
    projection: Projection,
    window: Window,
    source: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
) -> LayerStep:
    """Look at each pair of a presynaptic and a postsynaptic spike.

    The gradient of a weight is the sum of ``signal_j · PSP(L_j - t_i)``, the displacement of a presynaptic spike that
    of ``signal_j · w_ij · PSP'(L_j - t_i)``; `causal` propagates by the order of spikes alone, not by ``PSP'``.

    `source` are presynaptic latencies (ms), `limit` and `signal` the synaptic limits (ms) and the displacements over
    ``tau`` times the slope at threshold of the postsynaptic neurons, by presentation in the shapes of the populations.
    The kernel is of shape (..., maps) or (inputs, neurons).
    """
    if kernel.ndim == 2 and window.shape[:2] == (1, 1) and are_enough(len(source), window.shape[2], source.itemsize):
        return step_dense(projection, source, limit, signal, kernel, causal)
    dtype, downward = source.dtype, projection.asks_for_displacement
    psp, times = breakpoints(projection.psp, dtype), contiguous(source, window.source, dtype)
    displacement, maps = np.zeros_like(times), kernel.shape[-1]
    limits, signals = (contiguous(values, window.shape, dtype) for values in (limit, signal))
    if _few_inputs(times, signals, window):
        weights = _in_pairs_of_vectors(kernel.reshape(-1, maps), dtype)
        slopes = np.zeros_like(weights)
        own = (_in_pairs_of_vectors(each, dtype) for each in (limits, signals))
        _visit_inputs(times, window, psp, *own, weights, causal, downward, slopes, displacement)
        gradient = np.ascontiguousarray(slopes[:, :maps]).reshape(kernel.shape)
    else:
        weights = _by_map(kernel, dtype)
        slopes = np.zeros_like(weights)
        _visit(times, window, psp, limits, signals, weights, causal, downward, slopes, displacement)
        gradient = np.empty(kernel.shape, dtype)
        collect_from_maps(slopes[:, None], gradient.reshape(-1, maps))
    return LayerStep(
        gradient if projection.plastic else None,
        np.einsum("bijm,bijm->m", signals, limits),
        displacement.reshape(source.shape) if downward else None,
    )


def slope_at(
    projection: Projection, window: Window, source: np.ndarray, times: np.ndarray, kernel: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Synaptic current of the neurons asked for just before given times (ms), zero elsewhere.

    Other parameters are those of `step_pairwise`.
    """
    dtype = source.dtype
    spikes, limits = contiguous(source, window.source, dtype), contiguous(times, window.shape, dtype)
    current, visited = np.zeros_like(limits), contiguous(asked, window.shape, np.dtype(bool))
    _slope_at(spikes, window, breakpoints(projection.psp, dtype), limits, visited, _by_map(kernel, dtype), current)
    return current.reshape(times.shape)


def _by_map(kernel: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The weights of each map side by side, filled up with zeros to whole vectors."""
    inputs, maps = math.prod(kernel.shape[:-1]), kernel.shape[-1]
    filled = np.zeros((maps, inputs + -inputs % lanes_of(dtype.itemsize)), dtype)
    filled[:, :inputs] = kernel.reshape(inputs, maps).T  # numpy transposes large arrays faster than a loop does
    return filled


def _in_pairs_of_vectors(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The last axis filled up with zeros to pairs of vectors."""
    padding = [*[(0, 0)] * (values.ndim - 1), (0, -values.shape[-1] % (2 * lanes_of(dtype.itemsize)))]
    return np.ascontiguousarray(np.pad(values, padding) if padding[-1][1] else values, dtype)


# To visit a pair of vectors of an input's synapses takes so many times as long as one vector of a map's (measured).
_PER_PAIR = 2.5


@compiled
def _few_inputs(times: np.ndarray, signal: np.ndarray, window: Window) -> bool:
    """Whether visiting the synapses of inputs that fired is less work than those of neurons with a signal."""
    _, rows, columns, maps = signal.shape
    lanes, inputs = lanes_of(times.itemsize), window.size * window.size * times.shape[3]
    pair = 2 * lanes
    fired = 0
    for time in times.flat:
        fired += time < np.inf
    by_input = fired / times.size * inputs * rows * columns * len(times) * ((maps + pair - 1) // pair)
    return bool(_PER_PAIR * by_input < signalling(signal.reshape(-1)) * ((inputs + lanes - 1) // lanes))


# So many bytes of weights and gradients are met by all presentations before others are: they stay in the cache.
_CACHED = 200_000


@compiled
def keep_movable(displacement: np.ndarray, own: np.ndarray, onset: float, price: float, kept: np.ndarray) -> None:
    """Displacements of neurons that fired after `onset` (ms), each with the price (ms) of its spike, zero elsewhere."""
    for k in range(len(own)):
        kept[k] = displacement[k] + price if onset < own[k] < np.inf else 0


@compiled
def _visit(
    times: np.ndarray,
    window: Window,
    psp: Breakpoints,
    limit: np.ndarray,
    signal: np.ndarray,
    kernels: np.ndarray,
    causal: bool,
    downward: bool,
    gathered: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step, by visiting the receptive field of each neuron that carries a signal."""
    presentations, rows, columns, maps = signal.shape
    inputs, lanes = kernels.shape[1], lanes_of(kernels.itemsize)
    seen, onto = np.empty(inputs, kernels.dtype), np.empty(inputs, kernels.dtype)
    nothing = broadcast(kernels.dtype.type(0))
    at_once = max(1, _CACHED // (2 * inputs * kernels.itemsize))
    for first in range(0, maps, at_once):
        last = min(first + at_once, maps)
        for b in range(presentations):
            for row in range(rows):
                for column in range(columns):
                    signals, limits = signal[b, row, column], limit[b, row, column]
                    visited = False
                    for m in range(first, last):
                        value = signals[m]
                        if value == 0:
                            continue
                        if not visited:
                            gather_field(times, b, row, column, window.size, window.stride, window.padding, seen)
                            onto[:] = 0
                            visited = True
                        weights, slopes = kernels[m], gathered[m]
                        for k in range(psp.delays.size):
                            latest = broadcast(limits[m] - psp.delays[k])
                            change = broadcast(psp.changes[k] * value)
                            for i in range(0, inputs, lanes):
                                since = latest - load(seen, i)
                                positive = where_at_least(nothing, since, nothing, since)
                                store(slopes, i, load(slopes, i) + change * positive)
                                if downward and not causal:
                                    step = where_at_least(nothing, since, nothing, change * load(weights, i))
                                    store(onto, i, load(onto, i) + step)
                        if downward and causal:
                            for i in range(0, inputs, lanes):
                                since = broadcast(limits[m]) - load(seen, i)
                                step = where_at_least(nothing, since, nothing, broadcast(value) * load(weights, i))
                                store(onto, i, load(onto, i) + step)
                    if visited and downward:
                        _scatter_field(window, b, row, column, onto, displacement)


class _Fired(NamedTuple):
    """The inputs of a presentation that fired: channel and time (ms); those of pixel ``p`` begin at ``first[p]``."""

    first: np.ndarray
    channels: np.ndarray
    times: np.ndarray


@compiled
def _find_fired(times: np.ndarray, fired: _Fired) -> None:
    """Write the inputs that fired, of times of the shape (pixels, channels)."""
    count = 0
    for pixel in range(len(times)):
        fired.first[pixel] = count
        for channel in range(times.shape[1]):
            time = times[pixel, channel]
            # without a branch: what is written for a silent one is written over
            fired.channels[count], fired.times[count] = channel, time
            count += time < np.inf
    fired.first[len(times)] = count


@compiled_with(fastmath={"contract"})
def _visit_inputs(
    times: np.ndarray,
    window: Window,
    psp: Breakpoints,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
    downward: bool,
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step, by visiting the synapses of each input that fired; maps are filled up to pairs of vectors."""
    presentations, rows, columns, maps = signal.shape
    _, height, width, channels = times.shape
    size, lanes, zero = window.size, lanes_of(kernel.itemsize), kernel.dtype.type(0)
    nothing, breakpoints = broadcast(zero), psp.delays.size
    room = height * width * channels + 1
    fired = _Fired(np.empty(height * width + 1, np.int64), np.empty(room, np.int64), np.empty(room, times.dtype))
    for b in range(presentations):
        _find_fired(times[b].reshape(-1, channels), fired)
        onto = displacement[b].reshape(-1, channels)
        for row in range(rows):
            for column in range(columns):
                signals, limits = signal[b, row, column], limit[b, row, column]
                carries = False
                for m in range(maps):
                    carries |= signals[m] != 0
                if not carries:
                    continue
                top, left = row * window.stride - window.padding, column * window.stride - window.padding
                for m in range(0, maps, 2 * lanes):
                    own, own_next = load(signals, m), load(signals, m + lanes)
                    until, until_next = load(limits, m), load(limits, m + lanes)
                    for y in range(max(top, 0), min(top + size, height)):
                        for x in range(max(left, 0), min(left + size, width)):
                            field = ((y - top) * size + x - left) * channels
                            for number in range(fired.first[y * width + x], fired.first[y * width + x + 1]):
                                channel, time = fired.channels[number], broadcast(fired.times[number])
                                weights, slopes, sums = kernel[field + channel], gradient[field + channel], nothing
                                for k in range(breakpoints):
                                    change, late = broadcast(psp.changes[k]), broadcast(psp.delays[k])
                                    since, since_next = until - late - time, until_next - late - time
                                    share, share_next = change * own, change * own_next
                                    positive = where_at_least(nothing, since, nothing, since)
                                    store(slopes, m, load(slopes, m) + share * positive)
                                    positive = where_at_least(nothing, since_next, nothing, since_next)
                                    store(slopes, m + lanes, load(slopes, m + lanes) + share_next * positive)
                                    if downward and not causal:
                                        step = share * load(weights, m)
                                        sums = sums + where_at_least(nothing, since, nothing, step)
                                        step = share_next * load(weights, m + lanes)
                                        sums = sums + where_at_least(nothing, since_next, nothing, step)
                                if downward and causal:
                                    step = own * load(weights, m)
                                    sums = sums + where_at_least(nothing, until - time, nothing, step)
                                    step = own_next * load(weights, m + lanes)
                                    sums = sums + where_at_least(nothing, until_next - time, nothing, step)
                                if downward:
                                    onto[y * width + x, channel] += total(sums)


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
    inputs, lanes = kernels.shape[1], lanes_of(kernels.itemsize)
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


@compiled
def _scatter_field(window: Window, b: int, row: int, column: int, onto: np.ndarray, displacement: np.ndarray) -> None:
    """Add what a position propagates to each neuron that it sees."""
    _, height, width, channels = displacement.shape
    top, left = row * window.stride - window.padding, column * window.stride - window.padding
    place = 0
    for y in range(top, top + window.size):
        for x in range(left, left + window.size):
            if 0 <= y < height and 0 <= x < width:
                part = displacement[b, y, x]
                for channel in range(channels):
                    part[channel] += onto[place + channel]
            place += channels
