"""The gradient check compares the learner with finite differences of the loss."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import netsim
from netsim.analysis import gradient_figure, gradient_table
from netsim.errors import DataError


@pytest.fixture(scope="module")
def model() -> netsim.Model:
    return netsim.load_model("digits")


def of_free(model: netsim.Model, derivative: Literal["linear", "exact"]) -> netsim.Network:
    """Return a network in `free` with the given derivative."""
    neurons = netsim.Neurons("free", 1.0, 24.0, bias=True)
    initial = netsim.InitialWeights(spread=0.35, bias=1.0)
    layers = [netsim.Layer(name, netsim.Dense(10), neurons, initial=initial) for name in ("hidden", "output")]
    learning = netsim.Learning(sharpness=64.0, edges="stop", derivative=derivative, fitted=False)
    return netsim.Network.chain(
        "free", model.network.encoder, layers, 256.0, learning=learning, training=model.network.training
    )


def test_learning_in_phased_follows_the_gradient(model: netsim.Model) -> None:
    stimuli = model.splits().test.first(40)
    table = gradient_table(model.network, model.weights, stimuli, samples=6)
    assert table.groupby("layer", observed=True).size().to_dict() == {"hidden": 6, "output": 6}
    np.testing.assert_allclose(table["gradient"], table["difference"], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("derivative", "follows"), [("exact", True), ("linear", False)])
def test_only_the_exact_derivative_follows_the_gradient_in_free(
    model: netsim.Model, derivative: Literal["linear", "exact"], follows: bool
) -> None:
    network = of_free(model, derivative)
    weights, stimuli = netsim.initial_weights(network, seed=1), model.splits().test.first(40)
    table = gradient_table(network, netsim.forward_weights(network, weights), stimuli, samples=6, layers=["hidden"])
    same = np.isclose(table["gradient"], table["difference"], rtol=1e-3, atol=1e-9)
    assert same.all() == follows


def test_equal_seeds_sample_equal_weights(model: netsim.Model) -> None:
    stimuli = model.splits().test.first(10)
    one, same, other = (
        gradient_table(model.network, model.weights, stimuli, samples=3, seed=seed) for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(one, same)
    assert one["weight"].tolist() != other["weight"].tolist()


@pytest.mark.parametrize("weight", [0.0, 0.01])
def test_weights_of_a_layer_may_be_equal(model: netsim.Model, weight: float) -> None:
    weights = model.weights | {"output.kernel": np.full_like(model.weights["output.kernel"], weight)}
    table = gradient_table(model.network, weights, model.splits().test.first(5), samples=2, layers=["output"])
    np.testing.assert_allclose(table["gradient"], table["difference"], rtol=1e-3, atol=1e-9)


def test_weights_keep_the_sign_of_their_neuron(model: netsim.Model) -> None:
    """Training clips weights of the wrong sign to 0, and a difference around 0 needs both signs."""
    hidden, output = model.network.populations
    signed = dataclasses.replace(model.network, populations=(dataclasses.replace(hidden, inhibitory=0.2), output))
    weights = netsim.initial_weights(signed, 0)
    weights["output.kernel"].ravel()[::2] = 0
    table = gradient_table(signed, weights, model.splits().test.first(20), samples=8, layers=["output"])
    assert len(table) == 8
    assert (table["weight"] % 2 == 1).all()


def test_layers_without_learning_weights_are_refused(model: netsim.Model) -> None:
    with pytest.raises(DataError, match="layer pool: has no weights that learn; choose one of hidden, output"):
        gradient_table(model.network, model.weights, model.splits().test.first(1), layers=["pool"])


def test_silent_networks_are_refused(model: netsim.Model) -> None:
    network = dataclasses.replace(model.network, learning=dataclasses.replace(model.network.learning, edges="stop"))
    silent = {name: np.full_like(array, -9.0) for name, array in model.weights.items()}
    with pytest.raises(DataError, match="no weight has a gradient"):
        gradient_table(network, silent, model.splits().test.first(2))


def test_the_figure_shows_each_layer_relative_to_its_largest_difference() -> None:
    rows = {"layer": ["a", "a", "a", "b", "b", "b"], "weight": range(6)}
    difference = np.array([1.0, 0.0, -4.0, 0.1, 0.2, 0.3])
    frame = pd.DataFrame(rows | {"difference": difference, "gradient": difference * [2, 2, 2, 1, 1, 1]})
    axes = gradient_figure(frame)
    first, second = (np.column_stack(line.get_data()) for line in axes.lines[1:])
    np.testing.assert_allclose(first, [[0.25, 0.5], [0.0, 0.0], [-1.0, -2.0]])
    np.testing.assert_allclose(second, [[1 / 3, 1 / 3], [2 / 3, 2 / 3], [1.0, 1.0]])
    assert axes.get_xlabel() == "finite difference / its maximum in the layer"
    assert axes.get_ylabel() == "gradient by the learner / same maximum"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a: 1.000, ×2.00", "b: 1.000, ×1.00"]
    legend = gradient_figure(frame.assign(difference=[*difference[:3], 0, 0, 0])).get_legend()
    assert legend is not None
    assert legend.get_texts()[1].get_text() == "b: no effect"
    with pytest.raises(DataError, match="lacks the column gradient"):
        gradient_figure(frame.drop(columns="gradient"))
