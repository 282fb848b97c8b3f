"""The local learning step of the synapses between two layers, pair by pair of spikes.

Each synapse sees the latency of its presynaptic neuron, the latency of its postsynaptic neuron and the
signal that the postsynaptic neuron carries. With the synaptic limit ``L_j = min(t_j, gate)`` the potential of
neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)`` and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Where all neurons share one limit, as in the regime ``phased``, the step is two
products over receptive fields (`netsim.learning.fields`) and needs none of this.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from netsim.learning.fields import by_map, by_synapse
from netsim.patches import gather_patches
from netsim.specification import Convolution, WeightedLayer


class SynapseStep(NamedTuple):
    """What a local step yields.

    Attributes
    ----------
    gradient : ndarray, shape of the kernel
        Sum over presentations and positions of ``signal_j · PSP(L_j - t_i)``.
    displacement : ndarray, shape of the source
        Sum over postsynaptic neurons of ``signal_j · w_ij · PSP'(L_j - t_i)``.
    """

    gradient: np.ndarray
    displacement: np.ndarray


def step_pairwise(
    layer: WeightedLayer, source: np.ndarray, limit: np.ndarray, signal: np.ndarray, kernel: np.ndarray, causal: bool
) -> SynapseStep:
    """Look at each pair of a presynaptic and a postsynaptic spike.

    Parameters
    ----------
    layer : Convolution or Dense
    source : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        Presynaptic latencies (ms).
    limit : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
        Synaptic limits (ms).
    signal : ndarray, shape of `limit`
        Displacement over ``tau`` times the slope at threshold; neurons without one are not visited.
    kernel : ndarray, shape (kernel, kernel, channels, maps) or (inputs, neurons)
    causal : bool
        Propagate by the order of spikes alone, not by the slope of the PSP.
    """
    kind = source.dtype
    delays, changes = _breakpoints(layer, kind)
    limit, signal, kernel = (np.ascontiguousarray(array, kind) for array in (limit, signal, kernel))
    if not isinstance(layer, Convolution):
        rows = source.reshape(len(source), -1)
        gradient, displacement = np.zeros(kernel.shape, kind), np.zeros(rows.shape, kind)
        _pairwise(rows, limit, signal, kernel, delays, changes, causal, gradient, displacement)
        return SynapseStep(gradient, displacement.reshape(source.shape))
    presentations, height, width, channels = source.shape
    kernels = by_map(kernel.reshape(-1, kernel.shape[-1]), layer.kernel)
    times = np.ascontiguousarray(source).reshape(presentations, height, width * channels)
    gathered, displacement = np.zeros_like(kernels), np.zeros_like(times)
    _visit(
        times, limit, signal, kernels, delays, changes, causal, layer.stride, layer.padding, gathered, displacement
    )  # fmt: skip
    return SynapseStep(by_synapse(gathered).reshape(kernel.shape), displacement.reshape(source.shape))


def slope_at(layer: WeightedLayer, source: np.ndarray, times: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Synaptic current of each neuron just before given times.

    Parameters
    ----------
    layer, source, kernel
        As in `step_pairwise`.
    times : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)

    Returns
    -------
    ndarray, shape of `times`
    """
    if isinstance(layer, Convolution):
        fields = gather_patches(source, layer.kernel, layer.stride, layer.padding, math.inf)
    else:
        fields = source.reshape(len(source), -1)
    kind, neurons = source.dtype, kernel.shape[-1]
    current = np.zeros((len(fields), neurons), dtype=kind)
    _slope_at(
        fields, times.astype(kind).reshape(-1, neurons), kernel.astype(kind).reshape(-1, neurons),
        *_breakpoints(layer, kind), current,
    )  # fmt: skip
    return current.reshape(times.shape)


