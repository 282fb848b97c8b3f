"""Layers as the kernels of the event engine see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from netsim.engines.event import grid_products
from netsim.engines.event.kernels import Constants
from netsim.numerics.threads import over_elements
from netsim.numerics.vectors import lanes_of
from netsim.specification import Convolution, Network, Shape, WeightedLayer
from netsim.specification.grid import TOLERANCE, layer_steps
from netsim.weights.arrays import Weights, bias_name, kernel_name


class Blocks(NamedTuple):
    """What a sweep adds up, in blocks of neighbouring maps; the last block is filled up with silent ones.

    Attributes
    ----------
    kernel : ndarray, shape (blocks, inputs of a field, lanes)
    bias : ndarray, shape (blocks, lanes)
    start : ndarray, shape (rows, columns, blocks, lanes)
    """

    kernel: np.ndarray
    bias: np.ndarray
    start: np.ndarray


@dataclass(frozen=True)
class Arranged:
    """A layer as the kernels see it: one clock, one precision, every layer a convolution.

    A dense layer is a kernel of 1 on one position whose channels are its inputs.

    Attributes
    ----------
    constants : Constants
    source, shape : tuple of int
        (height, width, channels) of the layer below and of the layer.
    kernel : ndarray, shape (inputs of a field, maps)
    bias : ndarray, shape (maps,)
    start : ndarray, shape (rows, columns, maps), or None
        Potentials to begin with. As nothing leaks, a neuron with a lower threshold is one that begins nearer to it.
    rounded : SinglePrecision, or None
        The synapses in single precision, if a phased layer on a grid is to begin with those.
    """

    constants: Constants
    source: Shape
    shape: Shape
    kernel: np.ndarray
    bias: np.ndarray
    start: np.ndarray | None = None
    rounded: grid_products.SinglePrecision | None = None

    @cached_property
    def missing(self) -> np.ndarray:
        """What neurons miss to threshold at the gate without any presynaptic spike: of `shape`, or (1, 1, maps)."""
        missing = self.constants.threshold - self.bias * self.constants.gate
        return missing.reshape(1, 1, -1) if self.start is None else missing - self.start

    @cached_property
    def blocks(self) -> Blocks:
        """The layer in blocks, as it is swept."""
        return _in_blocks(self.kernel, self.bias, self.shape, self.start)


def arrange(
    network: Network,
    layer: WeightedLayer,
    weights: Weights,
    dt: float,
    dtype: np.dtype,
    thresholds: np.ndarray | None = None,
) -> Arranged:
    """Prepare a layer for the kernels, with times in ms if `dt` is 0 and else in steps."""
    neurons = layer.neurons
    threshold = neurons.threshold * neurons.tau
    onset, gate, end = neurons.onset, neurons.gate_time, network.window_end(layer)
    delays: Sequence[float] = [delay for delay, _ in layer.psp.kernel]
    if dt:
        steps = layer_steps(network, layer, dt)
        threshold *= (1 - TOLERANCE) / dt
        onset, gate, end, delays = steps.onset, steps.gate, steps.end, steps.delays
    real = dtype.type
    constants = Constants(
        threshold=real(threshold),
        drive=real(neurons.drive),
        onset=real(onset),
        gate=real(gate),
        end=real(end),
        whole_steps=bool(dt),
        delays=np.array(delays, dtype=dtype),
        changes=np.array([change for _, change in layer.psp.kernel], dtype=dtype),
        size=layer.kernel if isinstance(layer, Convolution) else 1,
        stride=layer.stride if isinstance(layer, Convolution) else 1,
        padding=layer.padding if isinstance(layer, Convolution) else 0,
    )
    kernel = np.ascontiguousarray(weights[kernel_name(layer)], dtype=dtype)
    kernel = kernel.reshape(-1, kernel.shape[-1])
    bias = np.ascontiguousarray(weights[bias_name(layer)] if neurons.bias else np.zeros(kernel.shape[-1]), dtype=dtype)
    if isinstance(layer, Convolution):
        source = network.shapes[network.layers.index(layer)]
        shape = layer.output_shape(source)
    else:
        source, shape = (1, 1, len(kernel)), (1, 1, layer.size)
    start = None
    if thresholds is not None:
        start = ((neurons.threshold - thresholds) * (threshold / neurons.threshold)).astype(dtype).reshape(shape)
    phased = neurons.regime == "phased"
    worthwhile = shape[0] * shape[1] >= grid_products.LEAST_POSITIONS and end <= grid_products.MOST_STEPS
    rounded = grid_products.single_precision(kernel) if phased and dt and worthwhile else None
    arranged = Arranged(constants, source, shape, kernel, bias, start, rounded)
    if not phased:
        _ = arranged.blocks  # now, by all threads; later they would wait for one of them
    return arranged


def _in_blocks(kernel: np.ndarray, bias: np.ndarray, shape: Shape, start: np.ndarray | None) -> Blocks:
    """A layer in blocks."""
    lanes = lanes_of(kernel.itemsize)
    inputs, maps = kernel.shape
    count = -(-maps // lanes)
    kernels = np.empty((count, inputs, lanes), kernel.dtype)

    def fill(blocks: slice) -> None:
        for block in range(blocks.start, blocks.stop):
            part = kernel[:, block * lanes : (block + 1) * lanes]
            kernels[block, :, : part.shape[1]] = part
            kernels[block, :, part.shape[1] :] = 0

    over_elements(count, fill, inputs * lanes)
    biases = np.zeros(count * lanes, bias.dtype)
    biases[:maps] = bias
    starts = np.full((*shape[:2], count * lanes), -np.inf, bias.dtype)
    starts[..., :maps] = 0.0 if start is None else start
    return Blocks(kernels, biases.reshape(-1, lanes), starts.reshape(*shape[:2], -1, lanes))
