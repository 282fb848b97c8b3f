"""Products over receptive fields: the sums of their definition."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.learning.channels.fields import kernel_gradient, propagate
from netsim.specification import Convolution, Dense, Window

layers = st.builds(
    lambda maps, kernel, stride, padding: Convolution(maps, kernel, stride, min(padding, kernel - 1)),
    maps=st.integers(1, 70),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    padding=st.integers(0, 3),
)


def _inputs(layer: Convolution, channels: int, share: float, dtype: type, seed: int) -> tuple[np.ndarray, ...]:
    """Presynaptic values, signals, and a kernel."""
    generator = np.random.default_rng(seed)
    shape = layer.target_shape((6, 5, channels))
    inputs: np.ndarray = generator.normal(size=(3, 6, 5, channels)).astype(dtype)
    signal: np.ndarray = generator.normal(size=(3, *shape)).astype(dtype)
    signal[generator.random(signal.shape) >= share] = 0
    kernel: np.ndarray = generator.normal(size=(layer.kernel**2 * channels, shape[-1])).astype(dtype)
    return inputs, signal, kernel


def _window(layer: Convolution, inputs: np.ndarray) -> Window:
    source = inputs.shape[1:]
    return layer.window(source, layer.target_shape(source))


@given(
    layer=layers,
    channels=st.integers(1, 4) | st.integers(5, 70),
    share=st.sampled_from([0.0, 0.01, 0.1, 1.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=80)
def test_sums_are_those_of_the_definition(
    oracle: ModuleType, layer: Convolution, channels: int, share: float, dtype: type, seed: int
) -> None:
    inputs, signal, kernel = _inputs(layer, channels, share, dtype, seed)
    seen = oracle.gather_patches(inputs.astype(float), layer.kernel, layer.stride, layer.padding)
    signals = signal.reshape(-1, signal.shape[-1]).astype(float)
    window = _window(layer, inputs)
    gradient, propagated = np.full_like(kernel, np.nan), np.full_like(inputs, np.nan)
    kernel_gradient(inputs, signal, window, gradient)
    # sources that did not fire before the gate are left out, perhaps: silent ones, and those at the gate and after it
    late: np.ndarray = np.random.default_rng(seed).choice(np.array([0, 0.5, np.inf], dtype), inputs.shape)
    times = np.where(inputs != 0, dtype(-1), late)
    propagate(signal, kernel, window, times, dtype(0), propagated)
    tolerance = 1e-10 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(gradient, seen.T @ signals, rtol=0, atol=tolerance)
    # what is propagated to a field, weighed by what it holds, is what the neuron receives
    assert np.vdot(propagated.astype(float), inputs) == pytest.approx(
        np.vdot(seen @ kernel.astype(float), signals), rel=1e-3, abs=tolerance * 100
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("presentations", [1, 3, 30])
@given(
    sources=st.integers(1, 90),
    maps=st.integers(1, 40) | st.integers(400, 450),
    share=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=40)
def test_what_dense_synapses_propagate_is_the_product(
    presentations: int, dtype: type, sources: int, maps: int, share: float, seed: int
) -> None:
    """Synapses are visited source by source of few presentations, and laid out anew for many."""
    generator = np.random.default_rng(seed)
    signal: np.ndarray = generator.normal(size=(presentations, 1, 1, maps)).astype(dtype)
    signal[generator.random(signal.shape) >= share] = 0
    kernel: np.ndarray = generator.normal(size=(sources, maps)).astype(dtype)
    times: np.ndarray = generator.choice(np.array([0, 1, 2, np.inf], dtype), (presentations, 1, 1, sources))
    propagated = np.full_like(times, np.nan)
    propagate(signal, kernel, Dense(maps).window((sources,), (maps,)), times, dtype(1.5), propagated)
    expected = signal.astype(float) @ kernel.T.astype(float)
    tolerance = 1e-10 if dtype is np.float64 else 1e-3
    np.testing.assert_allclose(propagated[times < 1.5], expected[times < 1.5], rtol=0, atol=tolerance)
    assert np.isfinite(propagated).all()
