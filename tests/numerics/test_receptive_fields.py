"""Receptive fields against loops over every element."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.numerics.field_products import multiply_fields
from netsim.numerics.receptive_fields import (
    earliest,
    scatter_to_earliest,
)


@dataclass(frozen=True)
class Field:
    """A receptive field and the maps it moves over."""

    presentations: int
    height: int
    width: int
    channels: int
    kernel: int
    stride: int
    padding: int
    dtype: str
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.presentations, self.height, self.width, self.channels)

    @property
    def positions(self) -> tuple[int, int]:
        reach = 2 * self.padding - self.kernel
        return (self.height + reach) // self.stride + 1, (self.width + reach) // self.stride + 1

    def values(self, shape: tuple[int, ...], salt: int = 0) -> np.ndarray:
        return np.random.default_rng([self.seed, salt]).normal(size=shape).astype(self.dtype)

    def times(self) -> np.ndarray:
        """Latencies with many ties and silent neurons."""
        drawn = np.random.default_rng(self.seed).choice([0.0, 1.0, 2.0, 3.5, np.inf], self.shape)
        return drawn.astype(self.dtype)


@st.composite
def fields(draw: st.DrawFn, most_padding: int = 2) -> Field:
    kernel = draw(st.integers(1, 4))
    padding = draw(st.integers(0, min(most_padding, kernel - 1)))
    least = max(1, kernel - 2 * padding)
    return Field(
        presentations=draw(st.integers(1, 3)),
        height=draw(st.integers(least, 8)),
        width=draw(st.integers(least, 8)),
        channels=draw(st.sampled_from([1, 2, 3, 4, 5, 6, 20, 40])),  # few are laid out by column, many come in vectors
        kernel=kernel,
        stride=draw(st.integers(1, 4)),
        padding=padding,
        dtype=draw(st.sampled_from(["float32", "float64"])),
        seed=draw(st.integers(0, 2**32)),
    )


@settings(deadline=None, max_examples=60)
@given(field=fields(), outputs=st.integers(1, 5))
def test_products_are_those_of_the_rows(oracle: ModuleType, field: Field, outputs: int) -> None:
    maps = field.values(field.shape).astype(np.float64)
    patches = oracle.gather_patches(maps, field.kernel, field.stride, field.padding)
    weights = field.values((patches.shape[1], outputs), salt=1).astype(np.float64)
    products = np.full((field.presentations, *field.positions, outputs), np.nan)
    multiply_fields(maps, weights, field.kernel, field.stride, field.padding, products)
    np.testing.assert_allclose(products.reshape(-1, outputs), patches @ weights, rtol=1e-12, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(field=fields(most_padding=0))
def test_the_earliest_spike_of_a_field(field: Field) -> None:
    times = field.times()
    rows, columns = field.positions
    expected = np.empty((field.presentations, rows, columns, field.channels), dtype=field.dtype)
    for b, row, column, channel in np.ndindex(expected.shape):
        y, x = row * field.stride, column * field.stride
        expected[b, row, column, channel] = times[b, y : y + field.kernel, x : x + field.kernel, channel].min()
    pooled = np.empty_like(expected)
    earliest(times, field.kernel, field.stride, pooled)
    np.testing.assert_array_equal(pooled, expected)


@settings(deadline=None, max_examples=60)
@given(field=fields(most_padding=0))
def test_a_value_goes_to_the_neuron_that_fired_first(field: Field) -> None:
    times = field.times()
    pooled = np.empty((field.presentations, *field.positions, field.channels), dtype=field.dtype)
    earliest(times, field.kernel, field.stride, pooled)
    values = field.values(pooled.shape)
    expected = np.zeros(times.shape)
    for b, row, column, channel in np.ndindex(pooled.shape):
        if pooled[b, row, column, channel] == np.inf:
            continue
        candidates = [
            (times[b, row * field.stride + dy, column * field.stride + dx, channel], dy, dx)
            for dy in range(field.kernel)
            for dx in range(field.kernel)
        ]
        _, dy, dx = min(candidates)
        expected[b, row * field.stride + dy, column * field.stride + dx, channel] += values[b, row, column, channel]
    handed = _handed(values, times, pooled, field.kernel, field.stride)
    assert handed.dtype == values.dtype
    np.testing.assert_allclose(handed, expected, rtol=1e-5, atol=1e-5)


def _handed(values: np.ndarray, times: np.ndarray, pooled: np.ndarray, size: int, stride: int) -> np.ndarray:
    handed = np.full(times.shape, 7, values.dtype)
    scatter_to_earliest(values, times, pooled, size, stride, handed)
    return handed


def test_of_equally_early_neurons_the_first_row_by_row_gets_the_value() -> None:
    times = np.array([[3.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 2, 1)
    handed = _handed(np.full((1, 1, 1, 1), 5.0), times, np.full((1, 1, 1, 1), 1.0), 2, 2)
    np.testing.assert_array_equal(handed[0, :, :, 0], [[0.0, 5.0], [0.0, 0.0]])


def test_a_silent_field_gets_nothing() -> None:
    times = np.full((1, 2, 2, 1), np.inf)
    pooled = np.empty((1, 1, 1, 1))
    earliest(times, 2, 2, pooled)
    assert pooled.tolist() == [[[[np.inf]]]]
    assert not _handed(np.ones((1, 1, 1, 1)), times, pooled, 2, 2).any()
