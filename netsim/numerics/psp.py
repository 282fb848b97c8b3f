"""Postsynaptic potentials, summed over their breakpoints in compiled loops."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from netsim.numerics.compilation import compiled

# So many values are worked on at a time: they stay in the nearest cache.
_AT_ONCE = 1024


@register_jitable(inline="always")
def integrate(
    times: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray, shifted: bool, integrals: np.ndarray
) -> None:
    """Write the potential that each presynaptic spike has built up by the gate, before weight and ``1/tau``.

    It is compiled into its caller, whose options say whether a product and a sum may be fused.

    Parameters
    ----------
    times : ndarray, shape (neurons,)
        Presynaptic spike times; ``inf`` is silent.
    gate : float
    delays, changes : ndarray, shape (breakpoints,)
        Of the postsynaptic potential: when its slope changes (after the spike), and by how much.
    shifted : bool
        Whether a delay is taken from the gate, else from what is left of it after the spike: the roundings differ.
    integrals : ndarray, shape (neurons,)
        The result, rounded once if it is of less precision than `changes`.
    """
    zero = changes.dtype.type(0)
    sums = np.empty(_AT_ONCE, changes.dtype)
    for first in range(0, times.size, _AT_ONCE):
        part, target = times[first : first + _AT_ONCE], integrals[first : first + _AT_ONCE]
        sums[:] = zero
        for k in range(delays.size):
            latest, late = (gate - delays[k], zero) if shifted else (gate, delays[k])
            change = changes[k]
            for i in range(part.size):
                sums[i] += change * max(latest - part[i] - late, zero)
        for i in range(part.size):
            target[i] = sums[i]


@compiled
def multiply_by_slope(
    values: np.ndarray, times: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray
) -> None:
    """Multiply values of presynaptic neurons in place by the slope of their PSP just before the gate.

    Parameters
    ----------
    values : ndarray, shape (neurons,)
    times, gate, delays, changes
        As in `integrate`.
    """
    zero = times.dtype.type(0)
    slopes = np.empty(_AT_ONCE, times.dtype)
    for first in range(0, times.size, _AT_ONCE):
        spikes, own = times[first : first + _AT_ONCE], values[first : first + _AT_ONCE]
        slopes[:] = zero
        for k in range(delays.size):
            delay, change = delays[k], changes[k]
            for i in range(spikes.size):
                slopes[i] += change if gate - spikes[i] > delay else zero
        for i in range(spikes.size):
            own[i] *= slopes[i]
