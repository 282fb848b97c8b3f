"""Look-ups in a network: parts, order, shapes, signs, synapses and firing windows, and components of its graph."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Literal, TypeVar

import numpy as np

from netsim.errors import SpecificationError
from netsim.specification.checks import require
from netsim.specification.connectivity import Connections, Window
from netsim.specification.encoders import Encoder
from netsim.specification.neurons import Neurons
from netsim.specification.populations import STIMULUS, Delays, Population, Projection, Shape, key_of_ends
from netsim.specification.settings import Learning, Training, Weighting

Part = TypeVar("Part", Population, Projection)


class Wiring:
    """Populations and projections, with everything that can be looked up in them. `Network` checks and documents them.

    Frequent look-ups are kept, because a search would slow down large networks.
    """

    name: str
    encoder: Encoder
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    duration: float
    weighting: Weighting
    learning: Learning
    training: Training

    def key_of(self, part: Population | Projection) -> str:
        """Return the name of a part in error messages: its layer in a chain, else its name or its ends.

        Examples
        --------
        >>> from netsim import Dense, IntensityEncoder, Network, Population, Projection
        >>> pairs = [("stimulus", "hidden"), ("hidden", "output"), ("stimulus", "output")]
        >>> network = Network(
        ...     "skip",
        ...     IntensityEncoder((4, 4, 1), t_max=16.0),
        ...     [Population("hidden", (20,)), Population("output", (2,))],
        ...     [Projection(source, target, Dense()) for source, target in pairs],
        ...     duration=64.0,
        ... )
        >>> [network.key_of(projection) for projection in network.projections[1:]]
        ['projections.hidden_to_output', 'projections.stimulus_to_output']
        """
        if self.of_layers:
            return f"layers.{part.name if isinstance(part, Population) else part.target}"
        if isinstance(part, Population):
            return f"populations.{part.name}"
        return key_of_ends(part.source, part.target, part.name)

    @cached_property
    def of_layers(self) -> bool:
        """Whether the network was defined as a chain of layers. Its projections have the names of the layers."""
        names = [population.name for population in self.populations]
        chain = [(projection.source, projection.target, projection.name) for projection in self.projections]
        return chain == list(zip([STIMULUS, *names], names, names, strict=False))

    @cached_property
    def components(self) -> tuple[tuple[Population, ...], ...]:
        """The populations in the order of propagation. Populations that form a loop are grouped.

        The groups are the strongly connected components of the graph. Populations of a group keep the order of
        `populations`.

        Examples
        --------
        >>> from netsim import Dense, IntensityEncoder, Network, Population, Projection
        >>> pairs = [("stimulus", "e"), ("e", "i"), ("i", "e"), ("e", "output")]
        >>> network = Network(
        ...     "loop",
        ...     IntensityEncoder((4, 4, 1), t_max=16.0),
        ...     [Population("e", (20,)), Population("i", (5,)), Population("output", (2,))],
        ...     [Projection(source, target, Dense()) for source, target in pairs],
        ...     duration=64.0,
        ... )
        >>> [[population.name for population in component] for component in network.components]
        [['e', 'i'], ['output']]
        """
        return in_components(self.populations, self.projections)

    @cached_property
    def in_order(self) -> tuple[Population, ...]:
        """The populations in the order of propagation: each follows its sources, except in loops."""
        return tuple(population for component in self.components for population in component)

    @cached_property
    def canonical(self) -> tuple[Projection, ...]:
        """The projections in the order of random draws, which does not depend on the order in which they are defined.

        Targets are in the order of propagation, and the sources of a target too, after the stimulus. Names decide
        among populations of a loop, among populations that do not depend on each other, and among projections with
        the same ends. A chain has the order of its layers.

        Examples
        --------
        >>> from netsim import Dense, IntensityEncoder, Network, Population, Projection
        >>> pairs = [("stimulus", "i"), ("i", "e"), ("e", "i"), ("stimulus", "e"), ("e", "output")]
        >>> network = Network(
        ...     "loop",
        ...     IntensityEncoder((4, 4, 1), t_max=16.0),
        ...     [Population("i", (5,)), Population("e", (20,)), Population("output", (2,))],
        ...     [Projection(source, target, Dense()) for source, target in pairs],
        ...     duration=64.0,
        ... )
        >>> [(projection.source, projection.target) for projection in network.canonical]
        [('stimulus', 'e'), ('i', 'e'), ('stimulus', 'i'), ('e', 'i'), ('e', 'output')]
        """
        by_name = sorted(self.populations, key=lambda population: population.name)
        ordered = [population.name for group in in_components(by_name, self.projections) for population in group]
        ranks = {name: rank for rank, name in enumerate([STIMULUS, *ordered])}

        def key(projection: Projection) -> tuple[int, int, str]:
            source, target, name = projection.source, projection.target, projection.name
            given = "" if name in (target, f"{source}_to_{target}") else name  # the order decides between these two
            return ranks[target], ranks[source], given

        return tuple(sorted(self.projections, key=key))

    @cached_property
    def _component_of(self) -> dict[str, int]:
        return {population.name: number for number, component in enumerate(self.components) for population in component}

    def is_recurrent(self, projection: Projection) -> bool:
        """Return whether a projection is part of a loop, for example from a population onto itself.

        In every regime, its current counts from the onset of the target, unless its neurons leak.
        """
        source = self._component_of.get(projection.source)
        return source is not None and source == self._component_of[projection.target]

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shapes of the stimulus and of all populations by name, in the order of the latencies."""
        return {STIMULUS: self.encoder.shape} | {population.name: population.shape for population in self.populations}

    def position(self, name: str) -> int:
        """Return the index of an existing population, or of the stimulus, in a list of latencies."""
        return 0 if name == STIMULUS else [*self.shapes].index(self.population(name).name)

    def population(self, name: str) -> Population:
        """Return the population with a name. If there is none, raise a SpecificationError that lists the names."""
        return self._named("layer", self._populations, name)

    def projection(self, name: str) -> Projection:
        """Return the projection with a name. If there is none, raise a SpecificationError that lists the names."""
        return self._named("projection", self._projections, name)

    def _named(self, sort: str, parts: Mapping[str, Part], name: str) -> Part:
        if isinstance(name, str) and name in parts:
            return parts[name]
        raise SpecificationError(f"{sort} {name!r}", f"does not exist in {self.name}; it has {', '.join(parts)}")

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Return the projections onto a population."""
        return self._by_target.get(name, ())

    def outgoing(self, name: str) -> tuple[Projection, ...]:
        """Return the projections from a population or the stimulus."""
        return self._by_source.get(name, ())

    @cached_property
    def _populations(self) -> dict[str, Population]:
        return {population.name: population for population in self.populations}

    @cached_property
    def _projections(self) -> dict[str, Projection]:
        return {projection.name: projection for projection in self.projections}

    @cached_property
    def _by_target(self) -> dict[str, tuple[Projection, ...]]:
        return by_end(self.projections, "target")

    @cached_property
    def _by_source(self) -> dict[str, tuple[Projection, ...]]:
        return by_end(self.projections, "source")

    @cached_property
    def weighted(self) -> tuple[Projection, ...]:
        """The projections with weights, in order."""
        return tuple(projection for projection in self.projections if self.weight_shape(projection))

    @cached_property
    def delayed(self) -> tuple[Projection, ...]:
        """The projections with individual delays of axons or synapses, in order."""
        return tuple(projection for projection in self.projections if projection.delays is not None)

    @cached_property
    def integrating(self) -> tuple[Population, ...]:
        """The populations with potentials (all except relays), in order."""
        return tuple(population for population in self.populations if population.integrates)

    @property
    def output(self) -> Population:
        """The output population, whose first spike is the decision."""
        return self.populations[-1]

    @property
    def outputs(self) -> int:
        """Number of output neurons."""
        return self.output.size

    def neurons(self, name: str) -> Neurons:
        """Return the neurons of a population. Raise a SpecificationError if it does not exist or has relays."""
        neurons = self.population(name).neurons
        if neurons is None:
            raise SpecificationError(
                f"layer {name!r}", "has relays, as pooling does, which have neither weights nor potentials"
            )
        return neurons

    def ends(self, projection: Projection) -> tuple[Shape, Shape]:
        """Return the shapes of the source and of the target of a projection."""
        return self.shapes[projection.source], self.shapes[projection.target]

    def weight_shape(self, projection: Projection) -> Shape:
        """Return the shape of the weights of a projection, or ``()`` without weights."""
        return projection.connectivity.weight_shape(*self.ends(projection))

    def receivers(self, projection: Projection) -> int:
        """Return the number of target maps or neurons with separate weights."""
        if projection.connectivity.per_synapse:
            return math.prod(self.shapes[projection.target])
        return self.weight_shape(projection)[-1]

    def delay_shape(self, projection: Projection) -> Shape:
        """Return the shape of stored delays, which is the shape of the source or the weights, or ``()`` without any."""
        if projection.delays is None:
            return ()
        return self.shapes[projection.source] if projection.is_delayed_per("axon") else self.weight_shape(projection)

    def longest_delay(self, delays: Delays) -> float:
        """Return the longest delay that can be drawn or learned (ms)."""
        return min(delays.longest, self.duration)

    def signs(self, name: str) -> np.ndarray | None:
        """Return 1 for excitatory and -1 for inhibitory neurons of a population, or None if neurons have no sign.

        The population may be the stimulus. The array broadcasts to the shape of the population. Relays have the signs
        of their sources.
        """
        return None if name == STIMULUS else self._signs[self.population(name).name]

    @cached_property
    def _signs(self) -> dict[str, np.ndarray | None]:
        signs: dict[str, np.ndarray | None] = {STIMULUS: None}
        for population in self.in_order:
            signs[population.name] = (
                population.signs if population.integrates else self._signs_of_relays(population, signs)
            )
        return signs

    def _signs_of_relays(self, population: Population, known: Mapping[str, np.ndarray | None]) -> np.ndarray | None:
        (projection,) = self.incoming(population.name)
        signs = known[projection.source]
        if signs is None or signs.size == population.maps:  # pooling does not mix maps
            return signs
        pre, post, _ = self.connections(projection)
        of_relays = np.zeros(population.size, np.int8)
        of_relays[post] = np.broadcast_to(signs, self.shapes[projection.source]).ravel()[pre]
        return of_relays.reshape(population.shape)

    def weight_signs(self, projection: Projection) -> np.ndarray | None:
        """Return the imposed signs of weights: 1 (at least 0), -1 (at most 0) or 0 (free). None if all are free.

        The array broadcasts to the shape of the weights.
        """
        if projection.name not in self._weight_signs:
            self._weight_signs[projection.name] = self._signs_of_weights(projection)
        return self._weight_signs[projection.name]

    @cached_property
    def _weight_signs(self) -> dict[str, np.ndarray | None]:
        """Cache of signs, which do not change during training."""
        return {}

    def _signs_of_weights(self, projection: Projection) -> np.ndarray | None:
        if projection.sign != "any":
            return np.array(1 if projection.sign == "excitatory" else -1, np.int8)
        signs = self.signs(projection.source)
        if signs is None or (signs == signs.flat[0]).all():
            return signs if signs is None else signs.reshape(-1)[:1]
        of_source = np.broadcast_to(signs, self.shapes[projection.source]).ravel()
        window = self.window(projection)
        if window is not None:
            return of_source[: window.source[2], None]
        pre, _, weight = self.connections(projection)
        by_weight = np.zeros(math.prod(self.weight_shape(projection)), np.int8)
        by_weight[weight] = of_source[pre]
        shared = "has weights that excitatory and inhibitory neurons share; give one another connectivity, or no sign"
        require(bool((by_weight[weight] == of_source[pre]).all()), f"{self.key_of(projection)}.connectivity", shared)
        return by_weight.reshape(self.weight_shape(projection))

    def window(self, projection: Projection) -> Window | None:
        """Return the window of a projection, or None if its connectivity is not a window."""
        return projection.connectivity.window(*self.ends(projection))

    def connections(self, projection: Projection) -> Connections:
        """Return index arrays of the synapses of a projection. Raise a SpecificationError if they do not fit."""
        if not projection.connectivity.per_synapse:
            return projection.connectivity.checked_connections(*self.ends(projection))
        if projection.name not in self._listed:
            self._listed[projection.name] = projection.connectivity.checked_connections(*self.ends(projection))
        return self._listed[projection.name]

    @cached_property
    def _listed(self) -> dict[str, Connections]:
        """Cache of listed synapses, which engine and learner share because they may be many."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_listed"}  # other processes list again

    def synapse_count(self, projection: Projection) -> int:
        """Return the number of synapses of a projection."""
        return projection.connectivity.synapse_count(*self.ends(projection))

    @property
    def synapses(self) -> int:
        """Number of synapses with a weight. Padding has no weights."""
        return sum(self.synapse_count(projection) for projection in self.weighted)

    def fan_in(self, projection: Projection) -> int:
        """Return the number of synapses of a projection onto a neuron."""
        return projection.connectivity.fan_in(*self.ends(projection))

    def initial_bias(self, population: Population) -> float:
        """Return the initial constant current of a population's neurons."""
        return math.fsum(projection.initial.bias for projection in self.incoming(population.name))

    def window_end(self, population: Population) -> float:
        """Return the end of the firing window of a population (ms)."""
        return min(population.dynamics.end, self.duration)

    def firing_window(self, name: str) -> tuple[float, float]:
        """Return the firing window of a population or the stimulus (ms).

        Relays have the windows of their sources, moved by the delay.
        """
        if name == STIMULUS:
            return 0.0, self.encoder.t_max
        population = self.population(name)
        if population.integrates:
            return population.dynamics.onset, self.window_end(population)
        projection = self.incoming(name)[0]
        onset, end = self.firing_window(projection.source)
        longest = projection.common_delay if projection.delays is None else projection.delays.longest
        return min(onset + projection.shortest_delay, self.duration), min(end + longest, self.duration)


