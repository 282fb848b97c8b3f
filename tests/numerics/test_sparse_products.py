"""Products with listed synapses: those of the matrix with zeros in between, for any number of presentations."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.numerics.sparse_products import SparseMatrix, add_outer_products, add_products, picked, sparse_matrix
from netsim.numerics.vectors import lanes_of


def _any_matrix(dtype: type, sources: int, targets: int) -> tuple[np.ndarray, SparseMatrix, np.ndarray, np.ndarray]:
    """A matrix with zeros, the same with a list of synapses, some of one pair of neurons, their weights and pairs."""
    generator = np.random.default_rng(sources)
    present = generator.random((sources, targets)) < 0.3
    present[:, 1] = False  # a neuron without synapses
    pairs = np.argwhere(present)
    pairs = pairs[np.sort(np.append(np.arange(len(pairs)), generator.integers(0, len(pairs), len(pairs) // 2)))]
    weights, dense = generator.normal(size=len(pairs)), np.zeros((sources, targets))
    pre, post = pairs.T
    np.add.at(dense, (pre, post), weights)
    matrix = sparse_matrix(pre, post, np.arange(len(pairs), dtype=np.int32), sources, targets)
    return dense.astype(dtype), matrix, weights.astype(dtype), pairs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_of_the_full_matrix(dtype: type) -> None:
    dense, matrix, weights, pairs = _any_matrix(dtype, 23, 70)  # more neurons than lie side by side
    lanes = lanes_of(dtype())
    for presentations in (1, lanes, lanes + 3, 3 * lanes + 2):  # of four rounds the third is shorter than the second
        generator = np.random.default_rng(presentations)
        inputs: np.ndarray = generator.uniform(0, 1, (presentations, 23)).astype(dtype)
        inputs[generator.random(inputs.shape) < 0.5] = 0
        sums: np.ndarray = np.ones((presentations, 70), dtype)
        add_products(inputs, matrix.by_target, picked(weights, matrix.by_target.order, dense.dtype), sums)
        np.testing.assert_allclose(sums, 1 + inputs @ dense, rtol=0, atol=1e-5)
        gradient: np.ndarray = np.zeros(weights.size, dtype)
        add_outer_products(inputs, sums, matrix, gradient)
        np.testing.assert_allclose(gradient, (inputs.T @ sums)[tuple(pairs.T)], rtol=1e-4)


def test_sources_are_counted_in_as_few_bytes_as_they_need() -> None:
    pre = np.array([0, 2**16 - 1, 2**16])
    for count, dtype in ((2, np.uint16), (3, np.uint32)):
        shown = pre[:count]
        side = sparse_matrix(shown, np.zeros(count, int), np.arange(count, dtype=np.int32), 2**16 + 1, 1).by_target
        assert side.opposite.dtype == dtype
        assert side.opposite.tolist() == shown.tolist()


def test_what_is_picked_beyond_the_last_value_is_zero() -> None:
    result = picked(np.array([1.5, 2.5]), np.array([1, 2, 0], np.uint32), np.dtype(np.float32))
    assert result.tolist() == [2.5, 0, 1.5]
    assert result.dtype == np.float32
