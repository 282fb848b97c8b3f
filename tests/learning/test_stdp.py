"""STDP with winners, as a learner behind the protocol."""

import dataclasses

import numpy as np
import pytest

import netsim
from netsim import Dense, LatencyEncoder, Layer, Learning, Network, Neurons, Training
from netsim.errors import SpecificationError
from netsim.learning.learners.stdp import STDP, winners_of
from netsim.specification import Convolution, Delays
from netsim.training.starting import without_effect


def network(**hidden: object) -> Network:
    layers = (Layer("hidden", Dense(3), Neurons("free"), **hidden), Layer("output", Dense(2), plastic=False))  # type: ignore[arg-type]
    learning = Learning(learner="stdp", optimizer="sgd", momentum=0.0, schedule="constant", rate=4.0, fitted=False)
    training = Training(epochs=1, batch=4, validation=0, precision="double")
    return Network.chain("stdp", LatencyEncoder((1, 1, 4), 10.0), layers, 20.0, learning=learning, training=training)


def test_weights_of_the_winner_change_by_the_order_of_spikes() -> None:
    made = network(delay=1.0)
    weights = {"hidden.kernel": np.full((4, 3), 0.8), "output.kernel": np.zeros((3, 2))}
    latencies = {
        "stimulus": np.array([[[[1.0, 4.0, 4.5, np.inf]]]]),
        "hidden": np.array([[9.0, 5.0, np.inf]]),
        "output": np.full((1, 2), np.inf),
    }
    learner = STDP(made, 0.1, 0.05, winners=1)
    result = learner.learn(latencies, np.zeros(1, int), weights)
    assert set(result.gradients) == {"hidden.kernel"}
    change = -result.gradients["hidden.kernel"]
    np.testing.assert_allclose(change[:, 1], np.array([0.1, 0.1, -0.05, -0.05]) * 0.8 * 0.2)  # delayed by 1 ms
    assert not change[:, [0, 2]].any()
    assert not learner.loss(latencies["output"], np.zeros(1, int)).any()


def test_delays_of_a_batch_count() -> None:
    made = network()
    weights = {"hidden.kernel": np.full((4, 3), 0.8), "output.kernel": np.zeros((3, 2))}
    sent, fired = np.array([[[[2.0, 4.0, 6.0, np.inf]]]]), np.array([[np.inf, 5.0, np.inf]])
    latencies = {"stimulus": sent, "hidden": fired, "output": np.full((1, 2), np.inf)}
    learner = STDP(made, 0.1, 0.05, winners=1)
    changes = []
    for late in ({}, {"hidden": np.full((1, 1, 4), 2.0)}):
        changes.append(-learner.learn(latencies, np.zeros(1, int), weights, late).gradients["hidden.kernel"][:, 1])
    np.testing.assert_allclose(changes[0], np.array([0.1, 0.1, -0.05, -0.05]) * 0.16)
    np.testing.assert_allclose(changes[1], np.array([0.1, -0.05, -0.05, -0.05]) * 0.16)


def test_synapses_of_a_kernel_add_up() -> None:
    """Compared with a loop over positions."""
    generator = np.random.default_rng(0)
    layers = (Layer("conv", Convolution(2, 3), Neurons("free")), Layer("output", Dense(2)))
    made = Network.chain("conv", LatencyEncoder((6, 6, 1), 10.0), layers, 20.0)
    sent, fired = 10 * generator.random((1, 6, 6, 1)), 10 * generator.random((1, 4, 4, 2))
    weights = {"conv.kernel": generator.random((3, 3, 1, 2)), "output.kernel": np.zeros((32, 2))}
    latencies = {"stimulus": sent, "conv": fired, "output": np.full((1, 2), np.inf)}
    learner = STDP(made, 0.2, 0.1, winners=2, radius=0)
    change = -learner.learn(latencies, np.zeros(1, int), weights).gradients["conv.kernel"]
    expected = np.zeros_like(change)
    for winner, time in winners_of(fired[0], 2, 0):
        row, column, number = np.unravel_index(winner, (4, 4, 2))
        in_time = sent[0, row : row + 3, column : column + 3] <= time
        w = weights["conv.kernel"][..., number]
        expected[..., number] += np.where(in_time, 0.2, -0.1) * w * (1 - w)
    np.testing.assert_allclose(change, expected)


