"""Column sums of two matrices, and combinations with factors per column, on several threads."""

from collections.abc import Callable

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements

_AT_ONCE = 256
"""Columns per block; their sums stay in the cache of a core."""


def column_sums(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return column sums of x, y, x² and xy in double precision, shape (4, columns), with x from the first matrix.

    Both matrices must be contiguous and have equal shapes.
    """
    columns = first.shape[1]
    sums = np.zeros((4, columns))
    _over_blocks(first, lambda part: _add(first, second, *_bounds(part, columns), sums))
    return sums


def combine_columns(first: np.ndarray, second: np.ndarray, factors: np.ndarray, target: np.ndarray) -> None:
    """Write ``f (x - m) + g (y - n)`` into another matrix, with the rows m, f, n and g of factors per column."""
    columns = first.shape[1]
    _over_blocks(first, lambda part: _combine(first, second, *_bounds(part, columns), factors, target))


def _over_blocks(matrix: np.ndarray, work: Callable[[slice], None]) -> None:
    rows, columns = matrix.shape
    over_elements(-(-columns // _AT_ONCE), work, max(rows, 1) * _AT_ONCE)


def _bounds(blocks: slice, columns: int) -> tuple[int, int]:
    return blocks.start * _AT_ONCE, min(blocks.stop * _AT_ONCE, columns)


@compiled
def _add(first: np.ndarray, second: np.ndarray, start: int, stop: int, sums: np.ndarray) -> None:
    of_x, of_y = sums[0, start:stop], sums[1, start:stop]
    of_squares, of_products = sums[2, start:stop], sums[3, start:stop]
    for row in range(first.shape[0]):
        left, right = first[row, start:stop], second[row, start:stop]
        for k in range(len(left)):
            x, y = np.float64(left[k]), np.float64(right[k])
            of_x[k] += x
            of_y[k] += y
            of_squares[k] += x * x
            of_products[k] += x * y


@compiled
def _combine(
    first: np.ndarray, second: np.ndarray, start: int, stop: int, factors: np.ndarray, target: np.ndarray
) -> None:
    m, f, n, g = factors[0, start:stop], factors[1, start:stop], factors[2, start:stop], factors[3, start:stop]
    for row in range(first.shape[0]):
        left, right, written = first[row, start:stop], second[row, start:stop], target[row, start:stop]
        for k in range(len(left)):
            written[k] = f[k] * (left[k] - m[k]) + g[k] * (right[k] - n[k])
