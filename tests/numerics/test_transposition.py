"""Matrices written transposed: numpy's transposition, whatever their size and wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsim.numerics.vectors import transpose


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rows=st.integers(0, 20),
    columns=st.integers(0, 20),
    gaps=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    firsts=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_a_matrix_is_transposed_and_nothing_else_is_written(
    dtype: type, rows: int, columns: int, gaps: tuple[int, int], firsts: tuple[int, int]
) -> None:
    pitch, own_pitch = columns + gaps[0], rows + gaps[1]
    numbers: np.ndarray = np.arange(1, firsts[0] + rows * pitch + 1).astype(dtype)
    numbers.flags.writeable = False
    target: np.ndarray = np.zeros(firsts[1] + columns * own_pitch, dtype)
    transpose(numbers, firsts[0], pitch, (rows, columns), target, firsts[1], own_pitch)
    expected = np.zeros_like(target)
    matrix = numbers[firsts[0] :].reshape(rows, pitch)[:, :columns]
    expected[firsts[1] :].reshape(columns, own_pitch)[:, :rows] = matrix.T
    np.testing.assert_array_equal(target, expected)
