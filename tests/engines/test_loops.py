"""Loops and competition: the event engine against the oracle and Brian2, and cases that can be solved by hand."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, Engine, Recorded, make_engine
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event import competition
from netsim.engines.event.clock import Clock
from netsim.engines.event.component import ComponentStage
from netsim.engines.event.engine import EventEngine
from netsim.errors import SpecificationError
from netsim.measuring.potentials import output_potentials
from netsim.specification import (
    Convolution,
    Delays,
    Dense,
    EdgeList,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    MapWinners,
    NeighbourhoodWinners,
    Network,
    Neurons,
    Pooling,
    Population,
    PopulationWinners,
    PositionWinners,
    Projection,
    Random,
    Winners,
)
from netsim.specification.checks import Shape
from netsim.specification.toml import dumps_network, network_from_dict, network_to_dict
from netsim.weights.initial import initial_weights
from netsim.weights.layout import weight_shapes


def test_networks_with_loops_are_read_as_they_are_written(drawn: ModuleType) -> None:
    for seed in range(20):
        network = drawn.random_network(seed)
        kinds = (drawn.EveryOther, drawn.DrawnPairs)
        kept = [projection for projection in network.projections if not isinstance(projection.connectivity, kinds)]
        others = [projection for projection in network.projections if isinstance(projection.connectivity, kinds)]
        registered = [*kept, *(dataclasses.replace(projection, connectivity=Dense()) for projection in others)]
        network = dataclasses.replace(network, projections=tuple(registered))
        assert network_from_dict(network_to_dict(network)) == network


LATERAL = Projection("output", "output", Dense())


def _alone(neurons: Neurons, count: int = 3, winners: Winners | None = None, lateral: bool = True) -> Network:
    """Outputs that each receive one input, and from each other."""
    population = Population("output", (count,), neurons, winners=winners)
    forward = Projection("stimulus", "output", Dense())
    projections = (forward, LATERAL) if lateral else (forward,)
    return Network("alone", IntensityEncoder((1, count, 1), 20.0), (population,), projections, 60.0)


def _present(
    network: Network, times: list[float], lateral: float, dt: float = 0.0, forward: float = 1.0
) -> list[float]:
    count = network.outputs
    weights = {"output.kernel": forward * np.eye(count), "output_to_output.kernel": np.full((count, count), lateral)}
    kept = {name: weights[name] for name in [f"{projection.name}.kernel" for projection in network.projections]}
    batch = Batch(np.array(times).reshape(1, 1, count, 1), kept)
    spikes: list[float] = EventEngine(network, dt=dt).present(batch)["output"][0].tolist()
    if dt:
        assert Brian2Engine(network, dt=dt, target="numpy").present(batch)["output"][0].tolist() == spikes
    return spikes


FREE = Neurons(threshold=1.0, tau=10.0)


def test_a_lateral_spike_changes_the_slope() -> None:
    # the second neuron begins at 4 ms with slope 1/10, is half way up at 10 ms, and from there rises half as fast
    assert _present(_alone(FREE, 2), [0.0, 4.0], -0.5) == pytest.approx([10.0, 10.0 + 0.4 * 20.0])
    assert _present(_alone(FREE, 2), [0.0, 4.0], 1.0) == pytest.approx([10.0, 10.0 + 0.4 * 5.0])
    assert _present(_alone(FREE, 2), [0.0, 4.0], -1.0) == [10.0, math.inf]


@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_spikes_of_one_instant_do_not_see_each_other(dt: float) -> None:
    assert _present(_alone(FREE), [2.0, 2.0, 3.0], -5.0, dt) == [12.0, 12.0, math.inf]


def test_rounding_does_not_part_the_spikes_of_one_instant() -> None:
    """Three neurons that the drive alone carries to threshold; to one of them events come that do nothing to it."""
    neurons = Neurons("staggered", threshold=0.5, tau=10.0, onset=13.3 * 3, drive=0.3)
    population = Population("output", (3,), neurons)
    forward, more = Projection("stimulus", "output", Dense()), Projection("stimulus", "output", Dense(), name="more")
    network = Network("x", IntensityEncoder((1, 3, 1), 20.0), (population,), (forward, more, LATERAL), 90.0)
    weights = {
        "output.kernel": np.array([[0.1, 0.0, 0.0], [0.7, 0.0, 0.0], [0.3, 0.0, 0.0]]),
        "more.kernel": np.array([[-0.1, 0.0, 0.0], [-0.7, 0.0, 0.0], [-0.3, 0.0, 0.0]]),
        "output_to_output.kernel": np.full((3, 3), -9.0),
    }
    stimuli = np.random.default_rng(0).uniform(0.0, 20.0, (50, 1, 3, 1))
    latencies = EventEngine(network).present(Batch(stimuli, weights))["output"]
    np.testing.assert_allclose(latencies, 13.3 * 3 + 0.5 * 10.0 / 0.3, rtol=1e-12)


@pytest.mark.parametrize("regime", ["staggered", "phased"])
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_the_current_of_a_loop_counts_from_the_onset_on(regime: str, dt: float) -> None:
    """A late population hears of spikes before its onset, whose current has built up nothing by then."""
    early = Population("early", (1,), Neurons(threshold=1.0, tau=10.0))
    late = Population("output", (1,), Neurons(regime, 2.0, tau=10.0, onset=20.0, drive=0.5))
    projections = (
        Projection("stimulus", "early", Dense()),
        Projection("early", "output", Dense()),
        Projection("output", "early", Dense()),
    )
    network = Network("x", IntensityEncoder((1, 1, 1), 20.0), (early, late), projections, 80.0)
    names = ["early.kernel", "output_to_early.kernel", "output.kernel"]
    batch = Batch(np.zeros((1, 1, 1, 1)), dict(zip(names, np.array([1.0, 0.0, 1.5]).reshape(3, 1, 1), strict=True)))
    # the early one fires at 10 ms; from 20 ms on the late one rises by (1.5 + 0.5) / 10 per ms
    assert EventEngine(network, dt=dt).present(batch)["output"].item() == pytest.approx(30.0)
    if dt:
        assert Brian2Engine(network, dt=dt, target="numpy").present(batch)["output"].item() == 30.0
    engine = EventEngine(network, dt=dt, record=[Recorded("output", 0)])
    latencies = engine.present(batch)
    (trace,) = engine.potentials
    for time, potential in ((20.0, 0.0), (25.0, 1.0), (30.0, 2.0)):
        assert np.interp(time, trace.time, trace.potential) == pytest.approx(potential)
        read_out = output_potentials(network, batch.weights, latencies, np.array([time]), dt)
        assert read_out.item() == pytest.approx(potential)


@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_the_first_of_a_population_silences_the_others(dt: float) -> None:
    assert _present(_alone(FREE, 3, PopulationWinners(2), False), [5.0, 1.0, 3.0], 0.0, dt) == [math.inf, 11.0, 13.0]


@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_of_simultaneous_spikes_the_higher_potential_wins(dt: float) -> None:
    """At the onset all are over threshold: the one that has been waiting longest is furthest."""
    neurons = Neurons("staggered", threshold=0.5, tau=10.0, onset=20.0, drive=0.3)
    network = _alone(neurons, 3, PopulationWinners(1), False)
    assert _present(network, [5.0, 1.0, 3.0], 0.0, dt) == [math.inf, 20.0, math.inf]
    assert _present(network, [5.0, 5.0, 5.0], 0.0, dt) == [20.0, math.inf, math.inf]  # then the lowest number
    assert _present(_alone(neurons, 3, PopulationWinners(2), False), [5.0, 1.0, 3.0], 0.0, dt) == [
        math.inf, 20.0, 20.0
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["window", "listed", "loop", "synaptic"])
@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("dt", [0.0, 0.1, 0.5])
def test_of_neurons_at_their_own_thresholds_the_lowest_number_wins(
    oracle: ModuleType, kind: str, regime: str, dt: float
) -> None:
    """All reach what is threshold to them at once, 10 or 15 ms after the input: neither is further above it."""
    onset, drive, delay = (0.0, 0.0, 10.0) if regime == "free" else (20.0, 0.4, 15.0)
    population = Population("output", (4,), Neurons(regime, 0.7, 10.0, onset, 28.0, drive), winners=PopulationWinners())
    late = Delays("synapse", 0.0, 0.0) if kind == "synaptic" else 0.0
    forward = Projection("stimulus", "output", Random(4, 1.0) if kind == "listed" else Dense(), delay=late)
    projections = (forward, LATERAL) if kind == "loop" else (forward,)
    network = Network("x", IntensityEncoder((1, 1, 1), 20.0), (population,), projections, 30.0)
    shapes = weight_shapes(network)
    engines: list[Engine] = [EventEngine(network, dt=dt)]
    if dt:
        engines.append(Brian2Engine(network, dt=dt, target="numpy"))
    for ratios in ([3.0, 0.5, 1.5, 1.0], [0.5, 3.0, 1.0, 1.5], [1.0, 1.5, 3.0, 0.5]):
        thresholds = 0.7 * np.array(ratios)
        weights = {name: np.zeros(shape) for name, shape in shapes.items()}
        weights["output.kernel"] = (thresholds * 10.0 / delay).reshape(shapes["output.kernel"])
        batch = Batch(np.full((1, 1, 1, 1), 5.0), weights, thresholds={"output": thresholds})
        expected = oracle.oracle_latencies(network, weights, batch.stimuli, dt, thresholds=batch.thresholds)
        assert np.isfinite(expected["output"]).tolist() == [[True, False, False, False]]
        for engine in engines:
            np.testing.assert_allclose(engine.present(batch)["output"], expected["output"], rtol=1e-9)


@pytest.mark.parametrize(
    ("winners", "expected"),
    [
        (PositionWinners(1), [[0, 9], [2, 9], [4, 9], [9, 7]]),
        (MapWinners(1), [[0, 9], [9, 3], [9, 9], [9, 9]]),
        (MapWinners(2), [[0, 9], [2, 3], [9, 5], [9, 9]]),
        (NeighbourhoodWinners(1, radius=1), [[0, 9], [9, 9], [4, 9], [9, 9]]),
        (NeighbourhoodWinners(2, radius=1), [[0, 9], [2, 9], [4, 9], [9, 7]]),
        (PopulationWinners(3), [[0, 9], [2, 3], [9, 9], [9, 9]]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_scopes(winners: Winners, expected: list[list[int]], dt: float) -> None:
    """Four positions of two maps, each with an input of its own; 9 is silent."""
    network = Network(
        "scopes",
        IntensityEncoder((1, 8, 1), 20.0),
        (Population("maps", (1, 4, 2), FREE, winners=winners), Population("output", (1,), FREE)),
        (Projection("stimulus", "maps", Dense()), Projection("maps", "output", Dense())),
        60.0,
    )
    batch = Batch(
        np.array([0.0, 8.0, 2.0, 3.0, 4.0, 5.0, 9.0, 7.0]).reshape(1, 1, 8, 1),
        {"maps.kernel": np.eye(8), "output.kernel": np.ones((8, 1))},
    )
    wanted = np.array(expected, float)
    wanted = np.where(wanted == 9, math.inf, wanted + 10)
    np.testing.assert_array_equal(EventEngine(network, dt=dt).present(batch)["maps"][0, 0], wanted)
    if dt:
        brian2 = Brian2Engine(network, dt=dt, target="numpy").present(batch)
        np.testing.assert_array_equal(brian2["maps"][0, 0], wanted)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dt", [0.0, 0.25])
@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize(
    "winners", [PositionWinners(2), MapWinners(3), PopulationWinners(5), PopulationWinners(40)], ids=repr
)
def test_winners_by_times_are_those_spike_by_spike(
    regime: str, winners: Winners, dt: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are over threshold at the onset, and half of the field is empty: what sees nothing is simultaneous."""
    window: dict[str, Any] = {} if regime == "free" else {"onset": 20.0, "end": 44.0, "drive": 0.4}
    neurons = Neurons(regime, threshold=0.5, tau=10.0, bias=True, **window)
    incoming = (
        Projection("stimulus", "maps", Convolution(4, 3, padding=1)),
        Projection("stimulus", "maps", Dense(), name="more"),
    )
    network = Network(
        "winners",
        IntensityEncoder((6, 6, 1), 20.0),
        (Population("maps", (6, 6, 4), neurons, winners=winners), Population("output", (3,), FREE)),
        (*incoming[:count], Projection("maps", "output", Dense())),
        60.0,
    )
    generator = np.random.default_rng(0)
    weights = initial_weights(network, 0)
    weights["maps.bias"] = generator.uniform(0.1, 0.2, weights["maps.bias"].shape)
    stimuli = generator.uniform(0.0, 20.0, (30, 6, 6, 1))
    stimuli[:, 3:] = math.inf
    thresholds = {"maps": generator.choice([0.5, 0.5, 0.4], (6, 6, 4))}
    for batch in (Batch(stimuli, weights), Batch(stimuli, weights, thresholds=thresholds)):
        spikes = EventEngine(network, dt=dt).present(batch)
        with monkeypatch.context() as one_by_one:
            one_by_one.setattr(competition, "MOST_WINNERS", 0)
            expected = EventEngine(network, dt=dt).present(batch)
        for ours, other in zip(spikes.values(), expected.values(), strict=True):
            np.testing.assert_allclose(ours, other, rtol=1e-12)
        assert np.isfinite(spikes["maps"]).any()
        assert (winners.first == 40) or np.isinf(spikes["maps"]).any()


