"""Brian2 networks of a specification, usable alone.

>>> model = build_network(specification, weights, dt=0.5)
>>> spikes = brian2.SpikeMonitor(model.neurons["hidden"])
>>> model.network.add(spikes)
>>> model.begin(stimulus)
>>> model.network.run(model.duration)
>>> model.neurons["hidden"].latency[:]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Quantity, Synapses, ms

from netsim.models.neurons import NEVER, SCHEDULE, axons, integrating_neurons, pooling_neurons, stimulus_neurons
from netsim.models.synapses import axon_hillocks, connect, pooling_synapses, shared_kernel, weighted_synapses
from netsim.models.targets import Target, code_object_class
from netsim.specification import Convolution, Pooling
from netsim.specification import Network as Specification
from netsim.specification.connectivity import Connections, connections
from netsim.specification.grid import TOLERANCE, check_dt, layer_steps, nearest_steps, on_grid, step_at_or_after
from netsim.weights.layout import Weights, bias_name, check_weights, kernel_name, layer_shapes


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
        The stimulus (``"stimulus"``) and the layers, in order, by name. Maps are numbered row by row,
        channels last.
    synapses : dict of brian2.Synapses
        The synapses onto each layer, by its name.
    kernels : dict of brian2.NeuronGroup
        Weights that synapses share, by the name of the layer that receives them.
    axons : dict of brian2.NeuronGroup
        Where spikes are delayed on their way to a layer, by its name; none unless the network was built for it.
    copies : int
        Number of presentations side by side: each group holds this many copies of its layer, one after
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
        for layer, _, shape in layer_shapes(self.specification):
            kernel = self.kernels.get(layer.name, self.synapses[layer.name])
            kernel.variables["w"].set_value(weights[kernel_name(layer)].ravel())
            if layer.neurons.bias:
                bias = np.broadcast_to(weights[bias_name(layer)], (self.copies, *shape))
                self.neurons[layer.name].variables["bias"].set_value(bias.ravel())

    def set_thresholds(self, thresholds: Mapping[str, np.ndarray]) -> None:
        """Write the thresholds of single neurons; all others get that of their layer.

        Parameters
        ----------
        thresholds : dict of ndarray of float
            By layer name, of the layer's shape.
        """
        for layer, _, shape in layer_shapes(self.specification):
            values = np.broadcast_to(thresholds.get(layer.name, layer.neurons.threshold), (self.copies, *shape))
            self.neurons[layer.name].variables["threshold"].set_value(values.ravel() * (1 - TOLERANCE))

    def set_delays(self, delays: Mapping[str, np.ndarray]) -> None:
        """Write conduction delays; all other spikes arrive at once.

        Parameters
        ----------
        delays : dict of ndarray of float
            By the name of the layer that receives the spikes, of the shape of the layer below (ms); they move to
            the nearest step. The network must have been built with axons.
        """
        for layer, source, _ in layer_shapes(self.specification) if self.axons else ():
            values = np.broadcast_to(delays.get(layer.name, 0.0), (self.copies, *source))
            lag = np.minimum(nearest_steps(values, self.dt), self.steps)
            self.axons[layer.name].variables["lag"].set_value(lag.ravel().astype(np.int32))

    def begin(self, stimuli: np.ndarray | None = None, silenced: Mapping[str, np.ndarray] | None = None) -> None:
        """Begin a presentation at the present time: forget all spikes and load the stimulus.

        Parameters
        ----------
        stimuli : ndarray of float, shape (height, width, channels) or (copies, height, width, channels), optional
            Latencies (ms), ``inf`` is silent; they move to the nearest step. By default all are silent, for
            inputs of your own.
        silenced : dict of ndarray of bool, optional
            By layer name, neurons that cannot fire, of the layer's shape with or without a first axis of
            copies; by default all can.
        """
        shapes = dict(zip(self.neurons, self.specification.shapes, strict=True))
        for name in silenced or {}:
            self.specification.layer(name)
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
            if name == "stimulus":
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
            Of the stimulus and of every layer, in order (ms, ``inf`` = silent).
        """
        latencies = []
        for shape, (name, group) in zip(self.specification.shapes, self.neurons.items(), strict=True):
            variables = group.variables
            if name == "stimulus":
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
        Whether spikes can be delayed on their way to a layer, see `NetworkModel.set_delays`.

    Raises
    ------
    SpecificationError
        If `dt` does not fit the network, or the target does not work here.
    DataError
        If the weights do not belong to the network.
    """
    check_dt(specification, dt)
    code = code_object_class(target)
    clock = Clock(dt * ms, name="netsim_clock")
    source = stimulus_neurons(copies * math.prod(specification.shapes[0]), clock, code)
    neurons: dict[str, NeuronGroup] = {"stimulus": source}
    synapses: dict[str, Synapses] = {}
    kernels: dict[str, NeuronGroup] = {}
    axon_groups: dict[str, NeuronGroup] = {}
    hillocks: list[Synapses] = []
    depth = 0
    for layer, source_shape, shape in zip(
        specification.layers, specification.shapes, specification.shapes[1:], strict=False
    ):
        size = copies * math.prod(shape)
        if isinstance(layer, Pooling):
            depth += 1
            group = pooling_neurons(layer.name, size, depth, clock, code)
            onto = pooling_synapses(layer.name, source, group, code)
        else:
            if with_axons:
                neuron = np.arange(copies * math.prod(source_shape), dtype=np.int32)
                delayed = axons(layer.name, neuron.size, depth, clock, code)
                hillock = axon_hillocks(layer.name, source, delayed, code)
                connect(hillock, Connections(neuron, neuron, np.full(neuron.size, -1)))
                axon_groups[layer.name] = source = delayed
                hillocks.append(hillock)
            depth = 0
            steps = layer_steps(specification, layer, dt)
            group = integrating_neurons(layer.name, size, layer.neurons, steps, clock, code)
            kernel = None
            if isinstance(layer, Convolution) or copies > 1:
                kernel = shared_kernel(layer.name, math.prod(layer.kernel_shape(source_shape)), group, code)
                kernels[layer.name] = kernel
            onto = weighted_synapses(layer.name, source, group, layer.psp, steps.delays, kernel, code)
        connect(onto, _side_by_side(connections(layer, source_shape), source_shape, shape, copies))
        neurons[layer.name] = source = group
        synapses[layer.name] = onto
    groups = (*neurons.values(), *axon_groups.values(), *kernels.values())
    network = Network(*groups, *synapses.values(), *hillocks, name="netsim_network*")
    network.schedule = SCHEDULE
    model = NetworkModel(specification, network, clock, neurons, synapses, kernels, axon_groups, copies)
    if weights is not None:
        model.set_weights(weights)
    return model


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
