"""Learning through loops: finite differences, and what suppressed neurons learn."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Literal

import numpy as np
import pytest

from netsim.engines import Batch, Latencies
from netsim.engines.event.engine import EventEngine
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.specification import (
    PSP,
    Connectivity,
    Convolution,
    Delays,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Learning,
    MapWinners,
    Network,
    Neurons,
    Population,
    Projection,
)
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights, weight_shapes

DENSE = Dense()
LATERAL = InitialWeights(mean=-0.4, spread=0.8)
PLATEAU = PSP("plateau", rise=60.0)


def _network(
    regime: str,
    derivative: Literal["linear", "exact"] = "exact",
    activity: float = 0.0,
    lateral: Connectivity = DENSE,
    shared: Connectivity = DENSE,
    later: float = 0.0,
) -> Network:
    """Maps with lateral synapses, excitatory and inhibitory neurons, and outputs that inhibit each other.

    With an onset, excitatory neurons begin so much `later` than inhibitory ones.
    """

    def neurons(depth: int, threshold: float, later: float = 0.0) -> Neurons:
        if regime == "free":
            return Neurons(threshold=threshold, tau=10.0, bias=True)
        return Neurons(regime, threshold, 10.0, 12.0 * depth + later, drive=1.0, bias=True)

    forward = InitialWeights(mean=2.5 if regime == "free" else 0.5, spread=1.0)
    return Network(
        "loops",
        IntensityEncoder((4, 4, 1), 10.0),
        (
            Population("maps", (4, 4, 2), neurons(1, 0.7)),
            Population("basket", (4,), neurons(2, 0.1)),
            Population("e", (8,), neurons(2, 1.0, later)),
            # every output fires within its window, for the step of another is a convention, no derivative
            Population("output", (4,), neurons(3, {"free": 12.0, "staggered": 20.0, "phased": 3.0}[regime])),
        ),
        (
            Projection("stimulus", "maps", Convolution(2, 3, padding=1), initial=forward),
            Projection("maps", "maps", Convolution(2, 3, padding=1), PLATEAU, LATERAL, Delays("synapse", 0.5, 0.2)),
            Projection("maps", "e", shared, initial=forward, delay=1.3),
            Projection("basket", "e", Dense(), PLATEAU, LATERAL, delay=0.4),
            Projection("e", "e", lateral, initial=LATERAL, delay=Delays("axon", 0.7, 0.3, shortest=0.1, learned=True)),
            Projection(
                "e",
                "basket",
                shared,
                PLATEAU,
                InitialWeights(mean=2.0),
                Delays("synapse", 0.5, 0.2, shortest=0.1, learned=True),
            ),
            Projection("e", "output", Dense(), initial=InitialWeights(mean=3.0, spread=0.4)),
            Projection("output", "output", Dense(), PSP("plateau", rise=10.0), InitialWeights(mean=-0.4, spread=0.3)),
        ),
        120.0,
        learning=Learning(derivative=derivative, sharpness=2.0, activity=activity, edges="stop"),
    )


def _moves(network: Network, latencies: Latencies) -> np.ndarray:
    """Which neurons fire after their onsets."""
    times = {population: latencies[population.name] for population in network.populations}
    return np.concatenate(
        [(np.isfinite(t) & (t > population.dynamics.onset)).ravel() for population, t in times.items()]
    )


def _numeric(
    engine: EventEngine,
    learner: STiDiBP,
    weights: Weights,
    stimuli: np.ndarray,
    labels: np.ndarray,
    name: str,
    where: tuple[np.intp, ...],
) -> float | None:
    """The derivative of the loss by a weight; None if a spike appears or vanishes."""
    losses, moves = [], []
    for change in (1e-6, -1e-6):
        changed = {key: value.copy() for key, value in weights.items()}
        changed[name][where] += change
        latencies = engine.present(Batch(stimuli, changed))
        hidden = sum(np.where(np.isfinite(times), times, 0).sum() for times in list(latencies.values())[1:-1])
        price = -2.0 * engine.network.learning.activity * hidden / 10.0 / len(labels)
        losses.append(float(learner.loss(latencies["output"], labels).mean() + price))
        moves.append(_moves(engine.network, latencies))
    return None if (moves[0] != moves[1]).any() else (losses[0] - losses[1]) / 2e-6


@pytest.mark.parametrize(
    ("regime", "activity", "several", "later"),
    [
        ("free", 0.0, False, 0.0),
        ("staggered", 0.0, False, 0.0),
        ("phased", 0.0, False, 0.0),
        ("free", 0.02, False, 0.0),
        ("phased", 0.02, False, 0.0),
        ("free", 0.0, True, 0.0),
        ("staggered", 0.0, True, 0.0),
        ("phased", 0.0, True, 0.0),
        ("staggered", 0.0, False, 4.0),
        ("phased", 0.0, False, 4.0),
    ],
)
def test_the_learner_agrees_with_finite_differences(
    drawn: ModuleType, regime: str, activity: float, several: bool, later: float
) -> None:
    """With and without a price on hidden spikes, several synapses between some pairs of neurons, and one onset."""
    rules = {"lateral": drawn.DrawnPairs(1), "shared": drawn.EveryOther(2)} if several else {}
    network = _network(regime, activity=activity, **rules, later=later)
    generator = np.random.default_rng(1)
    labels, stimuli = np.array([0, 1, 2]), generator.uniform(0, 10, (3, 4, 4, 1))
    weights = initial_weights(network, 3)
    engine, learner = EventEngine(network), STiDiBP(network)
    latencies = engine.present(Batch(stimuli, weights))
    fired = _moves(network, latencies)
    assert fired.mean() > 0.5
    assert np.isfinite(latencies["output"]).all()
    assert (latencies["output"] > network.neurons("output").onset).all()
    gradients = learner.learn(latencies, labels, weights).gradients
    through: tuple[str, ...] = (
        "e_to_e.kernel",
        "e_to_e.delay",
        "basket.delay",
        "basket.kernel",
        "e.kernel",
        "output_to_output.kernel",
    )
    if later:  # inhibitory neurons fire before excitatory ones begin, and nothing but the weights says how they act
        through = ("basket_to_e.kernel", "e_to_e.kernel", "e_to_e.delay", "e.kernel", "output_to_output.kernel")
        np.testing.assert_array_equal(gradients["basket.bias"], 0.0)
    compared = dict.fromkeys(gradients, 0)
    for name, gradient in gradients.items():
        for position in generator.permutation(gradient.size)[: 24 if name in through else 8]:
            where = np.unravel_index(position, gradient.shape)
            numeric = _numeric(engine, learner, weights, stimuli, labels, name, where)
            if numeric is not None:
                assert 2.0 * gradient[where] == pytest.approx(numeric, rel=1e-3, abs=1e-7), (name, where)
                compared[name] += abs(numeric) > 1e-6
    assert sum(compared.values()) > 40
    assert all(compared[name] for name in through), compared


@pytest.mark.parametrize("regime", ["free", "staggered"])
def test_delays_of_a_batch_add_to_those_of_synapses_in_a_loop(regime: str) -> None:
    network, generator = _network(regime), np.random.default_rng(2)
    labels, stimuli = np.array([0, 1, 2]), generator.uniform(0, 10, (3, 4, 4, 1))
    weights, late = initial_weights(network, 3), {"basket": np.linspace(0.1, 0.8, 8)}
    longer = weights | {"basket.delay": weights["basket.delay"] + late["basket"][:, None]}
    engine, learner = EventEngine(network), STiDiBP(network)
    found = engine.present(Batch(stimuli, weights, delays=late))
    expected = engine.present(Batch(stimuli, longer))
    np.testing.assert_allclose(found["output"], expected["output"], rtol=1e-12)
    learned = learner.learn(expected, labels, weights, late).gradients
    for name, gradient in learner.learn(expected, labels, longer).gradients.items():
        assert np.abs(gradient).max() > 0, name
        np.testing.assert_allclose(learned[name], gradient, rtol=1e-9, atol=1e-14)


def test_the_linear_derivative_takes_the_drive_for_the_slope() -> None:
    network = _network("phased", "linear")
    weights = initial_weights(network, 3)
    stimuli, labels = np.random.default_rng(1).uniform(0, 10, (3, 4, 4, 1)), np.array([0, 1, 2])
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    linear = STiDiBP(network).learn(latencies, labels, weights)
    exact = STiDiBP(_network("phased")).learn(latencies, labels, weights)
    # of the outputs both ask the same, and each hands down by its own slope
    np.testing.assert_allclose(linear.displacements[-1].sum(), exact.displacements[-1].sum(), rtol=0.5)
    assert not np.allclose(linear.gradients["output.kernel"], exact.gradients["output.kernel"], rtol=1e-3)
    alone = dataclasses.replace(network, projections=network.projections[:-1])
    kept = {name: array for name, array in weights.items() if not name.startswith("output_to_output")}
    times = EventEngine(alone).present(Batch(stimuli, kept))
    np.testing.assert_allclose(
        STiDiBP(alone).learn(times, labels, kept).gradients["output.kernel"],
        STiDiBP(dataclasses.replace(alone, learning=Learning(derivative="exact", sharpness=2.0)))
        .learn(times, labels, kept)
        .gradients["output.kernel"],
    )


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
def test_biases_of_neurons_in_a_loop_alone_learn_as_with_a_projection_from_outside(regime: str) -> None:
    """Of weights that are 0, and stay so."""
    network = _network(regime)
    outside = Projection("stimulus", "basket", Dense(), plastic=False)
    more = dataclasses.replace(network, projections=(*network.projections, outside))
    weights = initial_weights(network, 3)
    both = {name: weights.get(name, np.zeros(shape)) for name, shape in weight_shapes(more).items()}
    stimuli, labels = np.random.default_rng(1).uniform(0, 10, (3, 4, 4, 1)), np.array([0, 1, 2])
    biases = []
    for shown, of_shown in ((network, weights), (more, both)):
        latencies = EventEngine(shown).present(Batch(stimuli, of_shown))
        biases.append(STiDiBP(shown).learn(latencies, labels, of_shown).gradients["basket.bias"])
    assert np.abs(biases[0]).min() > 1e-3
    np.testing.assert_allclose(biases[0], biases[1], rtol=1e-9)


def test_suppressed_neurons_learn_nothing() -> None:
    network = _network("free")
    maps = dataclasses.replace(network.population("maps"), winners=MapWinners(3))
    network = dataclasses.replace(network, populations=(maps, *network.populations[1:]))
    weights = initial_weights(network, 3)
    stimuli, labels = np.random.default_rng(1).uniform(0, 10, (3, 4, 4, 1)), np.array([0, 1, 2])
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    suppressed = np.isinf(latencies["maps"])
    assert suppressed.any()
    displacements = STiDiBP(network).learn(latencies, labels, weights).displacements
    assert (displacements[0][suppressed] == 0).all()
    assert (displacements[0][~suppressed] != 0).any()


AT_ONSET, WITHIN, SILENT = 2.0, 1.2, -1.0
"""Biases with which the first output fires at its onset, later, and never."""


def _two_outputs(regime: str, edges: Literal["return", "stop", "pass"]) -> Network:
    onset, drive = (0.0, 0.0) if regime == "free" else (12.0, 1.0)
    neurons = Neurons(regime, 2.0, 10.0, onset, 40.0, drive=drive, bias=True)
    projections = (Projection("stimulus", "output", Dense()), Projection("output", "output", Dense()))
    return Network(
        "edges",
        IntensityEncoder((1, 1, 1), 10.0),
        (Population("output", (2,), neurons),),
        projections,
        60.0,
        learning=Learning(derivative="exact", sharpness=2.0, edges=edges),
    )


@pytest.mark.parametrize("edges", ["return", "stop", "pass"])
@pytest.mark.parametrize(
    ("regime", "bias", "label"),
    [("staggered", AT_ONSET, 0), ("phased", AT_ONSET, 0)]
    + [(regime, SILENT, 1) for regime in ("free", "staggered", "phased")],
)
def test_an_output_at_an_edge_gets_no_displacement_through_a_loop(
    regime: str, bias: float, label: int, edges: Literal["return", "stop", "pass"]
) -> None:
    """Its latency does not move, so it moves no other spike: the derivative is 0. Only its target displaces it."""
    network = _two_outputs(regime, edges)
    engine, learner, stimuli = EventEngine(network), STiDiBP(network), np.full((1, 1, 1, 1), 3.0)

    def weights(first: float) -> Weights:
        lateral = np.array([[0.0, -0.4], [-0.3, 0.0]])
        kernel, biases = np.array([[0.05, 0.03]]), np.array([first, 0.8])
        return {"output.kernel": kernel, "output.bias": biases, "output_to_output.kernel": lateral}

    def learned(first: float, label: int) -> tuple[float, float, float]:
        """The displacement and the gradient of the first output, and the derivative of the loss by its bias."""
        latencies = [engine.present(Batch(stimuli, weights(first + change))) for change in (0.0, 1e-6, -1e-6)]
        assert np.isfinite(latencies[0]["output"][0, 1])
        losses = [float(learner.loss(each["output"], np.array([label]))[0]) for each in latencies]
        result = learner.learn(latencies[0], np.array([label]), weights(first))
        gradient = 2.0 * float(result.gradients["output.bias"][0])
        return float(result.displacements[-1][0, 0]), gradient, (losses[1] - losses[2]) / 2e-6

    displacement, gradient, numeric = learned(bias, label)
    assert numeric == 0
    if edges != "pass":  # the target points out of the window
        assert (displacement, gradient) == (0, 0)
    # towards the window the target alone displaces it, by 10 ms times the difference of two probabilities
    times = engine.present(Batch(stimuli, weights(bias)))["output"][0]
    chances = np.exp(-2.0 * np.minimum(times, 40.0) / 10.0)
    alone = 10.0 * (chances[0] / chances.sum() - label)
    assert learned(bias, 1 - label)[0] == pytest.approx(alone, rel=1e-9)
    _, gradient, numeric = learned(WITHIN, label)
    assert gradient == pytest.approx(numeric, rel=1e-5)
    assert abs(numeric) > 1e-6
