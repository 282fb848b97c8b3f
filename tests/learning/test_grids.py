"""Learning on time grids: whole steps decide, whatever a step is in ms."""

from __future__ import annotations

import dataclasses
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.errors import SpecificationError
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.models.presets import load_preset
from netsim.specification import (
    PSP,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    OneToOne,
    Population,
    Projection,
    PSPShape,
    Training,
)
from netsim.specification.grid import nearest_steps
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

GRIDS = [0.05, 0.1, 0.3, 0.4, 0.7, 1.1]
"""Steps (ms) that are no power of two: most of their multiples are rounded."""


def _nearest(time: float, dt: float) -> float:
    return float(math.floor(time / dt + 0.5))


def _at_or_after(time: float, dt: float) -> float:
    return float(math.ceil(time / dt - 1e-9)) if time < math.inf else time


def _in_steps(network: Network, dt: float) -> Network:
    """The network that a grid of `dt` ms makes of another, with the step for its ms: all its times are whole."""

    def psp(given: PSPShape) -> PSPShape:
        if given.shape == "ramp":
            return given
        changes: dict[float, float] = {}
        for delay, change in given.kernel:
            changes[_nearest(delay, dt)] = changes.get(_nearest(delay, dt), 0.0) + change
        return PSP("breakpoints", breakpoints=tuple(sorted(changes.items())))

    def delay(given: float | Delays) -> float | Delays:
        if isinstance(given, float):
            return _nearest(given, dt)
        return dataclasses.replace(given, mean=0.0, shortest=0.0, longest=math.inf)

    def neurons(given: Neurons | None) -> Neurons | None:
        if given is None:
            return None
        onset, end = _at_or_after(given.onset, dt), _at_or_after(given.end, dt)
        return dataclasses.replace(given, tau=given.tau / dt, onset=onset, end=end)

    return dataclasses.replace(
        network,
        encoder=dataclasses.replace(network.encoder, t_max=network.encoder.t_max / dt),
        populations=tuple(
            dataclasses.replace(population, neurons=neurons(population.neurons)) for population in network.populations
        ),
        projections=tuple(
            dataclasses.replace(projection, psp=psp(projection.psp), delay=delay(projection.delay))
            for projection in network.projections
        ),
        duration=_at_or_after(network.duration, dt),
        learning=dataclasses.replace(network.learning, margin=network.learning.margin / dt),
        training=Training(dt=1.0),
    )


def _learns_delays(network: Network) -> Network:
    """The network with all drawn delays learned."""
    projections = (
        dataclasses.replace(projection, delay=dataclasses.replace(projection.delays, learned=True))
        if projection.delays
        else projection
        for projection in network.projections
    )
    return dataclasses.replace(network, projections=tuple(projections))


@pytest.mark.parametrize("precision", [np.float64, np.float32])
@pytest.mark.parametrize("family", ["loops", "relays", "rules"])
@given(
    seed=st.integers(0, 2**32 - 1),
    dt=st.sampled_from(GRIDS),
    derivative=st.sampled_from(["linear", "exact"]),
    propagation=st.sampled_from(["slope", "causal"]),
    targets=st.sampled_from(["softmax", "relative"]),
)
@settings(deadline=None, max_examples=12)
def test_a_grid_teaches_what_whole_steps_teach(
    drawn: ModuleType, family: str, precision: type, seed: int, dt: float, **learning: Any
) -> None:
    """Latencies, delays of axons and synapses and of a batch, breakpoints, onsets, gates and ends are counted."""
    network_of, batch_of = drawn.FAMILIES[family]
    network = _learns_delays(network_of(seed))
    network = dataclasses.replace(network, learning=Learning(**learning), training=Training(dt=dt))
    try:
        counted = _in_steps(network, dt)
    except SpecificationError:  # on the grid all spikes of a projection come too late, which is refused in whole ms
        reject()
    batch = batch_of(network, 3, seed)
    labels = np.arange(3) % network.outputs
    latencies = EventEngine(network, dt=dt).present(batch)

    steps = {name: np.rint(times / dt) for name, times in latencies.items()}
    weights = {
        name: nearest_steps(array, dt) if name.endswith(".delay") else array for name, array in batch.weights.items()
    }
    delays = {}
    for name, late in batch.delays.items():  # a delay of axons is rounded with what a batch adds to it
        per_axon = network.projection(name).is_delayed_per("axon")
        delay = batch.weights[f"{name}.delay"] if per_axon else network.projection(name).common_delay
        counted_own = weights[f"{name}.delay"] if per_axon else counted.projection(name).common_delay
        delays[name] = nearest_steps(delay + late, dt) - counted_own
    forward: Weights = {name: array.astype(precision) for name, array in batch.weights.items()}
    learned = STiDiBP(network).learn(latencies, labels, forward, batch.delays)
    expected = STiDiBP(counted).learn(steps, labels, weights, delays)
    close: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-9} if precision is np.float64 else {"rtol": 2e-3, "atol": 2e-4}
    for got, wanted in zip(learned.displacements, expected.displacements, strict=True):
        np.testing.assert_allclose(got / dt, wanted, **close)
    assert learned.gradients.keys() == expected.gradients.keys()
    for name, wanted in expected.gradients.items():
        unit = dt if name.endswith(".delay") else 1.0  # those of delays are per ms
        np.testing.assert_allclose(unit * np.asarray(learned.gradients[name]), np.asarray(wanted), **close)


