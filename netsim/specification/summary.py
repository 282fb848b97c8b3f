"""A specification in a few words and numbers, for tables of presets."""

from __future__ import annotations

import math
from typing import Any

from netsim.specification import Network, Population
from netsim.weights.layout import kernel_name, latent_shapes


def architecture(network: Network) -> str:
    """The layers in the field's shorthand, for example ``28x28-32C5-P2-1000-10``."""
    height, width, channels = network.encoder.shape
    stimulus = f"{height}x{width}" + (f"x{channels}" if channels > 1 else "")
    return "-".join([stimulus, *(_notation(network, population) for population in network.populations)])


def _notation(network: Network, population: Population) -> str:
    """A population by the projections onto it, those from elsewhere than the population before with their source."""
    before = list(network.shapes)[network.position(population.name) - 1]
    words = []
    for projection in network.incoming(population.name):
        elsewhere = "" if projection.source == before else f"({projection.source})"
        words.append(projection.connectivity.notation(population.shape) + elsewhere)
    return "+".join(words)


def summarise(network: Network) -> dict[str, Any]:
    """Name, architecture, regimes, and numbers of neurons, synapses and parameters that are learned."""
    static = {kernel_name(projection) for projection in network.weighted if not projection.plastic}
    regimes = list(dict.fromkeys(population.dynamics.regime for population in network.integrating))
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
        "parameters": sum(math.prod(shape) for name, shape in latent_shapes(network).items() if name not in static),
    }
