"""STiDi-BP: from the latencies of a batch to the gradient of every weight, population by population.

Each population receives the displacement of its spikes from its targets. It converts the displacement to a step of its
incoming synapses, and sends displacements to their sources. The rule is local: a population uses only its neighbours.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

import numpy as np

from netsim import seams
from netsim.errors import DataError, SpecificationError
from netsim.learning.fields import for_loops
from netsim.learning.flow import slope_of_flow, step_flow
from netsim.learning.gated import step_gated, step_gated_sparse
from netsim.learning.gradients import Deferred, LayerStep, sum_of, total_gradient
from netsim.learning.learners import _stidi_bp_rule as description
from netsim.learning.learners._returning import Returning
from netsim.learning.loops import Loop, LoopSpikes
from netsim.learning.protocol import BatchGradients, Learner, Row, Targets
from netsim.learning.sparse import current_before, earliest_sparse, step_sparse
from netsim.learning.synapses import keep_movable, slope_at, step_pairwise
from netsim.numerics.compilation import is_compiled_for
from netsim.numerics.receptive_fields import scatter_to_earliest
from netsim.numerics.threads import over_presentations
from netsim.seams import learners
from netsim.specification import STIMULUS, Network, Population, Projection, Rates, Shape
from netsim.specification.grid import nearest_steps, population_steps, population_times, psp_in_steps, steps_of
from netsim.weights.delays import ON_TIME, Delayed, axonal_delays, synaptic_delay
from netsim.weights.layout import Weights, bias_name, check_shapes, delay_name, have_shapes, kernel_name, weight_shapes
from netsim.weights.sparse import matrix_of


class _Part(NamedTuple):
    """Gradients of some presentations of a batch.

    Gradients are sums, in ms times the unit of times (ms or steps). Gradients of delays and displacements are in ms.
    """

    gradients: dict[str, np.ndarray | Deferred]
    displacements: list[np.ndarray]


class _Synapses(NamedTuple):
    """Weights and delays of a batch. Axonal delays have the shape of the source, other delays that of the weights."""

    weights: Weights
    axons: dict[str, np.ndarray]
    delays: dict[str, np.ndarray]

    def of(self, projection: Projection) -> tuple[np.ndarray, np.ndarray | None]:
        """Return weights and delays of the synapses of a projection."""
        return self.weights[kernel_name(projection)], self.delays.get(projection.name)


@learners.register("stidi-bp")
class STiDiBP(Learner):
    """The STiDi-BP learner of a network.

    With softmax targets, its gradients are gradients of the cross-entropy divided by ``sharpness``. `loss` returns the
    cross-entropy. The model description states which gradients are exact. On a time grid none are, because latencies
    are rounded.

    On a grid (``training.dt``), the learner counts in whole steps, like the engines. This applies to latencies, delays,
    breakpoints of PSPs, onsets, gates and ends. A spike that arrives in the step in which its target fires, or its gate
    closes, comes too late: its synapse does not learn from it. Latencies off the grid are used unchanged.

    Parameters
    ----------
    network : Network
        Its ``learning`` settings choose derivative and propagation.
    targets : Targets, optional
        Targets of the output neurons. The default is the choice of the settings.

    References
    ----------
    Mirsadeghi, Shalchian, Kheradpisheh and Masquelier (2023), Spike time displacement based error backpropagation in
    convolutional spiking neural networks, Neural Computing and Applications, doi:10.1007/s00521-023-08567-0. The paper
    leaves some choices open. These choices are ours.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> spikes = netsim.present(model, limit=40)
    >>> learner = netsim.STiDiBP(model.network)
    >>> learner
    STiDiBP('digits', Softmax, derivative='linear', propagation='slope')
    >>> sorted(learner.learn(spikes, spikes.labels, model.weights).gradients)
    ['hidden.bias', 'hidden.kernel', 'output.bias', 'output.kernel']
    """

    settings: ClassVar[tuple[str, ...]] = ("derivative", "propagation", "normalised", "activity", "edges")

    def __init__(self, network: Network, targets: Targets | None = None) -> None:
        self.network = network
        self.targets = targets or seams.targets[network.learning.targets].from_network(network)
        # times are in steps on a grid, which makes comparisons exact, and in ms otherwise
        self._dt = dt = network.training.dt
        self._times = {
            population.name: population_steps(network, population, dt)
            if dt
            else population_times(network, population, 0.0)
            for population in network.integrating
        }
        # looked up once, because look-ups hold the GIL and slow down other threads
        self._windows = {projection.name: network.window(projection) for projection in network.projections}
        self._rates = {population.name: _rates(population, dt) for population in network.populations}
        self._incoming = {
            name: [self._counted(projection) for projection in network.incoming(name)] for name in network.shapes
        }
        self._returning = Returning(network, self._times, self._incoming)
        self._target_of = {projection.name: network.population(projection.target) for projection in network.projections}
        self._recurrent = {projection.name for projection in network.projections if network.is_recurrent(projection)}
        self._backwards = [(component, self._loop(component)) for component in reversed(network.components)]
        self._feeds_back = any(projection.feedback is not None for projection in network.projections)
        self._causal = network.learning.propagation == "causal"
        self._outputs = network.outputs
        self._shapes = weight_shapes(network)
        by_synapse = [projection for projection in network.projections if projection.is_delayed_per("synapse")]
        listed = [
            projection
            for projection in network.projections
            if self._windows[projection.name] is None and projection not in by_synapse
        ]
        outer = [
            projection
            for projection in listed
            if projection in network.weighted and projection.name not in self._recurrent
        ]
        gated = [projection for projection in outer if network.neurons(projection.target).gated]
        self._matrices = {projection.name: matrix_of(network, projection) for projection in gated}
        leaks = [
            projection
            for projection in network.weighted
            if self._rates[projection.target] is not None and not self._is_dense(projection)
        ]
        visited = [projection for projection in listed if projection not in gated] + [
            projection for projection in leaks if projection not in listed
        ]
        self._connections = {projection.name: network.connections(projection) for projection in (*visited, *by_synapse)}
        self._prices = {population.name: self._price(population) for population in network.populations}
        self._onsets = {population.name: self._onset(population) for population in network.populations}
        self._position = {projection.name: number for number, projection in enumerate(network.projections)}
        # relays forward displacements of movable spikes, unless their input had a delay
        self._may_be_stuck = {
            name: any(
                self._target_of[projection.name].integrates or projection.delay != 0.0
                for projection in network.outgoing(name)
            )
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
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """See `Learner`. Raise DataError if weights or latencies have another shape, or a label is no output neuron."""
        self._check_batch(latencies, weights)
        outputs = latencies[self.network.output.name]
        labels = self._checked_labels(labels, outputs)
        if not all(is_compiled_for(array.dtype) for array in weights.values()):
            weights = {name: array.astype(np.float64) for name, array in weights.items()}
        dtype = weights[kernel_name(self.network.weighted[0])].dtype
        self._check_steps(dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # training checks the results
            wanted, loss = self.targets.displacement(outputs.astype(dtype, copy=False), labels)
        wanted = wanted.astype(dtype, copy=False)
        if self.network.learning.edges != "pass":
            wanted = self._within_window(wanted, outputs)

        synapses = self._synapses(weights, delays)

        def learn_part(part: slice) -> _Part:
            sent = {name: times[part] for name, times in latencies.items()}
            if self._dt:
                sent = {name: steps_of(times, self._dt) for name, times in sent.items()}
            return self._learn_part(sent, wanted[part], synapses)

        parts = over_presentations(len(labels), learn_part)
        # times in encoding windows, mean over presentations
        scale = 1.0 / (self.network.encoder.t_max**2 * len(labels))
        scales = dict.fromkeys(map(delay_name, self.network.delayed), dtype.type(scale))
        of_weights = dtype.type(scale * (self._dt or 1.0))  # potentials are in steps, too
        gradients = {
            name: total_gradient([part.gradients[name] for part in parts], scales.get(name, of_weights))
            for name in weights
            if name in parts[0].gradients
        }
        return BatchGradients(gradients, loss, [part.displacements for part in parts])

    def _check_batch(self, latencies: Mapping[str, np.ndarray], weights: Weights) -> None:
        """Refuse arrays of other shapes, because compiled loops do not check bounds."""
        if not have_shapes(weights, self._shapes):
            check_shapes(self.network, weights, "weights")
        shapes = {name: np.shape(times) for name, times in latencies.items()}
        count = shapes.get(STIMULUS, ())[:1]
        for name, shape in self.network.shapes.items():
            if not count or shapes.get(name) != (*count, *shape):
                given = shapes.get(name, "missing")
                raise DataError(f"latencies: {name} must have the shape {(*count, *shape)}, not {given}")

    def _checked_labels(self, labels: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Return the labels of some presentations. A negative label would count from the last output neuron."""
        labels = np.asarray(labels)
        one_each = labels.dtype.kind in "iu" and labels.shape == outputs.shape[:1] and labels.size > 0
        if not one_each or not 0 <= labels.min() <= labels.max() < self._outputs:
            raise DataError(f"labels: must be from 0 to {self._outputs - 1}, one per presentation, to learn from")
        return labels

    def _within_window(self, wanted: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Remove displacements of outputs that point out of their window, past its onset or its end."""
        times = population_times(self.network, self.network.output, self._dt)
        past_onset = (outputs <= times.onset) & (wanted < 0) & (times.onset > 0)
        past_end = (outputs >= times.end) & (wanted > 0)
        return np.where(past_onset | past_end, wanted.dtype.type(0), wanted)

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `Learner`. Raise DataError if a label is no output neuron."""
        return self.targets.displacement(outputs, self._checked_labels(labels, outputs)).loss

    @classmethod
    def summary(cls, network: Network) -> str:
        """See `Learner`."""
        return description.summary(network)

    @classmethod
    def rule(cls, network: Network) -> list[Row]:
        """See `Learner`."""
        return description.rule(network)

    def _counted(self, projection: Projection) -> Projection:
        """Return a projection whose PSP has the unit of times (ms or steps)."""
        if not self._dt:
            return projection
        return dataclasses.replace(projection, psp=psp_in_steps(self.network, projection, self._dt))

    def _is_dense(self, projection: Projection) -> bool:
        """Return whether the kernel of a projection has a row per source neuron and a column per target neuron."""
        shape = tuple(math.prod(end) for end in self.network.ends(projection))
        window = self._windows[projection.name]
        one_each = window is not None and window.shape[:2] == (1, 1) and not projection.is_delayed_per("synapse")
        return one_each and self.network.weight_shape(projection) == shape

    def _check_steps(self, dtype: np.dtype) -> None:
        """Refuse a grid with too many steps for the precision."""
        most = 2 ** (np.finfo(dtype).nmant + 1)
        if self._dt and self.network.duration / self._dt > most:
            many = f"cuts a presentation into more than {most:,} steps, too many for weights in {dtype} to learn"
            raise SpecificationError("training.dt", f"{self._dt} ms {many}; choose a larger step, or double precision")

    def _synapses(self, weights: Weights, delays: Delayed) -> _Synapses:
        """Return weights and delays of a batch as used by the engine of the training."""
        axons = axonal_delays(self.network, weights, delays)
        with_delays = (
            (projection.name, synaptic_delay(projection, weights)) for projection in self.network.projections
        )
        synapses = {name: delay for name, delay in with_delays if delay is not None}
        if self._dt:
            axons, synapses = (
                {name: nearest_steps(delay, self._dt) for name, delay in each.items()} for each in (axons, synapses)
            )
        return _Synapses(weights, axons, synapses)

    def _learn_part(self, sent: Mapping[str, np.ndarray], displacement: np.ndarray, synapses: _Synapses) -> _Part:
        """Learn from the latencies of some presentations of a batch and the displacements of their output neurons."""
        network, dtype = self.network, displacement.dtype
        latencies = {name: for_loops(sent[name], dtype) for name in network.shapes}
        handed = {network.output.name: displacement}
        from_silence: dict[str, np.ndarray] = {}
        displacements: dict[str, np.ndarray] = {}
        gradients: dict[str, np.ndarray | Deferred] = {}
        for component, loop in self._backwards:
            arriving = {
                projection.name: (
                    _arriving(sent[projection.source], synapses.axons[projection.name], dtype)
                    if projection.name in synapses.axons
                    else latencies[projection.source]
                )
                for population in component
                for projection in self._incoming[population.name]
            }
            asked = self._returning.asked(component, handed)
            if loop is not None:
                signals = self._signals_of_loop(component, loop, handed, latencies, arriving, synapses)
            else:
                signals = self._signal_of(component[0], handed, latencies, arriving, synapses)
            if self._feeds_back and network.output in component:  # the output is last in this order
                output = self._per_drive(network.output, signals[component.index(network.output)][1])
            for population, (displacement, signal) in zip(component, signals, strict=True):
                name, latency = population.name, latencies[population.name]
                if name in asked:
                    edges = asked[name], from_silence.pop(name, None)
                    displacement, signal = self._returning.add(population, displacement, signal, latency, *edges)
                displacements[name] = displacement
                for projection in self._incoming[name]:
                    source = arriving[projection.name]
                    step = self._step(projection, source, latency, signal, synapses)
                    if projection.feedback is not None:
                        back = self._fed_back(projection, source, latency, signal, synapses, output)
                        step = step._replace(displacement=back)
                    if projection.name in self._returning.projections:
                        back = self._from_silence(projection, latencies, latency, signal, synapses)
                        if back is not None:
                            former = from_silence.get(projection.source)
                            from_silence[projection.source] = back if former is None else former + back
                    if step.kernel_gradient is not None:
                        gradients[kernel_name(projection)] = step.kernel_gradient
                    if step.bias_gradient is not None and population.has_bias:  # equal for all projections
                        gradients.setdefault(bias_name(population), _by_map(step.bias_gradient, population.maps))
                    if step.delay_gradient is not None:
                        gradients[delay_name(projection)] = step.delay_gradient
                    if step.displacement is not None and projection.name not in self._recurrent:
                        former = handed.get(projection.source)
                        handed[projection.source] = step.displacement if former is None else former + step.displacement
                if population.has_bias and bias_name(population) not in gradients:  # only projections of the loop
                    gradients[bias_name(population)] = self._bias_gradient(population, latency, signal)
        return _Part(gradients, [displacements[name] for name in network.shapes if name != STIMULUS])

    def _loop(self, component: Sequence[Population]) -> Loop | None:
        """Return the loop within a component, or None."""
        joined = any(projection.name in self._recurrent for projection in self._incoming[component[0].name])
        return Loop(self.network, component, self._incoming, self._dt) if joined else None

    def _onset(self, population: Population) -> float:
        """Return the onset (ms) of the neurons whose spikes a population sends. Relays send spikes of their sources."""
        if population.integrates:
            return self._times[population.name].onset
        (projection,) = self.network.incoming(population.name)
        source = projection.source
        return 0.0 if source == STIMULUS else self._onset(self.network.population(source))

    def _price(self, population: Population) -> float:
        """Return the price of each spike of a population, as a displacement (ms)."""
        priced = population.integrates and population.name != self.network.output.name
        return self.network.learning.activity * self.network.encoder.t_max if priced else 0.0

    def _signal_of(
        self,
        population: Population,
        handed: dict[str, np.ndarray],
        latencies: Mapping[str, np.ndarray],
        arriving: Mapping[str, np.ndarray],
        synapses: _Synapses,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the displacement of a population without loops, and its signal (see `_step`)."""
        name, latency = population.name, latencies[population.name]
        displacement = handed.pop(name).reshape(latency.shape)
        price = self._prices[name]
        if self._may_be_stuck[name] or price:
            _keep_movable(displacement, latency, self._onsets[name], price)
        if population.integrates and self.network.learning.normalised:
            displacement = _normalised(displacement, self.network.encoder.t_max)
        if population.neurons is None or population.neurons.gated:
            return [(displacement, displacement)]
        slope = self._slope_at_threshold(population, arriving, latency, displacement != 0, synapses)
        return [(displacement, displacement / slope)]

    def _signals_of_loop(
        self,
        component: tuple[Population, ...],
        loop: Loop,
        handed: dict[str, np.ndarray],
        latencies: Mapping[str, np.ndarray],
        arriving: Mapping[str, np.ndarray],
        synapses: _Synapses,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the displacements of populations in a loop, and their signals (see `_step`)."""
        asked, slopes, limits, movable = {}, {}, {}, {}
        for population in component:
            name, latency, times = population.name, latencies[population.name], self._times[population.name]
            asked[name] = handed.pop(name, np.zeros_like(latency)).reshape(latency.shape)
            movable[name] = np.isfinite(latency) & (latency > (times.onset if times.onset > 0 else -1.0))
            if population.name != self.network.output.name:
                asked[name] = np.where(movable[name], asked[name] + latency.dtype.type(self._prices[name]), 0)
            limits[name] = np.minimum(latency, latency.dtype.type(times.end))
            slope = self._slope_at_threshold(population, arriving, latency, np.ones(latency.shape, bool), synapses)
            slopes[name] = np.broadcast_to(slope, latency.shape)
        onsets = {name: self._times[name].onset for name in asked}
        spikes = LoopSpikes(latencies, limits, slopes, movable, onsets)
        back = synapses.weights | {
            kernel_name(projection): self._weights_back(projection, synapses)
            for projection in loop.projections
            if projection.feedback is not None
        }
        displacements = loop.displacements(asked, spikes, back, synapses.axons, synapses.delays, self._causal)
        signals = []
        for population in component:
            displacement = displacements[population.name]
            signal = displacement / slopes[population.name]
            # steps of gated neurons divide by the drive
            drive = population.dynamics.drive if population.dynamics.gated else 1.0
            signals.append((displacement, signal * signal.dtype.type(drive)))
        return signals

    def _step(
        self, projection: Projection, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: _Synapses
    ) -> LayerStep:
        """Compute the step of a projection's synapses and delays.

        The signal of a population is the displacement divided by ``tau`` times the slope at threshold. For gated
        neurons it is multiplied by the drive. The signal of relays is the displacement.
        """
        step = self._step_of_weights(projection, source, latency, signal, synapses)
        if projection.learns_delays and step.delay_gradient is None:
            assert step.displacement is not None
            # a later spike and a longer axonal delay have the same effect on the target
            return step._replace(delay_gradient=-step.displacement.sum(axis=0))
        return step

    def _fed_back(
        self,
        projection: Projection,
        source: np.ndarray,
        latency: np.ndarray,
        signal: np.ndarray,
        synapses: _Synapses,
        output: np.ndarray,
    ) -> np.ndarray | None:
        """Return the displacement of a source through feedback weights."""
        assert projection.feedback is not None
        if projection.feedback.direct:
            back = self._weights_back(projection, synapses, (source[0].size, output.shape[1]))
            # a matrix product of a library would have threads of its own
            return np.asarray(np.einsum("bo,so->bs", output, back).reshape(source.shape) * np.isfinite(source))
        static, back = dataclasses.replace(projection, plastic=False), self._weights_back(projection, synapses)
        synapses = synapses._replace(weights=synapses.weights | {kernel_name(projection): back})
        return self._step_of_weights(static, source, latency, signal, synapses).displacement

    def _from_silence(
        self,
        projection: Projection,
        latencies: Mapping[str, np.ndarray],
        latency: np.ndarray,
        signal: np.ndarray,
        synapses: _Synapses,
    ) -> np.ndarray | None:
        """Return the displacement of silent neurons of a source, as if they had fired. None if all fired."""
        name, sent = projection.name, latencies[projection.source]
        axons, delays = synapses.axons.get(name, 0.0), synapses.delays.get(name)
        fired = self._returning.as_if_fired(projection, sent, latency, axons, delays)
        if fired is None:
            return None
        return self._step_of_weights(self._returning.projections[name], fired, latency, signal, synapses).displacement

    def _weights_back(self, projection: Projection, synapses: _Synapses, shape: Shape | None = None) -> np.ndarray:
        """Return the feedback weights of a projection, by default in the shape of its weights."""
        feedback, kernel = projection.feedback, synapses.weights[kernel_name(projection)]
        assert feedback is not None
        shape = shape or kernel.shape
        deviation = projection.initial.spread / math.sqrt(self.network.fan_in(projection))
        return feedback.weights(kernel, shape, deviation, self._position[projection.name]).astype(kernel.dtype)

    def _per_drive(self, population: Population, signal: np.ndarray) -> np.ndarray:
        """Return the signal, divided by the drive for gated neurons (see `_step`)."""
        neurons = population.dynamics
        return signal / signal.dtype.type(neurons.drive) if neurons.gated else signal

    def _step_of_weights(
        self, projection: Projection, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: _Synapses
    ) -> LayerStep:
        window, population = self._windows[projection.name], self._target_of[projection.name]
        if not population.integrates:
            if window is not None:
                handed = np.empty(source.shape, source.dtype)
                scatter_to_earliest(np.ascontiguousarray(signal), source, latency, window.size, window.stride, handed)
                return LayerStep(None, None, handed)
            return LayerStep(None, None, earliest_sparse(self._connections[projection.name], signal, source, latency))
        neurons, times, rates = population.dynamics, self._times[population.name], self._rates[population.name]
        (kernel, delays), causal, recurrent = synapses.of(projection), self._causal, projection.name in self._recurrent
        if rates is not None:
            limit = np.minimum(latency, latency.dtype.type(times.end))
            connections = self._connections.get(projection.name)
            return step_flow(projection, rates, connections, source, limit, signal, kernel, causal, delays)
        if neurons.gated and not recurrent and delays is None:
            if window is not None:
                return step_gated(projection, neurons, window, source, times.gate, signal, kernel, causal)
            matrix = self._matrices[projection.name]
            return step_gated_sparse(projection, neurons, matrix, source, times.gate, signal, kernel, causal)
        if neurons.gated:
            signal = self._per_drive(population, signal)
        until = np.asarray(latency.dtype.type(times.gate))
        if recurrent:
            until = np.minimum(latency, latency.dtype.type(times.end))
        elif not neurons.gated:
            until = np.minimum(latency, until)
        step = self._step_up_to(until, projection, source, signal, synapses)
        if not recurrent:
            return step
        # the current of a loop does not include the bias, and starts at the onset
        step = step._replace(bias_gradient=None)
        if times.onset == 0:
            return step
        onset = np.asarray(latency.dtype.type(times.onset))
        before = self._step_up_to(onset, projection, source, signal, synapses)
        return LayerStep(
            _difference(step.kernel_gradient, before.kernel_gradient),
            None,
            _difference(step.displacement, before.displacement),
            _difference(step.delay_gradient, before.delay_gradient),
        )

    def _bias_gradient(self, population: Population, latency: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Return the gradient of the constant current, shape (maps,)."""
        gate = latency.dtype.type(self._times[population.name].gate)
        if population.dynamics.gated:
            acted = self._per_drive(population, signal) * gate
        else:
            acted = signal * np.minimum(latency, gate)
        return _by_map(acted, population.maps)

    def _step_up_to(
        self, until: np.ndarray, projection: Projection, source: np.ndarray, signal: np.ndarray, synapses: _Synapses
    ) -> LayerStep:
        """Compute the step of synapses whose current counts until a time (ms) per neuron, or a common time."""
        window, (kernel, delays) = self._windows[projection.name], synapses.of(projection)
        if window is not None and delays is None:
            limits = until if until.shape == signal.shape else np.broadcast_to(until, signal.shape)
            return step_pairwise(projection, window, source, limits, signal, kernel, self._causal)
        connections = self._connections[projection.name]
        return step_sparse(projection, connections, source, until, signal, kernel, self._causal, delays)

    def _slope_at_threshold(
        self,
        population: Population,
        arriving: Mapping[str, np.ndarray],
        latency: np.ndarray,
        asked: np.ndarray,
        synapses: _Synapses,
    ) -> np.ndarray:
        """Return ``tau`` times the slope at threshold of requested neurons, by the chosen derivative."""
        neurons = population.dynamics
        # after the gate only the drive and the loop change the potential
        assumed = latency.dtype.type(neurons.drive if neurons.gated else neurons.assumed_slope * neurons.tau)
        if self.network.learning.derivative == "linear":
            return np.asarray(assumed)
        rates, drive = self._rates[population.name], np.asarray(neurons.drive, latency.dtype)
        current, times = np.zeros_like(latency), np.where(np.isfinite(latency), latency, 0)
        for projection in self._incoming[population.name]:
            if neurons.gated and projection.name not in self._recurrent:
                continue
            source, window = arriving[projection.name], self._windows[projection.name]
            kernel, delays = synapses.of(projection)
            if rates is not None:
                connections = self._connections.get(projection.name)
                current += slope_of_flow(rates, connections, source, times, kernel, delays).astype(latency.dtype)
            elif window is not None and delays is None:
                current += slope_at(projection, window, source, times, kernel, asked)
            else:
                connections = self._connections[projection.name]
                current += current_before(projection, connections, source, times, kernel, delays)
        has_bias = population.has_bias and not neurons.gated
        bias = synapses.weights[bias_name(population)] if has_bias else np.zeros(1, latency.dtype)
        if rates is not None:  # the effect of a constant current on the slope fades
            onset = self._times[population.name].onset
            drive = drive * np.exp(-rates.leak * np.maximum(times - onset, 0)).astype(latency.dtype)
            bias = bias * np.exp(-rates.leak * times).astype(latency.dtype)
        current += bias
        slope = np.maximum(current + drive, description.SMALLEST_SLOPE * assumed)
        # silent neurons have no slope at threshold
        return np.where(np.isfinite(latency), slope, assumed).astype(latency.dtype)


def _rates(population: Population, dt: float) -> Rates | None:
    """Return the rates of a population's family in the unit of times, or None without rates."""
    rates = None if population.neurons is None else population.neurons.rates
    return None if rates is None else rates.per_step(dt)


def _difference(first: np.ndarray | Deferred | None, second: np.ndarray | Deferred | None) -> np.ndarray | None:
    """Return the difference of two sums. Either may be None."""
    return None if first is None or second is None else sum_of(first) - sum_of(second)


def _by_map(gradient: np.ndarray, maps: int) -> np.ndarray:
    """Return the gradient of each map's bias, the sum over its neurons."""
    total: np.ndarray = gradient if gradient.shape == (maps,) else gradient.reshape(-1, maps).sum(axis=0)
    return total


def _arriving(sent: np.ndarray, late: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return arrival times of a source's spikes, added in the dtype of latencies like in engines, to match relays."""
    return np.ascontiguousarray(sent + late.astype(sent.dtype), dtype)


def _keep_movable(displacement: np.ndarray, latency: np.ndarray, onset: float, price: float) -> None:
    """Keep the displacements of hidden neurons whose latency can move, and add the price of their spikes (ms).

    A neuron that was silent, or above threshold at its onset, keeps its time for small changes of its potential. Output
    neurons always learn, which brings them back into their window.
    """
    earliest = latency.dtype.type(onset if onset > 0 else -1.0)
    keep_movable(displacement.reshape(-1), latency.reshape(-1), earliest, latency.dtype.type(price))


def _normalised(displacement: np.ndarray, t_max: float) -> np.ndarray:
    """Scale the displacements of each presentation to the norm `t_max` (ms)."""
    flat = displacement.reshape(len(displacement), -1)
    length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
    return (flat * (t_max / np.where(length > 0, length, 1)).astype(flat.dtype)).reshape(displacement.shape)
