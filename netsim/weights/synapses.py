"""Which synapses the weights are of, where a connectivity lists them one by one."""

import hashlib

import numpy as np

from netsim.errors import DataError
from netsim.seams import connectivities
from netsim.specification import Network

_CHECKSUM = ".synapses"
"""What the names of checksums end in, beside those of packed weights."""


def synapse_checksums(network: Network) -> dict[str, str]:
    """SHA-256 of the pairs of neurons, by the names of the projections whose weights are one per synapse.

    A weight belongs to a synapse by its place in the list alone, and a list may be drawn: another version of numpy, or
    of a connectivity from elsewhere, could draw another one of the same length.
    """
    return {
        projection.name: _checksum(network.connections(projection).pre, network.connections(projection).post)
        for projection in network.weighted
        if projection.connectivity.per_synapse
    }


def _checksum(*neurons: np.ndarray) -> str:
    digest = hashlib.sha256()
    for each in neurons:
        digest.update(each.astype("<i4").tobytes())
    return digest.hexdigest()


def has_drawn_synapses(network: Network) -> bool:
    """Whether a connectivity of netsim's draws synapses from a seed."""
    rules = [projection.connectivity for projection in network.weighted]
    return any(hasattr(rule, "seed") and connectivities.is_own(connectivities.name_of(type(rule))) for rule in rules)


def as_arrays(network: Network) -> dict[str, np.ndarray]:
    """The checksums in the form in which they stand beside weights, 32 bytes for each projection."""
    return {
        f"{name}{_CHECKSUM}": np.frombuffer(bytes.fromhex(checksum), np.uint8)
        for name, checksum in synapse_checksums(network).items()
    }


def without_checksums(network: Network, arrays: dict[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """What else stands in a file; a DataError names the `origin`, if the weights in it are those of other synapses."""
    kept = {name for name in arrays if name.endswith(_CHECKSUM)}
    wanted = as_arrays(network) if kept else {}
    wrong = sorted(name for name in kept if name not in wanted or not np.array_equal(arrays[name], wanted[name]))
    if wrong:
        names = ", ".join(name.removesuffix(_CHECKSUM) for name in wrong)
        others = f"holds weights of other synapses of {names} than {network.name} has now"
        raise DataError(f"{origin}: {others}; use the version of netsim, numpy or the plug-in that listed those")
    return {name: array for name, array in arrays.items() if name not in kept}
