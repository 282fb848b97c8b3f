"""STiDi-BP of leaky neurons against finite differences of the exact engine."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.specification import (
    Convolution,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    Random,
)
from netsim.weights.initial import initial_weights

LABELS = np.array([0, 1, 2, 0])
T_MAX = 10.0
LEARNING = Learning(derivative="exact", sharpness=2.0, edges="pass")


def _neurons(ratio: float = 1.0, **given: object) -> Neurons:
    tau_syn = None if ratio == 1.0 else 8.0 * ratio
    return Neurons(threshold=0.15, tau=8.0, family="leaky", tau_syn=tau_syn, bias=True, **given)  # type: ignore[arg-type]


def _chain(ratio: float) -> Network:
    layers = [
        Layer("hidden", Dense(8), neurons=_neurons(ratio)),
        Layer("output", Dense(3), neurons=_neurons(1 / ratio), delay=Delays("axon", 2.0, 1.0, learned=True)),
    ]
    return Network.chain("chain", IntensityEncoder((3, 3, 1), T_MAX), layers, 60.0, learning=LEARNING)


def _maps() -> Network:
    late = _neurons(0.5, regime="staggered", onset=1.0, drive=0.1)
    layers = [
        Layer("maps", Convolution(2, 2), neurons=_neurons()),
        Layer("pool", Pooling(2)),
        Layer("output", Dense(3), neurons=late, delay=Delays("synapse", 2.0, 1.0, learned=True)),
    ]
    return Network.chain("maps", IntensityEncoder((5, 5, 1), T_MAX), layers, 60.0, learning=LEARNING)


def _loop() -> Network:
    sides = ("e", "i"), ("i", "e"), ("e", "e")
    within = [Projection(first, second, Dense(), delay=0.7 * k) for k, (first, second) in enumerate(sides)]
    return Network(
        "loop",
        IntensityEncoder((3, 3, 1), T_MAX),
        tuple(Population(name, (size,), _neurons(2.0)) for name, size in (("e", 6), ("i", 4), ("output", 3))),
        (Projection("stimulus", "e", Dense()), *within, Projection("e", "output", Dense()),
         Projection("stimulus", "output", Random(probability=0.5, seed=1))),
        60.0,
        learning=LEARNING,
    )  # fmt: skip


NETWORKS = {
    "equal": lambda: _chain(1.0),
    "double": lambda: _chain(2.0),
    "near": lambda: _chain(1.00001),
    "far": lambda: _chain(0.31),
    "maps": _maps,
    "loop": _loop,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    network = NETWORKS[name]()
    generator = np.random.default_rng(5)
    weights = initial_weights(network, seed=3)
    for key, array in weights.items():
        if key.endswith("kernel"):
            weights[key] = (array + 1.2 / np.sqrt(len(array))).astype(float)
        else:
            weights[key] = generator.uniform(0.02, 0.1, array.shape) + 1.5 * key.endswith("delay")
    stimuli = generator.uniform(0, T_MAX, (len(LABELS), *network.encoder.shape))
    engine, learner = EventEngine(network), STiDiBP(network)

    def loss_and_fired(given: dict[str, np.ndarray]) -> tuple[float, list[np.ndarray]]:
        latencies = engine.present(Batch(stimuli, given))
        return float(learner.loss(latencies["output"], LABELS).mean()), [*map(np.isfinite, latencies.values())]

    fired = engine.present(Batch(stimuli, weights))
    assert min(np.isfinite(times).mean() for times in fired.values()) > 0.3
    learned = learner.learn(fired, LABELS, weights)
    compared, step = 0, 1e-5
    for key, array in weights.items():
        for position in generator.permutation(array.size)[:8]:
            where = np.unravel_index(position, array.shape)

            def at(by: float, key: str = key, where: tuple[int, ...] = where) -> tuple[float, list[np.ndarray]]:
                changed = {name: value.copy() for name, value in weights.items()}
                changed[key][where] += by
                return loss_and_fired(changed)

            shifted = [at(by * step) for by in (2, 1, -1, -2)]
            if any((a != b).any() for moved in shifted[1:] for a, b in zip(shifted[0][1], moved[1], strict=True)):
                continue  # a spike appears or vanishes: no derivative here
            far, near = (shifted[0][0] - shifted[3][0]) / (4 * step), (shifted[1][0] - shifted[2][0]) / (2 * step)
            numeric = near + (near - far) / 3  # without the error of second order
            analytic = network.learning.sharpness * learned.gradients[key][where]
            assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-8), (key, where)
            compared += abs(numeric) > 1e-5
    assert compared > 20


def test_gradients_on_a_grid_have_the_unit_of_gradients_at_exact_times() -> None:
    exact = _chain(0.5)
    grid = dataclasses.replace(exact, training=dataclasses.replace(exact.training, dt=0.001))
    weights = initial_weights(exact, seed=3)
    weights = {
        key: array + (1.2 / np.sqrt(len(array)) if key.endswith("kernel") else 0) for key, array in weights.items()
    }
    stimuli = np.random.default_rng(1).uniform(0, T_MAX, (4, 3, 3, 1)).round(3)
    result = []
    for network in (exact, grid):
        latencies = EventEngine(network, dt=network.training.dt).present(Batch(stimuli, weights))
        result.append(STiDiBP(network).learn(latencies, LABELS, weights).gradients)
    for key in result[0]:
        np.testing.assert_allclose(result[0][key], result[1][key], rtol=0, atol=3e-3 * np.abs(result[0][key]).max())
