"""Brian2 networks of a specification, usable alone.

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

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Quantity, Synapses, ms
from brian2.codegen.codeobject import CodeObject

from netsim.models.neurons import NEVER, SCHEDULE, axons, integrating_neurons, pooling_neurons, stimulus_neurons
from netsim.models.synapses import axon_hillocks, connect, pooling_synapses, shared_kernel, weighted_synapses
from netsim.models.targets import Target, code_object_class
from netsim.specification import STIMULUS, Connections, Population, Projection
from netsim.specification import Network as Specification
from netsim.specification.grid import (
    TOLERANCE,
    breakpoint_steps,
    check_dt,
    nearest_steps,
    on_grid,
    population_steps,
    step_at_or_after,
)
from netsim.weights.layout import Weights, bias_name, check_weights, kernel_name


@dataclass(frozen=True)
class NetworkModel:
    """A specification as a Brian2 network.

    Attributes
    ----------
    specification : netsim.specification.Network
    network : brian2.Network
        Holds all groups and synapses; add monitors and inputs of your own.
    clock : brian2.Clock
        The clock of all objects; give it to network operations of your own.
    neurons : dict of brian2.NeuronGroup
        The stimulus (``"stimulus"``) and the populations, in order, by name. Maps are numbered row by row,
        channels last.
    synapses : dict of brian2.Synapses
        Those of each projection, by its name, which in a chain is that of the population that receives.
    kernels : dict of brian2.NeuronGroup
        Weights that synapses share, by projection.
    axons : dict of brian2.NeuronGroup
        Where spikes are delayed, by projection: those with a delay, or all if the network was built for it.
    copies : int
        Number of presentations side by side: each group holds this many copies of its population, one after
        another.
    """

    specification: Specification
    network: Network
    clock: Clock
    neurons: dict[str, NeuronGroup]
    synapses: dict[str, Synapses]
    kernels: dict[str, NeuronGroup]
    axons: dict[str, NeuronGroup]
    copies: int

    def __repr__(self) -> str:
        return f"NetworkModel({self.specification.name!r}, dt={self.dt}, copies={self.copies})"

    @property
    def dt(self) -> float:
        """Time step (ms)."""
        return float(self.clock.dt / ms)

    @property
    def steps(self) -> int:
        """Number of time steps of a presentation."""
        return step_at_or_after(self.specification.duration, self.dt)

    @property
    def duration(self) -> Quantity:
        """Length of a presentation, in whole steps."""
        return self.steps * self.clock.dt

    def set_weights(self, weights: Weights) -> None:
        """Write kernels and biases.

        Parameters
        ----------
        weights : dict of ndarray
            The weights that feed forward (`netsim.weights.binary.forward_weights`).

        Raises
        ------
        DataError
            If they do not belong to the network.
        """
        check_weights(self.specification, weights, "weights")
        for projection in self.specification.weighted:
            kernel = self.kernels.get(projection.name, self.synapses[projection.name])
            kernel.variables["w"].set_value(weights[kernel_name(projection)].ravel())
        for population in self.specification.integrating:
            if population.has_bias:
                bias = np.broadcast_to(weights[bias_name(population)], (self.copies, *population.shape))
                self.neurons[population.name].variables["bias"].set_value(bias.ravel())

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Write the thresholds of single neurons; all others get that of their population.

        Parameters
        ----------
        thresholds : dict of ndarray of float
            By population, of its shape.
        """
        for population in self.specification.integrating:
            own = thresholds.get(population.name, population.dynamics.threshold)
            values = np.broadcast_to(own, (self.copies, *population.shape))
            self.neurons[population.name].variables["threshold"].set_value(values.ravel() * (1 - TOLERANCE))

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Write conduction delays, which come to those of the projections.

        Parameters
        ----------
        delays : dict of ndarray of float
            By projection, of the shape of its source (ms); with the projection's own they move to the nearest step.
            The network must have been built with axons.
        """
        for name, axon in self.axons.items():
            projection = self.specification.projection(name)
            shape = (self.copies, *self.specification.shapes[projection.source])
            values = np.broadcast_to(projection.delay + delays.get(name, np.zeros(1)), shape)
            lag = np.minimum(nearest_steps(values, self.dt), self.steps)
            axon.variables["lag"].set_value(lag.ravel().astype(np.int32))

    def begin(self, stimuli: np.ndarray | None = None, silenced: Mapping[str, np.ndarray] | None = None) -> None:
        """Begin a presentation at the present time: forget all spikes and load the stimulus.

        Parameters
        ----------
        stimuli : ndarray of float, shape (height, width, channels) or (copies, height, width, channels), optional
            Latencies (ms), ``inf`` is silent; they move to the nearest step. By default all are silent, for
            inputs of your own.
        silenced : dict of ndarray of bool, optional
            By population, neurons that cannot fire, of its shape with or without a first axis of copies; by default
            all can.
        """
        shapes = self.specification.shapes
        for name in silenced or {}:
            self.specification.population(name)
        start = self.network.t_
        for axon in self.axons.values():
            axon.variables["start"].set_value(start)
            axon.variables["arrival"].set_value(NEVER)
            axon.variables["lastspike"].set_value(math.inf)
            axon.variables["not_refractory"].set_value(True)
        for name, group in self.neurons.items():
            variables = group.variables
            variables["start"].set_value(start)
            shape = (self.copies, *shapes[name])
            if name == STIMULUS:
                latencies = np.broadcast_to(math.inf if stimuli is None else on_grid(stimuli, self.dt), shape)
                variables["latency"].set_value(latencies.ravel() * 1e-3)
                continue
            variables["lastspike"].set_value(math.inf)
            variables["not_refractory"].set_value(True)
            mute = np.broadcast_to((silenced or {}).get(name, False), shape)
            variables["silenced"].set_value(mute.ravel())
            if "reached" in variables:
                variables["reached"].set_value(False)
            else:
                variables["v"].set_value(0.0)
                variables["current"].set_value(0.0)

    def latencies(self) -> list[np.ndarray]:
        """First-spike latencies of the presentation so far.

        Returns
        -------
        list of ndarray of float, shape (copies, height, width, channels) or (copies, neurons)
            Of the stimulus and of every population, in order (ms, ``inf`` = silent).
        """
        latencies = []
        for name, shape in self.specification.shapes.items():
            variables = self.neurons[name].variables
            if name == STIMULUS:
                seconds = variables["latency"].get_value()
            else:
                seconds = variables["lastspike"].get_value() - variables["start"].get_value()
            latencies.append((np.rint(seconds / self.clock.dt_) * self.dt).reshape(self.copies, *shape))
        return latencies


def build_network(
    specification: Specification,
    weights: Weights | None = None,
    dt: float = 1.0,
    target: Target | None = None,
    copies: int = 1,
    with_axons: bool = False,
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
        What Brian2 generates code for; by default its preferences decide.
    copies : int
        Number of presentations side by side.
    with_axons : bool
        Whether spikes can be delayed by any projection, see `NetworkModel.set_delays`.

    Raises
    ------
    SpecificationError
        If `dt` does not fit the network, or the target does not work here.
    DataError
        If the weights do not belong to the network.
    """
    check_dt(specification, dt)
    builder = _Builder(specification, Clock(dt * ms, name="netsim_clock"), dt, code_object_class(target), copies)
    for population in specification.populations:
        builder.add(population, with_axons)
    model = builder.model()
    model.set_delays({})
    if weights is not None:
        model.set_weights(weights)
    return model


