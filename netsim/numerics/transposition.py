"""Transpose matrices tile by tile, so that both stay in the cache."""

import numpy as np

from netsim.numerics.compilation import compiled

_TILE = 8
"""Rows and columns of a tile."""


@compiled
def transpose(
    numbers: np.ndarray,
    first: int,
    pitch: int,
    shape: tuple[int, int],
    target: np.ndarray,
    own_first: int,
    own_pitch: int,
) -> None:
    """Write a matrix, whose rows start `pitch` apart beginning at `first`, transposed into another array.

    Both arrays are flat, have one dtype and do not overlap. The rows of the target start `own_pitch` apart beginning at
    `own_first`. A pitch is a row stride, in numbers.
    """
    rows, columns = shape
    step, own_step = np.uint64(pitch), np.uint64(own_pitch)  # unsigned indices need no check
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            for j in range(left, min(left + _TILE, columns)):
                onto = target[np.uint64(own_first) + np.uint64(j) * own_step + np.uint64(top) :]
                start = np.uint64(first) + np.uint64(top) * step + np.uint64(j)
                for i in range(min(_TILE, rows - top)):
                    onto[np.uint64(i)] = numbers[start]
                    start += step
