"""What descriptions ask of a network: whether it is a chain, has biases or delays, and what of it is meant."""

import math
from collections.abc import Sequence
from itertools import pairwise

from netsim.specification import Network, Population, Projection
from netsim.specification.phrases import names


def unless_all(chosen: Sequence[Population | Projection], everything: Sequence[Population | Projection]) -> str:
    """Names of populations or projections in brackets, or nothing if these are all of them."""
    return "" if len(chosen) == len(everything) else f" ({names(part.name for part in chosen)})"


def onto(chosen: Sequence[Projection], network: Network) -> str:
    """Which projections: by the targets that receive from them alone, else by their own names."""
    alone = all(network.incoming(projection.target) == (projection,) for projection in chosen)
    if alone:
        return f"onto {names(projection.target for projection in chosen)}"
    return f"of {names(projection.name for projection in chosen)}"


def is_chain(network: Network) -> bool:
    """Whether each population receives from the one before alone."""
    return [(projection.source, projection.target) for projection in network.projections] == [*pairwise(network.shapes)]


def has_relays(network: Network) -> bool:
    """Whether populations of a network pass spikes on without integrating them."""
    return len(network.integrating) < len(network.populations)


def has_bias(network: Network) -> bool:
    """Whether neurons of a network have biases."""
    return any(population.has_bias for population in network.populations)


def shares_weights(network: Network, projection: Projection) -> bool:
    """Whether neurons of the target have weights in common: there are more of them than receive by their own."""
    return math.prod(network.shapes[projection.target]) > network.receivers(projection)


def has_delays(network: Network) -> bool:
    """Whether conduction takes time in a network."""
    return any(projection.delay for projection in network.projections)


def in_loops(network: Network) -> list[Population]:
    """The populations that projections of a loop, be it onto themselves, go to."""
    return [one for one in network.populations if any(map(network.is_recurrent, network.incoming(one.name)))]
