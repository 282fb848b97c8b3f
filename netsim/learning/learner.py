"""STiDi-BP: from the latencies of a batch to the gradient of every weight, layer by layer.

A layer receives the displacement of its spikes from above, turns it into a step of its own synapses, and
hands a displacement to the layer below. No layer looks further than its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsim.learning.gated import step_gated
from netsim.learning.gradients import Factors, LayerStep, total_gradient
from netsim.learning.synapses import keep_movable, slope_at, step_pairwise
from netsim.learning.targets import OutputDisplacement, relative_displacement, softmax_displacement
from netsim.numerics.receptive_fields import scatter_to_earliest
from netsim.numerics.threads import over_presentations
from netsim.specification import Network, Pooling, WeightedLayer
from netsim.specification.grid import LayerTimes, layer_times
from netsim.weights.arrays import Weights, bias_name, kernel_name

# The exact derivative divides by the slope at threshold; below this share of the assumed slope the linear
# derivative's value is kept as a bound, so that one grazing crossing cannot undo a training.
SMALLEST_SLOPE = 1e-3


@dataclass(frozen=True)
class Lesson:
    """What a batch teaches.

    Attributes
    ----------
    gradients : dict of ndarray
        Mean over presentations of the gradient with respect to the plastic weights that fed forward, times in
        units of the encoding window; with softmax targets the gradient of the loss over ``sharpness``.
    parts : list of list of ndarray
        The displacements of successive presentations.
    loss : ndarray, shape (presentations,)
    """

    gradients: Weights
    parts: list[list[np.ndarray]]
    loss: np.ndarray

    @property
    def displacements(self) -> list[np.ndarray]:
        """Wanted changes of latency (ms) of every layer in order, in the shapes of the latencies, without the stimulus.

        Below a pooling neuron the displacement belongs to the earliest neuron alone; what cannot move has none.
        """
        return [np.concatenate(layer) for layer in zip(*self.parts, strict=True)]


class Learner:
    """The STiDi-BP learner of a network.

    Parameters
    ----------
    network : Network
        Its ``learning`` settings choose targets, derivative and propagation.

    References
    ----------
    Mirsadeghi, Shalchian, Kheradpisheh and Masquelier (2023), Spike time displacement based error
    backpropagation in convolutional spiking neural networks, Neural Computing and Applications,
    doi:10.1007/s00521-023-08567-0. Where its text leaves a choice, the choice is ours.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    def __repr__(self) -> str:
        return f"Learner({self.network.name!r}, {self.network.learning})"

    def learn(self, latencies: Sequence[np.ndarray], labels: np.ndarray, weights: Weights) -> Lesson:
        """Displacements and gradients of a batch.

        Parameters
        ----------
        latencies : sequence of ndarray
            Latencies (ms) of the stimulus and of every layer, as an engine returns them.
        labels : ndarray of int, shape (presentations,)
        weights : dict of ndarray
            The weights that fed forward.
        """
        kind = weights[kernel_name(self.network.weighted_layers[0])].dtype
        with np.errstate(over="ignore", invalid="ignore"):  # training looks at what comes of it
            target = self.output_displacement(latencies[-1].astype(kind, copy=False), labels)
        wanted = target.displacement.astype(kind, copy=False)

        def learn_part(part: slice) -> _Part:
            times = [np.ascontiguousarray(latency[part], dtype=kind) for latency in latencies]
            return self._learn_part(times, wanted[part], weights)

        parts = over_presentations(len(labels), learn_part)
        # time in units of the encoding window, mean over presentations
        scale = kind.type(1.0 / (self.network.encoder.t_max**2 * len(labels)))
        return Lesson(
            {
                name: total_gradient([part.gradients[name] for part in parts], scale)
                for name in weights
                if name in parts[0].gradients
            },
            [part.displacements for part in parts],
            target.loss,
        )

    def _learn_part(self, times: Sequence[np.ndarray], displacement: np.ndarray, weights: Weights) -> _Part:
        """Learn from some presentations of a batch and the displacements of their output neurons."""
        layers = self.network.layers
        displacements: list[np.ndarray] = []
        gradients: dict[str, np.ndarray | Factors] = {}
        for index in range(len(layers) - 1, -1, -1):
            layer, source, own = layers[index], times[index], times[index + 1]
            displacement = displacement.reshape(own.shape)
            # what a pooling neuron handed down could move already
            if index < len(layers) - 1 and not isinstance(layers[index + 1], Pooling):
                displacement = _of_movable(displacement, own, self._onset(index))
            if isinstance(layer, Pooling):
                displacements.append(displacement)
                displacement = scatter_to_earliest(displacement, source, own, layer.size, layer.step)
                continue
            if self.network.learning.normalised:
                displacement = _normalised(displacement, self.network.encoder.t_max)
            displacements.append(displacement)
            step = self._step(layer, source, own, displacement, weights, downward=index > 0)
            if step.kernel_gradient is not None:
                gradients[kernel_name(layer)] = step.kernel_gradient
            if step.bias_gradient is not None:
                gradients[bias_name(layer)] = step.bias_gradient
            if step.displacement is not None:
                displacement = step.displacement
        return _Part(gradients, displacements[::-1])

    def output_displacement(self, latencies: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """Displacements of the output neurons, silent ones counted as firing at the end of their window.

        Parameters
        ----------
        latencies : ndarray, shape (presentations, neurons)
        labels : ndarray of int, shape (presentations,)
        """
        settings, t_max = self.network.learning, self.network.encoder.t_max
        end = self._times(self.network.weighted_layers[-1]).end
        fired = np.minimum(latencies, latencies.dtype.type(end))
        if settings.targets == "softmax":
            return softmax_displacement(fired, labels, t_max, settings.sharpness, settings.label_smoothing)
        return relative_displacement(fired, labels, t_max, settings.margin, end)

    def _onset(self, index: int) -> float:
        """From when on the neurons whose spikes a layer sends fire: its own, or those it pools."""
        while isinstance(layer := self.network.layers[index], Pooling):
            if index == 0:
                return 0.0
            index -= 1
        return self._times(layer).onset

    def _times(self, layer: WeightedLayer) -> LayerTimes:
        """The times of a layer as the training's engine keeps them."""
        return layer_times(self.network, layer, self.network.training.dt)

    def _step(
        self,
        layer: WeightedLayer,
        source: np.ndarray,
        own: np.ndarray,
        displacement: np.ndarray,
        weights: Weights,
        downward: bool,
    ) -> LayerStep:
        """The step of a layer's synapses."""
        neurons = layer.neurons
        causal = self.network.learning.propagation == "causal"
        kernel = weights[kernel_name(layer)]
        gate = self._times(layer).gate
        if neurons.gate_time <= neurons.onset:
            return step_gated(layer, source, gate, displacement, kernel, causal, downward)
        signal = displacement / self._slope_at_threshold(layer, source, own, weights, displacement)
        limit = np.minimum(own, kernel.dtype.type(gate))
        return step_pairwise(layer, source, limit, signal, kernel, causal, downward)

    def _slope_at_threshold(
        self, layer: WeightedLayer, source: np.ndarray, own: np.ndarray, weights: Weights, displacement: np.ndarray
    ) -> np.ndarray:
        """``tau`` times the slope at threshold, by the chosen derivative, of the neurons with a displacement."""
        neurons = layer.neurons
        assumed = own.dtype.type(neurons.assumed_slope * neurons.tau)
        if self.network.learning.derivative == "linear":
            return np.asarray(assumed)
        times = np.where(np.isfinite(own), own, 0)
        current = slope_at(layer, source, times, weights[kernel_name(layer)], displacement != 0)
        if neurons.bias:
            current += weights[bias_name(layer)]
        slope = np.where(times < neurons.gate_time, current, 0) + neurons.drive
        slope = np.maximum(slope, SMALLEST_SLOPE * assumed)
        # a neuron that did not fire has no slope at threshold
        return np.where(np.isfinite(own), slope, assumed).astype(own.dtype)


def _of_movable(displacement: np.ndarray, own: np.ndarray, onset: float) -> np.ndarray:
    """Keep the displacements of hidden neurons whose latency can move.

    One that stayed silent, or that was over threshold at its onset already, would not fire at another time
    for a small change of its potential. Output neurons always learn: that is what brings them back into
    their window.
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


@dataclass(frozen=True)
class _Part:
    """What some presentations of a batch teach; gradients are sums in ms²."""

    gradients: dict[str, np.ndarray | Factors]
    displacements: list[np.ndarray]
