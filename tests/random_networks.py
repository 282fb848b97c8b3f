"""Networks of all that graphs are made of, drawn at random, with weights and stimuli, for engines and oracle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from netsim.engines import Batch
from netsim.seams import families
from netsim.specification import (
    PSP,
    Connections,
    Connectivity,
    Convolution,
    Delays,
    Dense,
    Distance,
    IntensityEncoder,
    LocallyConnected,
    MapWinners,
    NeighbourhoodWinners,
    Network,
    Neurons,
    OneToOne,
    PerSynapse,
    Pooling,
    Population,
    PopulationWinners,
    PositionWinners,
    Projection,
    Random,
    Shape,
    Winners,
)
from netsim.specification.connectivity._per_synapse import sorted_pairs
from netsim.weights.layout import bound_to_signs, initial_delays, weight_shapes


@dataclasses.dataclass(frozen=True)
class EveryOther(Connectivity):
    """Each neuron receives from every other neuron of the source, those with odd numbers from the odd ones.

    There are as many synapses between two neurons as `times` says, which share a weight. Those of a presynaptic neuron
    are not in the order of postsynaptic ones then.
    """

    phrase: ClassVar[str] = "every other neuron"
    times: int = 1

    def target_shape(self, source: Shape) -> Shape:
        return (4,)

    def check(self, source: Shape, target: Shape) -> None:
        pass

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        return (-(-int(np.prod(source)) // 2), int(np.prod(target)))

    def connections(self, source: Shape, target: Shape) -> Connections:
        inputs, neurons = int(np.prod(source)), int(np.prod(target))
        pre, post = np.meshgrid(np.arange(inputs, dtype=np.int32), np.arange(neurons, dtype=np.int32), indexing="ij")
        kept = (pre - post) % 2 == 0
        pre, post = np.tile(pre[kept], self.times), np.tile(post[kept], self.times)
        order = np.argsort(pre, kind="stable")
        return Connections(pre[order], post[order], (pre // 2 * neurons + post).astype(np.int32)[order])


@dataclasses.dataclass(frozen=True)
class DrawnPairs(PerSynapse):
    """Synapses between neurons that are drawn with replacement, so that some have several."""

    phrase: ClassVar[str] = "drawn pairs"
    seed: int = 0
    size: int = 4

    def target_shape(self, source: Shape) -> Shape:
        return (self.size,)

    def check(self, source: Shape, target: Shape) -> None:
        pass

    def about(self, source: Shape, target: Shape) -> float:
        return 2 + int(0.8 * np.prod(source) * np.prod(target))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        generator, count = np.random.default_rng(self.seed), int(self.about(source, target))
        pre, post = (generator.integers(0, np.prod(shape), count) for shape in (source, target))
        return sorted_pairs(pre, post)


def with_several_synapses(network: Network, seed: int) -> Network:
    """The network with several synapses between some pairs of neurons, by every second projection, if `seed` is even.

    The generator is another one than that of the network, which stays as it is if `seed` is odd.
    """
    if seed % 2:
        return network
    generator = np.random.default_rng((seed, 1))
    projections = list(network.projections)
    for number, projection in enumerate(projections):
        rules = DrawnPairs(int(generator.integers(99))), EveryOther(int(generator.integers(2, 4)))
        if network.weight_shape(projection) and generator.random() < 0.5:
            projections[number] = dataclasses.replace(projection, connectivity=rules[generator.integers(2)])
    return dataclasses.replace(network, projections=tuple(projections))


REGIMES = ["free", "staggered", "phased"]
PSPS = [PSP(), PSP("plateau", rise=7.3), PSP("triangle", rise=5.2, fall=9.1)]


class _Draws:
    """A random network in the making."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.projections: list[Projection] = []

    def of(self, items: list[Any]) -> Any:
        return items[self.generator.integers(len(items))]

    def chance(self, probability: float) -> bool:
        return bool(self.generator.random() < probability)

    def neurons(self, depth: int) -> Neurons:
        regime, bias = self.of(REGIMES), self.chance(0.7)
        if regime == "free":
            return Neurons(threshold=0.5, tau=10.0, end=70.0, bias=bias)
        onset = 13.3 * depth
        return Neurons(regime, 0.5, tau=10.0, onset=onset, end=onset + 24.0, drive=0.3, bias=bias)

    def winners(self, maps: bool) -> Winners | None:
        if self.chance(0.6):
            return None
        first = int(self.generator.integers(1, 4))
        scopes: list[Winners] = [PopulationWinners(first)]
        if maps:
            scopes += [PositionWinners(1), MapWinners(first), NeighbourhoodWinners(1, radius=1)]
        return self.of(scopes)

    def connect(self, source: str, target: str, rules: list[Connectivity]) -> None:
        delay = self.of([0.0, 0.0, 0.9, 3.4, 10.0, Delays("axon", 2.0, 2.0), Delays("synapse", 2.0, 2.0)])
        sign = self.of(["any", "excitatory", "inhibitory"])
        self.projections.append(Projection(source, target, self.of(rules), self.of(PSPS), delay=delay, sign=sign))


