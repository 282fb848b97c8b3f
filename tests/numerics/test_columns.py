"""Sums and combinations by column against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.numerics.columns import column_sums, combine_columns


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 257), (40, 1000), (0, 5)])
def test_sums_and_combinations(shape: tuple[int, int], dtype: type) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(1.0, 2.0, (2, *shape)).astype(dtype)
    wide = x.astype(float), y.astype(float)
    expected = [part.sum(axis=0) for part in (*wide, wide[0] ** 2, wide[0] * wide[1])]
    np.testing.assert_allclose(column_sums(x, y), expected, rtol=1e-12, atol=1e-12)
    factors: np.ndarray = generator.normal(size=(4, shape[1])).astype(dtype)
    target: np.ndarray = np.full(shape, np.nan, dtype)
    combine_columns(x, y, factors, target)
    m, f, n, g = factors
    np.testing.assert_allclose(
        target, f * (x - m) + g * (y - n), rtol=1e-4, atol=1e-5 if dtype == np.float32 else 1e-13
    )


def test_sums_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(500, 1000)).astype(np.float32)
    result = []
    for count in ("1", "2"):
        monkeypatch.setenv("NETSIM_THREADS", count)
        result.append(column_sums(x, x[::-1].copy()))
    np.testing.assert_array_equal(result[0], result[1])
