"""Brian2 networks of a specification, for use without the rest of netsim.

>>> import brian2, netsim
>>> preset = netsim.load_model("digits")
>>> model = netsim.build_network(preset.network, preset.weights, dt=0.5)
>>> spikes = brian2.SpikeMonitor(model.neurons["hidden"])
>>> model.network.add(spikes)
>>> model.begin(netsim.load_splits(preset.network).test.latencies(range(1))[0])
>>> model.network.run(model.duration)
>>> model.neurons["hidden"].latency[:].shape
(200,)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from brian2 import Clock, Network, NetworkOperation, NeuronGroup, Quantity, Synapses, ms, prefs
from brian2.codegen.codeobject import CodeObject
from brian2.codegen.targets import codegen_targets

from netsim.errors import DataError, SpecificationError, nearest
from netsim.models.competition import Competition
from netsim.models.machine_code import machine_code_has_place
from netsim.models.neurons import SCHEDULE, integrating_neurons, pooling_neurons, stimulus_neurons
from netsim.models.synapses import connect, pooling_synapses, set_lags, shared_kernel, weighted_synapses
from netsim.models.windows import Windows
from netsim.specification import STIMULUS, Connections, Population, Projection, Shape, grid
from netsim.specification import Network as Specification
from netsim.specification.checks import check_array, check_size, require
from netsim.spikes.latencies import Latencies
from netsim.weights.conditions import check_delays, check_thresholds
from netsim.weights.delays import axonal_delay, synaptic_delay
from netsim.weights.layout import Weights, bias_name, check_weights, delay_name, kernel_name

Target = Literal["cython", "numpy"]

# Synapses up to which numpy is at most a fifth slower than machine code (measured).
_NOT_WORTH_COMPILING = 1_000_000

# Initial values of the variables that a presentation changes
_AT_THE_START: dict[str, Any] = {
    "lastspike": math.inf,
    "not_refractory": True,
    "reached": False,
    "v": 0.0,
    "current": 0.0,
    "recurrent": 0.0,
}


@dataclass(frozen=True)
class NetworkModel:
    """A specification as a Brian2 network.

    Attributes
    ----------
    specification : netsim.specification.Network
    network : brian2.Network
        Network with all groups and synapses. You can add monitors and inputs to it.
    clock : brian2.Clock
        Clock of all objects. Use it for additional network operations.
    neurons : dict of brian2.NeuronGroup
        The stimulus (``"stimulus"``) and the populations by name, in order. Maps are numbered row by row, channels
        last.
    synapses : dict of brian2.Synapses
        Synapses by name of the projection. In a chain this is the name of the target population.
    kernels : dict of brian2.NeuronGroup
        Weights that synapses share, by projection.
    delays : dict of ndarray of float
        Delays that were written with the weights (ms); see `netsim.weights.layout`.
    competitions : dict of netsim.models.competition.Competition
        Competitions by population, where the first neurons of a scope silence the others.
    copies : int
        Number of simultaneous presentations. Each group has this many consecutive copies of its population.
    windows : netsim.models.windows.Windows
        Times in which the objects are needed. Its operation, which engines add, skips them at other times.
    """

    specification: Specification
    network: Network
    clock: Clock
    neurons: dict[str, NeuronGroup]
    synapses: dict[str, Synapses]
    kernels: dict[str, NeuronGroup]
    delays: Weights
    competitions: dict[str, Competition]
    copies: int
    windows: Windows

    def __repr__(self) -> str:
        return f"NetworkModel({self.specification.name!r}, dt={self.dt}, copies={self.copies})"

    @property
    def dt(self) -> float:
        """Time step (ms)."""
        return float(self.clock.dt / ms)

    @property
    def steps(self) -> int:
        """Number of time steps of a presentation."""
        return grid.step_at_or_after(self.specification.duration, self.dt)

    def operations(self) -> tuple[NetworkOperation, ...]:
        """Return the operations that engines add: skip objects that have nothing to do."""
        return (self.windows.operation(),)

    @property
    def namespace(self) -> dict[str, Any]:
        """External names of equations: none besides the namespaces of the groups."""
        return {}

    @property
    def duration(self) -> Quantity:
        """Duration of a presentation, in whole steps."""
        return self.steps * self.clock.dt

    def set_weights(self, weights: Weights) -> None:
        """Write feedforward weights (`netsim.weights.binary.forward_weights`): kernels, biases and delays.

        Delays of `set_delays` are reset.

        Parameters
        ----------
        weights : dict of ndarray
            Arrays as in `netsim.weights.layout`.

        Raises
        ------
        DataError
            If the weights do not fit the network.
        """
        check_weights(self.specification, weights, "weights")
        for projection in self.specification.weighted:
            kernel = self.kernels.get(projection.name, self.synapses[projection.name])
            kernel.variables["w"].set_value(weights[kernel_name(projection)].ravel())
        for population in self.specification.integrating:
            if population.has_bias:
                bias = np.broadcast_to(weights[bias_name(population)], (self.copies, *population.shape))
                self.neurons[population.name].variables["bias"].set_value(bias.ravel())
        self.delays.update({name: weights[name].copy() for name in map(delay_name, self.specification.delayed)})
        self.set_delays({})

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Write thresholds by population, of the population's shape. Others keep the threshold of the population.

        Raises SpecificationError if a population does not exist or does not integrate. Raises DataError for thresholds
        of another shape, or that are not positive.
        """
        _check_names("thresholds", thresholds, [each.name for each in self.specification.integrating])
        check_thresholds(self.specification, thresholds)
        for population in self.specification.integrating:
            common = population.dynamics.threshold
            given = np.broadcast_to(thresholds.get(population.name, common), (self.copies, *population.shape))
            # all neurons have the same tolerance, so that it does not decide between competing neurons
            reached = given.ravel() - common + common * (1 - grid.TOLERANCE)
            self.neurons[population.name].variables["threshold"].set_value(reached)

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Write conduction delays (ms) by projection, of the shape of its source.

        The network must be built with delays. They are added to the delay of the projection, and the sum is rounded to
        the nearest step. Delays of synapses are rounded separately.

        Raises SpecificationError if a projection does not exist, or the network was built without delays. Raises
        DataError for delays of another shape, or below 0.
        """
        _check_names("delays", delays, [each.name for each in self.specification.projections])
        check_delays(self.specification, delays)
        for projection in self.specification.projections:
            synapses = self.synapses[projection.name]
            if "lag" not in synapses.variables:
                built = "cannot be set, because the network has none; build it with with_delays=True"
                require(projection.name not in delays, f"delays of {projection.name}", built)
                continue
            shape = (self.copies, *self.specification.shapes[projection.source])
            steps = grid.nearest_steps(axonal_delay(projection, self.delays, delays), self.dt)
            lags = np.broadcast_to(steps, shape).ravel()[synapses.variables["_synaptic_pre"].get_value()]
            per_synapse = synaptic_delay(projection, self.delays)
            if per_synapse is not None:
                shared = synapses.variables.get("kernel_index")
                weight = slice(None) if shared is None else shared.get_value()
                lags = lags + grid.nearest_steps(per_synapse, self.dt).ravel()[weight]
            breakpoints = self._breakpoints(projection)
            set_lags(synapses, np.minimum(lags, self.steps).astype(np.int32), breakpoints)

    def _breakpoints(self, projection: Projection) -> tuple[int, ...]:
        """Return the delays of the breakpoints of a projection's PSP in steps. None onto relays."""
        if not self.specification.population(projection.target).integrates:
            return ()
        return grid.breakpoint_steps(self.specification, projection, self.dt)

    def begin(self, stimuli: np.ndarray | None = None, silenced: Mapping[str, np.ndarray] | None = None) -> None:
        """Start a presentation at the current time: reset all spikes and load the stimulus.

        Parameters
        ----------
        stimuli : ndarray of float, shape ([copies,] height, width, channels), optional
            Latencies (ms); ``inf`` is silent. They are rounded to the nearest step. Spikes at the end are left out. By
            default all are silent, for other inputs.
        silenced : dict of ndarray of bool, shape ``([copies,] *population)``, optional
            Neurons that cannot fire, by population.

        Raises
        ------
        SpecificationError
            If a population does not exist.
        DataError
            If latencies are NaN or negative, or an array has another shape.
        """
        if stimuli is not None:
            self._check_shape("stimuli:", stimuli, self.specification.shapes[STIMULUS])
            if np.isnan(stimuli).any():
                raise DataError("stimuli: contain NaN; use inf for silence")
            if (stimuli < 0).any():
                raise DataError("stimuli: contain negative latencies; time starts at 0 ms with the presentation")
        silenced = silenced or {}
        for name, neurons in silenced.items():
            self._check_shape(f"silenced: {name}", neurons, self.specification.population(name).shape, "b")
        for group in self.neurons.values():
            state = _AT_THE_START | {"start": self.network.t_}
            for name in state.keys() & group.variables.keys():
                group.variables[name].set_value(state[name])
        for competition in self.competitions.values():
            competition.begin()
        for name, shape in self.specification.shapes.items():
            variables = self.neurons[name].variables
            if name == STIMULUS:
                given = np.asarray(math.inf) if stimuli is None else stimuli
                latencies = grid.stimuli_on_grid(given, self.specification.duration, self.dt)
                variables["latency"].set_value(np.broadcast_to(latencies, (self.copies, *shape)).ravel() * 1e-3)
                spikes = latencies[np.isfinite(latencies)]
                last = grid.nearest_step(spikes.max(), self.dt) if spikes.size else -1
                self.windows.begin(self.steps if stimuli is None else last, self.steps)
            else:
                mute = np.broadcast_to(silenced.get(name, False), (self.copies, *shape))
                variables["silenced"].set_value(mute.ravel())

    def _check_shape(self, what: str, values: np.ndarray, shape: Shape, kinds: str = "iuf") -> None:
        """Refuse an array of another shape, with or without copies."""
        check_array(values, what, kinds)
        if values.shape not in (shape, (self.copies, *shape)):
            needed = f"{shape} or {(self.copies, *shape)}"
            raise DataError(f"{what} must have the shape {needed}, not {values.shape}")

    def potential(self, population: str) -> np.ndarray:
        """Return the current potentials of a population, of all copies consecutively."""
        return self.neurons[population].variables["v"].get_value()

    def latencies(self) -> Latencies:
        """Return first-spike latencies of the presentation so far.

        Returns
        -------
        Latencies
            Arrays of shape (copies, height, width, channels) or (copies, neurons), in ms; ``inf`` means silent.
        """
        latencies = Latencies()
        for name, shape in self.specification.shapes.items():
            variables = self.neurons[name].variables
            if name == STIMULUS:
                seconds = variables["latency"].get_value()
            else:
                seconds = variables["lastspike"].get_value() - variables["start"].get_value()
            latencies[name] = (np.rint(seconds / self.clock.dt_) * self.dt).reshape(self.copies, *shape)
        return latencies


