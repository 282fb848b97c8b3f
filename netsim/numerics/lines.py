"""Piecewise-linear functions whose slopes change at events, several at a time, for compiled loops.

A line ``a + b·t``, such as the potential of a neuron between two events, is a pair of neighbouring numbers.
"""

from typing import Any

import numpy as np

from netsim.numerics.compilation import compiled_with

ABREAST = 8
"""Lines that `bend` changes."""
_inlined = compiled_with(fastmath={"contract"}, forceinline=True, _nrt=False)


@_inlined
def bend(
    lines: np.ndarray, listed: np.ndarray, weights: np.ndarray, first: np.uint64, change: Any, now: Any, bound: Any
) -> None:
    """Change the slopes of `ABREAST` lines at the time `now` by weights times a change, except at or above `bound`.

    `listed` has the positions of the lines' first numbers. Positions and weights are read starting at `first`. A line
    may occur twice only if its weights are 0. Changing a line by 0 is faster than a branch.
    """
    for lane in range(ABREAST):
        k = first + np.uint64(lane)
        place = np.uint64(listed[k])
        height, rise = lines[place], lines[place + np.uint64(1)]
        step = lines.dtype.type(0) if height + rise * now >= bound else weights[k] * change
        lines[place], lines[place + np.uint64(1)] = height - step * now, rise + step