def in_components(
    populations: Sequence[Population], projections: Iterable[Projection]
) -> tuple[tuple[Population, ...], ...]:
    """Return populations in the order of propagation, grouped by loops. The given order decides where both fit."""
    numbers = {population.name: number for number, population in enumerate(populations)}
    edges = [(numbers[each.source], numbers[each.target]) for each in projections if each.source != STIMULUS]
    groups = components(len(numbers), edges)
    return tuple(tuple(populations[number] for number in component) for component in groups)


def by_end(projections: Iterable[Projection], end: Literal["source", "target"]) -> dict[str, tuple[Projection, ...]]:
    """Return projections by the name of their source or target, in order."""
    projections_by_name: dict[str, list[Projection]] = {}
    for projection in projections:
        projections_by_name.setdefault(getattr(projection, end), []).append(projection)
    return {name: tuple(some) for name, some in projections_by_name.items()}


Node = TypeVar("Node", bound=Hashable)


def components(size: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the strongly connected components of the nodes 0 to `size` - 1 in topological order.

    Among components that could come next, the component with the lowest node comes first. Nodes of a component ascend.

    Examples
    --------
    >>> components(4, [(2, 0), (0, 1), (1, 0), (1, 3)])
    [[2], [0, 1], [3]]
    """
    if all(before <= after for before, after in edges):
        return [[node] for node in range(size)]
    # imported here because only graphs with loops need it
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    links = sorted(set(edges))  # scipy 1.13.0 may loop forever on duplicate links
    matrix = csr_array((np.ones(len(links), np.int8), tuple(np.array(links).T)), (size, size))
    labels = connected_components(matrix, directed=True, connection="strong")[1].tolist()
    members: dict[int, list[int]] = {}
    for node, label in enumerate(labels):
        members.setdefault(label, []).append(node)
    order = TopologicalSorter(dict.fromkeys(members, ()))
    for before, after in {(labels[node], labels[other]) for node, other in links}:
        if before != after:
            order.add(after, before)
    order.prepare()
    ready: list[tuple[int, int]] = []
    ordered = []
    while order.is_active():
        for label in order.get_ready():
            heapq.heappush(ready, (members[label][0], label))
        _, label = heapq.heappop(ready)
        ordered.append(members[label])
        order.done(label)
    return ordered


def reached(start: Node, edges: Iterable[tuple[Node, Node]]) -> set[Node]:
    """Return all nodes that edges reach from a node, including the node itself.

    Examples
    --------
    >>> sorted(reached("a", [("a", "b"), ("b", "c"), ("d", "c")]))
    ['a', 'b', 'c']
    """
    following: dict[Node, list[Node]] = {}
    for before, after in edges:
        following.setdefault(before, []).append(after)
    nodes, waiting = {start}, [start]
    while waiting:
        fresh = set(following.get(waiting.pop(), ())) - nodes
        nodes |= fresh
        waiting += fresh
    return nodes