def random_network(seed: int) -> Network:
    """Maps, relays, excitatory and inhibitory neurons and an output, with loops and competition; odd shapes."""
    draws = _Draws(seed)
    height, width, maps = (int(draws.generator.integers(low, 5)) for low in (2, 3, 1))
    populations = [
        Population("maps", (height, width, maps), draws.neurons(1), winners=draws.winners(maps=True)),
        Population("pool", (height // 2, width // 2, maps), None),
        Population("e", (int(draws.generator.integers(3, 7)),), draws.neurons(2), winners=draws.winners(maps=False)),
        Population("i", (int(draws.generator.integers(1, 5)),), draws.neurons(3)),
    ]
    output = Population("output", (int(draws.generator.integers(2, 5)),), draws.neurons(4))
    any_rule: list[Connectivity] = [Dense(), EveryOther()]
    draws.connect("stimulus", "maps", [Convolution(maps, 3, padding=1), Dense()])
    pooling = Projection("maps", "pool", Pooling(2), delay=draws.of([0.0, 2.6]))
    draws.projections.append(pooling)
    draws.connect("pool", "e", any_rule)
    draws.connect("e", "i", any_rule)
    draws.connect("e", "output", any_rule)
    for source, target, rules in [
        ("maps", "maps", [Convolution(maps, 3, padding=1), *any_rule]),
        ("stimulus", "e", any_rule),
        ("maps", "e", any_rule),
        ("i", "e", any_rule),
        ("i", "e", any_rule),
        ("e", "e", any_rule),
        ("i", "i", any_rule),
        ("output", "output", any_rule),
        ("output", "i", any_rule),
    ]:
        if draws.chance(0.5):
            draws.connect(source, target, rules)
    if not any(projection.source == "i" for projection in draws.projections if projection.target != "i"):
        draws.connect("i", "output", any_rule)
    shuffled = [populations[number] for number in draws.generator.permutation(4)]
    encoder = IntensityEncoder((height, width, 1), 20.0)
    numbered = [
        dataclasses.replace(projection, name=f"p{number}") for number, projection in enumerate(draws.projections)
    ]
    return with_several_synapses(Network("random", encoder, (*shuffled, output), tuple(numbered), 90.0), seed)


def random_batch(network: Network, presentations: int, seed: int) -> Batch:
    """Weights of the projections' signs, stimuli, and at times thresholds, delays and silenced neurons."""
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(0.15, 0.4, shape) for name, shape in weight_shapes(network).items()}
    for projection in network.weighted:
        signs = network.weight_signs(projection)
        if signs is not None:
            weights[f"{projection.name}.kernel"] = np.abs(weights[f"{projection.name}.kernel"]) * signs
    weights |= initial_delays(network, seed)
    stimuli = generator.uniform(0.0, 20.0, (presentations, *network.encoder.shape))
    stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
    silenced, thresholds, delays = {}, {}, {}
    if generator.random() < 0.3:
        silenced["e"] = generator.random((presentations, *network.shapes["e"])) < 0.2
        thresholds["e"] = generator.uniform(0.3, 0.8, network.shapes["e"])
    if generator.random() < 0.3:
        for projection in network.weighted:
            delays[projection.name] = generator.uniform(0.0, 4.0, network.shapes[projection.source])
    return Batch(stimuli, weights, silenced, thresholds, delays)


DELAYS = [0.0, 0.0, 3.4, 11.0, Delays(mean=5.0, spread=4.0), Delays("synapse", 8.0, 5.0, "uniform", longest=14.0)]


def _neurons_of(regime: str, depth: int, apart: float) -> Neurons:
    """Neurons whose windows open so many ms apart from depth to depth."""
    if regime == "free":
        return Neurons(threshold=0.5, tau=10.0, end=75.0, bias=depth != 2)
    onset = apart * depth
    return Neurons(regime, 0.5, tau=10.0, onset=onset, end=onset + 18.0, drive=0.3, bias=depth != 2)


def relayed_network(seed: int) -> Network:
    """Relays and three integrating populations, each of which receives from all before it; without loops."""
    generator = np.random.default_rng(seed)
    rules: list[Connectivity] = [Dense(), EveryOther()]

    def draw(items: list[Any]) -> Any:
        return items[generator.integers(len(items))]

    of_maps = draw([None, None, 0.34, 1.0])
    populations = [
        Population("maps", (4, 5, 3), _neurons_of(draw(REGIMES), 1, 15.3), inhibitory=of_maps),
        Population("pool", (2, 2, 3), None),
        Population("hidden", (6,), _neurons_of(draw(REGIMES), 2, 15.3)),
        Population("output", (4,), _neurons_of(draw(REGIMES), 3, 15.3)),
    ]
    projections = [
        Projection("stimulus", "maps", Convolution(3, 3, padding=1), psp=draw(PSPS), delay=draw(DELAYS)),
        Projection("maps", "pool", Pooling(2), delay=draw([0.0, 2.6, Delays(mean=4.0, spread=2.0)])),
    ]
    if generator.random() < 0.5:
        projections.append(Projection("stimulus", "maps", draw(rules), delay=draw(DELAYS)))
    for target in ("hidden", "output"):
        sources = ["pool", "stimulus", "maps"] + ["hidden"] * (target == "output")
        for source in sources:
            if source in ("pool", "hidden") or generator.random() < 0.6:
                delay = draw(DELAYS)
                free = source in ("stimulus", "hidden") or of_maps is None
                sign: Any = draw(["any", "excitatory", "inhibitory"]) if free else "any"
                psp, rule = draw(PSPS), draw(rules)
                projections.append(Projection(source, target, rule, psp, delay=delay, sign=sign))
    network = Network("graph", IntensityEncoder((4, 5, 1), 20.0), tuple(populations), tuple(projections), 90.0)
    return with_several_synapses(network, seed)


def ruled_network(seed: int) -> Network:
    """Four populations by all rules, with skips, delays and several projections onto maps; without loops."""
    generator, shape = np.random.default_rng(seed), (4, 5, 1)

    def draw(items: Any) -> Any:
        return items[generator.integers(len(items))]

    def pairs() -> Any:
        number = int(generator.integers(99))
        ways = [Random(probability=0.4, seed=number), Random(indegree=3, seed=number), Random(outdegree=2, seed=number)]
        return draw([*ways, Dense()])

    near = [Distance(sigma=1.2, seed=seed % 7), Distance(radius=1.5, wrap=bool(seed % 2))]
    populations = (
        Population("twins", shape, _neurons_of(draw(REGIMES), 1, 14.3)),
        Population("local", (3, 4, 2), _neurons_of(draw(REGIMES), 2, 14.3)),
        Population("near", (2, 3, 2), _neurons_of(draw(REGIMES), 3, 14.3)),
        Population("output", (4,), _neurons_of(draw(REGIMES), 4, 14.3)),
    )
    projections = [
        Projection("stimulus", "twins", OneToOne(), draw(PSPS)),
        Projection("twins", "local", draw([LocallyConnected(2, 2), Convolution(2, 2)]), draw(PSPS)),
        Projection("local", "near", draw(near), draw(PSPS), delay=draw([0.0, 2.6])),
        Projection("near", "output", pairs(), draw(PSPS), sign=draw(["any", "excitatory"])),
        Projection("twins", "output", pairs(), draw(PSPS), delay=draw([0.0, 3.4])),
    ]
    for source, target in (("stimulus", "local"), ("stimulus", "near"), ("local", "output")):
        if generator.random() < 0.6:
            projections.append(Projection(source, target, pairs(), draw(PSPS)))
    network = Network("graph", IntensityEncoder(shape, 20.0), populations, tuple(projections), 95.0)
    return with_several_synapses(network, seed)


def weights_and_stimuli(network: Network, presentations: int, seed: int) -> Batch:
    """Weights of the projections' signs, delays, and stimuli of which a third are silent."""
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(0.2, 0.5, shape) for name, shape in weight_shapes(network).items()}
    weights |= initial_delays(network, seed)
    for projection in network.weighted:
        name = f"{projection.name}.kernel"
        weights[name] = bound_to_signs(weights[name], network.weight_signs(projection))
    stimuli = generator.uniform(0.0, 20.0, (presentations, *network.encoder.shape))
    stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
    return Batch(stimuli, weights)