class _Builder:
    """The Brian2 objects of a specification so far."""

    def __init__(
        self, specification: Specification, clock: Clock, dt: float, code: type[CodeObject] | None, copies: int
    ) -> None:
        self.specification = specification
        self.clock, self.dt, self.code, self.copies = clock, dt, code, copies
        size = copies * math.prod(specification.encoder.shape)
        self.neurons: dict[str, NeuronGroup] = {STIMULUS: stimulus_neurons(size, clock, code)}
        self.synapses: dict[str, Synapses] = {}
        self.kernels: dict[str, NeuronGroup] = {}
        self.axons: dict[str, NeuronGroup] = {}
        self.hillocks: list[Synapses] = []
        # relays fire within the step of their source, one population after another
        self.depth = {STIMULUS: 0}

    def add(self, population: Population, with_axons: bool) -> None:
        """Add a population, and the projections onto it."""
        name, size = population.name, self.copies * population.size
        incoming = self.specification.incoming(name)
        if population.neurons is None:
            # axons, if there are any, fire in between
            self.depth[name] = 1 + max(self.depth[each.source] + (each.delay > 0) for each in incoming)
            self.neurons[name] = pooling_neurons(name, size, self.depth[name], self.clock, self.code)
        else:
            self.depth[name] = 0
            steps = population_steps(self.specification, population, self.dt)
            self.neurons[name] = integrating_neurons(name, size, population.neurons, steps, self.clock, self.code)
        for projection in incoming:
            source, connections = self.neurons[projection.source], self.specification.connections(projection)
            if projection.delay or (with_axons and population.integrates):
                source = self._delayed(projection, source)
            if population.integrates:
                onto = self._weighted(projection, source, connections)
            else:
                onto = pooling_synapses(projection.name, source, self.neurons[name], self.code)
            connect(onto, _side_by_side(connections, *self.specification.ends(projection), self.copies))
            self.synapses[projection.name] = onto

    def _delayed(self, projection: Projection, source: NeuronGroup) -> NeuronGroup:
        """Axons between a source and a projection's synapses."""
        name, neuron = projection.name, np.arange(len(source), dtype=np.int32)
        delayed = axons(name, neuron.size, self.depth[projection.source], self.clock, self.code)
        hillock = axon_hillocks(name, source, delayed, self.code)
        connect(hillock, Connections(neuron, neuron, np.full(neuron.size, -1)))
        self.axons[name] = delayed
        self.hillocks.append(hillock)
        return delayed

    def _weighted(self, projection: Projection, source: NeuronGroup, connections: Connections) -> Synapses:
        """Synapses with weights, which are their own if each has one, in order."""
        name, target = projection.name, self.neurons[projection.target]
        weights, kernel = math.prod(self.specification.weight_shape(projection)), None
        if self.copies > 1 or not np.array_equal(connections.weight, np.arange(weights)):
            kernel = self.kernels[name] = shared_kernel(name, weights, target, self.code)
        steps = breakpoint_steps(self.specification, projection, self.dt)
        return weighted_synapses(name, source, target, projection.psp, steps, kernel, self.code)

    def model(self) -> NetworkModel:
        """All of it as one network."""
        groups = (*self.neurons.values(), *self.axons.values(), *self.kernels.values())
        network = Network(*groups, *self.synapses.values(), *self.hillocks, name="netsim_network*")
        network.schedule = SCHEDULE
        return NetworkModel(
            self.specification,
            network,
            self.clock,
            self.neurons,
            self.synapses,
            self.kernels,
            self.axons,
            self.copies,
        )


def _side_by_side(one: Connections, source: tuple[int, ...], shape: tuple[int, ...], copies: int) -> Connections:
    """The connections of several copies of a layer, each with those of its own source."""
    if copies == 1:
        return one
    copy = np.arange(copies, dtype=np.int32)[:, None]
    return Connections(
        (one.pre + copy * np.int32(math.prod(source))).ravel(),
        (one.post + copy * np.int32(math.prod(shape))).ravel(),
        np.tile(one.weight, copies),
    )
