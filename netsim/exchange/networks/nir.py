"""NIR, the neuromorphic intermediate representation: a network with its weights as a graph.

The graph is a chain. A layer with weights becomes the nodes ``<layer>_synapses`` (Conv2d, Affine or Linear) and
``<layer>_neurons`` (IF), with ``<layer>_flatten`` before them where a dense layer follows maps; a pooling layer
becomes ``<layer>_pooling`` (SumPool2d, the nearest there is). Arrays are in NIR's order, channels first, and times in
s. What NIR has no primitive for is metadata: of each node, to be read by people, and of the graph, whose entry
``netsim`` holds the whole specification as TOML and what was exported as JSON. From that the network comes back, with
the weights of the nodes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.exchange.formats import Imported, NetworkFormat
from netsim.seams import network_formats

if TYPE_CHECKING:
    from netsim.specification import Network
    from netsim.weights.arrays import Weights


def write(network: Network, weights: Weights, path: Path, record: Mapping[str, Any] | None = None) -> None:
    """Write a network with its weights; see `netsim.exchange.export_network`."""
    import nir

    from netsim.exchange.networks._graph import to_graph
    from netsim.files import write_atomically

    buffer = io.BytesIO()
    nir.write(buffer, to_graph(network, weights, record))
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def read(path: Path) -> Imported:
    """Read a network; see `netsim.exchange.import_network`."""
    import nir

    from netsim.exchange.hdf5 import check_hdf5
    from netsim.exchange.networks._graph import from_graph
    from netsim.exchange.presentations import reading

    with reading(path, "a NIR graph"):
        check_hdf5(path)
        return from_graph(nir.read(path), str(path))


def without_primitive(network: Network) -> list[str]:
    """What a network is made of that NIR has no primitive for, in words."""
    layers = network.weighted_layers
    words = ["single spikes", f"postsynaptic potentials ({_listed(layer.psp.shape for layer in layers)})"]
    regimes = _listed(layer.neurons.regime for layer in layers if layer.neurons.regime != "free")
    if regimes:
        words.append(f"onsets, windows and drives ({regimes})")
    elif any(layer.neurons.end < network.duration for layer in layers):
        words.append("windows")
    if len(layers) < len(network.layers):
        words.append("pooling of the earliest spike (sums stand for it)")
    return [*words, "the latency code", "learning"]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


network_formats.add(
    "nir",
    NetworkFormat(
        title="NIR",
        summary="no spikes, but the network and its weights as a graph for other simulators",
        suffixes=(".nir",),
        packages=("nir",),
        order=0,
        write=write,
        read=read,
        without_primitive=without_primitive,
    ),
    __name__,
)