def _pairs(dt: float, psp: PSPShape, delay: float = 0.0) -> tuple[Network, Weights]:
    """Hidden neurons that fire some steps of `dt` ms after their inputs, and two outputs of which one hears them."""
    network = Network(
        "pairs",
        IntensityEncoder((1, 20, 1), 20 * dt),
        (
            Population("hidden", (1, 20, 1), Neurons(threshold=0.1, tau=0.1 * dt)),
            Population("output", (2,), Neurons(threshold=2.0, tau=2 * dt, bias=True)),
        ),
        (
            Projection("stimulus", "hidden", OneToOne()),
            Projection("hidden", "output", Dense(), psp, delay=delay),
        ),
        60 * dt,
        training=Training(dt=dt),
    )
    weights = {
        "hidden.kernel": np.ones(20),
        "output.kernel": np.repeat([[0.2, 0.0]], 20, axis=0),
        "output.bias": np.full(2, 0.1),
    }
    return network, weights


@pytest.mark.parametrize("dt", GRIDS)
@pytest.mark.parametrize("psp", [PSP(), PSP("plateau", rise=3.25)], ids=["ramp", "plateau"])
@pytest.mark.parametrize("delay", [0.0, 1.45])
def test_a_spike_that_arrives_in_the_step_in_which_its_target_fires_does_not_count(
    delay: float, psp: PSPShape, dt: float
) -> None:
    """Without it the engine fires in the same step, and the learner wants nothing of it."""
    network, weights = _pairs(dt, psp, delay)
    generator, ties = np.random.default_rng(3), 0
    engine, learner = EventEngine(network, dt=dt), STiDiBP(network)
    for _ in range(10):
        stimulus = generator.integers(0, 20, (1, 1, 20, 1)) * dt
        without = np.concatenate([np.zeros((1, 20), bool), np.eye(20, dtype=bool)]).reshape(21, 1, 20, 1)
        latencies = engine.present(Batch(np.repeat(stimulus, 21, axis=0), weights, {"hidden": without}))
        hidden, outputs = (np.rint(latencies[name] / dt) for name in ("hidden", "output"))
        since = outputs[0, 0] - (hidden[0].ravel() + _nearest(delay, dt))
        rising = (since > 0) & (since <= (_nearest(psp.rise, dt) if hasattr(psp, "rise") else math.inf))
        learned = learner.learn({name: times[:1] for name, times in latencies.items()}, np.array([0]), weights)
        assert ((learned.displacements[0].ravel() != 0) == rising).all()
        assert ((np.asarray(learned.gradients["output.kernel"])[:, 0] != 0) == (since > 0)).all()
        assert (outputs[1:, 0][since <= 0] == outputs[0, 0]).all()
        ties += int(np.isin(since, [0.0, *([_nearest(psp.rise, dt)] if hasattr(psp, "rise") else [])]).sum())
    assert ties > 5


@pytest.mark.parametrize("dt", [0.3, 0.7])
def test_a_psp_whose_breakpoints_fall_on_one_step_moves_and_teaches_nothing(dt: float) -> None:
    network, weights = _pairs(dt, PSP("plateau", rise=0.4 * dt))
    latencies = EventEngine(network, dt=dt).present(Batch(np.zeros((1, 1, 20, 1)), weights))
    assert (np.rint(latencies["output"] / dt) == 40).all()
    learned = STiDiBP(network).learn(latencies, np.array([0]), weights)
    assert learned.displacements[1].any()
    assert not learned.displacements[0].any()
    assert not np.asarray(learned.gradients["output.kernel"]).any()


def test_more_steps_than_the_arithmetic_can_count_are_refused() -> None:
    network = Network.chain("fine", IntensityEncoder((2, 2, 1), 20.0), [Layer("output", Dense(2))], 40.0)
    network = dataclasses.replace(network, training=Training(dt=1e-6))
    latencies = {"stimulus": np.full((1, 2, 2, 1), 3.0), "output": np.full((1, 2), 9.0)}
    labels = np.array([0])
    weights = {"output.kernel": np.ones((4, 2), np.float32)}
    with pytest.raises(SpecificationError, match=r"training.dt: 1e-06 ms .* 16,777,216 steps, .*choose a larger step"):
        STiDiBP(network).learn(latencies, labels, weights)
    STiDiBP(network).learn(latencies, labels, {"output.kernel": np.ones((4, 2))})


def test_latencies_off_the_grid_are_taken_as_they_are() -> None:
    network = dataclasses.replace(load_preset("digits"), training=Training())
    weights = initial_weights(network, seed=0)
    stimuli = np.random.default_rng(0).uniform(0.0, 16.0, (3, 8, 8, 1))
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    expected = STiDiBP(network).learn(latencies, np.arange(3), weights).gradients
    stepped = dataclasses.replace(network, training=Training(dt=1.0))
    for name, gradient in STiDiBP(stepped).learn(latencies, np.arange(3), weights).gradients.items():
        np.testing.assert_array_equal(gradient, expected[name])
