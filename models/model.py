"""A Brian2 network in use: write weights and conditions, begin presentations, and read first spikes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from brian2 import Clock, Network, NetworkOperation, NeuronGroup, Quantity, Synapses, ms

from netsim.errors import DataError, nearest
from netsim.models.competition import Competition
from netsim.models.machine_code import Target, code_object_class, default_target
from netsim.models.neurons import SCHEDULE
from netsim.models.synapses import shared_kernel
from netsim.models.windows import Windows
from netsim.models.wiring import set_lags
from netsim.specification import STIMULUS, Connections, Projection, Shape, grid
from netsim.specification import Network as Specification
from netsim.specification.checks import check_array, check_size, require
from netsim.spikes.latencies import Latencies
from netsim.weights.layout import (
    Weights,
    axonal_delay,
    bias_name,
    check_delays,
    check_thresholds,
    check_weights,
    delay_name,
    kernel_name,
    synaptic_delay,
)

_GIVEN = {"bias", "threshold", "silenced"}
"""Variables of equations that are written before a presentation. The others are 0 at its start."""


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
    common : dict
        Arguments of all Brian2 objects: the clock and the code generation.
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
    common: dict[str, Any]

    @classmethod
    def empty(cls, specification: Specification, dt: float, target: Target | None, copies: int) -> Self:
        """Return a model without neurons and synapses, after checks of its grid. See `build_network`."""
        dt = specification.check_dt(dt)
        check_size(copies, "copies")
        clock = Clock(dt * ms, name="netsim_clock")
        code = code_object_class(target or default_target(specification.synapses))
        network = Network(name="netsim_network*")
        network.schedule = SCHEDULE
        neurons: dict[str, NeuronGroup] = {}
        synapses: dict[str, Synapses] = {}
        windows, common = Windows(specification, clock, neurons, synapses), {"clock": clock, "codeobj_class": code}
        return cls(specification, network, clock, neurons, synapses, {}, {}, {}, copies, windows, common)

    def add_kernel(self, projection: Projection, connections: Connections) -> NeuronGroup | None:
        """Create the weights that synapses share. None if each synapse has a weight of its own, in order."""
        weights, name = math.prod(self.specification.weight_shape(projection)), projection.name
        if self.copies == 1 and np.array_equal(connections.weight, np.arange(weights)):
            return None
        self.kernels[name] = shared_kernel(name, weights, self.common)
        return self.kernels[name]

    def complete(self, weights: Weights | None) -> None:
        """Add all objects to the network, with the competitions of their neurons, and write delays and weights."""
        for objects in (self.neurons, self.synapses, self.kernels):
            self.network.add(*objects.values())
        for population in self.specification.populations:
            if population.winners is not None:
                steps = grid.population_steps(self.specification, population, self.dt)
                group = self.neurons[population.name]
                self.competitions[population.name] = Competition(group, population, steps, self.copies, self.common)
        self.network.add(*(competition.operation for competition in self.competitions.values()))
        for projection in self.specification.delayed:
            self.delays[delay_name(projection)] = np.zeros(self.specification.delay_shape(projection))
        self.set_delays({})
        if weights is not None:
            self.set_weights(weights)

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
            equations, variables = group.equations, group.variables
            for name in (equations.diff_eq_names | equations.parameter_names) - _GIVEN:
                variables[name].set_value(0)
            variables["start"].set_value(self.network.t_)
            if "lastspike" in variables:
                variables["lastspike"].set_value(math.inf)
                variables["not_refractory"].set_value(True)
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


def _check_names(what: str, given: Mapping[str, np.ndarray], known: Sequence[str]) -> None:
    for name in given:
        require(name in known, f"{what} of {name!r}", f"cannot be set{nearest(name, known)}")