def test_a_winner_silences_its_map_and_its_neighbours() -> None:
    latencies = np.full((1, 5, 3), np.inf)
    latencies[0, 0] = [1.0, 2.0, 3.0]
    latencies[0, 1, 1] = 2.5
    latencies[0, 3] = [1.5, 4.0, 5.0]
    assert winners_of(latencies, 5, 1) == [(0, 1.0), (10, 4.0)]
    assert winners_of(latencies, 5, 0) == [(0, 1.0), (4, 2.5), (11, 5.0)]
    assert winners_of(latencies, 1, 0) == [(0, 1.0)]
    assert winners_of(np.array([3.0, 2.0]), 5, 0) == [(1, 2.0)]


def test_it_trains_from_settings_within_bounds() -> None:
    made = network(initial=netsim.InitialWeights(mean=4.0, spread=1.0))
    generator = np.random.default_rng(0)
    data = netsim.make_dataset((10 * generator.random((40, 4)), np.arange(40) % 2), made.encoder, name="random")
    stimuli = netsim.load_splits(made, data).training
    state = netsim.start_training(made, seed=0)
    start = {name: values.copy() for name, values in state.weights.items()}
    before = start["hidden.kernel"]
    assert before.max() > 1
    quiet = netsim.Callbacks(on_warning=lambda text: None)  # the loss is flat
    engine = netsim.make_engine("event", made)
    netsim.run_training(engine, made, stimuli, stimuli.first(0), state, 0, callbacks=quiet)
    after = state.weights["hidden.kernel"]
    assert (after >= 0).all()
    assert (after <= 1).all()
    assert (after != before).any()
    text = str([table.rows for table in netsim.describe(made).tables])
    assert "STDP of the earliest neurons" in text
    assert "Unsupervised, between batches" in text
    assert "are cut to [0, 1]" in text
    assert "those onto the output and all biases keep their values" in text
    assert (state.weights["output.kernel"] == start["output.kernel"]).all()


def test_what_it_cannot_learn_is_refused() -> None:
    with pytest.raises(SpecificationError, match="one time for all axons with stdp"):
        STDP(network(delay=Delays("synapse", mean=1.0, spread=0.1, longest=5.0)))
    with pytest.raises(SpecificationError, match=r"potentiation: must be in \[0, 1\], not 2"):
        STDP(network(), potentiation=2.0)
    for wrong in ({"winners": 0}, {"winners": 2.5}, {"radius": -1}, {"potentiation": "x"}):
        with pytest.raises(SpecificationError, match=f"^{next(iter(wrong))}: must be"):
            STDP(network(), **wrong)
    with pytest.raises(SpecificationError, match=r'learning.optimizer: must be "sgd" with the learner stdp'):
        STDP.from_network(dataclasses.replace(network(), learning=Learning(learner="stdp")))
    with pytest.raises(SpecificationError, match='must be "sgd" with the learner stdp, not "weight-norm"'):
        STDP.from_network(dataclasses.replace(network(), learning=Learning(learner="stdp", optimizer="weight-norm")))
    with pytest.raises(SpecificationError, match=r"layers\.hidden: has inhibitory weights, .* set plastic = false"):
        STDP.from_network(network(sign="inhibitory"))
    STDP.from_network(network(sign="excitatory"))
    with pytest.raises(SpecificationError, match=r"layers\.hidden\.dropout: scales weights beyond 1"):
        STDP.from_network(network(dropout=0.5))


def test_spikes_of_a_grid_are_ordered_by_their_steps() -> None:
    """The sum of two times on a grid may differ from a third by rounding."""
    made = network(delay=0.1)
    made = dataclasses.replace(made, training=dataclasses.replace(made.training, dt=0.1))
    weights = {"hidden.kernel": np.full((4, 3), 0.8), "output.kernel": np.zeros((3, 2))}
    for step in range(1, 60):
        sent, fired = np.full((1, 1, 1, 4), step * 0.1), np.full((1, 3), np.inf)
        fired[0, 1] = (step + 1) * 0.1
        latencies = {"stimulus": sent, "hidden": fired, "output": np.full((1, 2), np.inf)}
        gradients = STDP(made, 0.1, 0.05, winners=1).learn(latencies, np.zeros(1, int), weights).gradients
        np.testing.assert_allclose(-gradients["hidden.kernel"][:, 1], 0.1 * 0.8 * 0.2)


def test_settings_of_the_other_learner_are_told() -> None:
    made = network()
    assert not without_effect(made)
    learning = dataclasses.replace(made.learning, label_smoothing=0.1, edges="pass")
    assert without_effect(dataclasses.replace(made, learning=learning)) == [
        "learning.edges has no effect with the learner stdp",
        "learning.label_smoothing has no effect with the learner stdp",
    ]
