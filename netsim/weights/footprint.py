"""Estimates of the memory of weights and synapses, which refuse what a machine cannot hold."""

import math
import os
from contextlib import suppress
from pathlib import Path

from netsim.errors import SpecificationError
from netsim.specification import Network
from netsim.weights.layout import weight_shapes

_DOUBLE = 8  # bytes of a weight
_LISTED = 12  # bytes of a listed synapse: three indices
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the limit of a container (bytes), or another word without a limit."""


def check_memory(network: Network, arrays: float = 1.0, per_neuron: float = 0.0) -> None:
    """Raise SpecificationError if the weights and synapses of a network exceed the memory of this machine.

    Parameters
    ----------
    network : Network
    arrays : float
        Number of double-precision arrays of the size of all weights that are in memory at a time.
    per_neuron : float
        Further double-precision numbers of each neuron, such as latencies.
    """
    shapes = weight_shapes(network)
    listed = sum(network.synapse_count(each) for each in network.projections if each.connectivity.per_synapse)
    neurons = sum(map(math.prod, network.shapes.values()))
    weights = sum(map(math.prod, shapes.values()))
    needed = _DOUBLE * (arrays * weights + per_neuron * neurons) + _LISTED * listed
    if needed > (there := machine_memory()):
        largest = max(network.populations, key=lambda population: population.size)
        need = f"{weights:,} weights need about {needed / 1e9:,.1f} GB of memory"
        remedy = f"use fewer synapses, or fewer neurons ({largest.name} has {largest.size:,})"
        raise SpecificationError(network.name, f"{need}, but this machine has {there / 1e9:,.1f} GB; {remedy}")


def machine_memory() -> float:
    """Return the memory of this machine, or of the container (bytes), ``inf`` if the system does not tell."""
    sizes = [math.inf]
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        sizes.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    for name in _LIMITS:
        with suppress(OSError, ValueError):
            sizes.append(float(Path(name).read_text(encoding="ascii")))
    return min(sizes)