def build_network(
    specification: Specification,
    weights: Weights | None = None,
    dt: float = 1.0,
    target: Target | None = None,
    copies: int = 1,
    with_delays: bool = False,
) -> NetworkModel:
    """Build the Brian2 network of a specification.

    Parameters
    ----------
    specification : netsim.specification.Network
    weights : dict of ndarray, optional
        By default all weights are 0 until `NetworkModel.set_weights`.
    dt : float
        Time step (ms).
    target : {"cython", "numpy"}, optional
        Target of Brian2's code generation; the default depends on Brian2's preferences. If they are ``auto``, networks
        of up to a million synapses use numpy, because compilation takes longer than it saves. Spikes are the same.
    copies : int
        Number of simultaneous presentations.
    with_delays : bool
        Support `NetworkModel.set_delays` for all projections with weights.

    Returns
    -------
    NetworkModel

    Raises
    ------
    SpecificationError
        If `dt` does not suit the network, or the target does not work on this machine.
    DataError
        If the weights do not fit the network.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> built = netsim.build_network(model.network, model.weights, dt=1.0, target="numpy")
    >>> sorted(built.neurons)
    ['hidden', 'output', 'stimulus']
    """
    dt = specification.check_dt(dt)
    check_size(copies, "copies")
    for population in specification.integrating:
        population.dynamics.kind.check_step(population.dynamics, dt, f"{specification.key_of(population)}.neurons")
    clock = Clock(dt * ms, name="netsim_clock")
    if target is None and prefs.codegen.target == "auto" and specification.synapses <= _NOT_WORTH_COMPILING:
        target = "numpy"
    common = {"clock": clock, "codeobj_class": code_object_class(target)}
    network = Network(name="netsim_network*")
    network.schedule = SCHEDULE
    stimulus = stimulus_neurons(copies * math.prod(specification.encoder.shape), common)
    neurons: dict[str, NeuronGroup] = {STIMULUS: stimulus}
    synapses: dict[str, Synapses] = {}
    windows = Windows(specification, clock, neurons, synapses)
    model = NetworkModel(specification, network, clock, neurons, synapses, {}, {}, {}, copies, windows)
    builder = _Builder(model, dt, common)
    for component in specification.components:
        for population in component:
            builder.add_neurons(population)
        for population in component:
            builder.add_synapses(population, with_delays)
    for objects in (model.neurons, model.synapses, model.kernels):
        network.add(*objects.values())
    network.add(*(competition.operation for competition in model.competitions.values()))
    for projection in specification.delayed:
        model.delays[delay_name(projection)] = np.zeros(specification.delay_shape(projection))
    model.set_delays({})
    if weights is not None:
        model.set_weights(weights)
    return model


