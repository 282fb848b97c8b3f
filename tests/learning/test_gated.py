"""Compiled loops over synapses with one limit: the values of the specification's PSP."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from netsim.learning.channels.channel import Synapses
from netsim.learning.channels.gated import GatedList, GatedWindow
from netsim.learning.gradients import Factors, sum_of
from netsim.numerics.sparse_products import sparse_matrix
from netsim.specification import PSP, Convolution, Dense, Projection, PSPShape, Window

LATENCY = np.empty(0)
"""Latencies of the target, which have no effect."""
PSPS = [PSP(), PSP("plateau", rise=4.0), PSP("triangle", rise=4.0, fall=8.0)]


def _channel(projection: Projection, window: Window | None, causal: bool = False) -> GatedWindow:
    """Return a channel with the gate 20 ms."""
    assert window is not None
    return GatedWindow(projection, window, 20.0, causal)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
def test_the_step_of_a_dense_layer_is_that_of_the_definition(psp: PSPShape, causal: bool) -> None:
    generator = np.random.default_rng(5)
    projection, window = Projection("hidden", "output", Dense(3), psp=psp), Dense(3).window((7,), (3,))
    source, kernel, signal = (
        generator.uniform(0, 30, (4, 7)),
        generator.normal(size=(7, 3)),
        generator.normal(size=(4, 3)),
    )
    source[0, :2] = np.inf, 20.0
    channel, learned = _channel(projection, window, causal), (source, LATENCY, signal, Synapses(kernel))
    factors, back = channel.step(*learned).weights, channel.back(*learned)
    assert isinstance(factors, Factors)
    np.testing.assert_allclose(factors.inputs, psp.potential(20.0 - source), atol=1e-12)
    np.testing.assert_array_equal(factors.signal, signal)
    np.testing.assert_allclose(channel.bias(LATENCY, signal), signal.sum(axis=0) * 20.0)
    slope = (source < 20.0) if causal else psp.slope(20.0 - source)
    np.testing.assert_allclose(back, signal @ kernel.T * slope)
    other_order = np.asfortranarray(source), LATENCY, np.asfortranarray(signal), Synapses(kernel)
    np.testing.assert_array_equal(channel.back(*other_order), back)
    static = _channel(dataclasses.replace(projection, plastic=False), window, causal)
    assert static.step(*learned).weights is None
    np.testing.assert_array_equal(static.back(*learned), back)


def test_a_convolution_learns_by_the_definition(oracle: ModuleType) -> None:
    generator = np.random.default_rng(6)
    rule = Convolution(4, 3, padding=1)
    channel = _channel(Projection("hidden", "conv", rule), rule.window((5, 5, 3), (5, 5, 4)))
    source, signal = generator.uniform(0, 30, (2, 5, 5, 3)), generator.normal(size=(2, 5, 5, 4))
    kernel = generator.normal(size=(3, 3, 3, 4))
    learned = source, LATENCY, signal, Synapses(kernel)
    fields = oracle.gather_patches(np.maximum(20.0 - source, 0), 3, 1, 1)
    expected = (fields.T @ signal.reshape(-1, 4)).reshape(kernel.shape)
    np.testing.assert_allclose(channel.step(*learned).weights, expected, atol=1e-12)  # type: ignore[arg-type]
    np.testing.assert_allclose(channel.bias(LATENCY, signal), signal.sum(axis=0) * 20.0)
    handed = oracle.scatter_patches(signal.reshape(-1, 4) @ kernel.reshape(-1, 4).T, source.shape, 3, 1, 1)
    np.testing.assert_allclose(channel.back(*learned), handed * (source < 20.0), atol=1e-12)


def test_a_convolution_with_one_position_is_learned_in_the_shape_that_it_has(oracle: ModuleType) -> None:
    generator = np.random.default_rng(7)
    rule = Convolution(4, 5, padding=1)
    window = rule.window((3, 3, 2), (1, 1, 4))
    source, signal = generator.uniform(0, 30, (2, 3, 3, 2)), generator.normal(size=(2, 1, 1, 4))
    kernel = generator.normal(size=(5, 5, 2, 4))
    channel = _channel(Projection("stimulus", "conv", rule), window)
    gradient = channel.step(source, LATENCY, signal, Synapses(kernel)).weights
    assert isinstance(gradient, np.ndarray)
    fields = oracle.gather_patches(np.maximum(20.0 - source, 0), 5, 1, 1)
    np.testing.assert_allclose(gradient, (fields.T @ signal[:, 0, 0]).reshape(kernel.shape), atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_listed_synapses_take_the_step_of_a_dense_layer(causal: bool) -> None:
    generator = np.random.default_rng(8)
    projection, window = Projection("hidden", "output", Dense(3)), Dense(3).window((7,), (3,))
    source, kernel = generator.uniform(0, 30, (4, 7)), generator.normal(size=(7, 3))
    signal = generator.normal(size=(4, 3))
    pre, post = np.divmod(np.arange(21), 3)
    matrix = sparse_matrix(pre, post, np.arange(21, dtype=np.int32), 7, 3)
    dense, listed = _channel(projection, window, causal), GatedList(projection, matrix, 20.0, causal)
    learned = source, LATENCY, signal, Synapses(kernel)
    listed_step, dense_step = (sum_of(each.step(*learned).weights) for each in (listed, dense))  # type: ignore[arg-type]
    np.testing.assert_allclose(listed_step, dense_step, rtol=1e-12)
    np.testing.assert_allclose(listed.bias(LATENCY, signal), dense.bias(LATENCY, signal), rtol=1e-12)
    np.testing.assert_allclose(listed.back(*learned), dense.back(*learned), rtol=1e-12)
