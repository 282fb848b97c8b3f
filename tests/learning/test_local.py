"""The local derivative and the learning step of any family, against finite differences and the faster steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.seams import families
from netsim.specification import (
    PSP,
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
    RandomFeedback,
)
from netsim.specification.derivative import local_derivative
from netsim.weights.initial import initial_weights

ALL = ["piecewise-linear", "leaky", "non-leaky", "quadratic"]
LABELS = np.array([0, 1, 2, 0])
T_MAX = 10.0
CAUSAL: dict[str, object] = {"propagation": "causal"}
LEARNING = Learning(sharpness=2.0, edges="pass")


def _neurons(family: str, regime: str = "free", onset: float = 3.0, ratio: float = 0.75) -> Neurons:
    given: dict[str, Any] = {} if families[family].has_psp else {"tau_syn": None if ratio == 1 else 8.0 * ratio}
    given |= {} if regime == "free" else {"onset": onset, "drive": 0.3 if regime == "phased" else 0.1}
    return Neurons(regime, 0.3, 8.0, bias=True, family=family, **given)


def _first_spike(neurons: Neurons, times: np.ndarray, amounts: np.ndarray, bias: float, threshold: float) -> float:
    """The first spike of one neuron, from event to event by the functions of its family."""
    kind = neurons.kind
    p, state, now, rest = kind.parameters(neurons), np.zeros((kind.states, 1)), 0.0, np.array([bias])
    events = sorted([*zip(times, amounts, strict=True), (neurons.onset, np.nan), (80.0, 0.0)])
    is_open = False
    for time, amount in events:
        span = np.array([time - now])
        if is_open:
            wait = kind.crossing(state, rest, np.array([threshold]), span, p)[0]
            if wait <= span[0]:
                return float(now + wait)
        state, now = kind.advance(state, rest, span, p), time
        if np.isnan(amount):
            is_open, rest = True, rest * (not neurons.gated) + neurons.drive
            state[1:] *= not neurons.gated
        elif not (is_open and neurons.gated):
            state = kind.arrive(state, np.array([amount]), p)
    return np.inf


@pytest.mark.parametrize(
    ("family", "regime"),
    [("quadratic", "free"), *((each, "staggered") for each in ALL[:3]), ("piecewise-linear", "phased")],
)
def test_local_derivatives_are_those_of_finite_differences(family: str, regime: str) -> None:
    neurons = _neurons(family, regime, 12.0 if regime == "phased" else 3.0)
    threshold = 1.5 if regime == "phased" else 0.3
    generator, step, compared = np.random.default_rng(0), 1e-6, 0
    for _ in range(12):
        times, amounts = np.sort(generator.uniform(0, 20, 6)), generator.normal(0.3, 0.4, 6)
        inputs = np.concatenate([times, amounts, [0.06, threshold]])

        def spike(given: np.ndarray) -> float:
            return _first_spike(neurons, given[:6], given[6:12], *given[12:])

        at = spike(inputs)
        change = local_derivative(neurons, times[:, None], amounts[:, None], np.array([at]), 0.06)
        if not neurons.onset < at < np.inf or change.slope[0] < 0.01:
            continue
        parts = (change.times, change.amounts, change.bias, change.threshold)
        analytic = np.concatenate([np.ravel(each) for each in parts])
        unit = step * np.eye(14)
        numeric = np.array([(spike(inputs + each) - spike(inputs - each)) / (2 * step) for each in unit])
        np.testing.assert_allclose(analytic, numeric, rtol=1e-5, atol=1e-6)
        # an additional small event shifts the spike like a part of an event
        np.testing.assert_allclose(change.shifts[:, 0] * amounts, change.times[:, 0], rtol=1e-9, atol=1e-12)
        compared += 1
    assert compared > 5


def _chain(family: str, regime: str = "free", ratio: float = 0.75) -> Network:
    psp = PSP("triangle", rise=4.1, fall=7.3) if families[family].has_psp else PSP()
    late = 17.0 if regime == "phased" else 6.0
    output, delay = _neurons(family, regime, late, 1 / ratio), Delays("axon", 2.0, 1.0, learned=True)
    layers = [
        Layer("hidden", Dense(8), neurons=_neurons(family, regime, ratio=ratio), psp=psp),
        Layer("output", Dense(3), output, psp, delay=delay),
    ]
    return Network.chain("chain", IntensityEncoder((3, 3, 1), T_MAX), layers, 60.0, learning=LEARNING)


def _maps(family: str, regime: str = "free") -> Network:
    late = 1.0 if regime == "staggered" else 20.0
    layers = [
        Layer("maps", Convolution(2, 2), neurons=_neurons(family, "free" if regime == "staggered" else regime, 4.0)),
        Layer("pool", Pooling(2)),
        Layer("output", Dense(3), _neurons(family, regime, late), delay=Delays("synapse", 2.0, 1.0, learned=True)),
    ]
    return Network.chain("maps", IntensityEncoder((5, 5, 1), T_MAX), layers, 60.0, learning=LEARNING)


SIZES = ("e", 6, 6.0), ("i", 4, 4.5), ("output", 3, 9.0)
"""Populations of a loop, with their onsets (ms)."""


def _loop(family: str, regime: str = "free") -> Network:
    psp = PSP("plateau", rise=5.0) if families[family].has_psp else PSP()
    sides = ("e", "i"), ("i", "e"), ("e", "e")
    within = [Projection(first, second, Dense(), psp, delay=0.7 * k) for k, (first, second) in enumerate(sides)]
    return Network(
        "loop",
        IntensityEncoder((3, 3, 1), T_MAX),
        tuple(Population(name, (size,), _neurons(family, regime, onset)) for name, size, onset in SIZES),
        (Projection("stimulus", "e", Dense()), *within, Projection("e", "output", Dense()),
         Projection("stimulus", "output", Random(probability=0.5, seed=1))),
        60.0,
        learning=LEARNING,
    )  # fmt: skip


NETWORKS: dict[str, Callable[..., Network]] = {"chain": _chain, "maps": _maps, "loop": _loop}


def _weights_and_stimuli(network: Network) -> tuple[dict[str, np.ndarray], np.ndarray]:
    generator = np.random.default_rng(5)
    weights = initial_weights(network, seed=3)
    for key, array in weights.items():
        if key.endswith("kernel"):
            weights[key] = (0.3 * array + 0.6 / np.sqrt(len(array))).astype(float)
        else:
            weights[key] = generator.uniform(0.02, 0.1, array.shape) + 1.5 * key.endswith("delay")
    return weights, generator.uniform(0, T_MAX, (len(LABELS), *network.encoder.shape))


RATIOS = {"equal": 1.0, "double": 2.0, "near": 1.00001, "far": 0.31}


@pytest.mark.parametrize(
    "network",
    [
        *(pytest.param(NETWORKS[name](family), id=f"{family}-{name}") for family in ALL[1:] for name in NETWORKS),
        *(pytest.param(_chain("leaky", ratio=ratio), id=f"leaky-{name}") for name, ratio in RATIOS.items()),
        pytest.param(_maps("leaky", "staggered"), id="leaky-staggered"),
    ],
)
def test_gradients_agree_with_finite_differences(network: Network) -> None:
    network = dataclasses.replace(network, learning=dataclasses.replace(LEARNING, derivative="exact"))
    weights, stimuli = _weights_and_stimuli(network)
    engine, learner, generator = EventEngine(network), STiDiBP(network), np.random.default_rng(6)

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
    assert compared > 12


@pytest.mark.parametrize(
    ("family", "name", "regime"),
    [(family, name, "free") for family in ("leaky", "piecewise-linear") for name in NETWORKS]
    + [("piecewise-linear", *each) for each in product(NETWORKS, ("phased", "staggered"))],
)
@pytest.mark.parametrize("changes", [{}, {"edges": "return", "derivative": "linear", "activity": 0.02}, CAUSAL])
def test_faster_steps_compute_the_gradients_of_the_local_derivative(
    monkeypatch: pytest.MonkeyPatch, family: str, name: str, regime: str, changes: dict[str, object]
) -> None:
    """With silent neurons, which count as firing at the end and may return."""
    network = NETWORKS[name](family) if regime == "free" else NETWORKS[name](family, regime)
    network = dataclasses.replace(network, learning=dataclasses.replace(LEARNING, **changes))  # type: ignore[arg-type]
    if name == "chain":
        later = dataclasses.replace(network.projections[1], feedback=RandomFeedback(seed=1))
        network = dataclasses.replace(network, projections=(network.projections[0], later))
    weights, stimuli = _weights_and_stimuli(network)
    for key in [key for key in weights if key.endswith("bias")]:
        weights[key][0] = -2.0 if regime == "free" else -20.0
    fired = EventEngine(network).present(Batch(stimuli, weights))
    assert any(np.isinf(times).any() for times in fired.values())
    expected = STiDiBP(network).learn(fired, LABELS, weights)
    monkeypatch.setattr(families[family], "kernels", "")
    result = STiDiBP(network).learn(fired, LABELS, weights)
    assert result.gradients.keys() == expected.gradients.keys()
    for key, gradient in expected.gradients.items():
        np.testing.assert_allclose(result.gradients[key], gradient, rtol=1e-7, atol=1e-12, err_msg=key)
    assert np.any(expected.gradients[next(iter(expected.gradients))])


@pytest.mark.parametrize("family", ["leaky", "quadratic"])
def test_gradients_on_a_grid_have_the_unit_of_gradients_at_exact_times(family: str) -> None:
    exact = _chain(family)
    grid = dataclasses.replace(exact, training=dataclasses.replace(exact.training, dt=0.001))
    weights, stimuli = _weights_and_stimuli(exact)
    result = []
    for network in (exact, grid):
        latencies = EventEngine(network, dt=network.training.dt).present(Batch(stimuli.round(3), weights))
        result.append(STiDiBP(network).learn(latencies, LABELS, weights).gradients)
    for key in result[0]:
        np.testing.assert_allclose(result[0][key], result[1][key], rtol=0, atol=5e-3 * np.abs(result[0][key]).max())
