"""NIR, the neuromorphic intermediate representation: a network with its weights as a graph.

``docs/howto/exchange.md`` describes the nodes. Metadata contain features without a NIR primitive. Metadata of nodes
are for people. The entry ``netsim`` of the graph's metadata contains the specification as TOML and the provenance as
JSON. The import uses it together with the weights of the nodes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.exchange.formats import Imported, NetworkFormat
from netsim.seams import network_formats

if TYPE_CHECKING:
    from netsim.specification import Network
    from netsim.weights.layout import Weights


def write(network: Network, weights: Weights, path: Path, record: Mapping[str, Any] | None) -> None:
    """Write a network with its weights. See `netsim.exchange.export`."""
    import nir

    from netsim.exchange.networks._graph import to_graph
    from netsim.files import write_atomically

    buffer = io.BytesIO()
    nir.write(buffer, to_graph(network, weights, record))
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def read(path: Path) -> Imported:
    """Read a network. See `netsim.exchange.import_network`."""
    import nir

    from netsim.exchange.hdf5 import reading_hdf5
    from netsim.exchange.networks._graph import from_graph

    with reading_hdf5(path, "a NIR graph"):
        return from_graph(nir.read(path), str(path))


def without_primitive(network: Network) -> list[str]:
    """Return the features of a network that NIR has no primitives for."""
    from netsim.exchange.networks._layout import Layout

    neurons = [population.dynamics for population in network.integrating]
    lines = [projection for projection in network.weighted if network.neurons(projection.target).kind.has_psp]
    psps = dict.fromkeys(projection.psp.shape for projection in lines)
    words = ["single spikes"] + [f"postsynaptic potentials ({', '.join(psps)})"] * bool(psps)
    regimes = dict.fromkeys(each.regime for each in neurons if each.onset or each.drive)
    if regimes:
        words.append(f"onsets, windows and drives ({', '.join(regimes)})")
    elif any(each.end < network.duration for each in neurons):
        words.append("windows")
    if any(map(Layout(network).is_sparse, network.projections)):
        words.append("sparse connectivity (replaced by matrices with zeros)")
    if any(projection.is_delayed_per("synapse") for projection in network.delayed):
        words.append("delays of single synapses")
    if any(population.winners is not None for population in network.populations):
        words.append("winners")
    if len(neurons) < len(network.populations):
        words.append("pooling of the earliest spike (replaced by sums)")
    return [*words, "the latency code", "learning"]


_SUMMARY = "the network and its weights as a graph for other simulators, without spikes"
_UNREAD = (
    "a simulator that ignores the metadata lets neurons fire repeatedly, and decides by chance; docs/howto/nir.md has a"
    " program that applies the metadata and obtains the same spikes"
)
network_formats.add(
    "nir",
    NetworkFormat(_SUMMARY, (".nir",), write, read, ("nir>=1.0.8",), 0, "NIR", without_primitive, _UNREAD),
    __name__,
)
