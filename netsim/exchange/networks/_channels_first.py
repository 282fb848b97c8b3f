"""Shapes and weights in NIR's order, channels first, as PyTorch has it too."""

from __future__ import annotations

import math

import numpy as np

from netsim.specification import Convolution, Shape, WeightedLayer


def channels_first(shape: Shape) -> Shape:
    """(channels, height, width) of (height, width, channels); (neurons,) stays."""
    return (*shape[2:], *shape[:2])


def to_nir_order(kernel: np.ndarray, layer: WeightedLayer, source: Shape) -> np.ndarray:
    """Weights of a layer in NIR's order.

    Parameters
    ----------
    kernel : ndarray, shape (kernel, kernel, channels, maps) or (inputs, neurons)
    layer : Convolution or Dense
    source : tuple of int
        Shape of the layer below.

    Returns
    -------
    ndarray, shape (maps, channels, kernel, kernel) or (neurons, inputs)
        Inputs from maps are numbered map by map.
    """
    if isinstance(layer, Convolution):
        return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    by_place = kernel.reshape(*source, layer.size)
    return np.ascontiguousarray(np.moveaxis(by_place, [-1, -2], [0, 1]).reshape(layer.size, -1))


def from_nir_order(weight: np.ndarray, layer: WeightedLayer, source: Shape) -> np.ndarray:
    """What `to_nir_order` was given."""
    if isinstance(layer, Convolution):
        return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))
    by_place = weight.reshape(layer.size, *channels_first(source))
    return np.ascontiguousarray(np.moveaxis(by_place, [0, 1], [-1, -2]).reshape(math.prod(source), layer.size))


def nir_shape(layer: WeightedLayer, source: Shape) -> Shape:
    """Shape of a layer's weights in NIR's order."""
    *inputs, last = layer.kernel_shape(source)
    return (last, inputs[2], inputs[0], inputs[1]) if isinstance(layer, Convolution) else (last, *inputs)
