"""Summaries of a specification for tables of presets."""

import math
from itertools import pairwise
from typing import Any

from netsim.specification import Network


def architecture(network: Network) -> str:
    """Return the populations in the shorthand of the field, for example ``28x28-32C5-P2-1000-10``.

    A projection that skips populations shows its source in brackets, as in ``8x8-20-10+10(stimulus)``.
    """
    height, width, channels = network.encoder.shape
    parts = [f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")]
    for before, (name, shape) in pairwise(network.shapes.items()):
        notations = [
            projection.connectivity.notation(shape)
            + ("" if projection.source == before[0] else f"({projection.source})")
            for projection in network.incoming(name)
        ]
        parts.append("+".join(notations))
    return "-".join(parts)


def summarise(network: Network) -> dict[str, Any]:
    """Return name, architecture, regimes, and numbers of neurons, synapses and learned parameters."""
    regimes = dict.fromkeys(population.dynamics.regime for population in network.integrating)
    return {
        "name": network.name,
        "description": network.description,
        "architecture": architecture(network),
        "regime": "+".join(regimes),
        "weights": network.weighting.kind,
        "dataset": network.training.dataset,
        "duration_ms": network.duration,
        "neurons": sum(population.size for population in network.populations),
        "synapses": network.synapses,
        "parameters": _parameters(network),
    }


def _parameters(network: Network) -> int:
    """Return the number of weights, scales, biases and delays that training changes."""
    plastic = [projection for projection in network.weighted if projection.plastic]
    shapes, shared = map(network.weight_shape, plastic), network.weighting.shares_scale
    scaled = plastic if network.weighting.learns_scales else []
    scales = [1 if shared else network.receivers(projection) for projection in scaled]
    biases = [population.maps for population in network.populations if population.has_bias]
    delays = [network.delay_shape(projection) for projection in network.delayed if projection.learns_delays]
    return sum(map(math.prod, [*shapes, *delays])) + sum(scales) + sum(biases)