@pytest.mark.parametrize("precision", ["single", "double"])
def test_simultaneous_spikes_are_those_within_an_instant_of_the_earliest(precision: str) -> None:
    """Of spikes that are each within an instant of the next, the earliest begins an instant; then the lowest number.

    In single precision an instant holds no times that differ.
    """
    network = _alone(FREE, 4, PopulationWinners(2), False)
    clock = Clock(network, 0.0, precision)
    silence = competition.silencing(clock, network.population("output"))
    near = clock.dtype.type(0.6 * max(clock.tie, clock.instant))
    for times, expected, exact in (
        ([2, 1, 0, 9], [9, 1, 0, 9], [9, 1, 0, 9]),
        ([2, 0, 9, 9], [2, 0, 9, 9], [2, 0, 9, 9]),
        ([0, 1, 2, 9], [0, 1, 9, 9], [0, 1, 9, 9]),
        ([1, 1, 1, 1], [1, 1, 9, 9], [1, 1, 9, 9]),
        ([1, 1, 0, 9], [1, 1, 9, 9], [1, 9, 0, 9]),
        ([1, 2, 0, 0], [1, 9, 0, 9], [9, 9, 0, 0]),
    ):
        decisive = exact if precision == "single" else expected
        spikes, wanted = (
            np.array([[np.inf if time == 9 else 20 + time * near for time in some]], clock.dtype)
            for some in (times, decisive)
        )
        silence(spikes)
        np.testing.assert_array_equal(spikes, wanted)


