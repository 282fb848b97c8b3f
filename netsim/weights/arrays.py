"""Synaptic weights: plain arrays by name, drawn from a seed, made binary, saved and read.

A network's weights are a dictionary: ``"<layer>.kernel"`` of shape (kernel, kernel, channels, maps) or
(inputs, neurons), and ``"<layer>.bias"`` of shape (maps,) or (neurons,) where the neurons have a bias. The real-valued
set behind binary weights has ``"<layer>.log_scale"`` as well where scales are learned, of shape (maps,) or (1,).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from netsim.errors import DataError
from netsim.files import read_arrays, write_arrays
from netsim.numerics.compilation import compiled
from netsim.specification import Network, Pooling, Shape, WeightedLayer

Weights = dict[str, np.ndarray]


def kernel_name(layer: WeightedLayer) -> str:
    """Name of a layer's weights."""
    return f"{layer.name}.kernel"


def bias_name(layer: WeightedLayer) -> str:
    """Name of a layer's constant currents."""
    return f"{layer.name}.bias"


def log_scale_name(layer: WeightedLayer) -> str:
    """Name of the logarithms of the scales of a layer's binary weights, where these are learned."""
    return f"{layer.name}.log_scale"


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


def real_shapes(network: Network) -> dict[str, Shape]:
    """Names and shapes of the real-valued set that a training updates: the weights, and scales that are learned.

    Parameters
    ----------
    network : Network
    """
    shapes = weight_shapes(network)
    shared = network.weighting.scale == "layer"
    for layer in layers_with_learned_scales(network):
        shapes[log_scale_name(layer)] = (1,) if shared else shapes[kernel_name(layer)][-1:]
    return shapes


def layers_with_learned_scales(network: Network) -> list[WeightedLayer]:
    """The layers whose binary weights have scales that are learned.

    Parameters
    ----------
    network : Network
    """
    learned = network.weighting.kind == "binary" and network.weighting.scale_rate > 0
    return [layer for layer in network.weighted_layers if layer.plastic] if learned else []


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

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        A real-valued set; where it holds no scales, they are mean absolute values.
    """
    if network.weighting.kind == "real":
        return weights
    forward = {name: weights[name] for name in weight_shapes(network)}
    for layer in network.weighted_layers:
        real = weights[kernel_name(layer)]
        logarithms = weights.get(log_scale_name(layer))
        scale = _mean_sizes(network, real) if logarithms is None else np.exp(logarithms)
        signs = 2 * (real >= 0).astype(real.dtype) - 1  # a choice by each sign takes ten times as long
        forward[kernel_name(layer)] = (signs * scale).astype(real.dtype, copy=False)
    return forward


def with_log_scales(network: Network, weights: Weights) -> Weights:
    """The real-valued set that a training begins with: scales that are learned begin as mean absolute values.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Without scales.
    """
    layers = layers_with_learned_scales(network)
    learned = {log_scale_name(layer): log_scales(network, weights[kernel_name(layer)]) for layer in layers}
    return weights | learned


def log_scales(network: Network, kernel: np.ndarray) -> np.ndarray:
    """Logarithms of the mean absolute values of the weights that share a scale.

    Parameters
    ----------
    network : Network
    kernel : ndarray, shape (..., maps)

    Returns
    -------
    ndarray, shape (maps,), or (1,) where a layer shares a scale
    """
    smallest = np.finfo(kernel.dtype).tiny  # weights may all be zero
    return np.log(np.maximum(np.atleast_1d(_mean_sizes(network, kernel)), smallest)).astype(kernel.dtype)


def log_scale_gradients(network: Network, forward: Weights, gradients: Weights) -> Weights:
    """Gradients of the logarithms of learned scales, from those of the weights that feed forward.

    Parameters
    ----------
    network : Network
    forward, gradients : dict of ndarray
        The weights that feed forward, and their gradients.
    """
    shared, found = network.weighting.scale == "layer", {}
    for layer in layers_with_learned_scales(network):
        name = kernel_name(layer)
        sums = np.einsum(
            "im,im->m", *(array.reshape(-1, array.shape[-1]) for array in (forward[name], gradients[name]))
        )
        found[log_scale_name(layer)] = sums.sum(keepdims=True) if shared else sums
    return found


def kept_weights(network: Network, weights: Weights) -> Weights:
    """What a run keeps of a real-valued set: itself, or, where it holds scales, the weights that feed forward.

    Scales and real-valued weights are apart then, and the latter tell nothing but their signs.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The real-valued set.
    """
    return forward_weights(network, weights) if layers_with_learned_scales(network) else weights


def _mean_sizes(network: Network, real: np.ndarray) -> np.ndarray:
    """Mean absolute value of the weights that share a scale."""
    axes = None if network.weighting.scale == "layer" else tuple(range(real.ndim - 1))
    sizes = np.abs(real)
    # a mean of equal values can be another one by rounding
    return np.clip(sizes.mean(axis=axes), sizes.min(axis=axes), sizes.max(axis=axes))


def check_shapes(network: Network, weights: Weights, origin: str, real: bool = False) -> None:
    """Refuse weights whose names or shapes are not the network's.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
    origin : str
        Where they come from, for the message.
    real : bool
        Ask for the real-valued set of a training instead, which may hold scales.

    Raises
    ------
    DataError
        If a name is missing or unknown, or a shape differs; `origin` is named.
    """
    expected = _expected_shapes(network, real)
    if set(weights) != set(expected):
        wrong = ", ".join(sorted(set(weights) ^ set(expected)))
        raise DataError(f"{origin}: does not hold the weights of {network.name} (missing or unknown: {wrong})")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            raise DataError(f"{origin}: {name} has shape {weights[name].shape}, the network needs {shape}")


def check_weights(network: Network, weights: Weights, origin: str, real: bool = False) -> Weights:
    """Refuse weights that do not belong to the network; parameters are those of `check_shapes`.

    Raises
    ------
    DataError
        If a name is missing or unknown, a shape differs, or a value is not finite; `origin` is named.
    """
    check_shapes(network, weights, origin, real)
    for name, array in weights.items():
        if array.dtype.kind != "f" or not all_finite(array):
            raise DataError(f"{origin}: {name} holds values that are not finite numbers")
    return {name: weights[name] for name in _expected_shapes(network, real)}


def _expected_shapes(network: Network, real: bool) -> dict[str, Shape]:
    return real_shapes(network) if real else weight_shapes(network)


def all_finite(array: np.ndarray) -> bool:
    """Whether every value is a finite number."""
    values = array.reshape(-1)
    if values.dtype in (np.float32, np.float64):
        return bool(_finite(values))
    return bool(np.isfinite(values).all())  # half precision is stored, and not known to compiled code


@compiled
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
