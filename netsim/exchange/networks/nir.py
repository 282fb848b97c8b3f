"""NIR, the neuromorphic intermediate representation: a network with its weights as a graph.

``docs/exchange.md`` says what becomes which node. What NIR has no primitive for is metadata: of each node, to be read
by people, and of the graph, whose entry ``netsim`` holds the whole specification as TOML and what was exported as JSON.
From that the network comes back, with the weights of the nodes.
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
    """Write a network with its weights; see `netsim.exchange.export`."""
    import nir

    from netsim.exchange.networks._graph import to_graph
    from netsim.files import write_atomically

    buffer = io.BytesIO()
    nir.write(buffer, to_graph(network, weights, record))
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def read(path: Path) -> Imported:
    """Read a network; see `netsim.exchange.import_network`."""
    import nir

    from netsim.exchange.hdf5 import reading_hdf5
    from netsim.exchange.networks._graph import from_graph

    with reading_hdf5(path, "a NIR graph"):
        return from_graph(nir.read(path), str(path))


def without_primitive(network: Network) -> list[str]:
    """What a network is made of that NIR has no primitives for, in words."""
    from netsim.exchange.networks._layout import Layout

    neurons = [population.dynamics for population in network.integrating]
    psps = dict.fromkeys(projection.psp.shape for projection in network.weighted)
    words = ["single spikes", f"postsynaptic potentials ({', '.join(psps)})"]
    regimes = dict.fromkeys(one.regime for one in neurons if one.onset or one.drive)
    if regimes:
        words.append(f"onsets, windows and drives ({', '.join(regimes)})")
    elif any(one.end < network.duration for one in neurons):
        words.append("windows")
    if any(map(Layout(network).is_sparse, network.projections)):
        words.append("sparse connectivity (matrices with zeros stand for it)")
    if any(projection.is_delayed_per("synapse") for projection in network.delayed):
        words.append("delays of single synapses")
    if any(population.winners is not None for population in network.populations):
        words.append("winners")
    if len(neurons) < len(network.populations):
        words.append("pooling of the earliest spike (sums stand for it)")
    return [*words, "the latency code", "learning"]


_SUMMARY = "no spikes, but the network and its weights as a graph for other simulators"
_UNREAD = (
    "a simulator that loads the file as it is runs neurons that fire again and again, and decides by chance; the"
    " metadata suffice for the same spikes, and docs/nir.md has the program that applies them"
)
network_formats.add(
    "nir", NetworkFormat(_SUMMARY, (".nir",), write, read, ("nir",), 0, "NIR", without_primitive, _UNREAD), __name__
)