@pytest.mark.parametrize("kind", ["window", "listed", "loop", "synaptic", "neighbourhood"])
@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
def test_the_earlier_spike_wins_in_single_precision_too(kind: str, regime: str) -> None:
    """So does the higher potential at an onset: inputs are 0.00004 ms apart, those of higher numbers earlier."""
    onset, drive = (0.0, 0.0) if regime == "free" else (20.0, 0.4)
    neurons = Neurons(regime, 0.5, 10.0, onset, 50.0, drive)
    winners = NeighbourhoodWinners(1, radius=2) if kind == "neighbourhood" else PopulationWinners()
    maps = Population("maps", (1, 3, 1), neurons, winners=winners)
    late = Delays("synapse", 0.0, 0.0) if kind == "synaptic" else 0.0
    forward = Projection("stimulus", "maps", Random(probability=1.0) if kind == "listed" else Dense(), delay=late)
    onto = Projection("maps", "output", Dense())
    lateral = (Projection("maps", "maps", Dense()),) if kind == "loop" else ()
    populations = (maps, Population("output", (1,), FREE))
    network = Network("x", IntensityEncoder((1, 3, 1), 20.0), populations, (forward, onto, *lateral), 300.0)
    shapes = weight_shapes(network)
    weights = {name: np.zeros(shape) for name, shape in shapes.items()}
    weights["maps.kernel"] = np.eye(3).reshape(shapes["maps.kernel"])
    weights["output.kernel"] += 1.0
    stimuli = np.array([5.00004, 5.0, 5.00008, 6.0, 5.00004, 5.0]).reshape(2, 1, 3, 1)
    for precision in ("single", "double"):
        spikes = EventEngine(network, precision=precision).present(Batch(stimuli, weights))["maps"]
        assert np.isfinite(spikes).reshape(2, 3).tolist() == [[False, True, False], [False, False, True]], precision


