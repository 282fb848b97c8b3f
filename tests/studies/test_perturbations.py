"""Disturbed networks: weights, lesions, thresholds and delays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.engines.protocol import checked_batch
from netsim.seams import studies
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.studies.kinds.delay_jitter import equal_delays, jittered_delays
from netsim.studies.kinds.lesion_maps import lesion_maps
from netsim.studies.kinds.lesion_neurons import lesion_neurons
from netsim.studies.kinds.threshold_heterogeneity import heterogeneous_thresholds
from netsim.studies.kinds.weight_bits import quantised, weight_bits
from netsim.studies.kinds.weight_noise import weight_noise
from netsim.studies.plans import make_plan
from netsim.studies.study import Condition, NetworkStudy
from netsim.weights.layout import Weights, check_weights


@pytest.fixture
def batch(network: Network, weights: Weights, stimuli: Stimuli) -> Batch:
    return Batch(stimuli.latencies(np.arange(len(stimuli))), weights)


RANDOM = [weight_noise, lesion_neurons, lesion_maps, heterogeneous_thresholds, jittered_delays]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def disturbed(
    does: Callable[[Condition], dict[str, Any]],
    network: Network,
    batch: Batch,
    layers: Sequence[str],
    level: float,
    seed: int = 0,
) -> Batch:
    """The batch with what a study of the network changes."""
    return dataclasses.replace(batch, **does(Condition(network, batch.weights, tuple(layers), level, seed)))


@pytest.mark.parametrize("does", [*RANDOM, equal_delays])
@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_without_strength_every_spike_stays(
    does: Callable[[Condition], dict[str, Any]], dt: float, network: Network, batch: Batch
) -> None:
    layers = [projection.name for projection in network.weighted]
    engine = EventEngine(network, dt=dt)
    expected = engine.present(batch)
    assert 0.2 < np.isfinite(np.concatenate([layer.ravel() for layer in list(expected.values())[1:]])).mean() < 1
    spikes = engine.present(disturbed(does, network, batch, layers, 0.0))
    for name in expected:
        np.testing.assert_array_equal(spikes[name], expected[name])


def test_noise_is_as_wide_as_it_says_and_only_in_its_layer(network: Network, batch: Batch) -> None:
    noisy = disturbed(weight_noise, network, batch, ["hidden"], 0.5)
    for name, before in batch.weights.items():
        after = noisy.weights[name]
        if name == "hidden.kernel":
            assert (after - before).std() == pytest.approx(0.5 * before.std(), rel=0.1)
        else:
            np.testing.assert_array_equal(after, before)


def test_a_stronger_noise_of_the_same_seed_is_the_same_noise(network: Network, batch: Batch) -> None:
    noisy = [disturbed(weight_noise, network, batch, ["conv"], level, 4) for level in (1, 2)]
    once, twice = (each.weights["conv.kernel"] for each in noisy)
    before = batch.weights["conv.kernel"]
    np.testing.assert_allclose(twice - before, 2 * (once - before))


@settings(deadline=None, max_examples=30)
@given(bits=st.integers(1, 10), seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e3))
def test_weights_of_few_bits(bits: int, seed: int, scale: float) -> None:
    kernel = scale * rng(seed).standard_normal((20, 11))
    few = quantised(kernel, bits)
    assert len(np.unique(few)) <= max(2, 2**bits - 1)
    assert np.square(few - kernel).mean() <= np.square(kernel).mean()
    if bits > 1:
        step = np.diff(np.unique(np.append(few, 0))).min()
        np.testing.assert_allclose(few / step, np.rint(few / step), atol=1e-6)
        assert np.square(few - kernel).mean() < np.square(quantised(kernel, bits - 1) - kernel).mean()


def test_one_bit_of_weights_of_which_some_are_zero() -> None:
    kernel = np.array([0.0, 1.0, 0.0, 3.0, -2.0, 0.0])
    np.testing.assert_array_equal(quantised(kernel, 1), [0.0, 2.0, 0.0, 2.0, -2.0, 0.0])


@pytest.mark.parametrize("does", RANDOM)
def test_each_seed_has_draws_of_its_own(
    does: Callable[[Condition], dict[str, Any]], network: Network, batch: Batch
) -> None:
    def drawn(seed: int) -> Any:
        (changed,) = does(Condition(network, batch.weights, ("conv",), 0.5, seed)).values()
        return changed["conv.kernel" if does is weight_noise else "conv"]

    first, second, again = map(drawn, (0, 1, 0))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_weights_that_are_all_zero_stay_so() -> None:
    for bits in (1, 2, 8):
        np.testing.assert_array_equal(quantised(np.zeros((3, 2)), bits), np.zeros((3, 2)))


NETWORK_STUDIES = [name for name, study in studies.items() if isinstance(study, NetworkStudy)]


@pytest.mark.parametrize("family", ["loops", "relays", "rules"])
@given(seed=st.integers(0, 2**32 - 1), level=st.sampled_from(["least", "largest"]))
@settings(max_examples=15)
def test_a_disturbed_network_is_one_that_engines_take(
    drawn: ModuleType, family: str, seed: int, level: Literal["least", "largest"]
) -> None:
    """Signs and delays, weights by synapse, loops and relays: what is disturbed obeys the specification."""
    network_of, batch_of = drawn.FAMILIES[family]
    network = network_of(seed)
    whole = batch_of(network, 2, seed)
    for name in NETWORK_STUDIES:
        study = studies[name]
        plan = make_plan(network, name, seeds=[seed])
        (layers,) = plan.curves.values()
        chosen = plan.levels[0 if level == "least" else -1]
        for is_control in (False, True)[: 1 + plan.controls]:
            make = study.batch(Condition(network, whole.weights, layers, chosen, seed), is_control)
            batch = checked_batch(network, make(whole.stimuli, 0))
            check_weights(network, batch.weights, name)


@pytest.mark.parametrize("sign", ["excitatory", "inhibitory"])
def test_noise_that_would_change_a_sign_is_cut(sign: Literal["excitatory", "inhibitory"]) -> None:
    layer = Layer("output", Dense(50), Neurons(), sign=sign)
    network = Network.chain("signed", IntensityEncoder((5, 5, 1), 16.0), (layer,), 64.0)
    kernel = abs(rng().standard_normal((25, 50))) * (1 if sign == "excitatory" else -1)
    changed = Condition(network, {"output.kernel": kernel}, ("output",), 1.0, 0)
    free = kernel + kernel.std() * changed.generator.standard_normal(kernel.shape)
    noisy = weight_noise(Condition(network, {"output.kernel": kernel}, ("output",), 1.0, 0))["weights"]["output.kernel"]
    kept = free * np.sign(kernel) > 0
    assert 0.05 < (~kept).mean() < 0.5
    np.testing.assert_array_equal(noisy, np.where(kept, free, 0.0))


def test_biases_are_no_synapses(network: Network, batch: Batch) -> None:
    layers = [projection.name for projection in network.weighted]
    for change in (weight_noise, weight_bits):
        changed = disturbed(change, network, batch, layers, 2.0)
        np.testing.assert_array_equal(changed.weights["conv.bias"], batch.weights["conv.bias"])
        assert (changed.weights["conv.kernel"] != batch.weights["conv.kernel"]).any()


@pytest.mark.parametrize("lesion", [lesion_neurons, lesion_maps])
def test_a_lesion_of_all_silences_the_layer(
    lesion: Callable[[Condition], dict[str, Any]], network: Network, batch: Batch
) -> None:
    latencies = EventEngine(network).present(disturbed(lesion, network, batch, ["conv"], 1.0))
    assert np.isinf(latencies["conv"]).all()
    assert np.isinf(latencies["pool"]).all()
    assert np.isfinite(latencies["stimulus"]).any()


def test_lesions_grow(network: Network, batch: Batch) -> None:
    """A larger lesion of the same seed holds the smaller one; maps are silent as a whole."""
    previous = {lesion: np.zeros((5, 5, 4), bool) for lesion in (lesion_neurons, lesion_maps)}
    for level in (0.25, 0.5, 0.75):
        for lesion, smaller in previous.items():
            silenced = disturbed(lesion, network, batch, ["conv", "hidden"], level, 2).silenced
            assert silenced["conv"].mean() == silenced["hidden"].mean() == level
            assert (silenced["conv"] | ~smaller).all()
            previous[lesion] = silenced["conv"]
        assert (previous[lesion_maps] == previous[lesion_maps][0, 0]).all()


@pytest.mark.parametrize(("level", "count"), [(0.29, 29), (0.57, 57), (0.004, 0), (0.006, 1), (0.999, 100)])
def test_a_lesion_silences_the_nearest_number_of_neurons(level: float, count: int) -> None:
    """0.29 of 100 is 28.999999999999996 in floating point, and 29 neurons."""
    layers = (Layer("hidden", Dense(100), Neurons()), Layer("output", Dense(2), Neurons()))
    network = Network.chain("hundred", IntensityEncoder((1, 1, 1), 10.0), layers, 20.0)
    assert lesion_neurons(Condition(network, {}, ("hidden",), level, 0))["silenced"]["hidden"].sum() == count


def test_thresholds_have_the_mean_of_the_layer() -> None:
    layers = [Layer("output", Dense(50_000), Neurons(threshold=3.0))]
    network = Network.chain("wide", IntensityEncoder((1, 1, 1), 10.0), layers, 20.0)
    plain = Batch(np.zeros((1, 1, 1, 1)), {})
    thresholds = disturbed(heterogeneous_thresholds, network, plain, ["output"], 0.4).thresholds["output"]
    assert thresholds.min() > 0
    assert thresholds.mean() == pytest.approx(3.0, rel=0.01)
    assert thresholds.std() / thresholds.mean() == pytest.approx(0.4, rel=0.03)


def test_delays_are_half_normal_and_their_control_has_the_same_mean() -> None:
    layers = [Layer("output", Dense(2), Neurons())]
    network = Network.chain("wide", IntensityEncoder((200, 200, 1), 10.0), layers, 20.0)
    plain = Batch(np.zeros((1, 200, 200, 1)), {})
    jittered = disturbed(jittered_delays, network, plain, ["output"], 5.0).delays["output"]
    equal = disturbed(equal_delays, network, plain, ["output"], 5.0).delays["output"]
    assert jittered.shape == equal.shape == (200, 200, 1)
    assert jittered.min() >= 0
    assert np.sqrt(np.square(jittered).mean()) == pytest.approx(5.0, rel=0.02)
    assert np.ptp(equal) == 0
    assert jittered.mean() == pytest.approx(equal.mean(), rel=0.02)
