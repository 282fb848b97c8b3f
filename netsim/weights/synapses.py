"""Checksums of synapse lists, which identify the synapses of weights."""

import hashlib
import math

import numpy as np

from netsim.errors import DataError
from netsim.specification import Connectivity, Network

_CHECKSUM = ".synapses"
"""Suffix of checksums in files of packed weights."""


def synapse_checksums(network: Network) -> dict[str, str]:
    """Return SHA-256 checksums of synapse lists, for projections with weights per synapse or with foreign rules.

    A weight belongs to a synapse by its index in the list. A drawn list may change with the version of numpy or of a
    foreign connectivity.
    """
    checksums = {}
    for projection in network.weighted:
        rule = projection.connectivity
        if rule.per_synapse or not _is_of_netsim(rule):
            pre, post, weight = network.connections(projection)
            checksums[projection.name] = _checksum(pre, post, *(() if rule.per_synapse else (weight,)))
    return checksums


def _is_of_netsim(rule: Connectivity) -> bool:
    """True if netsim defines the connectivity."""
    return type(rule).__module__.partition(".")[0] == __name__.partition(".")[0]


def _checksum(*indices: np.ndarray) -> str:
    digest = hashlib.sha256()
    for each in indices:
        digest.update(each.astype("<i4").tobytes())
    return digest.hexdigest()


def drawn_alike(network: Network) -> list[tuple[str, ...]]:
    """Return names of projections with identical synapses, because they were drawn with the same seed."""
    groups: dict[str, list[str]] = {}
    drawn = [each for each in network.weighted if each.connectivity.per_synapse and hasattr(each.connectivity, "seed")]
    for projection in drawn if len(drawn) > 1 else ():
        pre, post, _ = network.connections(projection)
        if len(pre) < math.prod(map(math.prod, network.ends(projection))):
            groups.setdefault(_checksum(pre, post), []).append(projection.name)
    return [tuple(names) for names in groups.values() if len(names) > 1]


def has_drawn_synapses(network: Network) -> bool:
    """True if a connectivity of netsim draws synapses from a seed."""
    rules = [projection.connectivity for projection in network.weighted]
    return any(hasattr(rule, "seed") and _is_of_netsim(rule) for rule in rules)


def as_arrays(network: Network) -> dict[str, np.ndarray]:
    """Return the checksums as arrays for a file of weights, 32 bytes per projection."""
    return {
        f"{name}{_CHECKSUM}": np.frombuffer(bytes.fromhex(checksum), np.uint8)
        for name, checksum in synapse_checksums(network).items()
    }


def without_checksums(network: Network, arrays: dict[str, np.ndarray], origin: str) -> dict[str, np.ndarray]:
    """Remove the checksums from arrays of a file. Raises DataError if its weights belong to other synapses."""
    kept = {name for name in arrays if name.endswith(_CHECKSUM)}
    wanted = as_arrays(network) if kept else {}
    wrong = sorted(name for name in kept if name not in wanted or not np.array_equal(arrays[name], wanted[name]))
    if wrong:
        names = ", ".join(name.removesuffix(_CHECKSUM) for name in wrong)
        others = f"contains weights for other synapses of {names} than {network.name} has now"
        raise DataError(f"{origin}: {others}; use the version of netsim, numpy or the plug-in that drew them")
    return {name: array for name, array in arrays.items() if name not in kept}
