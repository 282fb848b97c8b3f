"""A custom Brian2 network as an engine: the group of each population, and the variables with weights.

All objects run in the presentations: your monitors, inputs and further groups too.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import brian2 as b2
import numpy as np
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import ArrayVariable
from brian2.groups.subgroup import Subgroup

from netsim.engines.brian2.clock_driven import ClockDriven, Presenting, Stepper
from netsim.engines.brian2.firing import Firing
from netsim.engines.protocol import Batch, Potential, Recorded, check_record
from netsim.errors import DataError, SpecificationError, frames_to_user, nearest
from netsim.specification import STIMULUS, Network, Projection
from netsim.specification.grid import nearest_steps
from netsim.weights.layout import Weights, bias_name, check_weights, kernel_name

Place = tuple[Any, str, Any]
"""A Brian2 object, the name of one of its variables, and the unit of the value 1."""


def brian2_engine(
    network: Network,
    simulation: b2.Network,
    populations: Mapping[str, Any],
    weights: Mapping[str, Any],
    biases: Mapping[str, Any] | None = None,
    potentials: Mapping[str, str] | None = None,
    record: Sequence[Recorded] = (),
) -> "OwnBrian2Engine":
    """Make an engine from your own neuron groups and synapses.

    Their equations may be any. The learner assumes the dynamics of `network`. Before each presentation, the state
    variables of all groups and synapses return to their values at the call of the engine's ``present``.
    Spikes in delayed synapses are dropped. Weights and biases stay. Time and monitors continue. The engine's ``begun``
    has the start times of presentations. Names in equations that groups do not define are looked up where this function
    is called, as in Brian2's ``run``.

    Parameters
    ----------
    network : Network
    simulation : brian2.Network
        Contains all groups, synapses, inputs and monitors, for example ``brian2.Network(brian2.collect())``.
    populations : mapping
        A group or subgroup for ``"stimulus"`` and for each population, by name. A group that is ``copies`` times as
        large as its population contains ``copies`` consecutive copies of it, which run simultaneous presentations. The
        engine makes the neurons of the stimulus fire, for example in an empty ``SpikeGeneratorGroup``. All other
        neurons may fire once per presentation (``refractory="True"``).
    weights : mapping
        For each projection, by name, a ``Synapses`` with the weights in its variable ``w``. Pass a pair to name another
        variable, or a triple to add the unit of a weight of 1. The synapses must equal the projection's connectivity,
        in any order. For weights that synapses share (linked variables), pass a ``NeuronGroup`` in the order of the
        kernel.
    biases : mapping, optional
        Name of the variable with the bias of its neurons, or a pair with its unit, by population.
    potentials : mapping, optional
        Name of the variable to record as potential, by population. The default is ``v``.
    record : sequence of Recorded
        Neurons whose potentials are recorded.

    Returns
    -------
    OwnBrian2Engine

    Raises
    ------
    SpecificationError
        If groups or synapses do not match the network. The message names the mismatch.

    Examples
    --------
    >>> import brian2 as b2
    >>> import numpy as np
    >>> import netsim
    >>> b2.defaultclock.dt = 0.5 * b2.ms
    >>> tau = 20 * b2.ms
    >>> pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
    >>> cells = b2.NeuronGroup(2, "dv/dt = -v/tau : 1", threshold="v > 1", refractory="True", method="exact")
    >>> synapses = b2.Synapses(pixels, cells, "w : 1", on_pre="v_post += w")
    >>> synapses.connect()
    >>> layers = [netsim.Layer("cells", netsim.Dense(2))]
    >>> network = netsim.Network.chain("own", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)
    >>> groups = {"stimulus": pixels, "cells": cells}
    >>> engine = netsim.brian2_engine(network, b2.Network(pixels, cells, synapses), groups, {"cells": synapses})
    >>> stimulus = np.array([0.0, 1.0, 2.0, 8.0]).reshape(1, 2, 2, 1)
    >>> engine.present(netsim.Batch(stimulus, {"cells.kernel": np.full((4, 2), [0.34, 0.5])}))["cells"]
    array([[8.5, 2.5]])
    """
    names = get_local_namespace(frames_to_user())
    return OwnBrian2Engine(
        network,
        OwnNetwork(network, simulation, populations, weights, biases or {}, potentials or {}, names),
        record,
    )


class OwnBrian2Engine(ClockDriven):
    """Present stimuli to a custom Brian2 network (see `brian2_engine`)."""

    def __init__(self, network: Network, model: "OwnNetwork", record: Sequence[Recorded] = ()) -> None:
        check_record(network, record)
        self.network = network
        self.model = model
        self.record = tuple(record)
        self.potentials: list[Potential] = []

    def __repr__(self) -> str:
        return f"OwnBrian2Engine({self.network.name!r}, dt={self.dt:g}, copies={self.model.copies})"

    @property
    def dt(self) -> float:  # type: ignore[override]
        """Time step (ms)."""
        return self.model.dt

    def model_for(self, batch: Batch) -> "OwnNetwork":
        """Return the network, which is the same for every batch."""
        return self.model

    @property
    def begun(self) -> np.ndarray:
        """Start times (ms) of the presentations of the last batch. Simultaneous presentations start together."""
        return np.array(self.model.begun) * 1e3

    @contextlib.contextmanager
    def _in_its_state(self) -> Iterator[None]:
        """Restore the state of before the batch."""
        with super()._in_its_state(), self.model.kept_state():
            yield

    @contextlib.contextmanager
    def prepared(self, model: Presenting) -> Iterator[Stepper]:
        """Prepare the network for each batch, as Brian2's `run` does, because its user may have changed an object."""
        operations = model.operations()
        model.network.add(*operations)
        try:
            yield Stepper(model.network, model.namespace)
        finally:
            model.network.remove(*operations)


