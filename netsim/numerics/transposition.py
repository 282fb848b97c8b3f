"""Transpose matrices tile by tile. A tile is transposed in registers, one vector at a time."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.vectors import TILE, transpose_tile


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
    in_tiles, tiles_across = rows - rows % TILE, columns - columns % TILE
    for i in range(0, in_tiles, TILE):
        for j in range(0, tiles_across, TILE):
            transpose_tile(numbers, first + i * pitch + j, pitch, target, own_first + j * own_pitch + i, own_pitch)
        for j in range(tiles_across, columns):
            for n in range(i, i + TILE):
                target[own_first + j * own_pitch + n] = numbers[first + n * pitch + j]
    for i in range(in_tiles, rows):
        for j in range(columns):
            target[own_first + j * own_pitch + i] = numbers[first + i * pitch + j]
