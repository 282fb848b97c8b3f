"""The pairwise step of synapses: the sums of its definition."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.learning.channels.channel import Synapses
from netsim.learning.channels.relay import Relay
from netsim.learning.channels.window import WindowChannel
from netsim.learning.gradients import SinglePresentation, sum_of
from netsim.specification import PSP, Connections, Convolution, Dense, Projection, PSPShape, Window

PSPS = [PSP(), PSP("triangle", rise=9.0, fall=20.0)]


def _channel(
    connectivity: Convolution | Dense, psp: PSPShape, window: Window, causal: bool = False, plastic: bool = True
) -> WindowChannel:
    projection = Projection("below", "above", connectivity, name="below_to_above", psp=psp, plastic=plastic)
    return WindowChannel(projection, window, causal=causal)


def _pairs(
    source: tuple[int, ...],
    target: tuple[int, ...],
    spikes: float,
    signals: float,
    seed: int,
    dtype: type = float,
    presentations: int = 3,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presynaptic times, of which a share are spikes, limits, and signals, of which a share are not zero.

    Times and limits are eighths of a ms, so that any type says which is earlier, and some are the same.
    """
    generator = np.random.default_rng(seed)
    times = generator.integers(0, 400, (presentations, *source)) / 8
    times[generator.random(times.shape) >= spikes] = np.inf
    shape = presentations, *target
    limits, signal = generator.integers(0, 480, shape) / 8, generator.normal(size=shape)
    signal[generator.random(signal.shape) >= signals] = 0
    return times.astype(dtype), limits.astype(dtype), signal.astype(dtype)