class OwnNetwork:
    """The populations and weights of a specification in a Brian2 network (see `brian2_engine`)."""

    def __init__(
        self,
        specification: Network,
        network: b2.Network,
        populations: Mapping[str, Any],
        weights: Mapping[str, Any],
        biases: Mapping[str, Any],
        potentials: Mapping[str, str],
        namespace: Mapping[str, Any],
    ) -> None:
        for projection in specification.delayed:
            message = "a custom Brian2 network defines its delays; leave them out of the specification"
            raise SpecificationError(f"{specification.key_of(projection)}.delay", message)
        self.specification = specification
        self.network = network
        self.namespace = namespace
        _check_names("populations", populations, specification.shapes)
        _check_names("weights", weights, [projection.name for projection in specification.weighted])
        with_bias = [population.name for population in specification.integrating if population.has_bias]
        _check_names("biases", biases, with_bias)
        self.groups = dict(populations)
        self._sizes = {name: int(np.prod(shape)) for name, shape in specification.shapes.items()}
        self.copies = _copies(self.groups, self._sizes)
        self.clock = self.groups[STIMULUS].clock
        for name, group in self.groups.items():
            same = group.clock.dt_ == self.clock.dt_
            _require(same, f"populations.{name}", f"has a time step of its own ({group.clock.dt}); give all the same")
        specification.check_dt(self.dt)
        self._spikes = {name: Firing(group) for name, group in self.groups.items()}
        self.kernels = {
            projection.name: self._kernel(projection, _location(f"weights.{projection.name}", weights[projection.name]))
            for projection in specification.weighted
        }
        self.owners = {name: _pair(given)[0] for name, given in weights.items()}  # of weights, by projection
        self.biases = {name: _location(f"biases.{name}", (self.groups[name], *_pair(biases[name]))) for name in biases}
        self._potentials = potentials
        for population in specification.integrating:
            self._check_potential(population.name, required=population.name in potentials)
        self.begun: list[float] = []  # start times of presentations (s)
        self._step = 0
        self._state: dict[ArrayVariable, np.ndarray] = {}
        self.also: dict[str, np.ndarray] = {}  # neurons that fire only at the start of a presentation
        self._due: dict[int, np.ndarray] = {}
        self._muted: dict[str, np.ndarray] = {}
        self._first: dict[str, np.ndarray] = {}
        self._twice: tuple[str, int] | None = None

    @property
    def dt(self) -> float:
        """Time step (ms)."""
        return float(self.clock.dt / b2.ms)

    def now(self) -> float:
        """Current time (s). After a stopped run, Brian2 has a live view instead of a number."""
        return float(np.asarray(self.network.t_).item())

    def operations(self) -> list[b2.NetworkOperation]:
        """Return the operation in each step, after all thresholds and before monitors and synapses."""
        return [b2.NetworkOperation(self._pass_on, clock=self.clock, when="thresholds", order=2**30)]

    def set_weights(self, weights: Weights) -> None:
        """Write kernels and biases to their variables. Raise DataError if they do not fit the specification."""
        check_weights(self.specification, weights, "weights")
        for projection in self.specification.weighted:
            variable, unit, order = self.kernels[projection.name]
            variable.set_value(weights[kernel_name(projection)].ravel()[order] * unit)
        for name, (group, variable, unit) in self.biases.items():
            population = self.specification.population(name)
            bias = np.broadcast_to(weights[bias_name(population)], (self.copies, *population.shape))
            values = group.variables[variable].get_value()
            values[extent_of(group)] = bias.ravel() * unit

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Refuse thresholds, because the equations define them."""
        _refuse("thresholds", thresholds)

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Refuse delays, because the synapses define them."""
        _refuse("delays", delays)

    def begin(self, stimuli: np.ndarray, silenced: Mapping[str, np.ndarray]) -> None:
        """Begin a presentation: restore the state, drop delayed spikes, and set the stimulus."""
        self.reset()
        self.begun.append(self.now())
        self._step = 0
        steps = nearest_steps(stimuli.reshape(-1), self.dt)
        fire = np.flatnonzero(np.isfinite(steps))
        fire = fire[np.argsort(steps[fire], kind="stable")]
        at, starts = np.unique(steps[fire].astype(int), return_index=True)
        self._due = dict(zip(at.tolist(), np.split(fire.astype(np.int32), starts[1:]), strict=False))
        self._muted = {name: mute.reshape(-1) for name, mute in silenced.items()}
        self._first = {name: np.full(size * self.copies, np.inf) for name, size in self._sizes.items()}
        self._twice = None

    def latencies(self) -> dict[str, np.ndarray]:
        """Return first-spike latencies (ms) by population, with a first axis of copies.

        Raise DataError if a neuron has fired twice, or a potential is NaN.
        """
        for name in self.groups.keys() - {STIMULUS}:
            if self._stores_potential(name) and np.isnan(self.potential(name)).any():
                cause = "as in the exact solution of equal time constants; change a parameter, or the method to 'euler'"
                raise DataError(f"{name}: {self.name_of_potential(name)} becomes NaN, {cause}")
        if self._twice is not None:
            name, neuron = self._twice
            raise DataError(
                f"{name}: neuron {neuron} fired twice in a presentation, but the learner knows first spikes only; make"
                ' its group with refractory="True"'
            )
        shapes = self.specification.shapes.items()
        return {name: (self._first[name] * self.dt).reshape(self.copies, *shape) for name, shape in shapes}

    def potential(self, population: str) -> np.ndarray:
        """Return the live potentials of a population, for all copies in sequence."""
        self._check_potential(population, required=True)
        group = self.groups[population]
        return group.variables[self.name_of_potential(population)].get_value()[extent_of(group)]

    def name_of_potential(self, population: str) -> str:
        """Return the variable with the potential of a population."""
        return self._potentials.get(population, "v")

    def _stores_potential(self, population: str) -> bool:
        variables = self.groups[population].variables
        return isinstance(variables.get(self.name_of_potential(population)), ArrayVariable)

    def _check_potential(self, population: str, required: bool) -> None:
        """Refuse a potential that Brian2 does not store. Models without potentials called v are fine until recorded."""
        group, name = self.groups[population], self.name_of_potential(population)
        computed = " (it is a subexpression)" * (name in group.variables)
        wrong = f"{name!r} is no state variable of {group.name}{computed}; name another"
        _require(self._stores_potential(population) or not required, f"potentials.{population}", wrong)

    def unit_of_response(self, projection: Projection) -> str:
        """Return the unit of a potential for a weight of 1, such as ``V per pA``, or an empty text."""
        group = self.groups[projection.target]
        potential = group.variables[self.name_of_potential(projection.target)].dim
        weights, unit, _ = self.kernels[projection.name]
        if potential.is_dimensionless and weights.dim.is_dimensionless:
            return ""
        weight = (
            str(b2.Quantity(unit, dim=weights.dim)).removeprefix("1. ") if not weights.dim.is_dimensionless else "1"
        )
        of = "1" if potential.is_dimensionless else str(b2.Quantity(1.0, dim=potential)).removeprefix("1. ")
        return f"{of} per {weight}"

    def reset(self) -> None:
        """Restore the state from `kept_state`, and drop delayed spikes."""
        for variable, value in self._state.items():
            variable.set_value(value)
        now = self.now()
        for owner in self.network.objects:
            if isinstance(owner, b2.Synapses):
                if "lastupdate" in owner.variables:
                    owner.variables["lastupdate"].set_value(now)
                for pathway in owner._pathways:
                    pathway.queue._restore_from_full_state(_emptied(pathway.queue._full_state()))

    @contextlib.contextmanager
    def kept_state(self) -> Iterator[None]:
        """Store the state of all groups and synapses for the next presentations, and restore it at the end."""
        self.begun = []
        written = {kernel[0] for kernel in self.kernels.values()}
        written |= {group.variables[name] for group, name, _ in self.biases.values()}
        self._state = {
            variable: variable.get_value().copy()
            for owner in self.network.objects
            if isinstance(owner, b2.NeuronGroup | b2.Synapses)
            for variable in _state_variables(owner)
            if variable not in written
        }
        try:
            yield
        finally:
            self.reset()
            self._state = {}

    def _kernel(self, projection: Projection, location: Place) -> tuple[ArrayVariable, float, np.ndarray]:
        """Return the variable with the weights, the unit of 1, and the index of the weight of each value."""
        owner, name, unit = location
        connections = self.specification.connections(projection)
        where = f"weights.{projection.name}"
        if not isinstance(owner, b2.Synapses):
            count = int(np.prod(self.specification.weight_shape(projection)))
            _require(
                count == owner.N,
                where,
                f"{owner.name} has {owner.N} values, but there are {count} weights; give one each",
            )
            return owner.variables[name], unit, np.arange(count)
        for end, group in ((projection.source, owner.source), (projection.target, owner.target)):
            expected_group = self.groups[end]
            same = root_of(group) is root_of(expected_group) and extent_of(group) == extent_of(expected_group)
            _require(
                same,
                where,
                f"{owner.name} does not connect the groups {projection.source} and {projection.target}; name others",
            )
        inputs, neurons = self._sizes[projection.source], self._sizes[projection.target]
        pre, post = np.asarray(owner.i[:], np.int64), np.asarray(owner.j[:], np.int64)
        inside = bool((pre // inputs == post // neurons).all())
        across = f'connects copies with each other; connect with the condition "i // {inputs} == j // {neurons}"'
        _require(inside, where, f"{owner.name} {across}")
        keys = connections.pre.astype(np.int64) * neurons + connections.post
        order = np.argsort(keys, kind="stable")
        pairs = inputs * neurons
        present = pre // inputs * pairs + pre % inputs * neurons + post % neurons
        expected = (np.arange(self.copies)[:, None] * pairs + keys[order]).ravel()
        present_order = np.argsort(present, kind="stable")  # several synapses of a pair keep the order of the list
        have = f"{owner.name} has {len(present):,} synapses, which are not the {len(expected):,}"
        _require(
            np.array_equal(present[present_order], expected),
            where,
            f"{have} of {projection.connectivity}; connect the same pairs",
        )
        number = np.empty(len(present), connections.weight.dtype)
        number[present_order] = np.tile(connections.weight[order], self.copies)
        return owner.variables[name], unit, number

    def _pass_on(self) -> None:
        """After the thresholds of a step, silence neurons, record first spikes, and make the stimulus fire."""
        for name, spikes in self._spikes.items():
            if name == STIMULUS:
                fired = self._due.get(self._step, _NOBODY)
                spikes.replace(fired)
            else:
                fired = spikes.now()
                if name in self._muted and fired.size:
                    fired = fired[~self._muted[name][fired]]
                    spikes.replace(fired)
            if name in self.also:
                change = np.setdiff1d if self._step else np.union1d
                fired = change(fired, self.also[name]).astype(np.int32)
                spikes.replace(fired)
            if fired.size:
                first = self._first[name]
                again = np.isfinite(first[fired])
                if again.any() and self._twice is None:
                    self._twice = name, int(fired[again][0]) % self._sizes[name]
                first[fired] = np.where(again, first[fired], self._step)
        self._step += 1


_NOBODY = np.empty(0, np.int32)


def _copies(groups: Mapping[str, Any], sizes: Mapping[str, int]) -> int:
    """Return the number of copies of its population in each group."""
    copies = {}
    for name, group in groups.items():
        neurons = extent_of(group).stop - extent_of(group).start
        whole = neurons % sizes[name] == 0
        other = f"{group.name} has {neurons} neurons, the population has {sizes[name]}; give a whole number of copies"
        _require(whole, f"populations.{name}", other)
        copies[name] = neurons // sizes[name]
    counts = ", ".join(f"{name} {count}" for name, count in copies.items())
    _require(
        len({*copies.values()}) == 1,
        "populations",
        f"contain different numbers of copies ({counts}); give all the same",
    )
    return copies[STIMULUS]


def root_of(group: Any) -> Any:
    """Return the parent of a subgroup, or the group itself."""
    return group.source if isinstance(group, Subgroup) else group


def extent_of(group: Any) -> slice:
    """Return the slice of a group or subgroup in the arrays of its root."""
    return slice(int(group.start), int(group.stop))


def _pair(given: Any) -> tuple[Any, ...]:
    return given if isinstance(given, tuple) else (given,)


def _location(where: str, given: Any) -> Place:
    """Return object, variable and unit. Variable and unit are optional in `given`."""
    parts = _pair(given)
    few = len(parts) <= 3
    _require(few, where, 'give "bias" or ("bias", unit), or for weights synapses or (synapses, "w", unit)')
    owner, name, unit = parts + ("w", None)[len(parts) - 1 :]
    variables = getattr(owner, "variables", {})
    known = [key for key, variable in variables.items() if isinstance(variable, ArrayVariable)]
    if name not in known:
        lacks = f"{name!r} is no variable of {getattr(owner, 'name', owner)}{nearest(name, known)}"
        raise SpecificationError(where, lacks)
    variable = variables[name]
    if unit is None:
        _require(variable.dim.is_dimensionless, where, f"{name!r} has a unit; say what 1 stands for, as in (..., mV)")
        return owner, name, 1.0
    fits = b2.get_dimensions(unit) == variable.dim
    _require(fits, where, f"{name!r} has the dimensions {variable.dim}, which {unit} does not have; give another unit")
    return owner, name, float(unit)


def _state_variables(owner: Any) -> Iterator[ArrayVariable]:
    """Yield the variables of a group or of synapses that a simulation changes."""
    for name, variable in owner.variables.items():
        belongs = isinstance(variable, ArrayVariable) and variable.owner.name == owner.name and not variable.constant
        internal = variable.read_only or name.startswith("_") or name == "lastupdate"
        if belongs and (name in ("lastspike", "not_refractory") or not internal):
            yield variable


def _emptied(state: Any) -> Any:
    """Return the state of a queue of delayed spikes without its spikes."""
    if len(state) == 2:  # Cython: offset, and synapses by step
        return state[0], [[] for _ in state[1]]
    return state[0], state[1][:0], state[2]  # numpy: time step, spikes, shape of the queue


def _check_names(where: str, given: Mapping[str, Any], wanted: Any) -> None:
    for name in given:
        if name not in wanted:
            raise SpecificationError(where, f"{name!r} is none of the network{nearest(name, wanted)}")
    missing = [name for name in wanted if name not in given]
    _require(not missing, where, f"lack {', '.join(missing)}; add them")


def _require(holds: bool, where: str, reason: str) -> None:
    if not holds:
        raise SpecificationError(where, reason)


def _refuse(what: str, given: Mapping[str, Any]) -> None:
    if given:
        remedy = "cannot be set in a custom Brian2 network; write them into its equations"
        raise SpecificationError(f"batch.{what}", remedy)
