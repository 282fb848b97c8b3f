"""Synaptic weights: plain arrays by name, drawn from a seed, made binary, saved and read.

A network's weights are a dictionary: ``"<layer>.kernel"`` of shape (kernel, kernel, channels, maps) or
(inputs, neurons), and ``"<layer>.bias"`` of shape (maps,) or (neurons,) where the neurons have a bias.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numba import njit

from netsim.errors import DataError
from netsim.files import read_arrays, write_arrays
from netsim.specification import Network, Pooling, Shape, WeightedLayer

Weights = dict[str, np.ndarray]


def kernel_name(layer: WeightedLayer) -> str:
    """Name of a layer's weights."""
    return f"{layer.name}.kernel"


def bias_name(layer: WeightedLayer) -> str:
    """Name of a layer's constant currents."""
    return f"{layer.name}.bias"


def layer_shapes(network: Network) -> list[tuple[WeightedLayer, Shape, Shape]]:
    """The layers that have weights, each with the shapes of its source and of itself."""
    return [
        (layer, source, shape)
        for layer, source, shape in zip(network.layers, network.shapes, network.shapes[1:], strict=False)
        if not isinstance(layer, Pooling)
    ]


def weight_shapes(network: Network) -> dict[str, Shape]:
    """Names and shapes of all weights of a network, in the order of its layers."""
    shapes: dict[str, Shape] = {}
    for layer, source, _ in layer_shapes(network):
        kernel = layer.kernel_shape(source)
        shapes[kernel_name(layer)] = kernel
        if layer.neurons.bias:
            shapes[bias_name(layer)] = kernel[-1:]
    return shapes


def initial_weights(network: Network, seed: int) -> Weights:
    """Draw weights from each layer's distribution; biases are the same for all neurons of a layer.

    Parameters
    ----------
    network : Network
    seed : int
        The same seed gives the same weights, to the bit.
    """
    generator = np.random.default_rng([seed, 0])
    weights: Weights = {}
    for layer, source, _ in layer_shapes(network):
        kernel = layer.kernel_shape(source)
        weights[kernel_name(layer)] = draw(layer, kernel, generator)
        if layer.neurons.bias:
            weights[bias_name(layer)] = np.full(kernel[-1:], float(layer.initial.bias))
    return weights


def draw(layer: WeightedLayer, shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Draw incoming weights of a layer; the last axis of `shape` is the layer's maps or neurons."""
    inputs = math.prod(shape[:-1])
    spread = layer.initial.spread / math.sqrt(inputs)
    if layer.initial.distribution == "normal":
        centred = generator.normal(0.0, spread, shape)
    else:
        centred = generator.uniform(-math.sqrt(3) * spread, math.sqrt(3) * spread, shape)
    return layer.initial.mean / inputs + centred


def forward_weights(network: Network, weights: Weights) -> Weights:
    """The weights that feed forward: the real ones, or signs times a scale if the network is binary.

    Biases stay as they are: they are currents, not synapses. Weights that feed forward already stay, to the bit.
    """
    if network.weighting.kind == "real":
        return weights
    forward = dict(weights)
    for layer, _, _ in layer_shapes(network):
        real = weights[kernel_name(layer)]
        axes = None if network.weighting.scale == "layer" else tuple(range(real.ndim - 1))
        sizes = np.abs(real)
        # a mean of equal values can be another one by rounding
        scale = np.clip(sizes.mean(axis=axes), sizes.min(axis=axes), sizes.max(axis=axes))
        forward[kernel_name(layer)] = (np.where(real >= 0, 1.0, -1.0) * scale).astype(real.dtype)
    return forward


def check_shapes(network: Network, weights: Weights, origin: str) -> None:
    """Refuse weights whose names or shapes are not the network's.

    Raises
    ------
    DataError
        If a name is missing or unknown, or a shape differs; `origin` is named.
    """
    expected = weight_shapes(network)
    if set(weights) != set(expected):
        wrong = ", ".join(sorted(set(weights) ^ set(expected)))
        raise DataError(f"{origin}: does not hold the weights of {network.name} (missing or unknown: {wrong})")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise DataError(f"{origin}: {name} has shape {weights[name].shape}, the network needs {shape}")


def check_weights(network: Network, weights: Weights, origin: str) -> Weights:
    """Refuse weights that do not belong to the network.

    Raises
    ------
    DataError
        If a name is missing or unknown, a shape differs, or a value is not finite; `origin` is named.
    """
    check_shapes(network, weights, origin)
    for name, array in weights.items():
        if array.dtype.kind != "f" or not all_finite(array):
            raise DataError(f"{origin}: {name} holds values that are not finite numbers")
    return {name: weights[name] for name in weight_shapes(network)}


def all_finite(array: np.ndarray) -> bool:
    """Whether every value is a finite number."""
    values = array.reshape(-1)
    if values.dtype in (np.float32, np.float64):
        return bool(_finite(values))
    return bool(np.isfinite(values).all())  # half precision is stored, and not known to compiled code


@njit(cache=True, nogil=True, error_model="numpy")
def _finite(values: np.ndarray) -> bool:
    # counted, for a loop that could end early would not be vectorised
    count = 0
    for k in range(len(values)):
        count += abs(values[k]) < np.inf
    return count == len(values)


def read_weights(network: Network, path: str | Path) -> Weights:
    """Read and check the weights of a network from an ``.npz`` file, in double precision.

    Raises
    ------
    DataError
        If the file is missing, damaged or belongs to another network.
    """
    weights = check_weights(network, read_arrays(Path(path)), str(path))
    return {name: array.astype(np.float64) for name, array in weights.items()}


def write_weights(weights: Weights, path: str | Path) -> None:
    """Write weights as an ``.npz`` file; it appears whole or not at all."""
    write_arrays(Path(path), weights)