def test_training_and_evaluation_have_the_same_winners() -> None:
    """In single and in double precision, where spikes are not nearer to each other than inputs are rounded."""
    layers = [
        Layer("maps", Convolution(8, 5, padding=2), FREE, winners=PositionWinners(2), initial=InitialWeights(mean=1.5)),
        Layer("output", Dense(3)),
    ]
    network = Network.chain("winners", IntensityEncoder((12, 12, 1), 64.0), layers, 256.0)
    weights = {name: array.astype(np.float32) for name, array in initial_weights(network, 0).items()}
    stimuli = np.random.default_rng(0).uniform(0.0, 64.0, (400, 12, 12, 1)).astype(np.float32)
    single, double = (
        EventEngine(network, precision=precision).present(Batch(stimuli, weights))["maps"]
        for precision in ("single", "double")
    )
    np.testing.assert_array_equal(np.isfinite(single), np.isfinite(double))
    alone = dataclasses.replace(network.populations[0], winners=None)
    all_may = dataclasses.replace(network, populations=(alone, network.output))
    times = np.sort(EventEngine(all_may).present(Batch(stimuli, weights))["maps"], axis=-1)
    second, third = times[..., 1], times[..., 2]
    assert (third < second + 2e-4).sum() > 3


def test_silenced_neurons_do_not_compete() -> None:
    network = _alone(FREE, 3, PopulationWinners(1), False)
    batch = Batch(
        np.array([5.0, 1.0, 3.0]).reshape(1, 1, 3, 1),
        {"output.kernel": np.eye(3)},
        silenced={"output": np.array([False, True, False])},
    )
    assert EventEngine(network).present(batch)["output"][0].tolist() == [math.inf, math.inf, 13.0]
    brian2 = Brian2Engine(network, dt=1.0, target="numpy").present(batch)
    assert brian2["output"][0].tolist() == [math.inf, math.inf, 13.0]


