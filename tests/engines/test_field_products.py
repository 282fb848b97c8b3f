"""Products of receptive fields: the same sums in registers as by matrix products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engines import field_products
from netsim.patches import gather_patches


@given(
    size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    channels=st.integers(1, 4),
    maps=st.integers(1, 70),
    kind=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=150)
def test_sums_in_registers_are_those_of_a_matrix_product(
    size: int, stride: int, padding: int, channels: int, maps: int, kind: type, seed: int
) -> None:
    padding = min(padding, size - 1)  # as in specifications
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(3, 6, 5, channels)).astype(kind)
    kernel = generator.normal(size=(size * size * channels, maps)).astype(kind)
    rows, columns = ((length + 2 * padding - size) // stride + 1 for length in (6, 5))
    sums = np.empty((3, rows, columns, maps), kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(field_products, "_FEW_INPUTS", 10**6)
        field_products.multiply_fields(inputs, kernel, size, stride, padding, sums)
    expected = gather_patches(inputs.astype(float), size, stride, padding) @ kernel.astype(float)
    np.testing.assert_allclose(
        sums.reshape(expected.shape), expected, rtol=0, atol=1e-12 if kind is np.float64 else 1e-3
    )
    np.testing.assert_array_equal(field_products.in_blocks(kernel).sum(axis=(0, 2)).shape, (len(kernel),))


def test_the_way_to_the_sums_depends_on_the_layer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presentations are cut into parts: how many there are together must not change a bit."""
    generator = np.random.default_rng(0)
    inputs, kernel = generator.normal(size=(5, 9, 8, 2)), generator.normal(size=(18, 33))
    together, alone = np.empty((5, 7, 6, 33)), np.empty((5, 7, 6, 33))
    field_products.multiply_fields(inputs, kernel, 3, 1, 0, together)
    for one, own in zip(inputs, alone, strict=True):
        field_products.multiply_fields(one[None], kernel, 3, 1, 0, own[None])
    np.testing.assert_array_equal(together, alone)