def _potential(psp: PSPShape, since: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a postsynaptic potential is some time after the spike, and its slope."""
    parts = [(change * np.maximum(since - delay, 0), change * (since > delay)) for delay, change in psp.kernel]
    return sum(part for part, _ in parts), sum(slope for _, slope in parts)  # type: ignore[return-value]


@given(
    maps=st.integers(1, 40),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
    presentations=st.sampled_from([1, 3]),
    channels=st.integers(1, 20),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    psp=st.sampled_from(PSPS),
    causal=st.booleans(),
    order=st.sampled_from("CF"),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=30)
def test_sums_are_those_of_the_definition(
    oracle: ModuleType,
    maps: int,
    kernel: int,
    stride: int,
    padding: int,
    presentations: int,
    channels: int,
    share: float,
    psp: PSPShape,
    causal: bool,
    order: Literal["C", "F"],
    dtype: type,
    seed: int,
) -> None:
    padding, source = min(padding, kernel - 1), (5, 4, channels)
    layer = Convolution(maps, kernel, stride, padding)
    target = layer.target_shape(source)
    times, limits, signal = _pairs(source, target, share, share, seed, dtype, presentations)
    drawn = np.random.default_rng(seed).normal(size=layer.weight_shape(source, target))
    weights: np.ndarray = drawn.astype(dtype, order)
    window = layer.window(source, target)
    assert window is not None
    channel, learned = _channel(layer, psp, window, causal), (times, limits, signal, Synapses(weights))
    # as fields are filled up with zeros, they hold the time that a spike is before the end of all
    seen = oracle.gather_patches(np.where(np.isfinite(times), 100 - times.astype(float), 0), kernel, stride, padding)
    since = limits.reshape(-1, 1, maps).astype(float) - (100 - seen)[:, :, None]
    since = np.where(seen[:, :, None] == 0, -1.0, since)
    potential, slope = _potential(psp, since)
    signals, tolerance = signal.reshape(-1, 1, maps).astype(float), 1e-8 if dtype is np.float64 else 1e-2
    expected = (potential * signals).sum(axis=0).reshape(weights.shape)
    np.testing.assert_allclose(sum_of(channel.step(*learned).weights), expected, rtol=0, atol=tolerance)  # type: ignore[arg-type]
    products = signal.astype(float) * limits
    np.testing.assert_allclose(channel.bias(limits, signal), products.sum(axis=0), rtol=0, atol=tolerance)
    passed = (since > 0) if causal else slope
    handed = (passed * weights.reshape(1, -1, maps) * signals).sum(axis=2)
    onto = oracle.scatter_patches(handed, times.shape, kernel, stride, padding)
    np.testing.assert_allclose(channel.back(*learned), onto, rtol=0, atol=tolerance)


_ENDING = [PSP("plateau", rise=9.0), PSP("triangle", rise=5.2, fall=9.1), PSP("triangle", rise=7.3, fall=0.9)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("signals", [0.05, 1.0], ids=["few-signals", "many-signals"])
@pytest.mark.parametrize("psp", _ENDING, ids=["plateau", "triangle", "steep"])
@pytest.mark.parametrize("layer", [Convolution(9, 2), Dense(3), Dense(300)], ids=["maps", "few", "many"])
def test_psps_that_have_ended_hand_down_nothing_at_all(
    layer: Convolution | Dense, psp: PSPShape, signals: float, dtype: type
) -> None:
    """Not even what rounding would leave of changes of slope that sum to 0."""
    source: tuple[int, ...] = (4, 4, 3)
    target = layer.target_shape(source)
    times, limits, signal = _pairs(source, target, 0.8, signals, 3, dtype)
    signal.flat[0] = 1.0
    weights = np.random.default_rng(1).normal(size=layer.weight_shape(source, target))
    window = layer.window(source, target)
    assert window is not None
    channel, learned = _channel(layer, psp, window), (times, limits + 90, signal, Synapses(weights))
    assert sum_of(channel.step(*learned).weights).any()  # type: ignore[arg-type]
    assert not channel.back(*learned).any()


def test_a_spike_at_the_limit_and_a_map_without_signals_have_no_part() -> None:
    layer, source, target = Convolution(3, 2), (3, 3, 2), (2, 2, 3)
    times, limits = np.full((2, *source), 4.0), np.full((2, *target), 4.0)
    signal = np.ones_like(limits)
    signal[..., 1], limits[..., 1] = 0, 100
    window, weights = layer.window(source, target), np.ones((2, 2, 2, 3))
    assert window is not None
    channel, learned = _channel(layer, PSPS[0], window), (times, limits, signal, Synapses(weights))
    assert not sum_of(channel.step(*learned).weights).any()  # type: ignore[arg-type]
    assert not channel.back(*learned).any()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("signals", [0.05, 0.6], ids=["few-signals", "many-signals"])
@pytest.mark.parametrize("neurons", [3, 300])
@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "triangle"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_synapses_learn_by_the_definition(
    psp: PSPShape, neurons: int, signals: float, causal: bool, dtype: type
) -> None:
    layer, source, target = Dense(neurons), (90,), (neurons,)
    times, limits, signal = _pairs(source, target, 0.4, signals, neurons, dtype)
    weights = np.random.default_rng(neurons).normal(size=(90, neurons))
    window = layer.window(source, target)
    assert window is not None
    since = limits[:, None, :].astype(float) - times[:, :, None]
    potential, slope = _potential(psp, np.where(np.isfinite(since), since, -1.0))
    expected, tolerance = np.einsum("bio,bo->io", potential, signal), 1e-9 if dtype is np.float64 else 1e-3
    channel, learned = _channel(layer, psp, window, causal), (times, limits, signal, Synapses(weights))
    np.testing.assert_allclose(sum_of(channel.step(*learned).weights), expected, rtol=0, atol=tolerance)  # type: ignore[arg-type]
    handed = np.einsum("bio,io,bo->bi", (since > 0) if causal else slope, weights, signal)
    np.testing.assert_allclose(channel.back(*learned), handed, rtol=0, atol=tolerance)
    assert _channel(layer, psp, window, causal, plastic=False).step(*learned).weights is None


@pytest.mark.parametrize("signals", [0.05, 0.6], ids=["few-signals", "many-signals"])
def test_a_gradient_of_one_presentation_passes_for_its_array(signals: float) -> None:
    times, limits, signal = (each[:1] for each in _pairs((90,), (33,), 0.4, signals, 5))
    layer, weights = Dense(33), np.random.default_rng(1).normal(size=(90, 33))
    window = layer.window((90,), (33,))
    assert window is not None
    channel, learned = _channel(layer, PSPS[1], window), (times, limits, signal, Synapses(weights))
    share = channel.step(*learned).weights
    assert share is not None
    assert not isinstance(share, np.ndarray)
    gradient: Any = share.total([share], np.float64(0.37))
    assert isinstance(gradient, SinglePresentation)
    array = np.asarray(gradient)
    np.testing.assert_allclose(array, 0.37 * sum_of(share), rtol=0, atol=1e-12)
    assert 0 < np.count_nonzero(array) < array.size / 2
    np.testing.assert_array_equal(gradient - 1, array - 1)
    np.testing.assert_array_equal(2 * gradient, 2 * array)
    np.testing.assert_array_equal(gradient[3], array[3])
    moved = weights.copy()
    gradient.subtract_from(moved, 0.13)
    np.testing.assert_array_equal(moved, weights - 0.13 * array)
    assert all(np.isfinite(each).all() for each in gradient.arrays)
    assert gradient.sum() == array.sum()
    np.testing.assert_array_equal(gradient.reshape(-1), array.reshape(-1))
    with pytest.raises(ValueError, match="read-only"):
        gradient.fill(0)
    gradient += 1.0
    np.testing.assert_array_equal(gradient, array + 1)


def test_of_equally_early_neurons_a_listed_relay_hands_to_the_one_of_the_lowest_number() -> None:
    pre, post = np.array([0, 1, 1, 2, 3, 3], np.int32), np.array([0, 0, 1, 0, 1, 2], np.int32)
    connections = Connections(pre, post, np.zeros(6, np.int32))
    source = np.array([[5.0, 3.0, 3.0, 3.0], [4.0, np.inf, 4.0, np.inf]])
    relayed = np.array([[3.0, 3.0, 3.0], [4.0, np.inf, np.inf]])
    values = np.array([[1.0, 10.0, 100.0], [1.0, 10.0, 100.0]])
    relay = Relay(Projection("below", "above", Dense(3), name="below_to_above"), connections)
    handed = relay.back(source, relayed, values, Synapses(np.empty(0)))
    assert handed.tolist() == [[0.0, 11.0, 0.0, 100.0], [1.0, 0.0, 0.0, 0.0]]
