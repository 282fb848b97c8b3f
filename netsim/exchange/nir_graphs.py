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
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.exchange.channels_first import channels_first, from_nir_order, nir_shape, to_nir_order
from netsim.exchange.foreign_graphs import from_foreign_graph
from netsim.exchange.hdf5 import check_hdf5
from netsim.exchange.presentations import reading
from netsim.exchange.trains import to_json
from netsim.files import write_atomically
from netsim.specification import Convolution, Network, Pooling, Shape, WeightedLayer
from netsim.specification.toml import dumps_network, loads_toml, network_from_dict
from netsim.weights.layout import Weights, bias_name, check_weights, kernel_name, layer_shapes

_SYNAPSES, _NEURONS, _POOLING, _FLATTEN = "_synapses", "_neurons", "_pooling", "_flatten"
_LONGEST = 250_000  # characters of a text in the metadata


@dataclass(frozen=True, eq=False)
class Imported:
    """A network from a file.

    Attributes
    ----------
    network : Network
    weights : dict of ndarray of float64
        The weights that feed forward.
    record : dict
        What `export` was told of them; empty if another tool made the file.
    assumed : tuple of str
        What the file does not say.
    """

    network: Network
    weights: Weights
    record: dict[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()


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


def _listed(words: Any) -> str:
    return ", ".join(dict.fromkeys(words))


def to_graph(network: Network, weights: Weights, record: Mapping[str, Any] | None = None) -> nir.NIRGraph:
    """A network as a NIR graph, its types checked by NIR.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    record : mapping, optional
        Where they come from, ready for JSON.

    Raises
    ------
    DataError
        If the weights are not those of the network.
    """
    weights = check_weights(network, weights, "weights")
    code = {"code": f"latencies ({network.encoder.kind})", "t_max_ms": network.encoder.t_max}
    nodes = {"input": nir.Input(channels_first(network.shapes[0]), metadata=code)}
    for layer, source, shape in zip(network.layers, network.shapes, network.shapes[1:], strict=False):
        if isinstance(layer, Pooling):
            nodes[layer.name + _POOLING] = _pooling_node(layer)
            continue
        if len(source) > len(shape):
            nodes[layer.name + _FLATTEN] = nir.Flatten(channels_first(source), start_dim=0, end_dim=-1)
        nodes[layer.name + _SYNAPSES] = _synapses_node(layer, source, weights)
        nodes[layer.name + _NEURONS] = _neurons_node(network, layer, shape)
    nodes["output"] = nir.Output(channels_first(network.shapes[-1]))
    own = {"specification": dumps_network(network), "exported": to_json(record)}
    return nir.NIRGraph(nodes, list(pairwise(nodes)), metadata={"netsim": own})


def _pooling_node(layer: Pooling) -> nir.SumPool2d:
    return nir.SumPool2d(
        kernel_size=np.full(2, layer.size),
        stride=np.full(2, layer.step),
        padding=np.zeros(2, int),
        metadata={"layer": layer.name, "passes_on": "earliest spike"},
    )


def _synapses_node(layer: WeightedLayer, source: Shape, weights: Weights) -> nir.NIRNode:
    weight = to_nir_order(weights[kernel_name(layer)], layer, source)
    metadata = {
        "layer": layer.name,
        "psp": layer.psp.shape,
        "psp_breakpoints": np.array(layer.psp.kernel),  # delay in ms, change of slope
    }
    if isinstance(layer, Convolution):
        return nir.Conv2d(
            input_shape=source[:2],
            weight=weight,
            stride=layer.stride,
            padding=layer.padding,
            dilation=1,
            groups=1,
            bias=weights[bias_name(layer)] if layer.neurons.bias else np.zeros(layer.maps),
            metadata=metadata,
        )
    if layer.neurons.bias:
        return nir.Affine(weight, weights[bias_name(layer)], metadata=metadata)
    return nir.Linear(weight, metadata=metadata)


def _neurons_node(network: Network, layer: WeightedLayer, shape: Shape) -> nir.IF:
    neurons = layer.neurons
    every = channels_first(shape)
    return nir.IF(
        r=np.full(every, 1000 / neurons.tau),
        v_threshold=np.full(every, neurons.threshold),
        v_reset=np.zeros(every),
        metadata={
            "layer": layer.name,
            "spikes_per_presentation": 1,
            "regime": neurons.regime,
            "tau_ms": neurons.tau,
            "onset_ms": neurons.onset,
            "end_ms": network.window_end(layer),
            "gate_ms": neurons.gate_time,
            "drive": neurons.drive,
        },
    )


def from_graph(graph: nir.NIRGraph, origin: str) -> Imported:
    """The network and the weights of a graph that `to_graph` made, or another tool.

    Parameters
    ----------
    graph : nir.NIRGraph
    origin : str
        What the graph is called in messages.

    Raises
    ------
    SpecificationError
        If the specification in it cannot be read, or a network cannot be built.
    DataError
        If the graph is not that of its specification, or holds what no network here can have.
    """
    own = graph.metadata.get("netsim")
    if own is None:
        network, weights, assumed = from_foreign_graph(graph, origin)
        return Imported(network, weights, {}, assumed)
    record = json.loads(own["exported"])
    if not isinstance(record, dict) or max(map(len, own.values())) > _LONGEST:
        raise DataError(f"{origin}: has metadata that netsim does not write")
    table = loads_toml(own["specification"], origin)
    try:
        network = network_from_dict(table)
    except SpecificationError as error:
        raise SpecificationError(origin, str(error)) from error
    weights = {}
    for layer, source, shape in layer_shapes(network):
        synapses = _node(graph, layer.name + _SYNAPSES, "weight", nir_shape(layer, source), origin)
        _node(graph, layer.name + _NEURONS, "r", channels_first(shape), origin)
        weights[kernel_name(layer)] = from_nir_order(synapses.weight, layer, source)
        if layer.neurons.bias:
            weights[bias_name(layer)] = synapses.bias
    weights = check_weights(network, weights, origin)
    _check_same(graph, to_graph(network, weights), origin)
    return Imported(network, {name: array.astype(np.float64) for name, array in weights.items()}, record)


def _node(graph: nir.NIRGraph, name: str, array: str, shape: Shape, origin: str) -> nir.NIRNode:
    """A node, which must have an array of this shape."""
    node = graph.nodes.get(name)
    found = getattr(node, array, None)
    if found is None or found.shape != shape:
        raise DataError(f"{origin}: has no node {name} whose {array} has the shape {shape}")
    return node


def _check_same(graph: nir.NIRGraph, expected: nir.NIRGraph, origin: str) -> None:
    """Refuse a graph that was changed, so that its specification is another network's."""
    if graph.nodes.keys() != expected.nodes.keys() or sorted(graph.edges) != sorted(expected.edges):
        raise DataError(f"{origin}: has other nodes or edges than the specification in its metadata")
    for name, node in expected.nodes.items():
        found = graph.nodes[name].to_dict()
        for key, value in node.to_dict().items():
            if key != "metadata" and not _close(found.get(key), value):
                raise DataError(f"{origin}: {name} has another {key} than the specification in its metadata")


def _close(found: Any, value: Any) -> bool:
    """Whether values are equal, to single precision if they are numbers."""
    one, other = np.asarray(found), np.asarray(value)
    if one.shape != other.shape or "f" not in (one.dtype.kind, other.dtype.kind):
        return np.array_equal(one, other)
    return np.allclose(one, other, rtol=1e-6, atol=0)


def write(network: Network, weights: Weights, path: Path, record: Mapping[str, Any] | None = None) -> None:
    """Write a network with its weights; see `netsim.exchange.export_network`."""
    buffer = io.BytesIO()
    nir.write(buffer, to_graph(network, weights, record))
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def read(path: Path) -> Imported:
    """Read a network; see `netsim.exchange.import_network`."""
    with reading(path, "a NIR graph"):
        check_hdf5(path)
        return from_graph(nir.read(path), str(path))
