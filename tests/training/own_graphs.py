"""A family of random networks, such as users build them, and the chain of the same size for each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from netsim.specification import (
    Connectivity,
    Convolution,
    Delays,
    Dense,
    Distance,
    EdgeList,
    IntensityEncoder,
    Learning,
    LocallyConnected,
    Network,
    Neurons,
    OneToOne,
    Pooling,
    Population,
    PopulationWinners,
    Projection,
    Random,
    Training,
)

T_MAX = 16.0
REGIMES = ["phased", "staggered", "free"]


def neurons(regime: str, depth: int, *, output: bool = False) -> Neurons:
    """Neurons that take turns by depth, or all run at once in the regime free."""
    if regime == "free":
        return Neurons("free", threshold=1.0, tau=1.5 * T_MAX, bias=True)
    onset, windows = T_MAX * depth, 5 if output else 2
    threshold = 3.0 if output else 2.0
    return Neurons(regime, threshold, T_MAX, onset, end=onset + windows * T_MAX, drive=1.0, bias=True)


def network(
    name: str, populations: list[Population], projections: list[Projection], regime: str, epochs: int
) -> Network:
    """A network with default settings for learning."""
    duration = 6 * T_MAX if regime == "free" else 12 * T_MAX
    training = Training("digits", epochs=epochs, batch=20, validation=360)
    encoder = IntensityEncoder((8, 8, 1), T_MAX)
    return Network(name, encoder, tuple(populations), tuple(projections), duration, training=training)


def chain(graph: Network, epochs: int) -> Network:
    """The stimulus, one hidden population of as many neurons as the graph has, and the output."""
    regime = graph.output.dynamics.regime
    size = sum(population.size for population in graph.integrating[:-1])
    populations = [
        Population("hidden", (size,), neurons(regime, 1)),
        Population("output", (10,), neurons(regime, 3, output=True)),
    ]
    projections = [Projection("stimulus", "hidden", Dense()), Projection("hidden", "output", Dense())]
    return network(f"chain-{graph.name}", populations, projections, regime, epochs)


class _Drawing:
    """A random graph in the making."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.generator = np.random.default_rng([seed, 77])
        self.seed, self.folder = seed, folder
        self.projections: list[Projection] = []

    def chance(self, probability: float) -> bool:
        return bool(self.generator.random() < probability)

    def rule(self, *rules: Connectivity) -> Connectivity:
        return rules[int(self.generator.integers(len(rules)))]

    def delay(self) -> float | Delays:
        delays: list[float | Delays] = [0.0, 0.0, 1.0, 2.0, Delays("axon", 1.0, 0.5), Delays("synapse", 1.0, 0.5)]
        return delays[int(self.generator.integers(len(delays)))]

    def connect(self, source: str, target: str, rule: Connectivity, delay: float | Delays) -> None:
        self.projections.append(Projection(source, target, rule, delay=delay))

    def edges(self, inputs: int, size: int, synapses: int) -> EdgeList:
        pairs = zip(
            self.generator.integers(0, inputs, synapses), self.generator.integers(0, size, synapses), strict=True
        )
        path = self.folder / f"edges{self.seed}.csv"
        path.write_text("pre,post\n" + "".join(f"{pre},{post}\n" for pre, post in pairs))
        return EdgeList(size, str(path))

    def first(self) -> tuple[tuple[int, ...], Connectivity]:
        """Shape of the first population, and its synapses from the stimulus."""
        maps, seed = int(self.generator.integers(2, 5)), self.seed
        kinds = ["dense", "convolution", "locally-connected", "distance", "random", "edges"]
        kind = kinds[int(self.generator.integers(len(kinds)))]
        if kind == "edges":
            return (120,), self.edges(64, 120, 2000)
        rules: dict[str, Connectivity] = {
            "dense": Dense(),
            "convolution": Convolution(maps, 3, padding=1),
            "locally-connected": LocallyConnected(maps, 3),
            "distance": Distance(sigma=1.5, seed=seed),
            "random": Random(probability=0.3, seed=seed),
        }
        return ((6, 6, maps) if kind == "locally-connected" else (8, 8, maps)), rules[kind]