def _breakpoints(layer: WeightedLayer, kind: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Delays (ms) and changes of slope of the layer's PSP."""
    delays, changes = zip(*layer.psp.kernel, strict=True)
    return np.array(delays, dtype=kind), np.array(changes, dtype=kind)


# Rows are taken in blocks whose limits and signals stay in the cache while the inputs pass by.
_ROWS = 64
_INPUTS = 16


@njit(cache=True, nogil=True, error_model="numpy")
def keep_movable(displacement: np.ndarray, own: np.ndarray, onset: float, kept: np.ndarray) -> None:
    """Copy displacements of neurons that fired after `onset` (ms), zero elsewhere; flat arrays of one length."""
    for k in range(len(own)):
        kept[k] = displacement[k] if onset < own[k] < np.inf else 0


@njit(cache=True, nogil=True, error_model="numpy")
def _pairwise(
    source: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    delays: np.ndarray,
    changes: np.ndarray,
    causal: bool,
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    rows, inputs = source.shape
    neurons = limit.shape[1]
    for block in range((inputs + _INPUTS - 1) // _INPUTS):
        for start in range(0, rows, _ROWS):
            for i in range(block * _INPUTS, min((block + 1) * _INPUTS, inputs)):
                slopes = gradient[i]
                weight = kernel[i]
                for row in range(start, min(start + _ROWS, rows)):
                    time = source[row, i]
                    if time == np.inf:
                        continue
                    limits = limit[row]
                    signals = signal[row]
                    total = gradient.dtype.type(0)
                    for k in range(len(delays)):
                        arrival = time + delays[k]
                        change = changes[k]
                        for j in range(neurons):
                            since = max(limits[j] - arrival, gradient.dtype.type(0))
                            slopes[j] += change * signals[j] * since
                            if not causal and since > 0:
                                total += change * signals[j] * weight[j]
                    if causal:
                        for j in range(neurons):
                            if limits[j] > time:
                                total += signals[j] * weight[j]
                    displacement[row, i] = total


@njit(cache=True, nogil=True, error_model="numpy")
def _visit(
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernels: np.ndarray,
    delays: np.ndarray,
    changes: np.ndarray,
    causal: bool,
    stride: int,
    padding: int,
    gathered: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step of a convolution, by visiting the receptive field of each neuron that carries a signal."""
    zero = times.dtype.type(0)
    presentations, rows, columns, maps = signal.shape
    kernel = kernels.shape[1]
    channels = kernels.shape[2] // kernel
    height, width = times.shape[1], times.shape[2] // channels
    for b in range(presentations):
        for row in range(rows):
            top = row * stride - padding
            for column in range(columns):
                left = column * stride - padding
                first, last = max(-left, 0) * channels, min(width - left, kernel) * channels
                offset = left * channels
                for m in range(maps):
                    value = signal[b, row, column, m]
                    if value == 0:
                        continue
                    until = limit[b, row, column, m]
                    for dy in range(max(-top, 0), min(height - top, kernel)):
                        seen = times[b, top + dy, offset + first : offset + last]
                        onto = displacement[b, top + dy, offset + first : offset + last]
                        weights, slopes = kernels[m, dy, first:last], gathered[m, dy, first:last]
                        for d in range(len(delays)):
                            latest, change = until - delays[d], changes[d] * value
                            for k in range(len(seen)):
                                slopes[k] += change * max(latest - seen[k], zero)
                            if not causal:
                                for k in range(len(seen)):
                                    onto[k] += change * weights[k] if seen[k] < latest else zero
                        if causal:
                            for k in range(len(seen)):
                                onto[k] += value * weights[k] if seen[k] < until else zero


@njit(cache=True, nogil=True, error_model="numpy")
def _slope_at(
    source: np.ndarray,
    times: np.ndarray,
    kernel: np.ndarray,
    delays: np.ndarray,
    changes: np.ndarray,
    current: np.ndarray,
) -> None:
    rows, inputs = source.shape
    for row in range(rows):
        for i in range(inputs):
            if source[row, i] == np.inf:
                continue
            for k in range(len(delays)):
                arrival = source[row, i] + delays[k]
                for j in range(times.shape[1]):
                    if times[row, j] > arrival:
                        current[row, j] += changes[k] * kernel[i, j]
