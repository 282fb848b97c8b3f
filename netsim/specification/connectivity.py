"""Who is connected to whom: index arrays of a specification's synapses, as plain functions.

Neurons of a map are numbered row by row, channels last, as in an array of shape (height, width, channels).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from netsim.specification import Convolution, Dense, Layer, Network, Pooling, Shape


class Connections(NamedTuple):
    """Index arrays, one entry a synapse, sorted by presynaptic neuron.

    Attributes
    ----------
    pre, post : ndarray of int32, shape (synapses,)
        Presynaptic and postsynaptic neuron.
    weight : ndarray of int32, shape (synapses,)
        Index into the layer's flattened kernel; -1 in a pooling layer, which has no weights.
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray


def connections(layer: Layer, source: Shape) -> Connections:
    """Synapses from a source of the given shape onto a layer.

    Parameters
    ----------
    layer : Convolution, Pooling or Dense
    source : tuple of int
        Shape of the presynaptic layer.
    """
    if isinstance(layer, Dense):
        inputs = math.prod(source)
        pre = np.repeat(np.arange(inputs, dtype=np.int32), layer.size)
        post = np.tile(np.arange(layer.size, dtype=np.int32), inputs)
        return Connections(pre, post, np.arange(inputs * layer.size, dtype=np.int32))
    height, width, maps = layer.output_shape(source)
    if isinstance(layer, Pooling):
        rows, columns, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(maps), indexing="ij")
        parts = []
        for dy in range(layer.size):
            for dx in range(layer.size):
                pre = _number(rows * layer.step + dy, columns * layer.step + dx, channel, source)
                parts.append((pre, _number(rows, columns, channel, (height, width, maps)), np.full(rows.size, -1)))
        return _sorted(parts)
    return _sorted(_convolution_parts(layer, source, (height, width, maps)))


def synapse_count(network: Network) -> int:
    """Number of weighted synapses; padding has none."""
    return sum(synapse_counts(network).values())


def synapse_counts(network: Network) -> dict[str, int]:
    """Number of weighted synapses onto each layer, by layer name."""
    counts = {}
    for layer, source, shape in zip(network.layers, network.shapes, network.shapes[1:], strict=False):
        if isinstance(layer, Dense):
            counts[layer.name] = math.prod(source) * layer.size
        elif isinstance(layer, Convolution):
            rows = _reach(layer, source[0], shape[0]).sum()
            columns = _reach(layer, source[1], shape[1]).sum()
            counts[layer.name] = int(rows * columns) * source[2] * layer.maps
    return counts


def _reach(layer: Convolution, source: int, positions: int) -> np.ndarray:
    """How many rows (or columns) of the source each position of a convolution sees."""
    first = np.arange(positions) * layer.stride - layer.padding
    return np.minimum(first + layer.kernel, source) - np.maximum(first, 0)


def fan_out(layer: Layer, source: Shape) -> np.ndarray:
    """Number of synapses that leave each presynaptic neuron, in the shape of the source."""
    if isinstance(layer, Dense):
        return np.full(source, layer.size)
    shape = layer.output_shape(source)
    counts = []
    for side, positions in zip(source[:2], shape[:2], strict=True):
        stride, padding, kernel = (
            (layer.step, 0, layer.size) if isinstance(layer, Pooling) else (layer.stride, layer.padding, layer.kernel)
        )
        count = np.zeros(side, dtype=np.int64)
        for position in range(positions):
            first = position * stride - padding
            count[max(first, 0) : first + kernel] += 1
        counts.append(count)
    maps = layer.maps if isinstance(layer, Convolution) else 1
    return np.broadcast_to(np.outer(counts[0], counts[1])[:, :, None] * maps, source)


def _number(row: np.ndarray, column: np.ndarray, channel: np.ndarray, shape: Shape) -> np.ndarray:
    return ((row * shape[1] + column) * shape[2] + channel).ravel()


def _convolution_parts(
    layer: Convolution, source: Shape, shape: Shape
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    parts = []
    channels, maps = np.meshgrid(np.arange(source[2]), np.arange(layer.maps), indexing="ij")
    for dy in range(layer.kernel):
        for dx in range(layer.kernel):
            row, column = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
            above = row * layer.stride + dy - layer.padding
            left = column * layer.stride + dx - layer.padding
            inside = (above >= 0) & (above < source[0]) & (left >= 0) & (left < source[1])
            row, column, above, left = (a[inside][:, None, None] for a in (row, column, above, left))
            pre = _number(above, left, channels[None], source)
            pre = np.broadcast_to(
                pre.reshape(-1, source[2], layer.maps) if pre.size else pre.reshape(0, source[2], layer.maps),
                (len(row), source[2], layer.maps),
            ).ravel()
            post = _number(row, column, maps[None], shape)
            weight = np.broadcast_to(
                ((dy * layer.kernel + dx) * source[2] + channels) * layer.maps + maps,
                (len(row), source[2], layer.maps),
            ).ravel()
            parts.append((pre, post, weight))
    return parts


def _sorted(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Connections:
    pre, post, weight = (np.concatenate([part[k] for part in parts]).astype(np.int32) for k in range(3))
    order = np.lexsort((post, pre))
    return Connections(pre[order], post[order], weight[order])