@pytest.mark.parametrize("copies", [1, 2])
def test_presentations_in_one_run_of_brian2_know_nothing_of_each_other(copies: int) -> None:
    """One after another or side by side, neither by the currents of a loop nor by winners."""
    excited, rivals = _alone(FREE, 2), _alone(FREE, 3, PopulationWinners(1), False)
    stimuli = np.array([[0.0, 4.0], [0.0, 4.0], [4.0, 0.0]]).reshape(3, 1, 2, 1)
    batch = Batch(stimuli, {"output.kernel": np.eye(2), "output_to_output.kernel": np.ones((2, 2))})
    spikes = Brian2Engine(excited, dt=0.5, target="numpy", copies=copies).present(batch)["output"]
    assert spikes.tolist() == [[10.0, 12.0], [10.0, 12.0], [12.0, 10.0]]
    stimuli = np.array([[5.0, 1.0, 3.0], [1.0, 5.0, 3.0], [5.0, 3.0, 1.0]]).reshape(3, 1, 3, 1)
    batch = Batch(stimuli, {"output.kernel": np.eye(3)})
    spikes = Brian2Engine(rivals, dt=0.5, target="numpy", copies=copies).present(batch)["output"]
    assert spikes.tolist() == [[math.inf, 11.0, math.inf], [11.0, math.inf, math.inf], [math.inf, math.inf, 11.0]]


