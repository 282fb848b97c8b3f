"""Synapses onto neurons that share one limit, the gate: what each spike has built up by then, and its slope.

Compiled, as array expressions would pass through memory once for every operation.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit

from netsim.specification import PSP

# So many values are worked on at a time: they stay in the nearest cache.
_AT_ONCE = 1024


def potential_at(gate: float, source: np.ndarray, psp: PSP, factor: float) -> np.ndarray:
    """Potential that each presynaptic spike has built up by the gate (ms, before weight and ``1/tau``), times a factor.

    Parameters
    ----------
    gate : float
    source : ndarray
        Presynaptic latencies (ms).
    psp : PSP
    factor : float

    Returns
    -------
    ndarray, shape of `source`
    """
    source = np.ascontiguousarray(source)
    potential = np.empty_like(source)
    delays, changes = _breakpoints(psp.kernel, factor, source.dtype)
    _potential(source.reshape(-1), source.dtype.type(gate), delays, changes, potential.reshape(-1))
    return potential


def multiply_by_slope(
    values: np.ndarray, gate: float, source: np.ndarray, psp: PSP, factor: float, causal: bool
) -> None:
    """Multiply values of presynaptic neurons in place by the slope of their PSP just before the gate, and a factor.

    Parameters
    ----------
    values : ndarray, shape of `source`
        In C order.
    gate, source, psp, factor
        As in `potential_at`.
    causal : bool
        Take the order of spikes for the slope: 1 for a spike before the gate, else 0.
    """
    delays, changes = _breakpoints(((0.0, 1.0),) if causal else psp.kernel, factor, source.dtype)
    _by_slope(values.reshape(-1), source.reshape(-1), source.dtype.type(gate), delays, changes)


def sum_over_positions(values: np.ndarray) -> np.ndarray:
    """Sum over all axes but the last, the maps."""
    return _summed(np.ascontiguousarray(values).reshape(-1, values.shape[-1]))


def _breakpoints(
    kernel: Iterable[tuple[float, float]], factor: float, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Delays of the breakpoints of a PSP, and changes of its slope times a factor."""
    delays, changes = (np.array(column, dtype=dtype) for column in zip(*kernel, strict=True))
    return delays, changes * dtype.type(factor)


@njit(cache=True, nogil=True, error_model="numpy")
def _potential(source: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray, potential: np.ndarray) -> None:
    zero = source.dtype.type(0)
    for first in range(0, source.size, _AT_ONCE):
        spikes, sums = source[first : first + _AT_ONCE], potential[first : first + _AT_ONCE]
        sums[:] = zero
        for k in range(delays.size):
            delay, change = delays[k], changes[k]
            for i in range(spikes.size):
                sums[i] += change * max(gate - spikes[i] - delay, zero)


@njit(cache=True, nogil=True, error_model="numpy")
def _by_slope(values: np.ndarray, source: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray) -> None:
    zero = source.dtype.type(0)
    slopes = np.empty(_AT_ONCE, source.dtype)
    for first in range(0, source.size, _AT_ONCE):
        spikes, own = source[first : first + _AT_ONCE], values[first : first + _AT_ONCE]
        slopes[:] = zero
        for k in range(delays.size):
            delay, change = delays[k], changes[k]
            for i in range(spikes.size):
                slopes[i] += change if gate - spikes[i] > delay else zero
        for i in range(spikes.size):
            own[i] *= slopes[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _summed(rows: np.ndarray) -> np.ndarray:
    total = np.zeros(rows.shape[1], rows.dtype)
    for row in rows:
        for m in range(total.size):
            total[m] += row[m]
    return total
