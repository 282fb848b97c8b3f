"""Initial weights, drawn from a seed."""

from __future__ import annotations

import math

import numpy as np

from netsim.specification import Network, Shape, WeightedLayer
from netsim.weights.layout import Weights, bias_name, kernel_name, layer_shapes


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
