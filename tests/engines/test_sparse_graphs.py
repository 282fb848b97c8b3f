"""Networks of rules whose synapses each have a weight of their own: engines, learner and oracle agree."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, make_engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import SpecificationError
from netsim.learning.constraints import constraints_of
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.specification import (
    PSP,
    Delays,
    Dense,
    Distance,
    EdgeList,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    LocallyConnected,
    Network,
    Neurons,
    OneToOne,
    Population,
    Projection,
    Random,
    Weighting,
)
from netsim.specification.summary import summarise
from netsim.weights.binary import forward_weights, with_log_scales
from netsim.weights.incoming import Incoming
from netsim.weights.initial import initial_weights
from netsim.weights.layout import check_weights, weight_shapes
from netsim.weights.packing import pack, unpack


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("several", [False, True])
def test_the_learner_agrees_with_finite_differences(drawn: ModuleType, regime: str, several: bool) -> None:
    """Through every rule, with two projections onto the output, and thresholds of neurons' own.

    With several synapses between some pairs of neurons, too, some of which have learned delays of their own.
    """

    def neurons(depth: int, threshold: float) -> Neurons:
        if regime == "free":
            return Neurons(threshold=threshold, tau=10.0, bias=True)
        return Neurons(regime, threshold, 10.0, 12.0 * depth, drive=1.0, bias=True)

    initial = InitialWeights(mean=2.0 if regime == "free" else 0.7, spread=0.7)
    many = InitialWeights(mean=3.0, spread=0.4)
    rules = [Random(indegree=4, seed=2), Random(probability=0.7, seed=3), Random(indegree=7, seed=4)]
    delay: float | Delays = 0.7
    if several:
        rules = [drawn.DrawnPairs(seed) for seed in range(3)]
        delay = Delays("synapse", mean=2.0, spread=1.0, shortest=0.1, learned=True)
    network = Network(
        "rules",
        IntensityEncoder((4, 4, 1), 10.0),
        (
            Population("twins", (4, 4, 1), neurons(1, 0.5)),
            Population("local", (3, 3, 2), neurons(2, 1.0)),
            Population("near", (3, 3, 1), neurons(3, 1.3)),
            # every output fires within its window, for the step of another is a convention, no derivative
            Population("output", (4,), neurons(4, 25.0 if regime == "staggered" else 12.0)),
        ),
        (
            Projection("stimulus", "twins", OneToOne(), initial=initial),
            Projection("twins", "local", LocallyConnected(None, 2), PSP("triangle", rise=9.0, fall=80.0), initial),
            Projection("local", "near", Distance(sigma=1.0, seed=1), initial=initial, delay=1.5),
            Projection("stimulus", "near", rules[0], initial=initial),
            Projection("near", "output", rules[1], initial=many),
            Projection("local", "output", rules[2], initial=many, delay=delay),
        ),
        140.0,
        learning=Learning(derivative="exact", sharpness=2.0, edges="stop"),
    )
    generator = np.random.default_rng(0)
    labels, stimuli = np.array([0, 1, 2]), generator.uniform(0, 10, (3, 4, 4, 1))
    weights = initial_weights(network, 3)
    learner, engine = STiDiBP(network), EventEngine(network)
    gradients = learner.learn(engine.present(Batch(stimuli, weights)), labels, weights).gradients
    onsets = [population.dynamics.onset for population in network.populations]

    def loss(name: str, where: int, change: float) -> tuple[float, np.ndarray]:
        changed = weights | {name: weights[name].copy()}
        changed[name][where] += change
        latencies = engine.present(Batch(stimuli, changed))
        moves = [
            (np.isfinite(t) & (t > onset)).ravel()
            for t, onset in zip(list(latencies.values())[1:], onsets, strict=True)
        ]
        return float(learner.loss(latencies["output"], labels).mean()), np.concatenate(moves)

    compared = dict.fromkeys(weights, 0)
    for name, array in weights.items():
        for where in generator.permutation(array.size)[:12]:
            (more, same), (less, others) = (loss(name, where, step) for step in (1e-6, -1e-6))
            if (same != others).any():
                continue  # a spike appears or vanishes: no derivative here
            numeric = (more - less) / 2e-6
            assert 2.0 * gradients[name][where] == pytest.approx(numeric, rel=1e-3, abs=1e-7), (name, where)
            compared[name] += abs(numeric) > 1e-6
    assert sum(compared.values()) > 40
    assert min(compared[f"{name}.kernel"] for name in ("local", "near", "output", "stimulus_to_near")) > 0


def thinned(**settings: Any) -> Network:
    layers = [Layer("hidden", Random(6, 0.5, seed=1)), Layer("output", Random(3, 0.7, seed=2))]
    return Network.chain("thinned", IntensityEncoder((3, 3, 1), 10.0), layers, 40.0, **settings)


def test_a_thinned_layer_is_a_dense_one_whose_other_weights_are_zero() -> None:
    for regime in ("free", "phased"):
        neurons = Neurons(regime, 0.7, 10.0, *((0.0,) if regime == "free" else (10.0, 17.0, 1.0)))
        sparse = Network.chain(
            "sparse", IntensityEncoder((5, 5, 1), 10.0), [Layer("output", Random(40, 0.3), neurons)], 40.0
        )
        dense = sparse.with_layers([Layer("output", Dense(40), neurons)])
        batch = batch_of_any(sparse)
        connections, full = sparse.connections(sparse.projections[0]), np.zeros((25, 40))
        full[connections.pre, connections.post] = batch.weights["output.kernel"]
        for precision in ("double", "single"):
            ours = EventEngine(sparse, precision=precision).present(batch)["output"]
            theirs = EventEngine(dense, precision=precision).present(Batch(batch.stimuli, {"output.kernel": full}))[
                "output"
            ]
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 if precision == "double" else 1e-3)
            assert 0.2 < np.isfinite(ours).mean() < 1


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("synaptic", [False, True])
def test_all_synapses_of_two_neurons_count(regime: str, synaptic: bool) -> None:
    """A list is a dense layer of the sums of its weights, in several blocks of neurons and both precisions."""
    generator, inputs, outputs = np.random.default_rng(3), 9, 5000
    pre, post = (
        generator.integers(0, inputs, 2 * inputs * outputs),
        generator.integers(0, outputs, 2 * inputs * outputs),
    )
    pre[:40], post[:40] = 2, 4321
    Path("edges.csv").write_text(
        "pre,post\n" + "".join(f"{i},{j}\n" for i, j in zip(pre, post, strict=True)), encoding="utf-8"
    )
    onset = {"free": 0.0, "staggered": 6.0, "phased": 10.0}[regime]
    neurons = Neurons(regime, 0.7, 10.0, onset, 17.0, drive=0.0 if regime == "free" else 1.0)
    delay = Delays("synapse", 0.0, 0.0) if synaptic else 0.0
    encoder, name = IntensityEncoder((3, 3, 1), 10.0), "output.kernel"
    listed = Network.chain("x", encoder, [Layer("output", EdgeList(outputs, "edges.csv"), neurons, delay=delay)], 40.0)
    dense = listed.with_layers([Layer("output", Dense(outputs), neurons)])
    connections = listed.connections(listed.projections[0])
    weights = {name: generator.normal(0.1, 0.3, connections.pre.size)}
    sums = np.zeros((inputs, outputs))
    np.add.at(sums, (connections.pre, connections.post), weights[name])
    stimuli = generator.uniform(0.0, 10.0, (20, 3, 3, 1))
    delays = {"output.delay": np.zeros(connections.pre.size)} if synaptic else {}
    for precision in ("double", "single"):
        ours = EventEngine(listed, precision=precision).present(Batch(stimuli, weights | delays))["output"]
        theirs = EventEngine(dense, precision=precision).present(Batch(stimuli, {name: sums}))["output"]
        apart = np.abs(np.where(ours == theirs, 0.0, ours) - np.where(ours == theirs, 0.0, theirs)).ravel()
        assert (apart > (1e-9 if precision == "double" else 1e-2)).mean() < 1e-4
        assert 0.2 < np.isfinite(ours).mean() < 1


@pytest.mark.parametrize("engine", ["event", "brian2"])
def test_two_synapses_of_one_pair_are_two(engine: str) -> None:
    Path("edges.csv").write_text("pre,post,weight\n0,0,0.5\n0,0,0.5\n", encoding="utf-8")
    layer = Layer("output", EdgeList(1, "edges.csv"), Neurons(threshold=1.0, tau=4.0))
    network = Network.chain("twice", IntensityEncoder((1, 1, 1), 10.0), [layer], 40.0)
    batch = Batch(np.ones((1, 1, 1, 1)), initial_weights(network, 0))
    assert make_engine(engine, network, dt=1.0).present(batch)["output"] == [[5.0]]


def batch_of_any(network: Network) -> Batch:
    generator = np.random.default_rng(4)
    weights = {name: generator.normal(0.2, 0.4, shape) for name, shape in weight_shapes(network).items()}
    stimuli = generator.uniform(0.0, 10.0, (70, *network.encoder.shape))  # more than one part, and than one vector
    stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
    return Batch(stimuli, weights)


@pytest.mark.parametrize(("scale", "rate"), [("channel", 0.0), ("channel", 0.1), ("layer", 0.1)])
def test_binary_weights_have_a_scale_for_each_neuron(scale: Any, rate: float) -> None:
    network = thinned(weighting=Weighting("binary", scale, rate))
    latent = with_log_scales(network, initial_weights(network, 0))
    assert check_weights(network, latent, "latent", latent=rate > 0) is not None
    forward = forward_weights(network, latent)
    kernel, post = forward["hidden.kernel"], network.connections(network.projection("hidden")).post
    drawn = initial_weights(network, 0)["hidden.kernel"]
    for neuron in range(6):
        chosen = slice(None) if scale == "layer" else post == neuron
        np.testing.assert_allclose(np.abs(kernel[post == neuron]), np.abs(drawn[chosen]).mean())
    np.testing.assert_array_equal(np.sign(kernel), np.sign(drawn))
    again = unpack(network, pack(network, forward), "packed")
    for name in forward:
        np.testing.assert_allclose(again[name], forward[name], rtol=1e-6)
    assert summarise(network)["parameters"] == sum(array.size for array in latent.values())


def test_weights_of_a_neuron_are_balanced_and_redrawn_by_its_own_synapses() -> None:
    network = thinned(learning=Learning(balanced=True))
    weights = initial_weights(network, 0)
    (balance,) = constraints_of(network)
    balance.enforce(weights)
    projection = network.projection("hidden")
    incoming, post = Incoming(network, projection), network.connections(projection).post
    np.testing.assert_allclose(incoming.means(weights["hidden.kernel"]), 0, atol=1e-15)
    chosen = incoming.of(np.array([1, 4]))
    assert set(post[chosen].tolist()) == {1, 4}
    assert len(chosen) == np.isin(post, [1, 4]).sum()


def test_neurons_of_silent_maps_are_redrawn_whose_weights_are_their_own() -> None:
    neurons = Population("maps", (2, 2, 3))
    projections = (Projection("stimulus", "maps", Dense()), Projection("maps", "output", Dense()))
    network = Network(
        "maps", IntensityEncoder((2, 2, 1), 5.0), (neurons, Population("output", (2,))), projections, 20.0
    )
    assert Incoming(network, network.projection("maps")).in_maps(np.array([1])).tolist() == [1, 4, 7, 10]


def test_balance_of_a_single_weight_is_refused() -> None:
    layers = [Layer("twins", OneToOne()), Layer("output", Dense(2))]
    network = Network.chain("x", IntensityEncoder((2, 2, 1), 5.0), layers, 20.0, learning=Learning(balanced=True))
    with pytest.raises(SpecificationError, match=r"learning.balanced: weights of twins would all be 0"):
        constraints_of(network)
    plastic = dataclasses.replace(network.projections[0], plastic=False)
    assert constraints_of(dataclasses.replace(network, projections=(plastic, network.projections[1])))
