"""The network: encoder, populations, projections and settings, with checks of their consistency."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np

from netsim.errors import SpecificationError, nearest
from netsim.reprs import html_table, limited
from netsim.seams import families
from netsim.specification import graph
from netsim.specification.checks import (
    check_kind,
    check_magnitudes,
    check_parts,
    check_types,
    finite,
    plain_number,
    require,
)
from netsim.specification.connectivity import Connections, Window
from netsim.specification.delays import Delays
from netsim.specification.encoders import Encoder
from netsim.specification.neurons import Neurons
from netsim.specification.populations import (
    BIAS_ONLY,
    STIMULUS,
    InitialWeights,
    Layer,
    Population,
    Projection,
    Shape,
    check_winners,
    key_of_ends,
)
from netsim.specification.psps import PSP
from netsim.specification.settings import Learning, Training, Weighting

Part = TypeVar("Part", Population, Projection)

LARGEST = 2**31
"""Maximum number of neurons of a population or weights of a projection. Larger numbers exceed memory."""
MOST_STEPS = 10**9
"""Maximum number of steps of a presentation."""


def check_psp(population: Population, where: str) -> None:
    """Refuse a given postsynaptic potential of a projection if the family of its target determines it."""
    family = population.dynamics.family
    need = f"has no meaning for neurons of the family {family}, whose time constants determine it; remove it"
    require(families[family].has_psp, f"{where}.psp", need)


@dataclass(frozen=True)
class Network:
    """A network and its learning.

    Populations may be in any order, except that the last is the output. Populations that form a loop, such as a
    population that projects onto itself, are one component. `components` lists them in the order of propagation.

    Parameters
    ----------
    name : str
        At most 100 letters, digits, ``_``, ``-`` and ``.``. netsim names folders by it.
    encoder : Encoder
    populations : sequence of Population
        The last population is the output. Its first spike is the decision.
    projections : sequence of Projection
    duration : float
        Length of a presentation (ms).
    weighting, learning, training
        Settings of weights, learning and training: `Weighting`, `Learning` and `Training`.
    description : str
        One line for lists of presets.

    Raises
    ------
    SpecificationError
        If a part is invalid. The message names the field.

    Examples
    --------
    >>> from netsim import Dense, IntensityEncoder, Network, Population, Projection
    >>> network = Network(
    ...     "skip",
    ...     IntensityEncoder((8, 8, 1), t_max=16.0),
    ...     (Population("hidden", (20,)), Population("output", (10,))),
    ...     (
    ...         Projection("stimulus", "hidden", Dense()),
    ...         Projection("hidden", "output", Dense()),
    ...         Projection("stimulus", "output", Dense()),
    ...     ),
    ...     duration=64.0,
    ... )
    >>> [projection.name for projection in network.incoming("output")]
    ['output', 'stimulus_to_output']
    """

    name: str
    encoder: Encoder
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    duration: float
    weighting: Weighting = field(default_factory=Weighting)
    learning: Learning = field(default_factory=Learning)
    training: Training = field(default_factory=Training)
    description: str = ""

    def __repr__(self) -> str:
        lines = [f"{name} {shape}: {text}" for name, shape, text in self._rows()]
        return limited([f"Network {self.name!r}:", *(f"  {line}" for line in lines), f"  {self._extent()}"])

    def _repr_html_(self) -> str:
        return html_table(f"{self.name}: {self._extent()}", self._rows(), ("population", "shape", "receives"))

    def _rows(self) -> list[tuple[str, Shape, str]]:
        """Return name, shape and a short text for the stimulus and for each population."""
        rows = [(STIMULUS, self.encoder.shape, f"{type(self.encoder).__name__}, t_max {self.encoder.t_max:g} ms")]
        for population in self.populations:
            regime = "relays" if population.neurons is None else population.neurons.regime
            sources = [
                f"{projection.connectivity!r} from {projection.source}" for projection in self.incoming(population.name)
            ]
            rows.append((population.name, population.shape, f"{regime}, {' and '.join(sources)}"))
        return rows

    def _extent(self) -> str:
        count = sum(math.prod(self.weight_shape(projection)) for projection in self.weighted)
        return f"{self.duration:g} ms, {count:,} {self.weighting.kind} weights"

    @classmethod
    def chain(cls, name: str, encoder: Encoder, layers: Sequence[Layer], duration: float, **settings: Any) -> Network:
        """Make a network in which each layer receives from the preceding layer, and the first from the stimulus.

        Parameters
        ----------
        name, encoder, duration
            See `Network`.
        layers : sequence of Layer
        **settings
            Other parameters of `Network`.

        Returns
        -------
        Network

        Raises
        ------
        SpecificationError
            If a part is invalid. The message names the field.

        Examples
        --------
        >>> from netsim import Dense, IntensityEncoder, Layer, Network
        >>> layers = [Layer("hidden", Dense(50)), Layer("output", Dense(10))]
        >>> network = Network.chain("mine", IntensityEncoder((8, 8, 1), t_max=16.0), layers, duration=64.0)
        >>> network.shapes
        {'stimulus': (8, 8, 1), 'hidden': (50,), 'output': (10,)}
        """
        check_kind(encoder, Encoder, "encoder", "such as IntensityEncoder((8, 8, 1), t_max=16.0)")
        populations, projections = expand_layers(layers, encoder.shape)
        return cls(name, encoder, populations, projections, duration, **settings)

    def with_layers(self, layers: Sequence[Layer]) -> Network:
        """Return the same network with other layers."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("populations", "projections")}
        return Network.chain(layers=layers, **given)

    def layers(self) -> tuple[Layer, ...] | None:
        """The layers that `chain` makes this network from, or None if it is not a chain."""
        if len(self.populations) != len(self.projections):
            return None
        layers = tuple(
            Layer(**_of_layer(projection) | _of_layer(population) | {"neurons": _unless_default(population.neurons)})
            for population, projection in zip(self.populations, self.projections, strict=True)
        )
        try:
            made = expand_layers(layers, self.encoder.shape)
        except SpecificationError:
            return None
        return layers if made == (self.populations, self.projections) else None

    def __post_init__(self) -> None:
        check_types(self, "")
        kinds: tuple[tuple[str, type], ...] = (("populations", Population), ("projections", Projection))
        for name, kind in kinds:
            object.__setattr__(self, name, check_parts(getattr(self, name), kind, name))
        require(
            re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", self.name) is not None,
            "name",
            "must be at most 100 letters, digits, '_', '-' and '.', with neither '-' nor '.' at the start, for folders"
            f" are called by it, not {self.name!r}",
        )
        require(
            finite(self.duration) and self.duration >= self.encoder.t_max,
            "duration",
            f"must be a time in ms of at least encoder.t_max ({self.encoder.t_max} ms), not {self.duration}",
        )
        check_magnitudes(self, "", ["duration"])
        require(
            math.prod(self.encoder.shape) <= LARGEST,
            "encoder.shape",
            f"has more than {LARGEST:,} pixels; use smaller samples",
        )
        require(len(self.populations) > 0, "layers", "needs at least one layer")
        names = [population.name for population in self.populations]
        sort = "layers" if self._of_layers else "populations"  # must precede the naming of projections
        twice = next((name for name, count in Counter(names).items() if count > 1), "")
        need = f"is used twice; each of the {sort} needs a unique name"
        require(not twice, f"{sort}.name", f"{twice!r} {need}")
        object.__setattr__(self, "projections", tuple(self._connected()))
        self._check_output()
        self._check_passage()
        for population in self.populations:
            self._check_inputs(population)
        for population in self.integrating:
            self._check_times(population)
        for projection in self.projections:
            self._check_delays(projection)
            self._check_arrivals(projection)
            self._check_sign(projection)
            if projection.feedback is not None:
                where, source = f"{self.key_of(projection)}.feedback", projection.source
                require(source != STIMULUS, where, "has no meaning from the stimulus, which does not learn; remove it")
                weighted = bool(self.weight_shape(projection))
                require(weighted, where, "has no meaning where there are no weights; remove it")
                across = projection.feedback.direct and self.is_recurrent(projection)
                require(not across, where, "passes all targets by, which has no meaning within a loop; take random")
        if self.training.dt:
            self.check_dt(self.training.dt, "training.dt")

    def _connected(self) -> Iterator[Projection]:
        """Yield the projections in the order of their targets, with names and fitted parameters."""
        for projection in self.projections:
            where = self.key_of(projection)
            for end, name in (("source", projection.source), ("target", projection.target)):
                if name not in self.shapes:  # the search for similar names is slow
                    hint = nearest(name, self.shapes)
                    raise SpecificationError(f"{where}.{end}", f"{name!r} is no population{hint}")
            receives = "is the stimulus, which receives nothing; name a population"
            require(projection.target != STIMULUS, f"{where}.target", receives)
        names, by_target = set(), _by_end(self.projections, "target")
        for population in self.populations:
            incoming = by_target.get(population.name, ())
            require(bool(incoming), f"populations.{population.name}", "has no incoming projection; add one")
            for number, projection in enumerate(incoming):
                name = projection.name or (f"{projection.source}_to_{population.name}" if number else population.name)
                require(name not in names, "projections.name", f"{name!r} is used twice; each needs its own")
                names.add(name)
                yield self._fitted(replace(projection, name=name))

    def _fitted(self, projection: Projection) -> Projection:
        """Fill in parameters of a connectivity that follow from its ends. This lists no synapses."""
        source, target = self.ends(projection)
        where, onto, neurons = f"{self.key_of(projection)}.connectivity", projection.target, math.prod(target)
        try:
            connectivity = projection.connectivity.fitted(source, target)
            connectivity.check(source, target)
            shape = connectivity.weight_shape(source, target)
        except SpecificationError as error:
            raise SpecificationError(f"{where}.{error.field}".rstrip("."), error.message) from error
        need = f"has weights whose last axis is {shape[-1:]}; it must run over maps or neurons of {onto}"
        require(connectivity.per_synapse or shape[-1:] in ((), (target[-1],), (neurons,)), where, need)
        weights = math.prod(shape) if shape else 0
        size = f"has {neurons:,} neurons and {weights:,} weights; at most {LARGEST:,} of each are possible"
        require(max(neurons, weights) <= LARGEST, self._where(onto), size)
        return replace(projection, connectivity=connectivity)

    def key_of(self, projection: Projection) -> str:
        """Return the name of a projection in error messages: its layer in a chain, else its name or its ends.

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
        if self._of_layers:
            return f"layers.{projection.target}"
        return key_of_ends(projection.source, projection.target, projection.name)

    def _where(self, name: str) -> str:
        """Return the name of a population in error messages."""
        return f"layers.{name}" if self._of_layers else f"populations.{name}"

    @cached_property
    def _of_layers(self) -> bool:
        """Whether the network was defined as a chain of layers. Its projections have the names of the layers."""
        names = [population.name for population in self.populations]
        chain = [(projection.source, projection.target, projection.name) for projection in self.projections]
        return chain == list(zip([STIMULUS, *names], names, names, strict=False))

    def _check_output(self) -> None:
        output = self.populations[-1]
        decides = output.integrates and len(output.shape) == 1
        require(decides, "layers", "the last layer is the output and must be dense")
        require(output.dropout == 0, f"{self._where(output.name)}.dropout", "must be 0: every output spike counts")
        alone = output.inhibitory is None or bool(self.outgoing(output.name))
        where = f"{self._where(output.name)}.inhibitory"
        require(alone, where, "has no meaning for the output, which has no outgoing projection; remove it")
        where = f"{self._where(output.name)}.rest_below"
        require(output.rest_below is None, where, "must not be given: an output that stays silent decides nothing")
        heard = graph.reached(output.name, [(projection.target, projection.source) for projection in self.projections])
        for population in self.populations:
            lost = f"has no outgoing projection; only the last population, {output.name}, is read out; add a projection"
            others = [
                projection for projection in self.outgoing(population.name) if projection.target != population.name
            ]
            require(bool(others) or population is output, f"populations.{population.name}", lost)
            lost = f"does not reach {output.name}, the last population, which alone is read out; add a projection"
            require(population.name in heard, f"populations.{population.name}", lost)

    def _check_passage(self) -> None:
        """Refuse populations that the stimulus does not reach, and impossible loops."""
        reached = graph.reached(STIMULUS, [(projection.source, projection.target) for projection in self.projections])
        for population in self.populations:
            remedy = "is not reached by the stimulus; add a projection onto it from where spikes come"
            require(population.name in reached, f"populations.{population.name}", remedy)
        for component in self.components:
            looped = any(map(self.is_recurrent, self.incoming(component[0].name)))
            relays = next((population for population in component if looped and not population.integrates), None)
            if relays is not None:
                members = " and ".join(population.name for population in component)
                need = f"are relays in a loop ({members}), which must pass through neurons that integrate alone"
                raise SpecificationError(f"populations.{relays.name}.neurons", need)
            kinds = {population.dynamics.family for population in component if population.integrates}
            mixed = f"differ within a loop ({' and '.join(sorted(kinds))}); use one family"
            require(not looped or len(kinds) == 1, f"populations.{component[0].name}.neurons.family", mixed)
            whole = "scales the displacements of a layer by all of them, which a loop does not know in time; remove it"
            require(not (looped and self.learning.normalised), "learning.normalised", whole)

    def _check_inputs(self, population: Population) -> None:
        where, incoming = self._where(population.name), self.incoming(population.name)
        for projection in incoming:
            weighted = bool(self.weight_shape(projection))
            if population.integrates:
                remedy = 'make them relays (neurons = "relays", in Python None)'
                lack = f"integrate, but the projection from {projection.source} has no weights; {remedy}"
                require(weighted, f"{where}.neurons", lack)
                if projection.psp != PSP():
                    check_psp(population, self.key_of(projection))
            else:
                require(not weighted, f"{where}.neurons", "are relays, whose connectivity has no weights")
                of_weights = (projection.psp, projection.initial, projection.plastic, projection.sign)
                remedy = "has no weights, so that psp, initial, plastic and sign have no meaning there; remove them"
                require(of_weights == (PSP(), InitialWeights(), True, "any"), where, remedy)
        single = population.integrates or len(incoming) == 1
        require(single, where, f"are relays, which receive by one projection, not by {len(incoming)}")
        targets = [projection.target for projection in self.outgoing(population.name)]
        if population.integrates and population.dropout:
            remedy = f"where another spike takes the place; put it on {', '.join(targets)}"
            integrate = all(self.population(target).integrates for target in targets)
            require(integrate, f"{where}.dropout", f"has no meaning before pooling, {remedy}")
        drawn = any(projection.initial.bias != 0 for projection in incoming)
        require(population.has_bias or not drawn, f"{where}.initial.bias", BIAS_ONLY)

    def _check_times(self, population: Population) -> None:
        where, neurons = f"{self._where(population.name)}.neurons", population.dynamics
        late = f"ms is after the end of the presentation ({self.duration} ms); choose an earlier time"
        require(neurons.onset < self.duration, f"{where}.onset", f"{neurons.onset} {late}")
        require(neurons.end <= self.duration or neurons.end == math.inf, f"{where}.end", f"{neurons.end} {late}")

    def _check_delays(self, projection: Projection) -> None:
        where, delays = f"{self.key_of(projection)}.delay", projection.delays
        given = {"": projection.common_delay}
        if delays is not None:
            given = {".mean": delays.mean, ".shortest": delays.shortest}
            given |= {".longest": delays.longest} if delays.longest < math.inf else {}
            weighted = delays.per == "axon" or self.weight_shape(projection)
            require(bool(weighted), f"{where}.per", "must be axon where there are no weights, as onto relays")
        for field_name, delay in given.items():
            long = f"{delay} ms is not shorter than the presentation ({self.duration} ms); choose a shorter one"
            require(delay < self.duration, f"{where}{field_name}", long)

    def _check_arrivals(self, projection: Projection) -> None:
        """Refuse a projection whose spikes all arrive too late to count."""
        population = self.population(projection.target)
        if not population.integrates:
            return
        gated = population.dynamics.gated and not self.is_recurrent(projection)
        field_name, until = ("onset", population.dynamics.gate) if gated else ("end", self.window_end(population))
        effect = min((delay for delay, change in projection.psp.kernel if change), default=0.0)
        earliest = self._earliest[projection.source] + _shortest(projection) + effect
        shorter = self._earliest[projection.source] + effect < until
        sooner = "or a shorter delay" if shorter else f"or an earlier window of {projection.source}"
        late = (
            f"is too early: spikes from {projection.source} count from {earliest:g} ms on at the earliest, and until"
            f" {until:g} ms only; set a later one, {sooner}"
        )
        require(earliest < until, f"{self._where(population.name)}.neurons.{field_name}", late)

    @cached_property
    def _earliest(self) -> dict[str, float]:
        """Return the earliest possible spike (ms) of the stimulus and each population."""
        earliest = {STIMULUS: 0.0}
        for population in self.in_order:
            if population.integrates:
                earliest[population.name] = population.dynamics.onset
            else:
                (projection,) = self.incoming(population.name)
                earliest[population.name] = earliest[projection.source] + _shortest(projection)
        return earliest

    def _check_sign(self, projection: Projection) -> None:
        of_neurons, source = self.signs(projection.source), projection.source
        where = f"{self.key_of(projection)}.sign" if of_neurons is None else f"{self._where(source)}.inhibitory"
        signed = of_neurons is not None or projection.sign != "any"
        remedy = "has no meaning for binary weights, which are nothing but signs; remove it"
        require(not self.weighting.is_binary or not signed, where, remedy)
        twice = f"is given twice: the neurons of {source} have signs ({self._where(source)}.inhibitory); remove one"
        once = of_neurons is None or projection.sign == "any"
        require(once, f"{self.key_of(projection)}.sign", twice)

    def check_dt(self, dt: float, where: str = "dt") -> float:
        """Check a time step (ms) and return it as a Python number. `where` names it in messages.

        Raises
        ------
        SpecificationError
            If it is not positive, too small, or longer than ``encoder.t_max``.
        """
        t_max, dt = self.encoder.t_max, plain_number(dt)
        require(finite(dt) and dt > 0, where, f"must be a positive time in ms, not {dt}")
        require(dt <= t_max, where, f"{dt} ms is larger than the encoding window of {t_max} ms; choose a smaller step")
        few = self.duration / dt <= MOST_STEPS
        require(few, where, f"{dt} ms cuts a presentation into more than {MOST_STEPS:,} steps; choose a larger step")
        return float(dt)

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
        numbers = {population.name: number for number, population in enumerate(self.populations)}
        edges = [
            (numbers[projection.source], numbers[projection.target])
            for projection in self.projections
            if projection.source != STIMULUS
        ]
        groups = graph.components(len(numbers), edges)
        return tuple(tuple(self.populations[number] for number in component) for component in groups)

    @cached_property
    def in_order(self) -> tuple[Population, ...]:
        """The populations in the order of propagation: each follows its sources, except in loops."""
        return tuple(population for component in self.components for population in component)

    @cached_property
    def _component_of(self) -> dict[str, int]:
        return {population.name: number for number, component in enumerate(self.components) for population in component}

    def is_recurrent(self, projection: Projection) -> bool:
        """Return whether a projection is part of a loop, for example from a population onto itself.

        In every regime, its current counts from the onset of the target.
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

    # frequent look-ups, which a search would slow down in large networks

    @cached_property
    def _populations(self) -> dict[str, Population]:
        return {population.name: population for population in self.populations}

    @cached_property
    def _projections(self) -> dict[str, Projection]:
        return {projection.name: projection for projection in self.projections}

    @cached_property
    def _by_target(self) -> dict[str, tuple[Projection, ...]]:
        return _by_end(self.projections, "target")

    @cached_property
    def _by_source(self) -> dict[str, tuple[Projection, ...]]:
        return _by_end(self.projections, "source")

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
        return sum(projection.initial.bias for projection in self.incoming(population.name))

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
        return min(onset + _shortest(projection), self.duration), min(end + longest, self.duration)


