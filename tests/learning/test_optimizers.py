"""Optimizers against their published equations."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError, SpecificationError
from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.learning.optimizers.weight_norm import WeightNorm, hand_back, normalise
from netsim.models.presets import load_preset
from netsim.seams import optimizers, schedules
from netsim.specification import (
    Convolution,
    Dense,
    EdgeList,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Random,
    Training,
    Weighting,
)
from netsim.training.starting import start_training
from netsim.weights.files import read_weights, write_weights
from netsim.weights.incoming import Incoming
from netsim.weights.initial import initial_weights
from netsim.weights.layout import weight_shapes


def test_adam_follows_its_equations() -> None:
    """Kingma and Ba (2015), algorithm 1, with decoupled weight decay (Loshchilov and Hutter 2019)."""
    generator = np.random.default_rng(0)
    weights = {"a.kernel": generator.normal(size=(3, 4)), "a.bias": generator.normal(size=4)}
    expected = {name: array.copy() for name, array in weights.items()}
    first = {name: np.zeros_like(array) for name, array in weights.items()}
    second = {name: np.zeros_like(array) for name, array in weights.items()}
    optimizer = Adam(weight_decay=0.1)
    optimizer.begin(weights)
    for step in range(1, 6):
        gradients = {name: generator.normal(size=array.shape) for name, array in weights.items()}
        optimizer.step(weights, gradients, rate=0.01)
        for name, gradient in gradients.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            change = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            decay = 0.1 * expected[name] if name.endswith("kernel") else 0.0
            expected[name] = expected[name] - 0.01 * (change + decay)
    for name in weights:
        np.testing.assert_allclose(weights[name], expected[name], rtol=1e-9)


def test_sgd_with_momentum() -> None:
    weights = {"a.kernel": np.array([1.0, 2.0])}
    optimizer = SGD(momentum=0.5)
    optimizer.begin(weights)
    for _ in range(2):
        optimizer.step(weights, {"a.kernel": np.array([1.0, -1.0])}, rate=0.1)
    np.testing.assert_allclose(weights["a.kernel"], [1.0 - 0.1 - 0.15, 2.0 + 0.1 + 0.15])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_schedules_stay_within_the_peak_and_end_as_they_say(schedule: str) -> None:
    rates = [schedules[schedule](progress) for progress in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0)
    assert min(rates) >= 0
    assert rates[-1] == pytest.approx(1.0 if schedule == "constant" else 0.0)


def test_one_cycle_rises_to_the_peak_in_a_quarter_and_falls_along_half_a_cosine() -> None:
    one_cycle = schedules["one-cycle"]
    assert [one_cycle(progress) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)] == pytest.approx(
        [0.04, 0.52, 1.0, 0.5, 0.0]
    )
    rates = [one_cycle(progress) for progress in np.linspace(0, 1, 101)]
    assert np.abs(np.diff(rates)).max() < 0.05  # there is no jump


def _normalising(kind: str) -> tuple[Network, str]:
    """A network with convolution, dense and listed synapses onto hidden populations, and the weights in question."""
    rules = {"dense": Dense(5), "conv": Convolution(3, 2), "listed": Random(6, probability=0.7)}
    neurons = Neurons("free", bias=True)
    network = Network.chain(
        "normalised",
        IntensityEncoder((4, 4, 2), 16.0),
        [Layer("hidden", rules[kind], neurons), Layer("output", Dense(3), neurons)],
        64.0,
        learning=Learning(optimizer="weight-norm"),
    )
    return network, "hidden.kernel"


@pytest.mark.parametrize("kind", ["dense", "conv", "listed"])
def test_normalised_weights_learn_by_the_chain_rule(kind: str) -> None:
    network, name = _normalising(kind)
    incoming, generator = Incoming(network, network.weighted[0]), np.random.default_rng(0)
    latent = generator.normal(0.3, 2.0, weight_shapes(network)[name])
    logarithm, slopes = generator.normal(size=incoming.count), generator.normal(size=latent.shape)

    weights, of_directions = np.empty_like(latent), np.empty_like(latent)

    def loss() -> float:
        normalise(incoming, latent, logarithm, weights)
        return float((slopes * np.sin(weights)).sum())

    loss()
    of_norms = hand_back(incoming, latent, logarithm, slopes * np.cos(weights), of_directions)
    for array, expected in ((latent, of_directions), (logarithm, of_norms)):
        for index in list(np.ndindex(array.shape))[::3]:
            kept = array[index]
            array[index] = kept + 1e-6
            above = loss()
            array[index] = kept - 1e-6
            assert (above - loss()) / 2e-6 == pytest.approx(expected[index], rel=1e-5, abs=1e-8)
            array[index] = kept


@pytest.mark.parametrize("kind", ["dense", "conv", "listed"])
def test_weights_are_normalised_after_each_step_and_the_others_adams(kind: str) -> None:
    network, name = _normalising(kind)
    incoming, generator = Incoming(network, network.weighted[0]), np.random.default_rng(1)
    begun = initial_weights(network, 0)
    optimizer, adam = WeightNorm.from_network(network), Adam()
    moved, plain = ({key: array.copy() for key, array in begun.items()} for _ in range(2))
    optimizer.begin(moved)
    np.testing.assert_array_equal(moved[name], begun[name])
    adam.begin(plain)
    for _ in range(3):
        gradients = {key: generator.normal(size=array.shape) for key, array in begun.items()}
        optimizer.step(moved, gradients, 0.01)
        adam.step(plain, gradients, 0.01)
    np.testing.assert_allclose(incoming.means(moved[name]), 0, atol=1e-12)
    norms = np.sqrt(incoming.products(moved[name], moved[name]))
    np.testing.assert_allclose(norms, np.exp(optimizer.state["logarithm.hidden.log_norm"]), rtol=1e-9)
    assert abs(moved[name] - begun[name]).max() > 0.01
    for key in begun.keys() - {name}:
        np.testing.assert_array_equal(moved[key], plain[key])


def test_a_step_without_gradient_and_rate_leaves_directions_where_they_are() -> None:
    network, name = _normalising("dense")
    optimizer, weights = WeightNorm.from_network(network), initial_weights(network, 0)
    optimizer.begin(weights)
    optimizer.step(weights, {name: np.ones_like(weights[name])}, 0.0)
    before = weights[name].copy()
    optimizer.step(weights, {"output.bias": np.ones(3)}, 0.1)
    np.testing.assert_array_equal(weights[name], before)
    centred = initial_weights(network, 0)[name]
    np.testing.assert_allclose(before, centred - centred.mean(axis=0), rtol=1e-9)


def test_equal_weights_have_no_direction() -> None:
    network, name = _normalising("dense")
    optimizer, weights = WeightNorm.from_network(network), initial_weights(network, 0)
    weights[name][:, 3] = 0.1
    with pytest.raises(SpecificationError, match=r"all equal onto a neuron, .* no direction of hidden\.kernel"):
        optimizer.begin(weights)


def test_neurons_without_synapses_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre,post\n0,0\n1,0\n2,0\n0,2\n1,2\n")
    neurons = Neurons("free", bias=True)
    layers = [Layer("hidden", EdgeList(3, str(tmp_path / "edges.csv")), neurons), Layer("output", Dense(3), neurons)]
    network = Network.chain("listed", IntensityEncoder((2, 2, 1), 16.0), layers, 64.0)
    optimizer, weights = WeightNorm.from_network(network), initial_weights(network, 0)
    optimizer.begin(weights)
    optimizer.step(weights, {"hidden.kernel": np.arange(5.0)}, 0.1)
    incoming = Incoming(network, network.weighted[0])
    assert incoming.sizes.tolist() == [3, 0, 2]
    assert np.isfinite(weights["hidden.kernel"]).all()
    np.testing.assert_allclose(incoming.means(weights["hidden.kernel"]), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weighting": Weighting("binary")}, "learning.optimizer: weight-norm is for real weights; choose adam"),
        (
            {"learning": Learning(optimizer="weight-norm", weight_decay=0.1)},
            "learning.weight_decay: must be 0 with",
        ),
        (
            {"learning": Learning(optimizer="weight-norm", revive_below=0.1)},
            "learning.revive_below: must be 0 with",
        ),
        (
            {"training": Training(pretrained="before")},
            "learning.optimizer: weight-norm takes their means from the weights of before",
        ),
    ],
)
def test_what_weights_that_are_normalised_cannot_be(changes: dict[str, Any], message: str) -> None:
    network, _ = _normalising("dense")
    with pytest.raises(SpecificationError, match=f"^{message}"):
        WeightNorm.from_network(dataclasses.replace(network, **changes))


def _layers(*rules: Any, initial: InitialWeights | None = None) -> Network:
    neurons, names = Neurons("free", bias=True), ("first", "second", "third")
    hidden = [
        Layer(name, rule, neurons, initial=initial or InitialWeights())
        for name, rule in zip(names, rules, strict=False)
    ]
    return Network.chain(
        "layers", IntensityEncoder((4, 4, 1), 16.0), [*hidden, Layer("output", Dense(3), neurons)], 64.0
    )


def test_neurons_of_a_single_synapse_are_left_to_adam() -> None:
    optimizer = WeightNorm.from_network(_layers(Dense(1), Dense(4)))
    assert list(optimizer.kernels) == ["first.kernel"]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            _layers(Random(200, probability=0.1)),
            r"learning.optimizer: .* more than one .* first\.kernel",
        ),
        (_layers(), "learning.optimizer: weight-norm finds nothing to normalise here; choose adam"),
        (
            _layers(Dense(4), initial=InitialWeights(mean=1.0)),
            "layers.first.initial.mean: must be 0 with",
        ),
    ],
)
def test_networks_without_directions_are_refused(network: Network, message: str) -> None:
    with pytest.raises(SpecificationError, match=f"^{message}"):
        WeightNorm.from_network(network)


@pytest.mark.parametrize("name", ["adam", "sgd", "weight-norm"])
def test_weights_that_a_step_could_not_change_are_refused(name: str) -> None:
    network = load_preset("digits")
    weights = {each: np.asfortranarray(array) for each, array in initial_weights(network, 0).items()}
    with pytest.raises(DataError, match=r"^hidden.kernel: is not in C order"):
        optimizers[name].from_network(network).begin(weights)


def test_a_training_and_a_file_have_weights_that_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = load_preset("digits")
    drawn = initial_weights(network, 0)
    turned = {name: np.asfortranarray(array) for name, array in drawn.items()}
    monkeypatch.setattr("netsim.training.starting.initial_weights", lambda network, seed: turned)
    write_weights(turned, tmp_path / "weights.npz")
    for weights in (start_training(network, 0).weights, read_weights(network, tmp_path / "weights.npz")):
        for name, array in weights.items():
            assert array.flags.c_contiguous
            np.testing.assert_allclose(array, drawn[name], rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "weight-norm"])
def test_gradients_of_other_shapes_are_refused(name: str) -> None:
    """The loops would read beyond the array."""
    network = load_preset("digits")
    changed = dataclasses.replace(network, learning=dataclasses.replace(network.learning, optimizer=name))
    weights = initial_weights(changed, 0)
    optimizer = optimizers[name].from_network(changed)
    optimizer.begin(weights)
    before = {key: array.copy() for key, array in weights.items()}
    for key, shape in (("output.kernel", (10, 200)), ("output.kernel", (3, 10)), ("other", (3,))):
        with pytest.raises(DataError, match=f"gradients: {key} has the shape"):
            optimizer.step(weights, {key: np.ones(shape)}, 1.0)
    for key, array in weights.items():
        np.testing.assert_array_equal(array, before[key])


def test_whole_numbers_are_written_as_floats(tmp_path: Path) -> None:
    network = load_preset("digits")
    whole = {name: np.ones(shape, np.int64) for name, shape in weight_shapes(network).items()}
    write_weights(whole, tmp_path / "weights.npz")
    for name, array in read_weights(network, tmp_path / "weights.npz").items():
        np.testing.assert_array_equal(array, whole[name])
