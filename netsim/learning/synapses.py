"""The local learning step of the synapses of a projection, pair by pair of spikes.

Each synapse sees the latency of its presynaptic neuron, the latency of its postsynaptic neuron and the
signal that the postsynaptic neuron carries. With the synaptic limit ``L_j = min(t_j, gate)`` the potential of
neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)`` and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Where all neurons share one limit, as in a gated regime, the step is two
products over receptive fields (`netsim.learning.gated`) and needs none of this.
"""

import numpy as np

from netsim.learning.dense import are_enough, step_dense
from netsim.learning.fields import breakpoints, contiguous, handing_down, in_vectors, padded
from netsim.learning.gradients import LayerStep
from netsim.learning.pairs_by_input import step_by_input
from netsim.learning.pairs_by_map import step_by_map
from netsim.numerics.compilation import compiled
from netsim.numerics.counting import count_nonzero
from netsim.numerics.psp import Breakpoints
from netsim.numerics.receptive_fields import gather_field
from netsim.numerics.vectors import broadcast, lanes_of, load, store, where_at_least
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
    dtype, maps = source.dtype, kernel.shape[-1]
    psp, slopes = breakpoints(projection.psp, dtype), handing_down(projection.psp, causal, dtype)
    times = contiguous(source, window.source, dtype)
    limits, signals = (contiguous(values, window.shape, dtype) for values in (limit, signal))
    weights = np.ascontiguousarray(kernel, dtype).reshape(-1, maps)
    step = step_by_input if _few_inputs(times, signals, window) else step_by_map
    gradient, displacement = step(
        times, limits, signals, weights, psp, slopes, window, projection.plastic, projection.asks_for_displacement
    )
    return LayerStep(
        None if gradient is None else gradient.reshape(kernel.shape),
        np.einsum("bijm,bijm->m", signals, limits),
        None if displacement is None else displacement.reshape(source.shape),
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
    return in_vectors(kernel.reshape(-1, kernel.shape[-1]).T, dtype)


# To visit the synapses of an input, or of a neuron that carries a signal, takes so many vectors longer than their own
# number, and those of an input twice as long for each; to lay out the synapses of a map takes so many times as long as
# to visit them once (measured).
_PER_INPUT, _PER_SIGNAL, _LAYING_OUT = 1, 1, 8


@compiled
def _few_inputs(times: np.ndarray, signal: np.ndarray, window: Window) -> bool:
    """Whether visiting the synapses of inputs that fired is less work than those of neurons with a signal."""
    presentations, rows, columns, maps = signal.shape
    lanes, positions = lanes_of(times), presentations * rows * columns
    of_an_input = 2 * (padded(maps, times) // lanes + _PER_INPUT)
    of_a_signal = window.size * (padded(window.size * times.shape[3], times) // lanes)
    fired, signals = 0, count_nonzero(signal.reshape(-1))
    for time in times.flat:
        fired += time < np.inf
    by_input = (fired / times.size * positions + 2) * window.size**2 * times.shape[3] * of_an_input
    by_map = signals * (of_a_signal + _PER_SIGNAL) + _LAYING_OUT * maps * of_a_signal
    return bool(by_input < by_map)


@compiled
def keep_movable(displacement: np.ndarray, own: np.ndarray, onset: float, price: float, kept: np.ndarray) -> None:
    """Displacements of neurons that fired after `onset` (ms), each with the price (ms) of its spike, zero elsewhere.

    They may be kept in the array that they are in.
    """
    lanes = lanes_of(own)
    whole = len(own) // lanes * lanes
    first, never, nothing = broadcast(onset), broadcast(own.dtype.type(np.inf)), broadcast(own.dtype.type(0))
    for k in range(0, whole, lanes):
        time, moved = load(own, k), load(displacement, k) + broadcast(price)
        store(kept, k, where_at_least(first, time, nothing, where_at_least(time, never, nothing, moved)))
    for k in range(whole, len(own)):
        kept[k] = displacement[k] + price if onset < own[k] < np.inf else 0


# So many bytes of weights are met by all positions before others are: they stay in the cache.
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
