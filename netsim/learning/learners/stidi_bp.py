"""STiDi-BP: from the latencies of a batch to the gradient of every weight, population by population.

Three equations (`docs/concepts/learning_rule.md`) turn a displacement ``Δ_j``, the wanted change of a spike time, into
a step of the synapses and displacements of the sources. The rule is local: a population uses only its neighbours. ::

    signal    δ_j = Δ_j / (τ κ_j)                      Postsynaptic.slope, and Loop within a loop
    step      Δw_ij ∝ -δ_j ε(L_j - t_i)                Channel.step
    back      Δ_i = Σ_j w_ij δ_j ε'(L_j - t_i)         Channel.back
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from netsim import seams
from netsim.learning.channels import Channel, Credit, Synapses, channel_of
from netsim.learning.channels.fields import for_loops
from netsim.learning.edges import AsIfFired, WithinWindow, reaching_silent
from netsim.learning.feedback import Feedback
from netsim.learning.gradients import total_gradient
from netsim.learning.learners import _stidi_bp_rule as description
from netsim.learning.loops import Loop
from netsim.learning.postsynaptic import Gradients, Postsynaptic, check_batch, check_steps, checked_labels, synapses_of
from netsim.learning.protocol import BatchGradients, Learner, Row, Targets
from netsim.numerics.compilation import is_compiled_for
from netsim.numerics.threads import over_presentations
from netsim.seams import learners
from netsim.specification import STIMULUS, Network, Population, Projection
from netsim.specification.checks import check_choice
from netsim.specification.grid import population_steps, population_times, psp_in_steps, steps_of
from netsim.weights.layout import ON_TIME, Delayed, Weights, delay_name, kernel_name, weight_shapes


@learners.register("stidi-bp")
class STiDiBP(Learner):
    """The STiDi-BP learner of a network.

    With softmax targets, its gradients are gradients of the cross-entropy divided by ``sharpness``. `loss` returns the
    cross-entropy. The model description states which gradients are exact. On a time grid none are, because latencies
    are rounded.

    On a grid (``training.dt``), the learner counts in whole steps, like the engines. This applies to latencies, delays,
    breakpoints of PSPs, onsets, gates and ends. A spike that arrives in the step in which its target fires, or its gate
    closes, comes too late: its synapse does not learn from it. Latencies off the grid are used unchanged.

    A neuron that is silent, or fired at its onset, receives no displacement through the projections of a loop, because
    its latency does not move. An output then keeps the displacement by its target.

    Parameters
    ----------
    network : Network
        Its ``learning`` settings choose derivative and propagation.
    targets : Targets or str, optional
        Targets of the output neurons, or their name. The default is the choice of the settings.

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

    def __init__(self, network: Network, targets: Targets | str | None = None) -> None:
        self.network = network
        chosen = targets or network.learning.targets
        if isinstance(chosen, str):
            check_choice(chosen, seams.targets, "targets")
            chosen = seams.targets[chosen].from_network(network)
        self.targets: Targets = chosen
        # times are in steps on a grid, which makes comparisons exact, and in ms otherwise
        self._dt = dt = network.training.dt
        window = population_steps if dt else population_times
        self._times = {population.name: window(network, population, dt) for population in network.integrating}
        self._output, self._outputs, self._shapes = network.output.name, network.outputs, dict(network.shapes)
        self._weight_shapes = weight_shapes(network)
        self._channels = [self._channel(projection) for projection in network.projections]
        self._feedback = {each.name: Feedback(network, each) for each in network.projections if each.feedback}
        reaching = reaching_silent(network)
        self._as_if_fired = {
            each.name: AsIfFired(network, each, self._times) for each in self._channels if each.name in reaching
        }
        self._at_output = WithinWindow(network)
        self._backwards = [
            ([Postsynaptic(network, each, self._channels, self._times) for each in component], self._loop(component))
            for component in reversed(network.components)
        ]

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

    @classmethod
    def summary(cls, network: Network) -> str:
        """See `Learner`."""
        return description.summary(network)

    @classmethod
    def rule(cls, network: Network) -> list[Row]:
        """See `Learner`."""
        return description.rule(network)

    def loss(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See `Learner`. Raise DataError if a label is no output neuron."""
        return self.targets.displacement(outputs, checked_labels(labels, len(outputs), self._outputs)).loss

    def learn(
        self, latencies: Mapping[str, np.ndarray], labels: np.ndarray, weights: Weights, delays: Delayed = ON_TIME
    ) -> BatchGradients:
        """See `Learner`. Raise DataError if weights or latencies have another shape, or a label is no output neuron."""
        check_batch(self.network, latencies, weights, self._shapes, self._weight_shapes)
        outputs = latencies[self._output]
        labels = checked_labels(labels, len(outputs), self._outputs)
        if not all(is_compiled_for(array.dtype) for array in weights.values()):
            weights = {name: array.astype(np.float64) for name, array in weights.items()}
        dtype = weights[kernel_name(self.network.weighted[0])].dtype
        check_steps(self.network, dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # training checks the results
            wanted, loss = self.targets.displacement(outputs.astype(dtype, copy=False), labels)
        wanted = self._at_output(wanted.astype(dtype, copy=False), outputs)
        synapses = synapses_of(self.network, self._channels, weights, delays)

        def learn_part(part: slice) -> tuple[Gradients, list[np.ndarray]]:
            sent = {name: times[part] for name, times in latencies.items()}
            if self._dt:
                sent = {name: steps_of(times, self._dt) for name, times in sent.items()}
            return self._learn_part(sent, wanted[part], synapses, weights)

        parts = over_presentations(len(labels), learn_part)
        # times in encoding windows, mean over presentations
        scale = 1.0 / (self.network.encoder.t_max**2 * len(labels))
        scales = dict.fromkeys(map(delay_name, self.network.delayed), dtype.type(scale))
        of_weights = dtype.type(scale * (self._dt or 1.0))  # potentials are in steps, too
        gradients = {
            name: total_gradient([part[name] for part, _ in parts], scales.get(name, of_weights))
            for name in weights
            if name in parts[0][0]
        }
        return BatchGradients(gradients, loss, [displacements for _, displacements in parts])

    def _learn_part(
        self, sent: Mapping[str, np.ndarray], wanted: np.ndarray, synapses: Mapping[str, Synapses], weights: Weights
    ) -> tuple[Gradients, list[np.ndarray]]:
        """Return gradients and displacements (ms) of some presentations, by the wanted displacements of the output."""
        credits = {name: self._credit(name, for_loops(sent[name], wanted.dtype)) for name in self._shapes}
        for channel in self._channels:
            source, target, own = credits[channel.source], credits[channel.target], synapses[channel.name]
            target.arriving[channel.name] = own.arrival(sent[channel.source], source.latency)
            target.synapses[channel.name] = own
        credits[self._output].handed = wanted
        gradients: Gradients = {}

        for component, loop in self._backwards:
            for population in component:
                credit = credits[population.name]
                credit.displacement = population.displacement(credit)
                credit.slope = population.slope(credit, weights)  # τ κ_j, or None for relays
            if loop is not None:
                loop.complete(credits)

            for population in component:
                credit = credits[population.name]
                credit.signal = credit.displacement
                if credit.slope is not None:
                    credit.signal = credit.displacement / credit.slope  # δ_j = Δ_j / (τ κ_j)
                population.add_inwards(credit)
                if population.bias is not None:
                    gradients[population.bias] = population.step_of_bias(credit)  # Δb_j ∝ -δ_j L_j
                for channel in population.incoming:
                    self._learn_channel(channel, credits, gradients)
        return gradients, [credits[name].displacement for name in self._shapes if name != STIMULUS]

    def _credit(self, name: str, latency: np.ndarray) -> Credit:
        """Return the record of a population that has not learned yet."""
        times = self._times.get(name)
        return Credit(latency, latency if times is None else np.minimum(latency, latency.dtype.type(times.end)))

    def _learn_channel(self, channel: Channel, credits: Mapping[str, Credit], gradients: Gradients) -> None:
        """Add the gradients of a projection, and hand displacements to its source."""
        source, target = credits[channel.source], credits[channel.target]
        spikes = target.arriving[channel.name], target.until, target.signal, target.synapses[channel.name]
        step = channel.step(*spikes)  # Δw_ij ∝ -δ_j ε(L_j - t_i)
        if step.weights is not None:
            gradients[channel.kernel] = step.weights
        if step.delays is not None:
            gradients[channel.delay] = step.delays
        feedback = self._feedback.get(channel.name)
        if channel.learns_axons or (channel.passes_back and feedback is None):
            back = channel.back(*spikes)  # Δ_i = Σ_j w_ij δ_j ε'(L_j - t_i)
        if channel.learns_axons:  # a later spike and a longer delay have the same effect on the target
            gradients[channel.delay] = -back.sum(axis=0)
        if channel.passes_back:
            if feedback is not None:  # the same sum with other weights
                back = feedback.back(channel, credits)
            source.handed = back if source.handed is None else source.handed + back
        if channel.name in self._as_if_fired:
            silent = self._as_if_fired[channel.name](source.latency, target)
            if silent is not None:
                source.silent = silent if source.silent is None else source.silent + silent

    def _channel(self, projection: Projection) -> Channel:
        """Return the channel of a projection, whose PSP has the unit of times (ms or steps)."""
        times = self._times.get(projection.target)
        if self._dt:
            projection = dataclasses.replace(projection, psp=psp_in_steps(self.network, projection, self._dt))
        return channel_of(self.network, projection, times)

    def _loop(self, component: Sequence[Population]) -> Loop | None:
        """Return the loop within a component, or None."""
        channels = [each for population in component for each in self._channels if each.target == population.name]
        looped = any(channel.recurrent for channel in channels)
        return Loop(self.network, component, channels, self._times, self._feedback) if looped else None
