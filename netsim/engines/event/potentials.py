"""Membrane potentials of chosen neurons, computed afterwards from the spikes of the layer below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from netsim.engines.protocol import Latencies, Potential, Recorded
from netsim.specification import Convolution, Network, Pooling, Shape, WeightedLayer
from netsim.specification.grid import layer_steps, on_grid, step_at_or_after
from netsim.weights.layout import Weights, bias_name, kernel_name


def potential_traces(
    network: Network,
    weights: Weights,
    latencies: Latencies,
    record: Sequence[Recorded],
    dt: float = 0.0,
    delays: Mapping[str, np.ndarray] | None = None,
) -> list[Potential]:
    """Potentials of neurons at every time where their slope may change.

    Samples lie at the start and the end of the presentation, at every breakpoint of the synaptic current, at
    the onset, the gate and the spike; straight lines between them are the potential. It goes on after
    the spike as the equation says.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    latencies : list of ndarray
        Of the stimulus and of every layer (ms).
    record : sequence of Recorded
    dt : float
        Time grid (ms) on which onsets, gates and delays fall; 0 for exact times.
    delays : dict of ndarray of float, optional
        Conduction delays (ms) by the name of the layer that receives the spikes, as in `Batch`.

    Returns
    -------
    list of Potential
        Presentation by presentation, in the order of `record`.
    """
    neurons = []
    for name, neuron in record:
        position = network.layers.index(network.layer(name))
        layer = network.layers[position]
        assert not isinstance(layer, Pooling), "check_record refuses them"
        inputs, incoming = afferents(layer, network.shapes[position], weights[kernel_name(layer)], neuron)
        bias = float(weights[bias_name(layer)][neuron % incoming_maps(layer)]) if layer.neurons.bias else 0.0
        late = on_grid(delays[name], dt).ravel()[inputs] if delays and name in delays else 0.0
        neurons.append((position, layer, neuron, inputs, late, incoming, bias))
    traces = []
    for presentation in range(len(latencies[0])):
        for position, layer, neuron, inputs, late, incoming, bias in neurons:
            arriving = latencies[position][presentation].ravel()[inputs].astype(np.float64) + late
            spike = float(latencies[position + 1][presentation].ravel()[neuron])
            time, potential = _trace(network, layer, arriving, incoming, bias, spike, dt)
            traces.append(Potential(presentation, layer.name, neuron, time, potential))
    return traces


def incoming_maps(layer: WeightedLayer) -> int:
    """Number of neurons that have their own weights: maps, or dense neurons."""
    return layer.maps if isinstance(layer, Convolution) else layer.size


def afferents(layer: WeightedLayer, source: Shape, kernel: np.ndarray, neuron: int) -> tuple[np.ndarray, np.ndarray]:
    """Presynaptic neurons of one neuron and their weights; padding is left out.

    Parameters
    ----------
    layer : Convolution or Dense
    source : tuple of int
        Shape of the layer below.
    kernel : ndarray
        Weights of the layer.
    neuron : int

    Returns
    -------
    inputs : ndarray of int, shape (synapses,)
    weights : ndarray, shape (synapses,)
    """
    if not isinstance(layer, Convolution):
        return np.arange(math.prod(source)), kernel[:, neuron]
    height, width, channels = source
    row, column, feature = np.unravel_index(neuron, layer.output_shape(source))
    y = np.arange(layer.kernel) + row * layer.stride - layer.padding
    x = np.arange(layer.kernel) + column * layer.stride - layer.padding
    dy, dx = np.flatnonzero((y >= 0) & (y < height)), np.flatnonzero((x >= 0) & (x < width))
    inputs = (y[dy][:, None, None] * width + x[dx][None, :, None]) * channels + np.arange(channels)
    return inputs.ravel(), kernel[np.ix_(dy, dx)][..., feature].ravel()


def _trace(
    network: Network,
    layer: WeightedLayer,
    arriving: np.ndarray,
    incoming: np.ndarray,
    bias: float,
    spike: float,
    dt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample times (ms) and potentials of one neuron."""
    neurons = layer.neurons
    onset, gate, duration = neurons.onset, neurons.gate_time, network.duration
    delays = np.array([delay for delay, _ in layer.psp.kernel])
    changes = np.array([change for _, change in layer.psp.kernel])
    if dt:
        steps = layer_steps(network, layer, dt)
        onset = steps.onset * dt
        gate = gate if gate == math.inf else steps.gate * dt
        delays = np.array(steps.delays) * dt
        duration = step_at_or_after(duration, dt) * dt
    gate = min(gate, duration)
    breakpoints = (arriving[:, None] + delays).ravel()
    jumps = (incoming[:, None] * changes).ravel()
    counted = breakpoints < gate
    breakpoints, jumps = breakpoints[counted], jumps[counted]

    order = np.argsort(breakpoints)
    breakpoints, jumps = breakpoints[order], jumps[order]
    landmarks = np.array([0.0, onset, gate, spike, duration])
    time = np.unique(np.concatenate([breakpoints, landmarks[landmarks <= duration]]))
    # the synaptic current on the segment after each sample
    current = bias + np.concatenate([[0.0], np.cumsum(jumps)])[np.searchsorted(breakpoints, time, side="right")]
    slope = (np.where(time < gate, current, 0.0) + np.where(time >= onset, neurons.drive, 0.0)) / neurons.tau
    potential = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(time))])
    return time, potential
