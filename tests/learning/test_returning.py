"""Hidden neurons at the edges of their windows return into them."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

import netsim
from netsim.learning.protocol import BatchGradients
from netsim.specification import Delays, Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training
from netsim.weights.layout import Weights

ONSET, END = 16.0, 48.0
FREE = Neurons("free", threshold=1.0, tau=16.0, bias=True)
STIMULUS = np.zeros((1, 1, 1, 1))
"""One spike at 0 ms."""


def network(edges: Literal["return", "stop", "pass"], delay: float | Delays = 0.0, dropout: float = 0.0) -> Network:
    """One hidden neuron before two outputs."""
    hidden = Neurons("phased", threshold=2.0, tau=16.0, onset=ONSET, end=END, drive=1.0, bias=True)
    output = Neurons("phased", threshold=3.0, tau=16.0, onset=END, end=160.0, drive=1.0, bias=True)
    layers = [
        Layer("hidden", Dense(1), hidden, dropout=dropout),
        Layer("output", Dense(2), output, delay=delay),
    ]
    training = Training("digits", precision="double")
    return Network.chain(
        "edges", IntensityEncoder((1, 1, 1), 16.0), layers, 160.0, learning=Learning(edges=edges), training=training
    )


def weights_with(bias: float, delay: float | None = None) -> Weights:
    """Weights of which only the first output listens to the hidden neuron."""
    made = {
        "hidden.kernel": np.zeros((1, 1)),
        "hidden.bias": np.array([bias]),
        "output.kernel": np.array([[1.0, 0.0]]),
        "output.bias": np.zeros(2),
    }
    return made if delay is None else made | {"output.delay": np.full((1,), delay)}


def learned(made: Network, weights: Weights, label: int) -> BatchGradients:
    latencies = netsim.make_engine("event", made).present(netsim.Batch(STIMULUS, weights))
    return netsim.STiDiBP(made).learn(latencies, np.array([label]), weights)


def loss(made: Network, weights: Weights, label: int) -> float:
    """The loss whose gradient the learner returns."""
    (value,) = learned(made, weights, label).loss
    return float(value) / made.learning.sharpness


SILENT, AT_ONSET = -1e-9, 2.0 + 1e-9
"""Biases with which the hidden neuron just misses the end, and is just above threshold at the onset."""


@pytest.mark.parametrize(
    ("bias", "towards", "wanted", "unwanted"), [(SILENT, 1e-4, 0, 1), (AT_ONSET, -1e-4, 1, 0)], ids=["silent", "onset"]
)
def test_displacements_at_the_edges_are_derivatives_into_the_window(
    bias: float, towards: float, wanted: int, unwanted: int
) -> None:
    made, weights = network("return"), weights_with(bias)
    inside = weights_with(bias + towards)
    slope = (loss(made, inside, wanted) - loss(made, weights, wanted)) / towards
    gradient = learned(made, weights, wanted).gradients["hidden.bias"]
    assert float(gradient[0]) == pytest.approx(slope, rel=1e-2)
    assert slope != 0
    # out of the window there is nothing to learn
    assert float(learned(made, weights, unwanted).gradients["hidden.bias"][0]) == 0


def test_a_neuron_within_its_window_learns_as_without_return() -> None:
    weights = weights_with((SILENT + AT_ONSET) / 2)
    for label in (0, 1):
        returned, stopped = (
            learned(network(edges), weights, label).gradients["hidden.bias"] for edges in ("return", "stop")
        )
        assert stopped[0] != 0
        assert returned[0] == stopped[0]


@pytest.mark.parametrize("edges", ["stop", "pass"])
@pytest.mark.parametrize("bias", [SILENT, AT_ONSET])
def test_neurons_at_the_edges_may_stay_there(edges: Literal["stop", "pass"], bias: float) -> None:
    for label in (0, 1):
        assert not learned(network(edges), weights_with(bias), label).gradients["hidden.bias"].any()


@pytest.mark.parametrize("delay", [2.0, Delays("axon", 2.0, 0.0), Delays("synapse", 2.0, 0.0)])
def test_a_silent_neuron_counts_as_firing_before_the_gate_of_its_target(delay: float | Delays) -> None:
    made = network("return", delay)
    weights = {name: array for name, array in netsim.initial_weights(made, 0).items() if name not in weights_with(0.0)}
    gradients = learned(made, weights | weights_with(SILENT), 0).gradients
    prompt = learned(network("return"), weights_with(SILENT), 0).gradients
    assert float(prompt["hidden.bias"][0]) != 0
    assert float(gradients["hidden.bias"][0]) == pytest.approx(float(prompt["hidden.bias"][0]))
    # the spike did not occur, so its synapse does not learn
    assert not gradients["output.kernel"].any()


def test_a_silent_neuron_counts_as_firing_before_its_targets_do() -> None:
    def learned_with(latest: float) -> float:
        """The gradient of the silent neuron's bias, if the other hidden neuron fires at `latest`."""
        made = Network.chain(
            "late",
            IntensityEncoder((1, 1, 1), 16.0),
            [Layer("hidden", Dense(2), FREE), Layer("output", Dense(2), FREE)],
            160.0,
            learning=Learning(edges="return"),
            training=Training("digits", precision="double"),
        )
        weights = {
            "hidden.kernel": np.zeros((1, 2)),
            "hidden.bias": np.array([0.0, 16.0 / latest]),
            "output.kernel": np.array([[1.0, 0.0], [0.0, 0.0]]),
            "output.bias": np.array([0.5, 0.4]),  # at 32 and 40 ms
        }
        latencies = netsim.make_engine("event", made).present(netsim.Batch(np.full((1, 1, 1, 1), np.inf), weights))
        np.testing.assert_allclose(latencies["hidden"], [[np.inf, latest]])
        np.testing.assert_allclose(latencies["output"], [[32.0, 40.0]])
        assert netsim.STiDiBP(made).learn(latencies, np.array([1]), weights).gradients["hidden.bias"][0] == 0
        return float(netsim.STiDiBP(made).learn(latencies, np.array([0]), weights).gradients["hidden.bias"][0])

    # a spike before 32 ms would bring the first output forward; what fires later changes nothing
    assert learned_with(20.0) < 0
    assert learned_with(100.0) == pytest.approx(learned_with(20.0))


def test_neurons_that_dropout_may_have_silenced_do_not_return() -> None:
    assert not learned(network("return", dropout=0.3), weights_with(SILENT), 0).gradients["hidden.bias"].any()


def test_other_gradients_are_those_without_return() -> None:
    made = netsim.load_preset("digits")
    stimuli = netsim.load_splits(made).training.first(20)
    weights = netsim.initial_weights(made, 0)
    latencies = netsim.make_engine("event", made).present(netsim.Batch(stimuli.latencies(np.arange(20)), weights))
    assert np.isinf(latencies["hidden"]).any()
    result = {}
    for edges in ("stop", "return"):
        learning = dataclasses.replace(made.learning, edges=edges)
        learner = netsim.STiDiBP(dataclasses.replace(made, learning=learning))
        result[edges] = learner.learn(latencies, stimuli.labels, weights).gradients
    np.testing.assert_array_equal(result["return"]["output.kernel"], result["stop"]["output.kernel"])
    assert not np.array_equal(result["return"]["hidden.kernel"], result["stop"]["hidden.kernel"])
