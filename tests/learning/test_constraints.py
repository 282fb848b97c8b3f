"""What holds for the weights after every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.errors import SpecificationError
from netsim.learning.constraints import constraints_of
from netsim.learning.constraints.balance import Balance
from netsim.learning.constraints.bound import Bound
from netsim.learning.constraints.rest import Rest
from netsim.learning.constraints.sign import Sign
from netsim.specification import (
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Population,
    Random,
    Training,
    Weighting,
)
from netsim.weights.initial import initial_weights


def _with_signs(network: Network, **signs: Any) -> Network:
    for name, sign in signs.items():
        network = _changed(network, name, sign=sign)
    return network


def _changed(network: Network, name: str, **changes: Any) -> Network:
    """The network with one projection changed."""
    projections = [dataclasses.replace(p, **changes) if p.name == name else p for p in network.projections]
    return dataclasses.replace(network, projections=tuple(projections))


def test_a_network_without_any_has_none(small_network: Callable[..., Network]) -> None:
    assert constraints_of(small_network()) == []


def test_they_are_enforced_in_the_order_of_their_names(small_network: Callable[..., Network]) -> None:
    binary = dataclasses.replace(small_network(balanced=True), weighting=Weighting("binary"))
    assert [type(constraint) for constraint in constraints_of(binary)] == [Balance, Bound]
    signed = _with_signs(small_network(balanced=True), hidden="excitatory")
    assert [type(constraint) for constraint in constraints_of(signed)] == [Balance, Sign]


def test_weights_that_are_balanced_have_a_mean_of_zero(small_network: Callable[..., Network]) -> None:
    network = _with_signs(small_network(balanced=True), hidden="inhibitory")
    weights = initial_weights(network, 0)
    hidden = weights["hidden.kernel"].copy()
    (balance, _) = constraints_of(network)
    balance.enforce(weights)
    np.testing.assert_allclose(weights["conv.kernel"].mean(axis=(0, 1, 2)), 0, atol=1e-15)
    np.testing.assert_allclose(weights["output.kernel"].mean(axis=0), 0, atol=1e-15)
    np.testing.assert_array_equal(weights["hidden.kernel"], hidden)  # cannot have both


def test_latent_weights_are_bounded_by_their_initial_spread(small_network: Callable[..., Network]) -> None:
    network = dataclasses.replace(small_network(clip=0.5), weighting=Weighting("binary"))
    mean = network.projection("hidden").initial.mean
    (bound,) = constraints_of(network)
    weights = initial_weights(network, 0)
    bound.enforce(weights)
    assert np.abs(weights["hidden.kernel"]).max() == pytest.approx(0.5 * 1.5 / np.sqrt(48) + mean / 48)
    assert np.abs(weights["conv.kernel"]).max() == pytest.approx(0.5 * 1.5 / np.sqrt(18) + mean / 18)


def test_weights_that_are_drawn_around_a_mean_are_within_their_bounds() -> None:
    layers = [Layer("output", Dense(5), initial=InitialWeights(mean=10.0, spread=0.0))]
    binary = Network.chain("b", IntensityEncoder((4, 4, 1), 16.0), layers, 64.0, weighting=Weighting("binary"))
    (bound,) = constraints_of(binary)
    weights = initial_weights(binary, 0)
    bound.enforce(weights)
    np.testing.assert_array_equal(weights["output.kernel"], 10.0 / 16)


def test_signs_are_kept(small_network: Callable[..., Network]) -> None:
    network = _with_signs(small_network(), hidden="excitatory", output="inhibitory")
    (sign,) = constraints_of(network)
    weights = initial_weights(network, 0)
    free = weights["conv.kernel"].copy()
    for name in ("hidden.kernel", "output.kernel"):
        weights[name] *= np.random.default_rng(1).choice([-1, 1], weights[name].shape)
    mixed = {name: array.copy() for name, array in weights.items()}
    sign.enforce(weights)
    np.testing.assert_array_equal(weights["hidden.kernel"], np.maximum(mixed["hidden.kernel"], 0))
    np.testing.assert_array_equal(weights["output.kernel"], np.minimum(mixed["output.kernel"], 0))
    np.testing.assert_array_equal(weights["conv.kernel"], free)
    row = sign.describe(network)
    assert row is not None
    assert "`hidden` (excitatory)" in row[1]
    assert "`output` (inhibitory)" in row[1]


@pytest.mark.parametrize("weighting", ["real", "binary"])
def test_static_weights_are_left_alone(small_network: Callable[..., Network], weighting: Any) -> None:
    network = dataclasses.replace(small_network(balanced=True), weighting=Weighting(weighting))
    static: dict[str, Any] = {"plastic": False, "sign": "excitatory" if weighting == "real" else "any"}
    network = _changed(network, "hidden", **static)
    weights = initial_weights(network, 0)
    weights["hidden.kernel"][:] = -7.0
    for constraint in constraints_of(network):
        constraint.enforce(weights)
    assert (weights["hidden.kernel"] == -7.0).all()


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize(
    "neurons",
    [
        Neurons("free", threshold=1.0, tau=10.0, end=30.0, bias=True),
        Neurons("free", threshold=0.7, tau=3.0, bias=True),  # to the end of the presentation
        Neurons("staggered", threshold=2.0, tau=10.0, onset=15.0, end=30.0, drive=0.5, bias=True),
        Neurons("phased", threshold=1.0, tau=10.0, onset=15.0, end=30.0, drive=1.0, bias=True),
    ],
    ids=lambda neurons: f"{neurons.regime}-{neurons.end}",
)
def test_neurons_are_silent_at_rest_and_not_by_a_little_more(neurons: Neurons, precision: str) -> None:
    layers = (Layer("hidden", Dense(5), neurons, rest_below=1.0), Layer("output", Dense(2), Neurons(bias=True)))
    network = Network.chain("rest", IntensityEncoder((2, 2, 1), 10.0), layers, 47.0)
    (rest,) = constraints_of(network)
    dtype = np.float32 if precision == "single" else np.float64
    weights: dict[str, np.ndarray] = {name: array.astype(dtype) for name, array in initial_weights(network, 0).items()}
    weights["hidden.bias"][:] = [-3.0, 0.01, 5.0, 6.0, 100.0]
    weights["output.bias"][:] = 9.0
    engine, nothing = EventEngine(network, precision=precision), np.full((1, 2, 2, 1), np.inf)

    def fired() -> np.ndarray:
        latencies = engine.present(Batch(nothing, weights))
        assert np.isfinite(latencies["output"]).all()  # those have to fire
        return np.isfinite(latencies["hidden"][0])

    assert fired().tolist()[2:] == [True, True, True]
    rest.enforce(weights)
    assert weights["hidden.bias"][0] == -3.0
    assert len(set(weights["hidden.bias"][2:].tolist())) == 1
    assert (weights["output.bias"] == 9.0).all()
    assert not fired().any()
    weights["hidden.bias"] = np.where(np.arange(5) < 2, weights["hidden.bias"], weights["hidden.bias"] + 0.001)
    assert fired().tolist() == [False, False, True, True, True]


def test_the_margin_of_a_bound_grows_with_it() -> None:
    weights = {"hidden.bias": np.array([2000.0, 3.0], np.float32)}
    Rest({"hidden.bias": 1000.0}).enforce(weights)
    assert weights["hidden.bias"].tolist() == [np.float32(1000 * (1 - 4 * 2**-23)), 3.0]


@pytest.mark.parametrize("fraction", [0.25, 0.9])
def test_potentials_at_rest_stay_below_a_fraction_of_threshold(fraction: float) -> None:
    """Seen by a threshold of just that fraction: a neuron that would reach it fires."""
    neurons = Neurons("phased", threshold=1.0, tau=10.0, onset=15.0, end=30.0, drive=0.1, bias=True)
    lower = dataclasses.replace(neurons, threshold=fraction)
    output = Layer("output", Dense(2), Neurons(bias=True))
    bounded, seen = (
        Network.chain("rest", IntensityEncoder((2, 2, 1), 10.0), (hidden, output), 47.0)
        for hidden in (Layer("hidden", Dense(5), neurons, rest_below=fraction), Layer("hidden", Dense(5), lower))
    )
    weights = initial_weights(bounded, 0)
    weights["hidden.bias"][:] = 9.0
    (rest,) = constraints_of(bounded)
    rest.enforce(weights)
    engine, nothing = EventEngine(seen), np.full((1, 2, 2, 1), np.inf)
    assert np.isinf(engine.present(Batch(nothing, weights))["hidden"]).all()
    weights["hidden.bias"] += 0.001
    assert np.isfinite(engine.present(Batch(nothing, weights))["hidden"]).all()


def test_rest_lasts_as_long_as_the_windows_of_a_grid() -> None:
    """On steps of 1 ms a gate at 15.5 ms closes at 16."""
    neurons = Neurons("phased", threshold=1.0, tau=10.0, onset=15.5, end=30.5, drive=0.1, bias=True)
    layers = (Layer("hidden", Dense(5), neurons, rest_below=1.0), Layer("output", Dense(2), Neurons(bias=True)))
    training = Training(dt=1.0)
    network = Network.chain("rest", IntensityEncoder((2, 2, 1), 10.0), layers, 47.0, training=training)
    weights = initial_weights(network, 0)
    weights["hidden.bias"][:] = 9.0
    (rest,) = constraints_of(network)
    rest.enforce(weights)
    batch = Batch(np.full((1, 2, 2, 1), np.inf), weights)
    assert np.isinf(EventEngine(network, dt=training.dt).present(batch)["hidden"]).all()


def test_where_rest_has_no_meaning() -> None:
    for value, neurons, remedy in (
        (1.5, Neurons(bias=True), "must be at most 1"),
        (0.0, Neurons(bias=True), "must be positive"),
        (0.9, Neurons(), "for neurons with a bias only"),
        (0.9, None, "for neurons with a bias only"),
    ):
        with pytest.raises(SpecificationError, match=rf"populations.hidden.rest_below: .*{remedy}"):
            Population("hidden", (5,), neurons, rest_below=value)
    output = Layer("output", Dense(2), Neurons(bias=True), rest_below=0.9)
    with pytest.raises(SpecificationError, match=r"layers.output.rest_below: must not be given"):
        Network.chain("rest", IntensityEncoder((2, 2, 1), 10.0), (output,), 47.0)


def test_what_all_outputs_share_is_taken_out_and_their_order_stays(small_network: Callable[..., Network]) -> None:
    network = small_network("phased", centred_outputs=True)
    (centre,) = constraints_of(network)
    weights, generator = initial_weights(network, 0), np.random.default_rng(1)
    hidden = weights["hidden.kernel"].copy()
    weights["output.kernel"] += 0.3 * generator.normal(size=(6, 1))  # the same for all outputs
    weights["output.bias"] += generator.normal(size=4) * 0.01
    stimuli = generator.uniform(0, 10, (20, 8, 8, 2))
    engine = EventEngine(network)
    before = engine.present(Batch(stimuli, weights))["output"]
    centre.enforce(weights)
    after = engine.present(Batch(stimuli, weights))["output"]
    np.testing.assert_allclose(weights["output.kernel"].mean(axis=1), 3.0 / 6, atol=1e-12)  # as they were drawn
    np.testing.assert_allclose(weights["output.bias"].mean(), 0.0, atol=1e-12)
    np.testing.assert_array_equal(weights["hidden.kernel"], hidden)
    free = np.isfinite(before).all(1) & np.isfinite(after).all(1)  # of outputs that fire within their window
    free &= (before > network.output.dynamics.onset).all(1) & (after > network.output.dynamics.onset).all(1)
    assert free.sum() > 3
    gaps = (latencies[free] - latencies[free].mean(1, keepdims=True) for latencies in (before, after))
    np.testing.assert_allclose(next(gaps), next(gaps), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda network: dataclasses.replace(network, weighting=Weighting("binary")), "no meaning for binary weights"),
        (lambda network: _with_signs(network, output="excitatory"), "the sign of output exclude each other"),
        (
            lambda network: _changed(network, "output", plastic=False),
            "needs plastic weights onto output, which has none",
        ),
        (
            lambda network: _changed(network, "output", connectivity=Random(4, probability=0.5)),
            "needs projections onto all outputs; output is none",
        ),
    ],
    ids=["binary", "sign", "static", "sparse"],
)
def test_outputs_that_cannot_be_centred(
    small_network: Callable[..., Network], change: Callable[[Network], Network], message: str
) -> None:
    with pytest.raises(SpecificationError, match=f"learning.centred_outputs: .*{message}"):
        constraints_of(change(small_network("phased", centred_outputs=True)))