RATIOS = [1.0, 1.0, 0.5, 2.0, 0.5000001, 0.2, 0.01, 3.7]


def version(network: Network, family: str, seed: int) -> Network:
    """The network with neurons of another family, of one set of time constants per population, without gates.

    Regimes and PSPs that the family does not support are replaced.
    """
    generator, kind = np.random.default_rng((seed, 2)), families[family]

    def changed(neurons: Neurons | None) -> Neurons | None:
        if neurons is None:
            return None
        ratio = RATIOS[generator.integers(len(RATIOS))]
        given: dict[str, Any] = {"family": family, "threshold": 0.25}
        if not kind.has_psp:
            given["tau_syn"] = None if ratio == 1.0 else 10.0 * ratio
        if "staggered" not in kind.regimes:
            given |= {"regime": "free", "onset": 0.0, "drive": 0.0}
        elif neurons.regime == "phased":
            given["regime"] = "staggered"
        return dataclasses.replace(neurons, **given)

    populations = tuple(
        dataclasses.replace(population, neurons=changed(population.neurons)) for population in network.populations
    )
    projections = tuple(
        projection if kind.has_psp else dataclasses.replace(projection, psp=PSP()) for projection in network.projections
    )
    return dataclasses.replace(network, populations=populations, projections=projections)


FAMILIES: dict[str, tuple[Callable[[int], Network], Callable[[Network, int, int], Batch]]] = {
    "loops": (random_network, random_batch),
    "relays": (relayed_network, weights_and_stimuli),
    "rules": (ruled_network, weights_and_stimuli),
}
"""Makers of networks and of batches for them, from a seed."""
