"""The local learning step of the synapses of a projection, pair by pair of spikes.

Each synapse sees the latency of its presynaptic neuron, the latency of its postsynaptic neuron and the
signal that the postsynaptic neuron carries. With the synaptic limit ``L_j = min(t_j, gate)`` the potential of
neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)`` and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Where all neurons share one limit, as in the regime ``phased``, the step is two
products over receptive fields (`netsim.learning.gated`) and needs none of this.
"""

import numpy as np

from netsim.learning.dense import are_enough, step_dense
from netsim.learning.fields import breakpoints, contiguous, padded
from netsim.learning.gradients import LayerStep
from netsim.learning.pairs import gradient_of_pairs, propagate_to_pairs
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.counting import count_nonzero
from netsim.numerics.psp import Breakpoints
from netsim.numerics.receptive_fields import gather_field, seen_from
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
    if kernel.ndim == 2 and window.shape[:2] == (1, 1) and are_enough(len(source), window.shape[2], source.dtype):
        return step_dense(projection, source, limit, signal, kernel, causal)
    dtype, downward = source.dtype, projection.asks_for_displacement
    psp, times = breakpoints(projection.psp, dtype), contiguous(source, window.source, dtype)
    maps = kernel.shape[-1]
    limits, signals = (contiguous(values, window.shape, dtype) for values in (limit, signal))
    if _few_inputs(times, signals, window):
        # synapses of a channel side by side stay in the first cache; to lay them out does not pay for one presentation
        axes = (0, 1) if len(times) == 1 else (1, 0)
        weights = _in_vectors(kernel.reshape(-1, window.source[2], maps).transpose(*axes, 2), dtype)
        slopes = np.zeros_like(weights)
        pitches = tuple(weights.strides[axis] // weights.itemsize for axis in axes)
        own, until = _in_vectors(signals, dtype), _in_vectors(limits, dtype)
        by_channel = np.ascontiguousarray(times.transpose(3, 0, 1, 2))
        onto = np.zeros_like(by_channel)
        learns, passes = projection.plastic, downward and not causal
        if learns or passes:
            for delay, change in zip(psp.delays, psp.changes, strict=True):
                late, share = until - delay, change * own
                _visit_inputs(by_channel, window, late, share, weights, pitches, learns, passes, slopes, onto)
        if downward and causal:
            _visit_inputs(by_channel, window, until, own, weights, pitches, False, True, slopes, onto)
        gradient = np.ascontiguousarray(slopes[..., :maps].transpose(*axes, 2)).reshape(kernel.shape)
        displacement = np.ascontiguousarray(onto.transpose(1, 2, 3, 0))
    else:
        weights = np.ascontiguousarray(kernel, dtype).reshape(-1, maps)
        gradient, displacement = np.empty_like(weights), np.empty_like(times)
        if projection.plastic:
            gradient_of_pairs(times, limits, signals, psp, window, gradient)
        if downward:
            slopes = Breakpoints(np.zeros(1, dtype), np.ones(1, dtype)) if causal else psp
            propagate_to_pairs(times, limits, signals, weights, slopes, window, displacement)
        gradient = gradient.reshape(kernel.shape)
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
    return _in_vectors(kernel.reshape(-1, kernel.shape[-1]).T, dtype)


def _in_vectors(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The last axis filled up with zeros to whole vectors."""
    maps = values.shape[-1]
    missing = -maps % lanes_of(dtype)
    if not missing:
        return np.ascontiguousarray(values, dtype)
    filled = np.zeros((*values.shape[:-1], maps + missing), dtype)
    filled[..., :maps] = values
    return filled


# To visit the synapses of an input, or of a neuron that carries a signal, takes so many vectors longer than their own
# number, and those of an input twice as long for each; to lay out the synapses of a map takes so many times as long as
# to visit them once (measured).
_PER_INPUT, _PER_SIGNAL, _LAYING_OUT = 1, 1, 8


@compiled
def _few_inputs(times: np.ndarray, signal: np.ndarray, window: Window) -> bool:
    """Whether visiting the synapses of inputs that fired is less work than those of neurons with a signal."""
    presentations, rows, columns, maps = signal.shape
    lanes, positions = lanes_of(times), presentations * rows * columns
    of_an_input = 2 * ((maps + lanes - 1) // lanes + _PER_INPUT)
    of_a_signal = window.size * (padded(window.size * times.shape[3], times) // lanes)
    fired, signals = 0, count_nonzero(signal.reshape(-1))
    for time in times.flat:
        fired += time < np.inf
    by_input = (fired / times.size * positions + 2) * window.size**2 * times.shape[3] * of_an_input
    by_map = signals * (of_a_signal + _PER_SIGNAL) + _LAYING_OUT * maps * of_a_signal
    return bool(by_input < by_map)


# So many bytes of weights and gradients are met by all presentations before others are: they stay in the cache.
_CACHED = 200_000


@compiled
def keep_movable(displacement: np.ndarray, own: np.ndarray, onset: float, price: float, kept: np.ndarray) -> None:
    """Displacements of neurons that fired after `onset` (ms), each with the price (ms) of its spike, zero elsewhere."""
    for k in range(len(own)):
        kept[k] = displacement[k] + price if onset < own[k] < np.inf else 0


@compiled_with(fastmath={"contract"})
def _visit_inputs(
    times: np.ndarray,
    window: Window,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    pitches: tuple[int, int],
    learns: bool,
    downward: bool,
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step for one breakpoint of the PSP, by visiting the synapses of each input that fired, channel by channel.

    Times and displacement have the shape (channels, presentations, height, width). Kernel and gradient have one axis
    for the pixels of a field and one for channels, in any order, and one for the maps, which are filled up to whole
    vectors; the pitches are their strides, in elements, from pixel to pixel and from channel to channel.
    """
    channels, presentations, height, width = times.shape
    _, rows, columns, maps = signal.shape
    of_pixel, of_channel = pitches
    size, stride, padding, lanes = window.size, window.stride, window.padding, lanes_of(kernel)
    nothing = broadcast(kernel.dtype.type(0))
    below, beyond = seen_from(height, rows, size, stride, padding)
    lefts, rights = seen_from(width, columns, size, stride, padding)
    signals, limits = signal.reshape(-1), limit.reshape(-1)
    weights, slopes = kernel.reshape(-1), gradient.reshape(-1)
    carries = np.zeros(presentations * rows * columns, np.bool_)
    for position in range(carries.size):
        for m in range(position * maps, (position + 1) * maps):
            carries[position] |= signals[m] != 0
    at_once = max(1, _CACHED // (2 * rows * columns * maps * kernel.itemsize))
    for first in range(0, presentations, at_once):
        for channel in range(channels):
            for b in range(first, min(first + at_once, presentations)):
                for y in range(height):
                    for x in range(width):
                        if not times[channel, b, y, x] < np.inf:
                            continue
                        time, sums = broadcast(times[channel, b, y, x]), nothing
                        for row in range(below[y], beyond[y]):
                            pixel = (y + padding - row * stride) * size + x + padding
                            for column in range(lefts[x], rights[x]):
                                position = (b * rows + row) * columns + column
                                if not carries[position]:
                                    continue
                                synapse = channel * of_channel + (pixel - column * stride) * of_pixel
                                for neuron in range(position * maps, (position + 1) * maps, lanes):
                                    own, since = load(signals, neuron), load(limits, neuron) - time
                                    if learns:
                                        share = own * where_at_least(nothing, since, nothing, since)
                                        store(slopes, synapse, load(slopes, synapse) + share)
                                    if downward:
                                        step = own * load(weights, synapse)
                                        sums = sums + where_at_least(nothing, since, nothing, step)
                                    synapse += lanes
                        if downward:
                            displacement[channel, b, y, x] += total(sums)


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
