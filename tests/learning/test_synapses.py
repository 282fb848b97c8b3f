"""The pairwise step of synapses: the same sums whichever synapses are visited."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.learning import synapses
from netsim.learning.gradients import SinglePresentation, sum_of
from netsim.numerics.receptive_fields import gather_patches
from netsim.specification import PSP, Convolution, Dense, Projection

PSPS = [PSP(), PSP("triangle", rise=9.0, fall=20.0)]


def _projection(connectivity: Convolution | Dense, psp: PSP, plastic: bool = True) -> Projection:
    return Projection("below", "above", connectivity, name="below_to_above", psp=psp, plastic=plastic)


def _pairs(
    source: tuple[int, ...], target: tuple[int, ...], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presynaptic times, of which a share are spikes, limits, and signals, of which a share are not zero."""
    generator = np.random.default_rng(seed)
    times = generator.uniform(0, 50, (3, *source))
    times[generator.random(times.shape) >= share] = np.inf
    limits, signal = generator.uniform(0, 60, (3, *target)), generator.normal(size=(3, *target))
    signal[generator.random(signal.shape) >= share] = 0
    return times, limits, signal


def _potential(psp: PSP, since: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a postsynaptic potential is some time after the spike, and its slope."""
    parts = [(change * np.maximum(since - delay, 0), change * (since > delay)) for delay, change in psp.kernel]
    return sum(part for part, _ in parts), sum(slope for _, slope in parts)  # type: ignore[return-value]


@pytest.mark.parametrize("by_input", [True, False])
@given(
    maps=st.integers(1, 40),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    channels=st.integers(1, 20),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    psp=st.sampled_from(PSPS),
    causal=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
def test_both_ways_are_the_sums_of_the_definition(
    by_input: bool,
    maps: int,
    kernel: int,
    stride: int,
    channels: int,
    share: float,
    psp: PSP,
    causal: bool,
    seed: int,
) -> None:
    layer, source = Convolution(maps, kernel, stride, kernel - 1), (5, 4, channels)
    target = layer.target_shape(source)
    times, limits, signal = _pairs(source, target, share, seed)
    weights = np.random.default_rng(seed).normal(size=layer.weight_shape(source, target))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synapses, "_few_inputs", lambda *_: by_input)
        window = layer.window(source, target)
        step = synapses.step_pairwise(_projection(layer, psp), window, times, limits, signal, weights, causal)
    # the padding and silent neurons come infinitely late; as fields are filled up with zeros, they hold negatives
    seen = -gather_patches(-np.where(np.isfinite(times), times, 1e9) - 1, kernel, stride, kernel - 1)
    since = limits.reshape(-1, 1, maps) - np.where(seen == 0, 1e9, seen - 1)[:, :, None]
    potential, slope = _potential(psp, since)
    signals = signal.reshape(-1, 1, maps)
    expected = (potential * signals).sum(axis=0).reshape(weights.shape)
    np.testing.assert_allclose(sum_of(step.kernel_gradient), expected, rtol=0, atol=1e-9)  # type: ignore[arg-type]
    assert step.bias_gradient is not None
    np.testing.assert_allclose(step.bias_gradient, (signal * limits).sum(axis=(0, 1, 2)), atol=1e-9)
    # handed down to a field, times ones, is what its neurons' signals are worth
    passed = (since > 0) if causal else slope
    total = (passed * weights.reshape(1, -1, maps) * signals).sum()
    assert step.displacement is not None
    assert step.displacement.sum() == pytest.approx(total, abs=1e-8)
    assert not step.displacement[~np.isfinite(times)].any()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("neurons", [3, 70])
@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "triangle"])
def test_dense_synapses_learn_by_the_definition(psp: PSP, neurons: int, causal: bool) -> None:
    layer, source, target = Dense(neurons), (90,), (neurons,)
    times, limits, signal = _pairs(source, target, 0.4, neurons)
    weights = np.random.default_rng(neurons).normal(size=(90, neurons))
    window = layer.window(source, target)
    assert window is not None
    since = limits[:, None, :] - times[:, :, None]
    potential, slope = _potential(psp, np.where(np.isfinite(since), since, -1.0))
    expected = np.einsum("bio,bo->io", potential, signal)
    step = synapses.step_pairwise(_projection(layer, psp), window, times, limits, signal, weights, causal)
    np.testing.assert_allclose(sum_of(step.kernel_gradient), expected, rtol=0, atol=1e-9)  # type: ignore[arg-type]
    handed = np.einsum("bio,io,bo->bi", (since > 0) if causal else slope, weights, signal)
    np.testing.assert_allclose(step.displacement, handed, rtol=0, atol=1e-9)  # type: ignore[arg-type]
    static = _projection(layer, psp, plastic=False)
    assert synapses.step_pairwise(static, window, times, limits, signal, weights, causal).kernel_gradient is None


def test_a_gradient_of_one_presentation_passes_for_its_array() -> None:
    times, limits, signal = (each[:1] for each in _pairs((90,), (33,), 0.4, 5))
    layer, weights = Dense(33), np.random.default_rng(1).normal(size=(90, 33))
    window = layer.window((90,), (33,))
    assert window is not None
    step = synapses.step_pairwise(_projection(layer, PSPS[1]), window, times, limits, signal, weights, False)
    share = step.kernel_gradient
    assert share is not None
    assert not isinstance(share, np.ndarray)
    gradient = share.total([share], np.float64(0.25))
    assert isinstance(gradient, SinglePresentation)
    array = np.asarray(gradient)
    np.testing.assert_array_equal(array, 0.25 * sum_of(share))
    assert 0 < np.count_nonzero(array) < array.size / 2
    np.testing.assert_array_equal(gradient - 1, array - 1)
    np.testing.assert_array_equal(2 * gradient, 2 * array)
    np.testing.assert_array_equal(gradient[3], array[3])
    moved = weights.copy()
    gradient.subtract_from(moved, 0.5)
    np.testing.assert_array_equal(moved, weights - 0.5 * array)
    assert all(np.isfinite(each).all() for each in gradient.arrays)
