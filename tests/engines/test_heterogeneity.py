"""Thresholds of single neurons and conduction delays: both engines, the oracle, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, Latencies, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, SpecificationError
from netsim.specification import PSP, Dense, IntensityEncoder, Layer, Network, Neurons, PSPShape

MakeNetwork = Callable[..., Network]
MakeBatch = Callable[..., Batch]


def heterogeneous(network: Network, batch: Batch, seed: int = 20) -> Batch:
    """The batch with a threshold for each neuron and a delay for each axon; no delay is a whole number of steps."""
    generator = np.random.default_rng(seed)
    thresholds, delays = {}, {}
    for projection in network.weighted:
        source, shape = network.ends(projection)
        threshold = network.neurons(projection.target).threshold
        thresholds[projection.target] = threshold * generator.lognormal(0, 0.4, shape)
        delays[projection.name] = generator.exponential(4.0, source)
    return dataclasses.replace(batch, thresholds=thresholds, delays=delays)


def same_times(latencies: Latencies, expected: Latencies) -> None:
    for got, wanted in zip(latencies.values(), expected.values(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dt", [0.0, 0.7])
def test_the_event_engine_gives_the_times_of_the_oracle(
    oracle: ModuleType, layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape, dt: float
) -> None:
    network = layered(regime, psp)
    plain = random_batch(network, 4, seed=21)
    batch = heterogeneous(network, plain)
    expected = oracle.oracle_latencies(
        network, batch.weights, batch.stimuli, dt, thresholds=batch.thresholds, delays=batch.delays
    )
    fired = np.isfinite(np.concatenate([layer.ravel() for layer in list(expected.values())[1:]]))
    assert 0.1 < fired.mean() < 1
    engine = EventEngine(network, dt=dt)
    latencies = engine.present(batch)
    same_times(latencies, expected)
    assert any((a != b).any() for a, b in zip(latencies.values(), engine.present(plain).values(), strict=True))


# free: thresholds, delays and both; other regimes: both
PARTS = [
    pytest.param(regime, part, marks=[] if regime == "free" or part == "both" else pytest.mark.nightly)
    for regime in ("free", "staggered", "phased")
    for part in ("thresholds", "delays", "both")
]
PHASED = pytest.mark.parametrize(
    "regime",
    [*(pytest.param(name, marks=pytest.mark.nightly) for name in ("free", "staggered")), "phased"],
    indirect=True,
)
"""The regime with all times of neurons; the others by night."""


@pytest.mark.parametrize(("regime", "part"), PARTS, indirect=["regime"])
def test_both_engines_agree(layered: MakeNetwork, random_batch: MakeBatch, regime: str, part: str) -> None:
    network = layered(regime, PSP("triangle", rise=5.2, fall=9.1))
    batch = heterogeneous(network, random_batch(network, 12, seed=22))
    without: dict[str, dict[str, Any]] = {"thresholds": {"delays": {}}, "delays": {"thresholds": {}}, "both": {}}
    batch = dataclasses.replace(batch, **without[part])
    event = EventEngine(network, dt=0.5).present(batch)
    brian2 = Brian2Engine(network, dt=0.5, target="numpy", copies=12).present(batch)
    for ours, theirs in zip(event.values(), brian2.values(), strict=True):
        np.testing.assert_array_equal(np.rint(ours / 0.5), np.rint(theirs / 0.5))


def engines(network: Network) -> list[EventEngine | Brian2Engine]:
    """Exact times, a grid, and Brian2, whose three copies do not fill up."""
    return [EventEngine(network), EventEngine(network, dt=1.0), Brian2Engine(network, 1.0, target="numpy", copies=3)]


@PHASED
def test_those_of_the_specification_change_nothing(layered: MakeNetwork, random_batch: MakeBatch, regime: str) -> None:
    network = layered(regime, PSP("plateau", rise=7.3))
    batch = random_batch(network, 5, seed=23)
    unchanged = dataclasses.replace(
        batch,
        thresholds={
            population.name: np.full(population.shape, population.dynamics.threshold)
            for population in network.integrating
        },
        delays={projection.name: np.zeros(network.shapes[projection.source]) for projection in network.weighted},
    )
    for engine in engines(network):
        for a, b in zip(engine.present(batch).values(), engine.present(unchanged).values(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_one_engine_presents_all_of_them(layered: MakeNetwork, random_batch: MakeBatch) -> None:
    """What one batch changes does not last into the next; Brian2's network is built anew for the first delays."""
    network = layered("staggered", PSP())
    plain = random_batch(network, 4, seed=24)
    both = heterogeneous(network, plain)
    batches = [plain, dataclasses.replace(both, delays={}), both, plain, dataclasses.replace(both, thresholds={})]
    engines = EventEngine(network, dt=1.0), Brian2Engine(network, 1.0, target="numpy", copies=3)
    event, brian2 = ([engine.present(batch) for batch in batches] for engine in engines)
    for ours, theirs in zip(event, brian2, strict=True):
        same_times(ours, theirs)
    same_times(event[0], event[3])
    assert any((a != b).any() for a, b in zip(event[1].values(), event[2].values(), strict=True))