def own_graph(seed: int, folder: Path, epochs: int) -> Network:
    """Excitation and inhibition in a loop behind a first population, with skips, delays and all connectivity rules."""
    draw, regime = _Drawing(seed, folder), REGIMES[seed % 3]
    shape, rule = draw.first()
    signed, inhibitory = draw.chance(0.7), None
    if signed:
        mixed = len(shape) == 1 or shape[-1] >= 4
        inhibitory = [0.0, 0.25][int(draw.generator.integers(2))] if mixed else 0.0
    populations = [Population("first", shape, neurons(regime, 1), inhibitory=inhibitory)]
    draw.connect("stimulus", "first", rule, draw.delay())
    source = "first"
    if len(shape) == 3 and draw.chance(0.4):
        source = "pool"
        populations.append(Population(source, (shape[0] // 2, shape[1] // 2, shape[2]), None))
        draw.connect("first", source, Pooling(2), 0.0)
    populations += [
        Population("E", (8, 10, 1), neurons(regime, 2), inhibitory=0.0 if signed else None),
        Population("I", (4, 5, 1), neurons(regime, 2), inhibitory=1.0),
        Population("output", (10,), neurons(regime, 4, output=True)),
    ]
    draw.connect(source, "E", draw.rule(Dense(), Random(probability=0.3, seed=seed + 1)), draw.delay())
    draw.connect(source, "I", draw.rule(Dense(), Random(probability=0.5, seed=seed + 2)), draw.delay())
    rule = draw.rule(Dense(), Random(probability=0.5, seed=seed + 3))
    draw.connect("E", "I", rule, [1.0, 2.0][int(draw.generator.integers(2))])
    rule = draw.rule(Distance(sigma=2.0, seed=seed), Dense(), Random(indegree=8, seed=seed))
    draw.connect("I", "E", rule, [0.0, 1.0][int(draw.generator.integers(2))])
    if draw.chance(0.3):
        draw.connect("E", "E", draw.rule(Distance(sigma=1.5, seed=seed), OneToOne()), 1.0)
    rule = draw.rule(Dense(), Dense(), Random(probability=0.5, seed=seed + 4))
    draw.connect("E", "output", rule, draw.delay())
    if draw.chance(0.6):
        draw.connect("I", "output", Dense(), draw.delay())
    if draw.chance(0.6):
        draw.connect("stimulus", "output", draw.rule(Random(probability=0.3, seed=seed + 5), Dense()), draw.delay())
    if draw.chance(0.4):
        draw.connect("first", "output", draw.rule(Random(probability=0.3, seed=seed + 6), Dense()), draw.delay())
    if draw.chance(0.3):
        draw.connect("stimulus", "E", Random(probability=0.2, seed=seed + 7), draw.delay())
    return network(f"graph{seed}", populations, draw.projections, regime, epochs)


def reported_graph(epochs: int) -> Network:
    """The network that a user reported: inhibition by distance, delays, and a random skip onto the output."""
    populations = [
        Population("E", (10, 16, 1), neurons("phased", 1), inhibitory=0.0),
        Population("I", (5, 8, 1), neurons("phased", 1), inhibitory=1.0),
        Population("output", (10,), neurons("phased", 3, output=True)),
    ]
    projections = [
        Projection("stimulus", "E", Dense()),
        Projection("stimulus", "I", Dense()),
        Projection("E", "I", Dense(), delay=2.0),
        Projection("I", "E", Distance(sigma=2.0, seed=1), delay=1.0),
        Projection("E", "output", Dense(), delay=1.0),
        Projection("I", "output", Dense(), delay=1.0),
        Projection("stimulus", "output", Random(probability=0.3, seed=2), delay=1.0),
    ]
    made = network("reported", populations, projections, "phased", epochs)
    return dataclasses.replace(made, duration=8 * T_MAX)


def looped_graph(optimizer: str = "adam") -> Network:
    """Return a network with a loop, winners and learned delays for the digits."""
    dense, learned = Dense(), Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    neurons = Neurons("free", 1.0, 20.0, end=60.0, bias=True)
    populations = (
        Population("hidden", (40,), neurons, winners=PopulationWinners(20)),
        Population("inhibitory", (10,), Neurons("free", 0.5, 20.0, end=60.0)),
        Population("output", (10,), Neurons("free", 1.0, 20.0, bias=True)),
    )
    projections = (
        Projection("stimulus", "hidden", dense, delay=learned),
        Projection("hidden", "inhibitory", dense, sign="excitatory"),
        Projection("inhibitory", "hidden", dense, sign="inhibitory", name="back", delay=0.7),
        Projection("hidden", "output", dense),
    )
    encoder, training = IntensityEncoder((8, 8, 1), 16.0), Training("digits", validation=180, batch=20)
    learning = Learning(optimizer=optimizer)
    return Network("graph", encoder, populations, projections, 90.0, learning=learning, training=training)