def _by_end(projections: Iterable[Projection], end: Literal["source", "target"]) -> dict[str, tuple[Projection, ...]]:
    """Return projections by the name of their source or target, in order."""
    projections_by_name: dict[str, list[Projection]] = {}
    for projection in projections:
        projections_by_name.setdefault(getattr(projection, end), []).append(projection)
    return {name: tuple(some) for name, some in projections_by_name.items()}


def _shortest(projection: Projection) -> float:
    """Return the shortest delay of an axon or a synapse (ms)."""
    return projection.common_delay if projection.delays is None else projection.delays.shortest


def expand_layers(
    layers: Sequence[Layer], source_shape: Shape
) -> tuple[tuple[Population, ...], tuple[Projection, ...]]:
    """Return the populations and projections of a chain. Raise a SpecificationError if layers do not fit."""
    layers = check_parts(layers, Layer, "layers")
    populations, projections, source = [], [], STIMULUS
    for layer in layers:
        name, where = layer.name, f"layers.{layer.name}"
        try:
            shape = layer.connectivity.target_shape(source_shape)
            sizes = isinstance(shape, tuple) and all(isinstance(size, int) and size > 0 for size in shape)
            require(sizes, "", f"makes a population of shape {shape!r}; it must be of positive integers")
            layer.connectivity.check(source_shape, shape)
            weighted = bool(layer.connectivity.weight_shape(source_shape, shape))
        except SpecificationError as error:
            raise SpecificationError(f"{where}.{error.field}".rstrip("."), error.message) from error
        require(weighted or layer.neurons is None, f"{where}.neurons", "has no meaning for relays; remove it")
        neurons = layer.neurons or (Neurons() if weighted else None)
        if layer.winners is not None:
            require(neurons is not None, f"{where}.winners", "has no meaning for relays; remove it")
            check_winners(layer.winners, shape, where)
        given = {f.name: getattr(layer, f.name) for f in fields(layer)} | {"neurons": neurons}
        try:
            populations.append(Population(shape=shape, **{key: given[key] for key in _shared(Population)}))
            projection = Projection(source=source, target=name, **{key: given[key] for key in _shared(Projection)})
        except SpecificationError as error:  # its field begins with the population or the projection
            raise SpecificationError(".".join([where, *error.field.split(".")[2:]]), error.message) from error
        projections.append(projection)
        source, source_shape = name, shape
    return tuple(populations), tuple(projections)


def _shared(part: type) -> list[str]:
    """Return the names of fields that a layer shares with a population or a projection."""
    known = {field.name for field in fields(Layer)}
    return [field.name for field in fields(part) if field.name in known]


def _of_layer(part: Population | Projection) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _shared(type(part))}


def _unless_default(neurons: Neurons | None) -> Neurons | None:
    return None if neurons == Neurons() else neurons