def test_no_presentation_has_no_winners() -> None:
    layers = [Layer("maps", Convolution(2, 3), neurons=FREE, winners=MapWinners(2)), Layer("output", Dense(2))]
    network = Network.chain("chain", IntensityEncoder((4, 4, 1), 10.0), layers, 40.0)
    latencies = EventEngine(network).present(Batch(np.empty((0, 4, 4, 1)), initial_weights(network, seed=0)))
    assert [latency.shape for latency in latencies.values()] == [(0, 4, 4, 1), (0, 2, 2, 2), (0, 2)]


def test_winners_of_a_layer_are_those_of_its_population() -> None:
    layers = [Layer("maps", Convolution(2, 3), winners=MapWinners(2)), Layer("output", Dense(2))]
    network = Network.chain("chain", IntensityEncoder((4, 4, 1), 10.0), layers, 40.0)
    assert network.population("maps").winners == MapWinners(2)
    assert network.layers() == tuple(layers)
    assert 'scope = "map"' in dumps_network(network)
    assert network_from_dict(network_to_dict(network)) == network


IN, OUT = Projection("stimulus", "maps", Convolution(2, 3, padding=1)), Projection("pool", "output", Dense())
POOL, BACK = Projection("maps", "pool", Pooling(2)), Projection("pool", "maps", Dense())


def _pooled(*projections: Projection, learning: Learning | None = None) -> Network:
    maps, pool = Population("maps", (4, 4, 2)), Population("pool", (2, 2, 2), None)
    populations = (maps, pool, Population("output", (3,)))
    encoder = IntensityEncoder((4, 4, 1), 10.0)
    return Network("pooled", encoder, populations, projections, 40.0, learning=learning or Learning())


def test_loops_that_cannot_be_are_refused_in_one_line() -> None:
    with pytest.raises(SpecificationError, match=r"populations.pool.neurons: are relays in a loop \(maps and pool\)"):
        _pooled(IN, POOL, OUT, BACK)
    lateral = Projection("maps", "maps", Dense())
    with pytest.raises(SpecificationError, match=r"learning.normalised: scales .* which a loop does not know in time"):
        _pooled(IN, POOL, OUT, lateral, learning=Learning(normalised=True))
    alone = [Projection("stimulus", "one", Dense()), Projection("one", "one", Dense())]
    with pytest.raises(SpecificationError, match=r"populations.one: has no outgoing projection"):
        Network(
            "x",
            IntensityEncoder((4, 4, 1), 10.0),
            (Population("one", (2,)), Population("output", (3,))),
            (*alone, Projection("stimulus", "output", Dense())),
            40.0,
        )
    pair = [Projection("one", "other", Dense()), Projection("other", "one", Dense())]
    with pytest.raises(SpecificationError, match=r"populations.one: does not reach output, the last population"):
        Network(
            "x",
            IntensityEncoder((4, 4, 1), 10.0),
            (Population("one", (2,)), Population("other", (2,)), Population("output", (3,))),
            (Projection("stimulus", "one", Dense()), *pair, Projection("stimulus", "output", Dense())),
            40.0,
        )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (3, r"maps.winners: must be a table such as \{ scope = \"map\", first = 1 \}, not 3"),
        ({"scope": "mapp"}, "maps.winners.scope: must be one of map, neighbourhood, population, position"),
        ({"scope": "map", "radius": 2}, "maps.winners.radius: is not a key here"),
        ({"scope": "map", "first": 0}, r"maps.winners.first: must be an integer >= 1, not 0"),
        ({"scope": "neighbourhood", "radius": 0.5}, "maps.winners.radius: must be of type int, not 0.5"),
    ],
)
def test_winners_that_cannot_be_are_refused_in_one_line(table: object, message: str) -> None:
    settings_of = network_to_dict(_pooled(IN, POOL, OUT))
    settings_of["layers"][0]["winners"] = table
    with pytest.raises(SpecificationError, match=message):
        network_from_dict(settings_of)


