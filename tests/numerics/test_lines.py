"""Lines that events bend some at a time: each as one on its own, and none where one has reached zero."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from netsim.numerics.lines import ABREAST, bend


@njit
def _bend(lines: np.ndarray, places: np.ndarray, weights: np.ndarray, change: float, now: float, bound: float) -> None:
    bend(lines, places, weights, np.uint64(1), change, now, bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bound", [0.0, np.inf])
def test_lines_are_bent_where_an_event_reaches_them(dtype: type, bound: float) -> None:
    generator = np.random.default_rng(0)
    lines: np.ndarray = generator.normal(0.0, 1.0, (9, 2)).astype(dtype)
    lines[:, 0] -= 20.0
    numbers = np.array([0, 7, 2, 5, 3, 8, 1, 6, 4], np.uint16)[: ABREAST + 1]
    places = (2 * numbers).astype(np.uint16)
    lines[5], lines[3] = (-3.0, 1.0), (-2.0, 1.0)  # at zero at 3 and 2 ms
    weights: np.ndarray = generator.normal(0.0, 1.0, numbers.size).astype(dtype)
    change, now = dtype(0.5), dtype(3.0)
    expected = lines.copy()
    for number, weight in zip(numbers[1:], weights[1:], strict=True):
        if lines[number, 0] + lines[number, 1] * now < bound:
            expected[number] += (-weight * change * now, weight * change)
    _bend(lines.reshape(-1), places, weights, change, now, dtype(bound))
    np.testing.assert_allclose(lines, expected, rtol=1e-6)
