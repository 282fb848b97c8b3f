"""What descriptions ask of a network: whether it is a chain, has biases or delays, and what of it is meant."""

from __future__ import annotations

from collections.abc import Sequence

from netsim.specification import Network, WeightedLayer
from netsim.specification.phrases import names


def of_layers(chosen: Sequence[WeightedLayer], network: Network) -> str:
    """Names of layers in brackets, or nothing if these are all that have weights."""
    if len(chosen) == len(network.weighted_layers):
        return ""
    return f" ({names(layer.name for layer in chosen)})"


def has(network: Network, kind: type) -> bool:
    """Whether a network has layers of a kind."""
    return any(isinstance(layer, kind) for layer in network.layers)


def has_bias(network: Network) -> bool:
    """Whether neurons of a network have biases."""
    return any(layer.neurons.bias for layer in network.weighted_layers)
