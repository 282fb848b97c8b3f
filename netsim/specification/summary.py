"""A specification in a few words and numbers, for tables of presets."""

from __future__ import annotations

import math
from typing import Any

from netsim.specification import Convolution, Layer, Network, Pooling
from netsim.specification.connectivity import synapse_count
from netsim.weights.layout import kernel_name, real_shapes


def architecture(network: Network) -> str:
    """The layers in the field's shorthand, for example ``28x28-32C5-P2-1000-10``."""
    height, width, channels = network.encoder.shape
    stimulus = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
    return "-".join([stimulus, *(_short(layer) for layer in network.layers)])


def _short(layer: Layer) -> str:
    if isinstance(layer, Convolution):
        return f"{layer.maps}C{layer.kernel}"
    if isinstance(layer, Pooling):
        return f"P{layer.size}"
    return str(layer.size)


def summarise(network: Network) -> dict[str, Any]:
    """Name, architecture, regimes, and numbers of neurons, synapses and parameters that are learned."""
    static = {kernel_name(layer) for layer in network.weighted_layers if not layer.plastic}
    regimes = list(dict.fromkeys(layer.neurons.regime for layer in network.weighted_layers))
    return {
        "name": network.name,
        "description": network.description,
        "architecture": architecture(network),
        "regime": "+".join(regimes),
        "weights": network.weighting.kind,
        "dataset": network.training.dataset,
        "duration_ms": network.duration,
        "neurons": sum(math.prod(shape) for shape in network.shapes[1:]),
        "synapses": synapse_count(network),
        "parameters": sum(math.prod(shape) for name, shape in real_shapes(network).items() if name not in static),
    }
