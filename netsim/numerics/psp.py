"""Postsynaptic potentials, summed over their breakpoints in compiled loops, and their slopes."""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with

# Values per block; they stay in the L1 cache.
_AT_ONCE = 1024


class Breakpoints(NamedTuple):
    """A postsynaptic potential: delays of slope changes after the spike, and changes, both of shape (breakpoints,)."""

    delays: np.ndarray
    changes: np.ndarray


class Slopes(NamedTuple):
    """The slope of a postsynaptic potential by piece, with start (`after`) and end (`until`), each of shape (pieces,).

    Outside all pieces it is 0. Each time is in one piece, so that slopes are exact, whereas a sum of changes is not.
    """

    after: np.ndarray
    until: np.ndarray
    slopes: np.ndarray


@compiled_with(fastmath={"contract"})
def integrate(times: np.ndarray, gate: float, psp: Breakpoints, integrals: np.ndarray) -> None:
    """Write the potential of each presynaptic spike at the gate, without weight and ``1/tau``.

    Times and integrals have the shape (neurons,), with ``inf`` for silence. If the result has less precision than the
    breakpoints, it is rounded once.
    """
    zero = psp.changes.dtype.type(0)
    sums = np.empty(_AT_ONCE, psp.changes.dtype)
    for first in range(0, times.size, _AT_ONCE):
        part, target = times[first : first + _AT_ONCE], integrals[first : first + _AT_ONCE]
        for k in range(psp.delays.size):
            latest, change = gate - psp.delays[k], psp.changes[k]
            for i in range(part.size):
                so_far = sums[i] if k > 0 else zero
                sums[i] = so_far + change * max(latest - part[i], zero)
        for i in range(part.size):
            target[i] = sums[i]


@compiled
def multiply_by_slope(values: np.ndarray, times: np.ndarray, gate: float, psp: Slopes) -> None:
    """Multiply values of presynaptic neurons in place by the slope of their PSP just before the gate."""
    zero = times.dtype.type(0)
    slopes = np.empty(_AT_ONCE, times.dtype)
    for first in range(0, times.size, _AT_ONCE):
        spikes, part = times[first : first + _AT_ONCE], values[first : first + _AT_ONCE]
        slopes[:] = zero
        for k in range(psp.slopes.size):
            after, until, slope = psp.after[k], psp.until[k], psp.slopes[k]
            for i in range(spikes.size):
                since = gate - spikes[i]
                slopes[i] += slope if (since > after) & (since <= until) else zero
        for i in range(spikes.size):
            part[i] *= slopes[i]