def test_a_spike_arrives_when_it_is_due() -> None:
    """v = (t - latency - delay)/10 from an input of weight 1; a lower threshold is reached sooner."""
    network = Network.chain(
        "two",
        IntensityEncoder((1, 1, 2), 20.0),
        (Layer("output", Dense(3), Neurons(threshold=1.0, tau=10.0)),),
        duration=60.0,
    )
    weights = {"output.kernel": np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])}
    batch = Batch(
        np.array([[[[2.0, 5.0]]]]),
        weights,
        thresholds={"output": np.array([1.0, 0.5, 1.0])},
        delays={"output": np.array([[[4.0, 50.0]]])},
    )
    for engine in (*engines(network), EventEngine(network, dt=0.5), Brian2Engine(network, dt=0.5, target="numpy")):
        np.testing.assert_allclose(engine.present(batch)["output"], [[16.0, 11.0, math.inf]])


def test_leaky_neurons_reach_their_own_thresholds() -> None:
    """A bias of 2 gives v = 2·(1 - exp(-t/10 ms)); a grid rounds crossings up."""
    neurons = Neurons(threshold=1.0, tau=10.0, family="leaky", bias=True)
    network = Network.chain("one", IntensityEncoder((1, 1, 1), 20.0), (Layer("output", Dense(3), neurons),), 60.0)
    weights = {"output.kernel": np.zeros((1, 3)), "output.bias": np.full(3, 2.0)}
    thresholds = np.array([0.4, 1.0, 1.7])
    batch = Batch(np.full((1, 1, 1, 1), 3.0), weights, thresholds={"output": thresholds})
    exact = -10 * np.log(1 - thresholds / 2)
    np.testing.assert_allclose(EventEngine(network).present(batch)["output"], [exact])
    for dt in (0.5, 4.0):
        np.testing.assert_allclose(EventEngine(network, dt=dt).present(batch)["output"], [dt * np.ceil(exact / dt)])


@PHASED
def test_recorded_potentials_show_late_spikes(layered: MakeNetwork, random_batch: MakeBatch, regime: str) -> None:
    network = layered(regime, PSP("plateau", rise=7.3))
    batch = heterogeneous(network, random_batch(network, 2, seed=25))
    record = [Recorded("strided", 1), Recorded("output", 4)]
    event = EventEngine(network, dt=1.0, record=record)
    brian2 = Brian2Engine(network, 1.0, record=record, target="numpy", copies=2)
    event.present(batch)
    brian2.present(batch)
    for ours, theirs in zip(event.potentials, brian2.potentials, strict=True):
        assert ours[:3] == theirs[:3]
        np.testing.assert_allclose(np.interp(theirs.time, ours.time, ours.potential), theirs.potential, atol=1e-9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"thresholds": {"output": np.ones(5)}}, r"thresholds: output has shape \(5,\), \(6,\) is needed"),
        ({"thresholds": {"output": np.zeros(6)}}, "thresholds: output contains values that are not positive"),
        ({"thresholds": {"output": np.full(6, math.nan)}}, "thresholds: output contains NaN or infinity"),
        ({"delays": {"padded": np.zeros((7, 6))}}, r"delays: padded has shape \(7, 6\), \(7, 6, 2\) is needed"),
        ({"delays": {"padded": np.full((7, 6, 2), -1.0)}}, "delays: padded contains negative delays"),
        ({"delays": {"padded": np.full((7, 6, 2), math.inf)}}, "delays: padded contains NaN or infinity"),
    ],
)
def test_values_that_do_not_fit(
    layered: MakeNetwork, random_batch: MakeBatch, changed: dict[str, Any], message: str
) -> None:
    network = layered("free", PSP())
    batch = dataclasses.replace(random_batch(network, 1, seed=0), **changed)
    for engine in engines(network):
        with pytest.raises(DataError, match=message):
            engine.present(batch)


def test_delays_of_a_population_name_its_projections() -> None:
    """A projection of a chain has the name of its target, so delays out of a population look like delays onto it."""
    network = Network.chain(
        "chain",
        IntensityEncoder((2, 3, 1), 20.0),
        (Layer("hidden", Dense(4)), Layer("output", Dense(5))),
        duration=60.0,
    )
    batch = Batch(np.zeros((1, 2, 3, 1)), {"hidden.kernel": np.ones((6, 4)), "output.kernel": np.ones((4, 5))})
    engine = EventEngine(network)
    onto = (
        r"hidden has shape \(4,\), \(2, 3, 1\) is needed; it is the projection from stimulus to hidden; .* of output$"
    )
    with pytest.raises(DataError, match=onto):
        engine.present(dataclasses.replace(batch, delays={"hidden": np.ones(4)}))
    with pytest.raises(SpecificationError, match=r"^delays: 'stimulus': is a population; .* are those of hidden$"):
        engine.present(dataclasses.replace(batch, delays={"stimulus": np.ones((2, 3, 1))}))


@pytest.mark.parametrize("part", ["thresholds", "delays"])
@pytest.mark.parametrize(("name", "message"), [("pool", "has relays, as pooling does"), ("conv9", "does not exist")])
def test_layers_without_them(layered: MakeNetwork, random_batch: MakeBatch, part: str, name: str, message: str) -> None:
    network = layered("free", PSP())
    changed: dict[str, Any] = {part: {name: np.ones(6)}}
    batch = dataclasses.replace(random_batch(network, 1, seed=0), **changed)
    for engine in engines(network):
        with pytest.raises(SpecificationError, match=message):
            engine.present(batch)
