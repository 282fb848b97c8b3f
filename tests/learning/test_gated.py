"""Compiled loops over synapses with one limit: the values of the specification's PSP."""

from __future__ import annotations

import dataclasses
import itertools
from types import ModuleType

import numpy as np
import pytest

from netsim.learning.gated import step_gated, step_gated_sparse
from netsim.learning.gradients import Factors, sum_of
from netsim.numerics.sparse_products import sparse_matrix
from netsim.specification import PSP, Convolution, Dense, Neurons, Projection

PSPS = [PSP(), PSP("plateau", rise=4.0), PSP("triangle", rise=4.0, fall=8.0)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
def test_the_step_of_a_dense_layer_is_that_of_the_definition(psp: PSP, causal: bool) -> None:
    generator = np.random.default_rng(5)
    neurons = Neurons(regime="phased", threshold=2.0, tau=10.0, onset=20.0, end=50.0, drive=2.0, bias=True)
    projection, window = Projection("hidden", "output", Dense(3), psp=psp), Dense(3).window((7,), (3,))
    source, kernel, signal = (
        generator.uniform(0, 30, (4, 7)),
        generator.normal(size=(7, 3)),
        generator.normal(size=(4, 3)),
    )
    source[0, :2] = np.inf, 20.0
    step = step_gated(projection, neurons, window, source, 20.0, signal, kernel, causal)
    assert isinstance(step.kernel_gradient, Factors)
    assert step.bias_gradient is not None
    assert step.displacement is not None
    np.testing.assert_allclose(step.kernel_gradient.inputs, psp.potential(20.0 - source) / 2, atol=1e-12)
    np.testing.assert_array_equal(step.kernel_gradient.signal, signal)
    np.testing.assert_allclose(step.bias_gradient, signal.sum(axis=0) * 20.0 / 2)
    slope = (source < 20.0) if causal else psp.slope(20.0 - source)
    np.testing.assert_allclose(step.displacement, signal @ kernel.T * slope / 2)
    other_order = step_gated(
        projection, neurons, window, np.asfortranarray(source), 20.0, np.asfortranarray(signal), kernel, causal
    )
    np.testing.assert_array_equal(other_order.displacement, step.displacement)
    fixed = dataclasses.replace(projection, plastic=False)
    static = step_gated(fixed, neurons, window, source, 20.0, signal, kernel, causal)
    assert static.kernel_gradient is None
    np.testing.assert_array_equal(static.displacement, step.displacement)


@pytest.mark.parametrize(("plastic", "downward", "bias"), list(itertools.product([True, False], repeat=3)))
def test_a_convolution_yields_what_is_asked_for(oracle: ModuleType, plastic: bool, downward: bool, bias: bool) -> None:
    generator = np.random.default_rng(6)
    neurons = Neurons(regime="phased", threshold=2.0, tau=10.0, onset=20.0, end=50.0, drive=2.0, bias=bias)
    rule = Convolution(4, 3, padding=1)
    projection = Projection("hidden" if downward else "stimulus", "conv", rule, plastic=plastic)
    window = rule.window((5, 5, 3), (5, 5, 4))
    source, signal = generator.uniform(0, 30, (2, 5, 5, 3)), generator.normal(size=(2, 5, 5, 4))
    kernel = generator.normal(size=(3, 3, 3, 4))
    step = step_gated(projection, neurons, window, source, 20.0, signal, kernel, False)
    fields = oracle.gather_patches(np.maximum(20.0 - source, 0) / 2, 3, 1, 1)
    if plastic:
        assert isinstance(step.kernel_gradient, np.ndarray)
        expected = (fields.T @ signal.reshape(-1, 4)).reshape(kernel.shape)
        np.testing.assert_allclose(step.kernel_gradient, expected, atol=1e-12)
    else:
        assert step.kernel_gradient is None
    if bias:
        assert step.bias_gradient is not None
        np.testing.assert_allclose(step.bias_gradient, signal.sum(axis=(0, 1, 2)) * 20.0 / 2)
    else:
        assert step.bias_gradient is None
    if downward:
        handed = oracle.scatter_patches(signal.reshape(-1, 4) @ kernel.reshape(-1, 4).T, source.shape, 3, 1, 1)
        assert step.displacement is not None
        np.testing.assert_allclose(step.displacement, handed * (source < 20.0) / 2, atol=1e-12)
    else:
        assert step.displacement is None


def test_a_convolution_with_one_position_is_learned_in_the_shape_that_it_has(oracle: ModuleType) -> None:
    generator = np.random.default_rng(7)
    neurons = Neurons(regime="phased", threshold=2.0, tau=10.0, onset=20.0, end=50.0, drive=2.0)
    rule = Convolution(4, 5, padding=1)
    window = rule.window((3, 3, 2), (1, 1, 4))
    source, signal = generator.uniform(0, 30, (2, 3, 3, 2)), generator.normal(size=(2, 1, 1, 4))
    kernel = generator.normal(size=(5, 5, 2, 4))
    step = step_gated(Projection("stimulus", "conv", rule), neurons, window, source, 20.0, signal, kernel, False)
    assert isinstance(step.kernel_gradient, np.ndarray)
    fields = oracle.gather_patches(np.maximum(20.0 - source, 0) / 2, 5, 1, 1)
    np.testing.assert_allclose(step.kernel_gradient, (fields.T @ signal[:, 0, 0]).reshape(kernel.shape), atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_listed_synapses_take_the_step_of_a_dense_layer_whatever_the_drive(causal: bool) -> None:
    generator = np.random.default_rng(8)
    neurons = Neurons(regime="phased", threshold=2.0, tau=10.0, onset=20.0, end=50.0, drive=2.0, bias=True)
    projection, window = Projection("hidden", "output", Dense(3)), Dense(3).window((7,), (3,))
    source, kernel = generator.uniform(0, 30, (4, 7)), generator.normal(size=(7, 3))
    signal = generator.normal(size=(4, 3))
    dense = step_gated(projection, neurons, window, source, 20.0, signal, kernel, causal)
    pre, post = np.divmod(np.arange(21), 3)
    matrix = sparse_matrix(pre, post, np.arange(21, dtype=np.int32), 7, 3)
    listed = step_gated_sparse(projection, neurons, matrix, source, 20.0, signal, kernel, causal)
    assert dense.kernel_gradient is not None
    assert listed.kernel_gradient is not None
    np.testing.assert_allclose(sum_of(listed.kernel_gradient), sum_of(dense.kernel_gradient), rtol=1e-12)
    np.testing.assert_allclose(listed.bias_gradient, dense.bias_gradient, rtol=1e-12)  # type: ignore[arg-type]
    np.testing.assert_allclose(listed.displacement, dense.displacement, rtol=1e-12)  # type: ignore[arg-type]
