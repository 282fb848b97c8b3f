"""Which synapses the weights are of, where a connectivity lists them one by one."""

import hashlib
import math

import numpy as np

from netsim.errors import DataError
from netsim.specification import Connectivity, Network

_CHECKSUM = ".synapses"
"""What the names of checksums end in, beside those of packed weights."""


def synapse_checksums(network: Network) -> dict[str, str]:
    """SHA-256 of the synapses, by the names of projections: if their weights are one per synapse, or if not netsim's.

    A weight belongs to a synapse by its place in the list alone, and a list may be drawn: another version of numpy, or
    of a connectivity from elsewhere, could draw another one of the same length.
    """
    found = {}
    for projection in network.weighted:
        rule = projection.connectivity
        if rule.per_synapse or not _is_own(rule):
            pre, post, weight = network.connections(projection)
            found[projection.name] = _checksum(pre, post, *(() if rule.per_synapse else (weight,)))
    return found


def _is_own(rule: Connectivity) -> bool:
    """Whether a connectivity comes with netsim."""
    return type(rule).__module__.partition(".")[0] == __name__.partition(".")[0]


def _checksum(*indices: np.ndarray) -> str:
    digest = hashlib.sha256()
    for each in indices:
        digest.update(each.astype("<i4").tobytes())
    return digest.hexdigest()


def drawn_alike(network: Network) -> list[tuple[str, ...]]:
    """Names of projections that have the same synapses, because they were drawn with one seed."""
    found: dict[str, list[str]] = {}
    drawn = [one for one in network.weighted if one.connectivity.per_synapse and hasattr(one.connectivity, "seed")]
    for projection in drawn if len(drawn) > 1 else ():
        pre, post, _ = network.connections(projection)
        if len(pre) < math.prod(map(math.prod, network.ends(projection))):
            found.setdefault(_checksum(pre, post), []).append(projection.name)
    return [tuple(names) for names in found.values() if len(names) > 1]


def has_drawn_synapses(network: Network) -> bool:
    """Whether a connectivity of netsim's draws synapses from a seed."""
    rules = [projection.connectivity for projection in network.weighted]
    return any(hasattr(rule, "seed") and _is_own(rule) for rule in rules)


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
