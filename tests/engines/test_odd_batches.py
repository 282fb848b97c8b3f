"""Batches at the edge, for every kind of stage: empty ones, a negative zero, and weights of other precisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netsim
from netsim import Convolution, Delays, Dense, IntensityEncoder, Layer, Network, Neurons, Population, Projection, Random
from netsim.weights.layout import initial_delays

ENCODER = IntensityEncoder((4, 4, 1), 10.0)
LEAKY = Neurons(threshold=0.2, family="leaky", tau=20.0)


def _chain(rule: Any, neurons: Neurons | None = None, **more: Any) -> Network:
    neurons = neurons or Neurons(threshold=0.5, tau=8.0)
    output = Layer("output", Dense(3), Neurons(threshold=0.5, tau=8.0))
    return Network.chain("n", ENCODER, (Layer("hidden", rule, neurons, **more), output), 60.0)


def _loop(neurons: Neurons) -> Network:
    populations = (Population("hidden", (5,), neurons), Population("output", (3,), Neurons(threshold=0.5, tau=8.0)))
    projections = (
        Projection("stimulus", "hidden", Dense()),
        Projection("hidden", "hidden", Dense(), name="loop"),
        Projection("hidden", "output", Dense()),
    )
    return Network("n", ENCODER, populations, projections, 60.0)


NETWORKS = {
    "dense": _chain(Dense(5)),
    "random": _chain(Random(5, indegree=4)),
    "delays": _chain(Dense(5), delay=Delays("synapse", mean=2.0, spread=1.0)),
    "loop": _loop(Neurons(threshold=0.5, tau=8.0)),
    "leaky maps": _chain(Convolution(2, 3), LEAKY),
    "leaky random": _chain(Random(5, indegree=4), LEAKY),
    "leaky loop": _loop(LEAKY),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    return NETWORKS[request.param]


@pytest.fixture
def weights(network: Network) -> dict[str, np.ndarray]:
    drawn = netsim.initial_weights(network, 0)
    return {name: np.abs(array).round(2) + 0.25 for name, array in drawn.items()} | initial_delays(network, 0)


def test_an_empty_batch_has_no_latencies(network: Network, weights: dict[str, np.ndarray]) -> None:
    found = netsim.make_engine("event", network).present(netsim.Batch(np.zeros((0, 4, 4, 1)), weights))
    assert {name: times.shape for name, times in found.items()} == {
        name: (0, *shape) for name, shape in network.shapes.items()
    }


def test_a_negative_zero_is_the_start(network: Network, weights: dict[str, np.ndarray]) -> None:
    """Users get it from ``-tau*np.log(1.0)``."""
    stimuli = np.random.default_rng(0).uniform(0.0, 10.0, (2, 4, 4, 1))
    stimuli[:, ::2] = 0.0
    engine = netsim.make_engine("event", network)
    expected = engine.present(netsim.Batch(stimuli, weights))
    assert np.isfinite(expected["hidden"]).any()
    found = engine.present(netsim.Batch(np.where(stimuli == 0, -0.0, stimuli), weights))
    for name, times in expected.items():
        np.testing.assert_array_equal(found[name], times)


@pytest.mark.parametrize("dtype", ["f2", ">f8", "g"])
def test_other_precisions_are_converted(network: Network, weights: dict[str, np.ndarray], dtype: str) -> None:
    given = {name: array.astype(dtype) for name, array in weights.items()}
    doubled = {name: array.astype(np.float64) for name, array in given.items()}
    stimuli = np.random.default_rng(0).uniform(0.0, 10.0, (2, 4, 4, 1))
    engine, labels = netsim.make_engine("event", network), np.array([0, 1])
    latencies = engine.present(netsim.Batch(stimuli, doubled))
    found = engine.present(netsim.Batch(stimuli, given))
    for name, times in latencies.items():
        np.testing.assert_array_equal(found[name], times)
    learner = netsim.STiDiBP(network)
    expected = learner.learn(latencies, labels, doubled).gradients
    for name, gradient in learner.learn(latencies, labels, given).gradients.items():
        np.testing.assert_array_equal(gradient, expected[name])
