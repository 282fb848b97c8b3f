"""STiDi-BP: from the latencies of a batch to the gradient of every weight, population by population.

A population receives the displacement of its spikes from those that it projects to, turns it into a step of the
synapses onto it, and hands a displacement to their sources. None looks further than its neighbours.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from netsim import seams
from netsim.learning.delayed import delayed_current_before, step_delayed
from netsim.learning.gated import step_gated
from netsim.learning.gradients import Factors, LayerStep, total_gradient
from netsim.learning.learners import _stidi_bp_rule as description
from netsim.learning.protocol import BatchGradients, Learner, Row, Targets
from netsim.learning.sparse import current_before, earliest_sparse, step_sparse
from netsim.learning.sparse_gated import step_gated_sparse
from netsim.learning.synapses import keep_movable, slope_at, step_pairwise
from netsim.numerics.receptive_fields import scatter_to_earliest
from netsim.numerics.threads import over_presentations
from netsim.seams import learners
from netsim.specification import STIMULUS, Network, Population, Projection
from netsim.specification.grid import on_grid, population_times
from netsim.weights.delays import ON_TIME, Delayed, axonal_delay, synaptic_delay
from netsim.weights.layout import Weights, bias_name, delay_name, kernel_name
from netsim.weights.sparse import matrix_of


class _Part(NamedTuple):
    """What some presentations of a batch teach; gradients are sums in ms²."""

    gradients: dict[str, np.ndarray | Factors]
    displacements: list[np.ndarray]


class _Late(NamedTuple):
    """Delays of a batch (ms) by projection, of axons in the shape of the source, of synapses in that of the weights."""

    axons: dict[str, np.ndarray]
    synapses: dict[str, np.ndarray]


@learners.register("stidi-bp")
class STiDiBP(Learner):
    """The STiDi-BP learner of a network.

    Parameters
    ----------
    network : Network
        Its ``learning`` settings choose derivative and propagation.
    targets : Targets, optional
        What the output neurons should have done; by default as the settings say.

    References
    ----------
    Mirsadeghi, Shalchian, Kheradpisheh and Masquelier (2023), Spike time displacement based error
    backpropagation in convolutional spiking neural networks, Neural Computing and Applications,
    doi:10.1007/s00521-023-08567-0. Where its text leaves a choice, the choice is ours.
    """

    def __init__(self, network: Network, targets: Targets | None = None) -> None:
        self.network = network
        self.targets = targets or seams.targets[network.learning.targets].from_network(network)
        self._times = {
            population.name: population_times(network, population, network.training.dt)
            for population in network.integrating
        }
        # asked for once: beside other threads every look-up holds the GIL
        self._windows = {projection.name: network.window(projection) for projection in network.projections}
        self._incoming = {name: network.incoming(name) for name in network.shapes}
        by_synapse = [one for one in network.projections if one.is_delayed_per("synapse")]
        listed = [one for one in network.projections if self._windows[one.name] is None and one not in by_synapse]
        gated = [one for one in listed if one in network.weighted and network.neurons(one.target).gated]
        self._matrices = {one.name: matrix_of(network, one) for one in gated}
        visited = [one for one in listed if one not in gated]
        self._connections = {one.name: network.connections(one) for one in (*visited, *by_synapse)}
        self._position = {projection.name: number for number, projection in enumerate(network.projections)}
        # what a relay hands back could move already
        self._may_be_stuck = {
            name: any(network.population(projection.target).integrates for projection in network.outgoing(name))
            for name in network.shapes
        }

    def __repr__(self) -> str:
        learning = self.network.learning
        rule = f"derivative={learning.derivative!r}, propagation={learning.propagation!r}"
        return f"STiDiBP({self.network.name!r}, {type(self.targets).__name__}, {rule})"

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Learner`."""
        return cls(network)

    @classmethod
    def with_targets(cls, network: Network, targets: Targets) -> Self:
        """See `Learner`."""
        return cls(network, targets)

    def learn(
        self, latencies: Sequence[np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """See `Learner`."""
        dtype = weights[kernel_name(self.network.weighted[0])].dtype
        with np.errstate(over="ignore", invalid="ignore"):  # training looks at what comes of it
            wanted, loss = self.targets.displacement(latencies[-1].astype(dtype, copy=False), labels)
        wanted = wanted.astype(dtype, copy=False)

        late = self._late(weights, delays, dtype)

        def learn_part(part: slice) -> _Part:
            times = [np.ascontiguousarray(latency[part], dtype=dtype) for latency in latencies]
            return self._learn_part(times, wanted[part], weights, late)

        parts = over_presentations(len(labels), learn_part)
        # time in units of the encoding window, mean over presentations
        scale = dtype.type(1.0 / (self.network.encoder.t_max**2 * len(labels)))
        learned = [name for name in weights if name in parts[0].gradients]
        gradients = {name: total_gradient([part.gradients[name] for part in parts], scale) for name in learned}
        return BatchGradients(gradients, loss, [part.displacements for part in parts])

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `Learner`."""
        return self.targets.displacement(outputs, labels).loss

    @classmethod
    def summary(cls, network: Network) -> str:
        """See `Learner`."""
        return description.summary(network)

    @classmethod
    def rule(cls, network: Network) -> list[Row]:
        """See `Learner`."""
        return description.rule(network)

    def _late(self, weights: Weights, delays: Delayed, dtype: np.dtype) -> _Late:
        """The delays of a batch as the training's engine takes them; where there are none, nothing."""
        dt, late = self.network.training.dt, _Late({}, {})
        for projection in self.network.projections:
            of_axons, of_synapses = axonal_delay(projection, weights, delays), synaptic_delay(projection, weights)
            if of_axons.any():
                late.axons[projection.name] = on_grid(of_axons, dt).astype(dtype)
            if of_synapses is not None:
                late.synapses[projection.name] = on_grid(of_synapses, dt).astype(dtype)
        return late

    def _learn_part(
        self, times: Sequence[np.ndarray], displacement: np.ndarray, weights: Weights, late: _Late
    ) -> _Part:
        """Learn from some presentations of a batch and the displacements of their output neurons."""
        network = self.network
        latencies = dict(zip(network.shapes, times, strict=True))
        handed = {network.output.name: displacement}
        displacements: list[np.ndarray] = []
        gradients: dict[str, np.ndarray | Factors] = {}
        for population in reversed(network.populations):
            name, own = population.name, latencies[population.name]
            displacement = handed.pop(name).reshape(own.shape)
            if self._may_be_stuck[name]:
                displacement = _of_movable(displacement, own, self._onset(population))
            if population.integrates and network.learning.normalised:
                displacement = _normalised(displacement, network.encoder.t_max)
            displacements.append(displacement)
            incoming = self._incoming[name]
            arriving = [_arriving(projection, latencies[projection.source], late) for projection in incoming]
            signal = self._signal(population, arriving, own, displacement, weights, late)
            if population is network.output:
                output = self._per_drive(population, signal)
            for projection, source in zip(incoming, arriving, strict=True):
                step = self._step(projection, source, own, displacement, signal, weights, late)
                if projection.feedback is not None:
                    back = self._fed_back(projection, source, own, displacement, signal, weights, late, output)
                    step = step._replace(displacement=back)
                if step.kernel_gradient is not None:
                    gradients[kernel_name(projection)] = step.kernel_gradient
                if step.bias_gradient is not None and population.has_bias:  # the same by every projection
                    # of neurons of maps that receive all to all there is one each
                    by_map = step.bias_gradient.reshape(-1, population.maps).sum(axis=0)
                    gradients.setdefault(bias_name(population), by_map)
                if step.delay_gradient is not None:
                    gradients[delay_name(projection)] = step.delay_gradient
                if step.displacement is not None and projection.source != STIMULUS:
                    former = handed.get(projection.source)
                    handed[projection.source] = step.displacement if former is None else former + step.displacement
        return _Part(gradients, displacements[::-1])

    def _onset(self, population: Population) -> float:
        """From when on the neurons whose spikes a population sends fire: its own, or those that relays listen to."""
        if population.integrates:
            return self._times[population.name].onset
        (projection,) = self.network.incoming(population.name)
        source = projection.source
        return 0.0 if source == STIMULUS else self._onset(self.network.population(source))

    def _step(
        self,
        projection: Projection,
        source: np.ndarray,
        own: np.ndarray,
        displacement: np.ndarray,
        signal: np.ndarray,
        weights: Weights,
        late: _Late,
    ) -> LayerStep:
        """The step of a projection's synapses, and of its delays."""
        step = self._step_of_weights(projection, source, own, displacement, signal, weights, late)
        if projection.learns_delays and step.delay_gradient is None:
            assert step.displacement is not None
            # a later spike and a longer axon are the same to the target
            return step._replace(delay_gradient=-step.displacement.sum(axis=0))
        return step

    def _fed_back(
        self,
        projection: Projection,
        source: np.ndarray,
        own: np.ndarray,
        displacement: np.ndarray,
        signal: np.ndarray,
        weights: Weights,
        late: _Late,
        output: np.ndarray,
    ) -> np.ndarray | None:
        """The displacement of a source by weights that are not those that fed forward."""
        feedback, name = projection.feedback, kernel_name(projection)
        assert feedback is not None
        direct = (source[0].size, output.shape[1])
        shape = direct if feedback.direct else weights[name].shape
        deviation = projection.initial.spread / math.sqrt(self.network.fan_in(projection))
        back = feedback.weights(weights[name], shape, deviation, self._position[projection.name]).astype(own.dtype)
        if feedback.direct:
            return np.asarray((output @ back.T).reshape(source.shape) * np.isfinite(source))
        static = dataclasses.replace(projection, plastic=False)
        return self._step_of_weights(
            static, source, own, displacement, signal, weights | {name: back}, late
        ).displacement

    def _per_drive(self, population: Population, signal: np.ndarray) -> np.ndarray:
        """The signal of `_signal`, of gated neurons divided by the drive."""
        neurons = population.dynamics
        return signal / signal.dtype.type(neurons.drive) if neurons.gated else signal

    def _step_of_weights(
        self,
        projection: Projection,
        source: np.ndarray,
        own: np.ndarray,
        displacement: np.ndarray,
        signal: np.ndarray,
        weights: Weights,
        late: _Late,
    ) -> LayerStep:
        network, window = self.network, self._windows[projection.name]
        population = network.population(projection.target)
        if not population.integrates:
            if window is not None:
                values = np.ascontiguousarray(displacement)
                return LayerStep(None, None, scatter_to_earliest(values, source, own, window.size, window.stride))
            return LayerStep(None, None, earliest_sparse(self._connections[projection.name], displacement, source, own))
        neurons, gate = population.dynamics, self._times[population.name].gate
        causal = network.learning.propagation == "causal"
        kernel = weights[kernel_name(projection)]
        delays = late.synapses.get(projection.name)
        if neurons.gated and delays is None:
            if window is not None:
                return step_gated(projection, neurons, window, source, gate, displacement, kernel, causal)
            matrix = self._matrices[projection.name]
            return step_gated_sparse(projection, neurons, matrix, source, gate, displacement, kernel, causal)
        limit = np.asarray(kernel.dtype.type(gate))
        if neurons.gated:
            signal = self._per_drive(population, signal)
        else:
            limit = np.minimum(own, limit)
        if delays is not None:
            connections = self._connections[projection.name]
            return step_delayed(projection, connections, source, limit, signal, kernel, delays, causal)
        if window is not None:
            return step_pairwise(projection, window, source, limit, signal, kernel, causal)
        connections = self._connections[projection.name]
        return step_sparse(projection, connections, source, limit, signal, kernel, causal)

    def _signal(
        self,
        population: Population,
        arriving: Sequence[np.ndarray],
        own: np.ndarray,
        displacement: np.ndarray,
        weights: Weights,
        late: _Late,
    ) -> np.ndarray:
        """The displacement over ``tau`` times the slope at threshold, by the chosen derivative.

        Where that slope is the drive's, the displacement itself: kernels for windows divide by the drive on the way.
        """
        if population.neurons is None or population.neurons.gated:
            return displacement
        neurons = population.neurons
        assumed = own.dtype.type(neurons.assumed_slope * neurons.tau)
        if self.network.learning.derivative == "linear":
            return displacement / np.asarray(assumed)
        times = np.where(np.isfinite(own), own, 0)
        current = np.zeros_like(own)
        for projection, source in zip(self.network.incoming(population.name), arriving, strict=True):
            window, kernel = self._windows[projection.name], weights[kernel_name(projection)]
            delays = late.synapses.get(projection.name)
            if delays is not None:
                connections = self._connections[projection.name]
                current += delayed_current_before(projection, connections, source, times, kernel, delays)
            elif window is not None:
                current += slope_at(projection, window, source, times, kernel, displacement != 0)
            else:
                connections = self._connections[projection.name]
                current += current_before(projection, connections, source, times, kernel)
        if population.has_bias:
            current += weights[bias_name(population)]
        slope = np.where(times < neurons.gate, current, 0) + neurons.drive
        slope = np.maximum(slope, description.SMALLEST_SLOPE * assumed)
        # a neuron that did not fire has no slope at threshold
        return displacement / np.where(np.isfinite(own), slope, assumed).astype(own.dtype)


def _arriving(projection: Projection, source: np.ndarray, late: _Late) -> np.ndarray:
    """When the spikes of a source arrive at the synapses, or at their own delays."""
    return source + late.axons[projection.name] if projection.name in late.axons else source


def _of_movable(displacement: np.ndarray, own: np.ndarray, onset: float) -> np.ndarray:
    """Keep the displacements of hidden neurons whose latency can move.

    One that stayed silent, or that was over threshold at its onset already, would not fire at another time for a small
    change of its potential. Output neurons always learn: that is what brings them back into their window.
    """
    kept = np.empty_like(displacement)
    earliest = own.dtype.type(onset if onset > 0 else -1.0)
    keep_movable(displacement.reshape(-1), own.reshape(-1), earliest, kept.reshape(-1))
    return kept


def _normalised(displacement: np.ndarray, t_max: float) -> np.ndarray:
    """Scale the displacements of each presentation to the length `t_max` (ms)."""
    flat = displacement.reshape(len(displacement), -1)
    length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
    return (flat * (t_max / np.where(length > 0, length, 1)).astype(flat.dtype)).reshape(displacement.shape)
