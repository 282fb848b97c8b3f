"""STiDi-BP: from the latencies of a batch to the gradient of every weight, layer by layer.

A layer receives the displacement of its spikes from above, turns it into a step of its own synapses, and
hands a displacement to the layer below. No layer looks further than its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netsim.grid import LayerTimes, layer_times
from netsim.learning.synapses import keep_movable, slope_at, step_pairwise
from netsim.learning.targets import OutputDisplacement, relative_displacement, softmax_displacement
from netsim.parallel import over_presentations
from netsim.patches import gather_patches, scatter_patches, to_earliest
from netsim.specification import Convolution, Network, Pooling, WeightedLayer
from netsim.weights import Weights, bias_name, kernel_name

# The exact derivative divides by the slope at threshold; below this share of the assumed slope the linear
# derivative's value is kept as a bound, so that one grazing crossing cannot undo a training.
_SMALLEST_SLOPE = 1e-3


@dataclass(frozen=True)
class Lesson:
    """What a batch teaches.

    Attributes
    ----------
    gradients : dict of ndarray
        Mean over presentations of the gradient with respect to the weights that fed forward, times in
        units of the encoding window; with softmax targets the gradient of the loss over ``sharpness``.
    displacements : list of ndarray
        Wanted changes of latency (ms) of every layer in order, in the shapes of the latencies; the
        stimulus is left out.
    loss : ndarray, shape (presentations,)
    """

    gradients: Weights
    displacements: list[np.ndarray]
    loss: np.ndarray


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

        def learn_part(part: slice) -> Lesson:
            times = [np.ascontiguousarray(latency[part], dtype=kind) for latency in latencies]
            return self._learn_part(times, labels[part], weights)

        lessons = over_presentations(len(labels), learn_part)
        # time in units of the encoding window, mean over presentations
        scale = kind.type(1.0 / (self.network.encoder.t_max**2 * len(labels)))
        return Lesson(
            {name: sum(lesson.gradients[name] for lesson in lessons) * scale for name in weights},
            [np.concatenate(parts) for parts in zip(*(lesson.displacements for lesson in lessons), strict=True)],
            np.concatenate([lesson.loss for lesson in lessons]),
        )

    def _learn_part(self, times: Sequence[np.ndarray], labels: np.ndarray, weights: Weights) -> Lesson:
        """Learn from some presentations of a batch; gradients are sums in ms²."""
        layers = self.network.layers
        target = self.output_displacement(times[-1], labels)
        displacement = target.displacement.astype(times[-1].dtype)
        displacements: list[np.ndarray] = []
        gradients: Weights = {}
        for index in range(len(layers) - 1, -1, -1):
            layer, source, own = layers[index], times[index], times[index + 1]
            displacement = displacement.reshape(own.shape)
            if isinstance(layer, Pooling):
                displacements.append(displacement)
                displacement = to_earliest(displacement, source, own, layer.size, layer.step)
                continue
            if index < len(layers) - 1:
                displacement = _of_movable(displacement, own, self._times(layer).onset)
            if self.network.learning.normalised:
                displacement = _normalised(displacement, self.network.encoder.t_max)
            displacements.append(displacement)
            step = self._step(layer, source, own, displacement, weights)
            gradients.update(step.gradients)
            if index > 0:
                displacement = step.onto_source()
        return Lesson(gradients, displacements[::-1], target.loss)

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

    def _times(self, layer: WeightedLayer) -> LayerTimes:
        """The times of a layer as the training's engine keeps them."""
        return layer_times(self.network, layer, self.network.training.dt)

    def _step(
        self, layer: WeightedLayer, source: np.ndarray, own: np.ndarray, displacement: np.ndarray, weights: Weights
    ) -> _LayerStep:
        """Gradients of a layer's weights, and the way down to its source."""
        neurons, psp = layer.neurons, layer.psp
        causal = self.network.learning.propagation == "causal"
        maps = weights[kernel_name(layer)].shape[-1]
        kernel = weights[kernel_name(layer)].reshape(-1, maps)
        kind = kernel.dtype.type
        own = own.reshape(-1, maps)
        gate = self._times(layer).gate
        limit = np.minimum(own, kind(gate))
        if neurons.gate_time <= neurons.onset:
            since = kind(gate) - source
            signal = displacement.reshape(-1, maps) / kind(neurons.drive)
            gradient = _fields(layer, psp.potential(since), 0.0).T @ signal

            def onto_source() -> np.ndarray:
                down = _from_fields(layer, signal @ kernel.T, source.shape)
                down *= (since > 0) if causal else psp.slope(since)
                return down

        else:
            fields = _fields(layer, source, math.inf)
            signal = displacement.reshape(-1, maps) / self._slope_at_threshold(layer, fields, own, weights)
            step = step_pairwise(fields, limit, signal, kernel, psp, causal)
            gradient = step.gradient

            def onto_source() -> np.ndarray:
                return _from_fields(layer, step.displacement, source.shape)

        gradients = {kernel_name(layer): gradient.reshape(weights[kernel_name(layer)].shape)}
        if neurons.bias:
            gradients[bias_name(layer)] = np.einsum("ij,ij->j", signal, limit)
        return _LayerStep(gradients, onto_source)

    def _slope_at_threshold(
        self, layer: WeightedLayer, fields: np.ndarray, own: np.ndarray, weights: Weights
    ) -> np.ndarray:
        """``tau`` times the slope of the potential at threshold, by the chosen derivative."""
        neurons = layer.neurons
        assumed = own.dtype.type(neurons.assumed_slope * neurons.tau)
        if self.network.learning.derivative == "linear":
            return np.full((1, 1), assumed)
        kernel = weights[kernel_name(layer)]
        times = np.where(np.isfinite(own), own, 0)
        current = slope_at(fields, times, kernel.reshape(-1, kernel.shape[-1]), layer.psp)
        if neurons.bias:
            current += weights[bias_name(layer)]
        slope = np.where(times < neurons.gate_time, current, 0) + neurons.drive
        slope = np.maximum(slope, _SMALLEST_SLOPE * assumed)
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


def _fields(layer: WeightedLayer, source: np.ndarray, fill: float) -> np.ndarray:
    """What each position of a layer sees of its source, a row a position."""
    if isinstance(layer, Convolution):
        return gather_patches(source, layer.kernel, layer.stride, layer.padding, fill)
    return source.reshape(len(source), -1)


def _from_fields(layer: WeightedLayer, fields: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over all positions of what each has for its source."""
    if isinstance(layer, Convolution):
        return scatter_patches(fields, shape, layer.kernel, layer.stride, layer.padding)
    return fields.reshape(shape)


@dataclass(frozen=True)
class _LayerStep:
    gradients: Weights
    onto_source: Callable[[], np.ndarray]
