"""Batches that are cut: into parts of presentations, and arrays into pieces; neither changes what is learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from netsim.data.stimuli import load_splits
from netsim.engines import Batch, Latencies, make_engine
from netsim.engines.event.engine import EventEngine
from netsim.learning.gradients import OuterProduct, total_gradient, update_ema
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.models.presets import load_preset
from netsim.numerics import threads as parallel
from netsim.specification import Learning, Network, Weighting
from netsim.weights.binary import forward_weights, log_scale_gradients, with_log_scales
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

REGIMES = ["free", "staggered", "phased"]


def _present(network: Network, count: int) -> tuple[Weights, Latencies, np.ndarray]:
    """Weights, latencies and labels of a batch."""
    weights = initial_weights(network, seed=3)
    stimuli = np.random.default_rng(2).uniform(0, 10, (count, 8, 8, 2))
    return weights, EventEngine(network).present(Batch(stimuli, weights)), np.arange(count) % 4


@pytest.mark.parametrize("regime", REGIMES)
def test_the_gradient_is_the_mean_over_all_presentations(small_network: Callable[..., Network], regime: str) -> None:
    network = small_network(regime)
    weights, latencies, labels = _present(network, 101)
    learner = STiDiBP(network)
    together = learner.learn(latencies, labels, weights)
    total = {name: np.zeros_like(array) for name, array in weights.items()}
    for presentation in range(101):
        shown = {name: times[presentation : presentation + 1] for name, times in latencies.items()}
        alone = learner.learn(shown, labels[presentation : presentation + 1], weights)
        for name in total:
            total[name] += alone.gradients[name] / 101
    for name, gradient in together.gradients.items():
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(gradient, total[name], rtol=0, atol=1e-12 * np.abs(total[name]).max())


@pytest.mark.parametrize("regime", REGIMES)
def test_pieces_of_arrays_are_all_worked_on(
    small_network: Callable[..., Network], regime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long arrays are cut; here all are long."""
    network = small_network(regime, averaging=0.9)
    results = []
    for longest in (10**6, 7):
        monkeypatch.setattr(parallel, "_LARGEST_RUN", longest)
        weights, latencies, labels = _present(network, 60)
        mean = {name: np.zeros_like(array) for name, array in weights.items()}
        optimizer = Adam.from_network(network)
        optimizer.begin(weights)
        for _ in range(2):
            optimizer.step(weights, STiDiBP(network).learn(latencies, labels, weights).gradients, 0.01)
            update_ema(mean, weights, 0.5)
        results.append((list(latencies.values()), list(weights.values()), list(mean.values())))
    for whole, cut in zip(*results, strict=True):
        for ours, theirs in zip(cut, whole, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_single_presentation_moves_the_synapses_that_learn_alone_to_the_same_bits(decay: float) -> None:
    """By factors, without momentum, and by the array that they are the product of; what decays moves as a whole."""
    learning = Learning(optimizer="sgd", momentum=0.0, weight_decay=decay)
    network = dataclasses.replace(load_preset("digits"), learning=learning)
    weights = {name: array.astype(np.float32) for name, array in initial_weights(network, 3).items()}
    engine, stimuli = make_engine("event", network, precision="single"), load_splits(network).training.first(1)
    learned = STiDiBP(network).learn(
        engine.present(Batch(stimuli.latencies(np.array([0])), weights)), stimuli.labels, weights
    )
    gradient = learned.gradients["hidden.kernel"]
    assert isinstance(gradient, OuterProduct)
    arrays = {name: np.asarray(each) for name, each in learned.gradients.items()}
    assert 0 < np.count_nonzero(arrays["hidden.kernel"]) < arrays["hidden.kernel"].size / 2
    np.testing.assert_array_equal(gradient - 1, arrays["hidden.kernel"] - 1)
    np.testing.assert_array_equal(2 * gradient, 2 * arrays["hidden.kernel"])
    np.testing.assert_array_equal(gradient[3], arrays["hidden.kernel"][3])
    moved = []
    for gradients in (learned.gradients, arrays):
        optimizer, updated = SGD.from_network(network), {name: array.copy() for name, array in weights.items()}
        optimizer.begin(updated)
        optimizer.step(updated, gradients, 0.37, {"hidden.kernel": 0.5})
        moved.append(updated)
    for name, array in moved[0].items():
        np.testing.assert_array_equal(array, moved[1][name])
    changed = moved[0]["hidden.kernel"] != weights["hidden.kernel"]
    assert changed.any()
    assert changed.all() == (decay > 0)


@pytest.mark.parametrize("regime", ["free", "phased"])
def test_binary_weights_with_learned_scales_learn_from_a_single_presentation(
    small_network: Callable[..., Network], regime: str
) -> None:
    network = dataclasses.replace(
        small_network(regime, convolutional=False), weighting=Weighting("binary", "channel", scale_rate=1.0)
    )
    latent = with_log_scales(network, initial_weights(network, seed=3))
    forward = forward_weights(network, latent)
    stimuli = np.random.default_rng(2).uniform(0, 10, (1, 8, 8, 2))
    learned = STiDiBP(network).learn(EventEngine(network).present(Batch(stimuli, forward)), np.array([1]), forward)
    arrays = {name: np.asarray(each) for name, each in learned.gradients.items()}
    result = log_scale_gradients(network, forward, learned.gradients)
    assert result
    for name, expected in log_scale_gradients(network, forward, arrays).items():
        np.testing.assert_array_equal(result[name], expected)


def test_a_total_is_scaled_whatever_its_layout() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    np.testing.assert_array_equal(total_gradient([array], np.float32(0.5)), np.arange(6).reshape(2, 3).T / 2)


def test_a_projection_without_a_gradient_keeps_its_learned_scale(small_network: Callable[..., Network]) -> None:
    network = dataclasses.replace(small_network("free"), weighting=Weighting("binary", "channel", scale_rate=1.0))
    forward = forward_weights(network, with_log_scales(network, initial_weights(network, seed=3)))
    assert log_scale_gradients(network, forward, {}) == {}
    (name, *_), every = (
        (name for name in forward if name.endswith("kernel")),
        log_scale_gradients(network, forward, forward),
    )
    assert set(log_scale_gradients(network, forward, {name: forward[name]})) < set(every)
