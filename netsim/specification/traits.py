"""Properties of a network for descriptions: chain, biases, delays, and names of parts."""

import math
from collections.abc import Sequence
from itertools import pairwise

from netsim.specification import Network, Population, Projection
from netsim.specification.phrases import names


def unless_all(chosen: Sequence[Population | Projection], everything: Sequence[Population | Projection]) -> str:
    """Return names of populations or projections in brackets, or an empty string if they are all."""
    return "" if len(chosen) == len(everything) else f" ({names(part.name for part in chosen)})"


def onto(chosen: Sequence[Projection], network: Network) -> str:
    """Name projections by their targets if the targets have no other input, else by their names."""
    alone = all(network.incoming(projection.target) == (projection,) for projection in chosen)
    if alone:
        return f"onto {names(projection.target for projection in chosen)}"
    return f"of {names(projection.name for projection in chosen)}"


def is_chain(network: Network) -> bool:
    """Return whether each population receives only from the preceding population."""
    return [(projection.source, projection.target) for projection in network.projections] == [*pairwise(network.shapes)]


def has_relays(network: Network) -> bool:
    """Return whether a network has relays, which forward spikes without integration."""
    return len(network.integrating) < len(network.populations)


def is_additive(network: Network) -> bool:
    """Return whether all potentials are sums of the effects of single spikes."""
    return all(population.dynamics.kind.additive for population in network.integrating)


def has_bias(network: Network) -> bool:
    """Return whether neurons of a network have biases."""
    return any(population.has_bias for population in network.populations)


def shares_weights(network: Network, projection: Projection) -> bool:
    """Return whether neurons of the target share weights."""
    return math.prod(network.shapes[projection.target]) > network.receivers(projection)


def has_delays(network: Network) -> bool:
    """Return whether a network has conduction delays."""
    return any(projection.delay for projection in network.projections)


def in_loops(network: Network) -> list[Population]:
    """Return the targets of projections that are part of a loop."""
    return [
        population
        for population in network.populations
        if any(map(network.is_recurrent, network.incoming(population.name)))
    ]


def returns(network: Network) -> bool:
    """Return whether hidden neurons at the edges of their windows are displaced into them."""
    learning = network.learning
    return learning.edges == "return" and not learning.normalised and len(network.integrating) > 1
