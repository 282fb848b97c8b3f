"""Networks that are no chains: several projections onto a population, skips, delays, rules that list their synapses."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest

from netsim.engines import Batch, Recorded, make_engine
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, SpecificationError
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.specification import (
    PSP,
    Connections,
    Convolution,
    Delays,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    Shape,
    Weighting,
)
from netsim.weights.initial import initial_weights
from netsim.weights.layout import initial_delays


def test_delays_that_learn_change_from_batch_to_batch() -> None:
    """Brian2 prepares its queues of delayed spikes only when a run begins, which the engine does once."""
    network = _two(
        dataclasses.replace(IN, delay=Delays("synapse", 4.0, 3.0, learned=True)),
        dataclasses.replace(OUT, delay=Delays("axon", 3.0, 2.0, longest=30.0, learned=True)),
    )
    weights = initial_weights(network, 0)
    weights |= {name: 4 * np.abs(array) for name, array in weights.items() if name.endswith("kernel")}
    stimuli = np.random.default_rng(0).uniform(0, 10, (5, 2, 2, 1))
    batches = [Batch(stimuli, weights | initial_delays(network, seed)) for seed in range(3)]
    batches.insert(2, dataclasses.replace(batches[1], delays={"output": np.array([0.0, 3.0, 25.0, 6.0])}))
    engines = EventEngine(network, dt=0.5), Brian2Engine(network, 0.5, target="numpy", copies=2)
    event, brian2 = ([engine.present(batch) for batch in batches] for engine in engines)
    for ours, theirs in zip(event, brian2, strict=True):
        for first, second in zip(ours.values(), theirs.values(), strict=True):
            np.testing.assert_array_equal(np.rint(first / 0.5), np.rint(second / 0.5))
    assert all((first["output"] != second["output"]).any() for first, second in pairwise(event))


def test_potentials_come_from_all_projections(drawn: ModuleType) -> None:
    free = (network for network in map(drawn.relayed_network, range(200)) if network.neurons("output").regime == "free")
    network = next(candidate for candidate in free if len(candidate.incoming("output")) == 4)
    batch = drawn.weights_and_stimuli(network, 12, 1)
    engine = EventEngine(network, record=[Recorded("output", neuron) for neuron in range(4)])
    latencies = engine.present(batch)["output"]
    neurons, crossed = network.neurons("output"), 0
    for trace in engine.potentials:
        spike = latencies[trace.presentation, trace.neuron]
        if np.isfinite(spike) and spike > neurons.onset:
            at_spike = trace.potential[trace.time == spike].item()
            assert at_spike == pytest.approx(neurons.threshold, rel=1e-9)
            crossed += 1
    assert crossed > 2


@pytest.mark.parametrize("regime", ["free", "staggered", "phased"])
@pytest.mark.parametrize("times", [1, 2])
def test_the_learner_agrees_with_finite_differences(drawn: ModuleType, regime: str, times: int) -> None:
    """Through skips, delays and those of a batch, relays by any rule and two projections onto maps.

    Between two neurons there are as many synapses as `times` says, which share weight and delay.
    """

    def neurons(depth: int, threshold: float) -> Neurons:
        if regime == "free":
            return Neurons(threshold=threshold, tau=10.0, bias=True)
        return Neurons(regime, threshold, 10.0, 12.0 * depth, drive=1.0, bias=True)

    initial = InitialWeights(mean=2.0 if regime == "free" else 0.5, spread=1.5)
    many = InitialWeights(mean=3.0, spread=0.4)
    axonal = Delays(mean=1.2, spread=0.5, shortest=0.1, learned=True)
    every_other = drawn.EveryOther(times)
    synaptic = Delays("synapse", mean=2.3, spread=1.0, shortest=0.1, learned=True)
    network = Network(
        "graph",
        IntensityEncoder((4, 4, 2), 10.0),
        (
            Population("maps", (4, 4, 3), neurons(1, 0.7)),
            Population("pool", (2, 2, 3), None),
            Population("hidden", (6,), neurons(2, 1.0)),
            # every output fires within its window, for the step of another is a convention, no derivative
            Population("output", (4,), neurons(3, 25.0 if regime == "staggered" else 12.0)),
        ),
        (
            Projection("stimulus", "maps", Convolution(3, 3, padding=1), initial=initial),
            Projection("stimulus", "maps", Dense(), initial=initial, delay=axonal),
            Projection("maps", "pool", Pooling(2), delay=axonal),
            Projection("pool", "hidden", every_other, PSP("triangle", rise=9.0, fall=80.0), initial, synaptic),
            Projection("maps", "hidden", Dense(), initial=initial, delay=2.3),
            Projection("hidden", "output", Dense(), initial=many, delay=synaptic),
            Projection("pool", "output", every_other, initial=many),
        ),
        120.0,
        learning=Learning(derivative="exact", sharpness=2.0, edges="stop"),
    )
    generator = np.random.default_rng(0)
    labels, stimuli = np.array([0, 1, 2]), generator.uniform(0, 10, (3, 4, 4, 2))
    weights = initial_weights(network, 5)
    learner, engine = STiDiBP(network), EventEngine(network)
    late = {"maps_to_hidden": generator.uniform(0, 5, (4, 4, 3)), "pool_to_output": generator.uniform(0, 3, (2, 2, 3))}
    late |= {"hidden": generator.uniform(0, 2, (2, 2, 3)), "maps": generator.uniform(0, 2, (4, 4, 2))}
    first = engine.present(Batch(stimuli, weights, delays=late))
    gradients = learner.learn(first, labels, weights, late).gradients

    def loss(name: str, where: tuple[np.intp, ...], change: float) -> tuple[float, np.ndarray]:
        changed = {key: value.copy() for key, value in weights.items()}
        changed[name][where] += change
        latencies = engine.present(Batch(stimuli, changed, delays=late))
        onsets = [population.dynamics.onset if population.integrates else 0.0 for population in network.populations]
        moves = [
            (np.isfinite(t) & (t > onset)).ravel()
            for t, onset in zip(list(latencies.values())[1:], onsets, strict=True)
        ]
        return float(learner.loss(latencies["output"], labels).mean()), np.concatenate(moves)

    latencies = first["output"]
    assert ((latencies > network.neurons("output").onset) & np.isfinite(latencies)).all()
    compared = dict.fromkeys(weights, 0)
    for name, array in weights.items():
        for position in generator.permutation(array.size)[:8]:
            where = np.unravel_index(position, array.shape)
            (more, same), (less, others) = (loss(name, where, step) for step in (1e-6, -1e-6))
            if (same != others).any():
                continue  # a spike appears or vanishes: no derivative here
            numeric = (more - less) / 2e-6
            assert 2.0 * gradients[name][where] == pytest.approx(numeric, rel=1e-3, abs=1e-7), (name, where)
            compared[name] += abs(numeric) > 1e-6
    assert min(compared.values()) > 0
    assert sum(compared.values()) > 60


def _two(*projections: Projection) -> Network:
    populations = (Population("hidden", (4,)), Population("output", (3,)))
    return Network("two", IntensityEncoder((2, 2, 1), 10.0), populations, projections, 40.0)


IN, OUT = Projection("stimulus", "hidden", Dense()), Projection("hidden", "output", Dense())


@pytest.mark.parametrize(
    ("projections", "message"),
    [
        (
            (IN, Projection("hiden", "output", Dense())),
            "hiden_to_output.source: 'hiden' is no population; did you mean 'hidden'?",
        ),
        ((OUT, Projection("output", "hidden", Dense())), "populations.hidden: is not reached by the stimulus"),
        (
            (IN, OUT, Projection("hidden", "stimulus", Dense())),
            "projections.hidden_to_stimulus.target: is the stimulus, which receives nothing",
        ),
        ((IN,), "populations.output: has no incoming projection"),
        ((IN, Projection("stimulus", "output", Dense())), "populations.hidden: has no outgoing projection"),
        (tuple(dataclasses.replace(each, name="one") for each in (IN, OUT)), "projections.name: 'one' is used twice"),
        (
            (IN, dataclasses.replace(OUT, delay=50.0)),
            "projections.hidden_to_output.delay: 50.0 ms is not shorter than the",
        ),
        (
            (IN, dataclasses.replace(OUT, connectivity=Dense(7))),
            "projections.hidden_to_output.connectivity.size: is 7, but",
        ),
        ((IN, dataclasses.replace(OUT, connectivity=Convolution(None, 2))), "a convolution cannot follow"),
        ((IN, dataclasses.replace(OUT, connectivity=Pooling(2))), "a pooling layer cannot follow a dense layer"),
    ],
)
def test_graphs_that_cannot_be_are_refused_in_one_line(projections: tuple[Projection, ...], message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        _two(*projections)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "key"), [("", "hidden_to_output"), ("output", "hidden_to_output"), ("skip", "skip")])
@pytest.mark.parametrize("delay", [-2.0, 2000.0])
def test_a_projection_has_one_name_wherever_it_is_refused(name: str, key: str, delay: float) -> None:
    with pytest.raises(SpecificationError, match=rf"^projections\.{key}\.delay: "):
        _two(IN, Projection("hidden", "output", Dense(), delay=delay, name=name))


def test_neurons_that_pool_are_told_how_to_become_relays() -> None:
    populations = (Population("pool", (1, 1, 1)), Population("output", (3,)))
    projections = (Projection("stimulus", "pool", Pooling(2)), Projection("pool", "output", Dense()))
    with pytest.raises(SpecificationError, match=r'pool.neurons: .* \(neurons = "relays", in Python None\)'):
        Network("pooled", IntensityEncoder((2, 2, 1), 10.0), populations, projections, 40.0)


def _relayed(regime: str, onset: float, delay: float | Delays, *more: Projection) -> Network:
    """Maps, relays 2 ms behind them, and an output that receives from both in a window of 10 ms."""
    first, last = Neurons("phased", onset=10.0, drive=1.0), Neurons(regime, onset=onset, end=onset + 10.0, drive=1.0)
    populations = (
        Population("maps", (2, 2, 3), first),
        Population("pool", (1, 1, 3), None),
        Population("out", (3,), last),
    )
    projections = (
        Projection("stimulus", "maps", Convolution(3, 1)),
        Projection("maps", "pool", Pooling(2), delay=2.0),
        Projection("maps", "out", Dense()),
        Projection("pool", "out", Dense(), delay=delay, name="far"),
    )
    return Network("relayed", IntensityEncoder((2, 2, 1), 10.0), populations, projections + more, 40.0)


@pytest.mark.parametrize(
    ("regime", "onset", "delay", "earliest", "field"),
    [
        ("phased", 22.0, 10.0, "22 ms on at the earliest, and until 22 ms", "onset"),
        ("phased", 10.0, 0.0, "10 ms on at the earliest, and until 10 ms", "onset"),  # maps, at the gate
        ("phased", 20.0, Delays(mean=12.0, shortest=9.0), "21 ms on at the earliest, and until 20 ms", "onset"),
        ("staggered", 20.0, 18.5, "30.5 ms on at the earliest, and until 30 ms", "end"),
    ],
)
def test_spikes_that_come_too_late_to_count_are_refused(
    regime: str, onset: float, delay: float | Delays, earliest: str, field: str
) -> None:
    source = "maps" if delay == 0.0 else "pool"
    with pytest.raises(SpecificationError) as caught:
        _relayed(regime, onset, delay)
    message = f"populations.out.neurons.{field}: is too early: spikes from {source} count from {earliest} only"
    sooner = "an earlier window of maps" if delay == 0.0 else "a shorter delay"
    assert str(caught.value) == f"{message}; set a later one, or {sooner}"


def test_spikes_of_which_some_may_come_in_time_are_taken() -> None:
    again = Projection("out", "out", Dense(), delay=9.9)  # the gate is open for a loop
    cases: list[tuple[str, float, float | Delays]] = [
        ("phased", 22.0, 9.9),
        ("phased", 20.0, Delays(mean=12.0, shortest=7.9)),
        ("staggered", 20.0, 17.9),
    ]
    for regime, onset, delay in cases:
        assert len(_relayed(regime, onset, delay, again).projections) == 5
    late = dataclasses.replace(again, delay=10.0)
    with pytest.raises(SpecificationError, match=r"out.neurons.end: is too early: spikes from out count from 32 ms"):
        _relayed("phased", 22.0, 9.9, late)


def test_signs_and_delays_are_checked() -> None:
    with pytest.raises(
        SpecificationError, match=r"projections.hidden_to_output.sign: must be one of any, excitatory, inhibitory"
    ):
        dataclasses.replace(OUT, sign="both")  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match=r"projections.hidden_to_output.delay: must be a time >= 0 ms"):
        dataclasses.replace(OUT, delay=-1.0)
    network = _two(IN, dataclasses.replace(OUT, sign="inhibitory"))
    weights = initial_weights(network, 0)
    assert (weights["output.kernel"] <= 0).all()
    with pytest.raises(SpecificationError, match=r"layers.output.sign: has no meaning for binary weights"):
        dataclasses.replace(network, weighting=Weighting("binary"))
    weights["output.kernel"][0, 1] = 0.1
    with pytest.raises(DataError, match=r"weights: output.kernel contains weights that are not inhibitory"):
        EventEngine(network).present(Batch(np.zeros((1, 2, 2, 1)), weights))


@dataclasses.dataclass(frozen=True)
class Wrong(Dense):
    """A rule whose arrays do not fit its shapes."""

    pre: int = 0
    post: int = 0
    weight: int = 0
    fewer: int = 0
    backwards: bool = False

    def connections(self, source: Shape, target: Shape) -> Connections:
        connections = super().connections(source, target)
        end = len(connections.post) - self.fewer
        made = Connections(
            connections.pre + self.pre, connections.post[:end] + self.post, connections.weight + self.weight
        )
        return Connections(*(array[::-1] for array in made)) if self.backwards else made

    def window(self, source: Shape, target: Shape) -> None:  # type: ignore[override]
        """None: the arrays count."""


@pytest.mark.parametrize("engine", ["event", "brian2"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Wrong(pre=1), r"connectivity: Wrong\(.*pre=1, .*\) lists indices in pre that are not from 0 to 3"),
        (Wrong(pre=-1), "indices in pre that are not from 0 to 3"),
        (Wrong(post=1), "indices in post that are not from 0 to 3"),
        (Wrong(weight=8), "indices in weight that are not from 0 to 15"),
        (Wrong(weight=-1), "indices in weight that are not from 0 to 15"),
        (Wrong(fewer=1), r"must list Connections, three arrays of as many integers each"),
        (Wrong(backwards=True), r"not sorted by presynaptic neuron; Connections.of sorts them$"),
    ],
)
def test_index_arrays_that_do_not_fit_are_refused(engine: str, wrong: Wrong, message: str) -> None:
    right = _two(IN, OUT)
    batch = Batch(np.zeros((1, 2, 2, 1)), initial_weights(right, 0))
    network = _two(dataclasses.replace(IN, connectivity=wrong), OUT)
    with pytest.raises(SpecificationError, match=message):
        make_engine(engine, network, dt=1.0).present(batch)


def test_weights_are_those_of_the_neuron_that_receives() -> None:
    @dataclasses.dataclass(frozen=True)
    class Shifted(Dense):
        def connections(self, source: Shape, target: Shape) -> Connections:
            connections = super().connections(source, target)
            return connections._replace(weight=(connections.weight + 1) % 16)

    network = _two(dataclasses.replace(IN, connectivity=Shifted()), OUT)
    with pytest.raises(SpecificationError, match="weights whose last axis is not the axis of the receiving neuron"):
        network.connections(network.projection("hidden"))


def test_shapes_of_a_rule_are_positive_integers() -> None:
    class Shapeless(Dense):
        def target_shape(self, source: Shape) -> Shape:
            return (None,)  # type: ignore[return-value]

    with pytest.raises(SpecificationError, match=r"layers.own: makes a population of shape \(None,\); it must be"):
        Network.chain("x", IntensityEncoder((2, 2, 1), 1.0), [Layer("own", Shapeless())], 2.0)


@pytest.mark.parametrize("delay", [0.0, 12.0, Delays(mean=9.0, spread=4.0, longest=14.0)], ids=["no", "common", "own"])
def test_relays_do_not_fire_after_the_presentation(delay: float | Delays) -> None:
    network = Network(
        "relay",
        IntensityEncoder((4, 4, 1), 10.0),
        (Population("relay", (2, 2, 1), None), Population("output", (2,), Neurons("free"))),
        (Projection("stimulus", "relay", Pooling(2), delay=delay), Projection("relay", "output", Dense())),
        16.0,
    )
    stimuli = np.random.default_rng(0).uniform(0, 10, (20, 4, 4, 1))
    batch = Batch(stimuli, initial_weights(network, 0))
    engines = (EventEngine(network), EventEngine(network, 0.5), Brian2Engine(network, 0.5, target="numpy", copies=20))
    exact, event, brian2 = (engine.present(batch)["relay"] for engine in engines)
    np.testing.assert_array_equal(event, brian2)
    onset, end = network.firing_window("relay")
    for times in (exact, event):
        fired = times[np.isfinite(times)]
        assert fired.size
        assert ((onset <= fired) & (fired < 16.0) & (fired <= end + 0.5)).all()
    assert np.isinf(exact).any() == (delay != 0.0)