def test_scopes_that_a_population_does_not_have_are_refused() -> None:
    with pytest.raises(SpecificationError, match=r"dense.winners.scope: .* not \(4,\); use scope = \"population\""):
        Population("dense", (4,), winners=MapWinners())
    with pytest.raises(SpecificationError, match=r"relays.winners: have a meaning for neurons that integrate"):
        Population("relays", (4,), None, winners=PopulationWinners())
    with pytest.raises(SpecificationError, match=r"large.winners.radius: 99 makes 50,689,280,000 pairs"):
        Population("large", (200, 200, 32), winners=NeighbourhoodWinners(radius=99))


@pytest.mark.parametrize(
    ("shape", "winners", "most"),
    [
        ((4,), PopulationWinners, 4),
        ((2, 5, 3), MapWinners, 10),
        ((2, 5, 3), PositionWinners, 3),
        ((2, 5, 3), NeighbourhoodWinners, 18),
    ],
)
def test_more_winners_than_neurons_are_refused(shape: Shape, winners: type[Winners], most: int) -> None:
    assert most == np.bincount(winners().counted(shape)[1]).max()
    Population("maps", shape, winners=winners(most))
    with pytest.raises(SpecificationError, match=rf"maps.winners.first: {most + 1} of {most} neurons: no neuron"):
        Population("maps", shape, winners=winners(most + 1))


def test_single_precision_is_near_to_double() -> None:
    network = _alone(FREE)
    weights = {"output.kernel": np.eye(3), "output_to_output.kernel": np.full((3, 3), 0.3)}
    stimuli = np.random.default_rng(0).uniform(0.0, 20.0, (40, 1, 3, 1))
    exact, near = (
        make_engine("event", network, precision=p).present(Batch(stimuli, weights)) for p in ("double", "single")
    )
    np.testing.assert_allclose(exact["output"], near["output"], rtol=1e-5)


def _of_neighbours(regime: str, rule: Any = None) -> tuple[Network, Batch]:
    """Outputs in a loop, more than a vector of them, with random weights and stimuli."""
    window: dict[str, Any] = {"onset": 10.0, "drive": 0.5} if regime != "free" else {}
    neurons = Neurons(regime, threshold=1.0, tau=10.0, bias=True, **window)
    population = Population("output", (37,), neurons)
    projections = (Projection("stimulus", "output", rule or Dense()), LATERAL)
    network = Network("neighbours", IntensityEncoder((1, 5, 1), 20.0), (population,), projections, 60.0)
    generator = np.random.default_rng(1)
    weights = {name: generator.normal(0.0, 0.3, shape) for name, shape in weight_shapes(network).items()}
    return network, Batch(generator.uniform(0.0, 20.0, (30, 1, 5, 1)), weights)


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_neighbours_that_change_together_have_the_same_spikes(
    regime: str, precision: str, dt: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, batch = _of_neighbours(regime)
    together = make_engine("event", network, dt=dt, precision=precision).present(batch)["output"]
    assert 0.2 < np.isfinite(together).mean() < 1
    monkeypatch.setattr(ComponentStage, "_is_in_order", lambda _: False)
    one_by_one = make_engine("event", network, dt=dt, precision=precision).present(batch)["output"]
    np.testing.assert_array_equal(together, one_by_one)


def test_targets_that_occur_twice_are_no_neighbours() -> None:
    """Targets 0, 1, 1, 3, ... span as many neurons as 0, 1, 2, 3, ..., and both synapses onto neuron 1 count."""
    targets = [0, 1, 1, *range(3, 37)]
    rows = [f"{pre},{post}" for pre in range(5) for post in targets]
    Path("edges.csv").write_text("\n".join(["pre,post", *rows]), encoding="utf-8")
    network, batch = _of_neighbours("free", EdgeList(37, "edges.csv"))
    listed = batch.weights["output.kernel"].reshape(5, len(targets))
    kernel = np.zeros((5, 37))
    for column, target in enumerate(targets):
        kernel[:, target] += listed[:, column]
    dense = dataclasses.replace(batch, weights={**batch.weights, "output.kernel": kernel})
    ours, theirs = (
        make_engine("event", each).present(given)["output"]
        for each, given in ((network, batch), (_of_neighbours("free")[0], dense))
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
