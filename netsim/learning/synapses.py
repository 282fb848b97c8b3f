"""The local learning step of the synapses between two layers.

Each synapse sees the latency of its presynaptic neuron, the latency of its postsynaptic neuron and the
signal that the postsynaptic neuron carries. Synapses are rows and columns here: a dense layer has one row
a presentation, a convolution one row a receptive field.

With the synaptic limit ``L_j = min(t_j, gate)`` the potential of neuron ``j`` depends on weight ``w_ij``
through ``PSP(L_j - t_i)`` and on the latency of ``i`` through ``-w_ij·PSP'(L_j - t_i)``. Where all neurons
share one limit, as in the regime ``phased``, the step is two matrix products and needs none of this.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from netsim.specification import PSP


class SynapseStep(NamedTuple):
    """What a local step yields.

    Attributes
    ----------
    gradient : ndarray, shape (inputs, neurons)
        Sum over rows of ``signal_j · PSP(L_j - t_i)``.
    displacement : ndarray, shape (rows, inputs)
        Sum over postsynaptic neurons of ``signal_j · w_ij · PSP'(L_j - t_i)``.
    """

    gradient: np.ndarray
    displacement: np.ndarray


def step_pairwise(
    source: np.ndarray, limit: np.ndarray, signal: np.ndarray, kernel: np.ndarray, psp: PSP, causal: bool
) -> SynapseStep:
    """Look at each pair of a presynaptic and a postsynaptic spike.

    Parameters
    ----------
    source : ndarray, shape (rows, inputs)
        Presynaptic latencies (ms).
    limit : ndarray, shape (rows, neurons)
        Synaptic limits (ms).
    signal : ndarray, shape (rows, neurons)
        Displacement over ``tau`` times the slope at threshold.
    kernel : ndarray, shape (inputs, neurons)
    psp : PSP
    causal : bool
        Propagate by the order of spikes alone, not by the slope of the PSP.
    """
    kind = source.dtype.type
    delays = np.array([delay for delay, _ in psp.kernel], dtype=kind)
    changes = np.array([change for _, change in psp.kernel], dtype=kind)
    gradient = np.zeros(kernel.shape, dtype=kind)
    displacement = np.zeros(source.shape, dtype=kind)
    _pairwise(
        source, limit.astype(kind), signal.astype(kind), kernel.astype(kind), delays, changes, causal,
        gradient, displacement,
    )  # fmt: skip
    return SynapseStep(gradient, displacement)


def slope_at(source: np.ndarray, times: np.ndarray, kernel: np.ndarray, psp: PSP) -> np.ndarray:
    """Synaptic current of each neuron just before given times.

    Parameters
    ----------
    source : ndarray, shape (rows, inputs)
    times : ndarray, shape (rows, neurons)
    kernel : ndarray, shape (inputs, neurons)
    psp : PSP

    Returns
    -------
    ndarray, shape (rows, neurons)
    """
    kind = source.dtype.type
    delays = np.array([delay for delay, _ in psp.kernel], dtype=kind)
    changes = np.array([change for _, change in psp.kernel], dtype=kind)
    current = np.zeros(times.shape, dtype=kind)
    _slope_at(source, times.astype(kind), kernel.astype(kind), delays, changes, current)
    return current


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