def code_object_class(target: Target | None) -> type[CodeObject] | None:
    """Return Brian2's class of code objects for a target. None leaves the choice to Brian2.

    Raises
    ------
    SpecificationError
        If the target is unknown or does not work on this machine.
    """
    has_place = machine_code_has_place()
    if target is None:
        return None
    classes = {known.class_name: known for known in codegen_targets if known.class_name}
    if target not in classes:
        raise SpecificationError("target", f"must be one of {', '.join(sorted(classes))}, not {target!r}")
    if target == "cython" and not has_place:
        raise SpecificationError("target", "cython has no folder for machine code; set CYTHON_CACHE_DIR, or use numpy")
    if not classes[target].is_available():
        raise SpecificationError("target", f"{target} does not work here (is there a C++ compiler?); use numpy")
    return classes[target]


class _Builder:
    """Adds the Brian2 objects of populations to a model."""

    def __init__(self, model: NetworkModel, dt: float, common: dict[str, Any]) -> None:
        self.model, self.dt, self.common = model, dt, common
        # relays fire in the step of their source, so they run one population after another
        self.depth = {STIMULUS: 0}

    def add_neurons(self, population: Population) -> None:
        """Add a population."""
        model, name = self.model, population.name
        size, incoming = model.copies * population.size, model.specification.incoming(name)
        if population.neurons is None:
            self.depth[name] = 1 + max(self.depth[each.source] for each in incoming)
            model.neurons[name] = pooling_neurons(name, size, self.depth[name], self.common)
        else:
            self.depth[name] = 0
            steps = grid.population_steps(model.specification, population, self.dt)
            looped = any(map(model.specification.is_recurrent, incoming))
            group = integrating_neurons(name, size, population.neurons, steps, self.common, looped)
            model.neurons[name] = group
            if population.winners is not None:
                competition = Competition(group, population, steps, model.copies, self.common)
                model.competitions[name] = competition

    def add_synapses(self, population: Population, with_delays: bool) -> None:
        """Add the projections onto a population. Their sources must exist."""
        model, name = self.model, population.name
        for projection in model.specification.incoming(name):
            source, connections = model.neurons[projection.source], model.specification.connections(projection)
            steps_late = min(grid.nearest_step(projection.common_delay, self.dt), model.steps)
            lag = None if projection.delays is not None or (with_delays and population.integrates) else steps_late
            if population.integrates:
                onto = self._weighted(projection, source, connections, lag)
            else:
                onto = pooling_synapses(projection.name, source, model.neurons[name], lag, self.common)
            connect(onto, _side_by_side(connections, *model.specification.ends(projection), model.copies))
            model.synapses[projection.name] = onto

    def _weighted(
        self, projection: Projection, source: NeuronGroup, connections: Connections, lag: int | None
    ) -> Synapses:
        """Create synapses with weights, which are separate if each synapse has one, in order."""
        model, name, target = self.model, projection.name, self.model.neurons[projection.target]
        weights, kernel = math.prod(model.specification.weight_shape(projection)), None
        if model.copies > 1 or not np.array_equal(connections.weight, np.arange(weights)):
            kernel = model.kernels[name] = shared_kernel(name, weights, self.common)
        steps = grid.breakpoint_steps(model.specification, projection, self.dt)
        apart = model.specification.population(projection.target).dynamics.kind.currents_from_onset
        current = "recurrent" if apart and model.specification.is_recurrent(projection) else "current"
        return weighted_synapses(name, source, target, projection.psp, steps, lag, kernel, self.common, current)


def _check_names(what: str, given: Mapping[str, np.ndarray], known: Sequence[str]) -> None:
    for name in given:
        require(name in known, f"{what} of {name!r}", f"cannot be set{nearest(name, known)}")


def _side_by_side(single: Connections, source: tuple[int, ...], shape: tuple[int, ...], copies: int) -> Connections:
    """Repeat connections for several copies of a projection, each with its copy of the source."""
    if copies == 1:
        return single
    copy = np.arange(copies, dtype=np.int32)[:, None]
    return Connections(
        (single.pre + copy * np.int32(math.prod(source))).ravel(),
        (single.post + copy * np.int32(math.prod(shape))).ravel(),
        np.tile(single.weight, copies),
    )
