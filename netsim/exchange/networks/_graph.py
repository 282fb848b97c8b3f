"""Convert a network with its weights to a NIR graph, and back. ``docs/howto/exchange.md`` describes the layout."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.exchange.formats import Imported
from netsim.exchange.networks._foreign import from_foreign_graph
from netsim.exchange.networks._layout import INPUT, NEURONS, POOLING, Layout
from netsim.exchange.trains import to_json
from netsim.seams import scopes
from netsim.specification import STIMULUS, Network, Population, Projection, Shape
from netsim.specification.toml import dumps_network, loads_toml, network_from_dict, with_files_beside
from netsim.weights.layout import ON_TIME, Weights, axonal_delay, bias_name, check_weights, delay_name, kernel_name

_SYNAPSES, _FLATTEN, _DELAY = "_synapses", "_flatten", "_delay"
_LONGEST = 250_000  # characters of a metadata text


def to_graph(
    network: Network, weights: Weights, record: Mapping[str, Any] | None = None, in_seconds: bool = False
) -> nir.NIRGraph:
    """Return a network as a NIR graph, whose types NIR checks. `record` is provenance for JSON.

    `in_seconds` selects the layout of version 0.1, with ``r`` = 1000/τ, which most tools refuse or ignore.
    """
    weights = check_weights(network, weights, "weights")
    layout = Layout(network)
    nodes = {INPUT: nir.Input(layout.shape(STIMULUS), metadata=_code(network, in_seconds))}
    edges: list[tuple[str, str]] = []
    for population in network.in_order:
        bias = np.repeat(weights[bias_name(population)], layout.per_bias(population)) if population.has_bias else None
        neurons: dict[str, nir.NIRNode] = {}
        if population.integrates and population.dynamics.kind.cell != "integrator":
            neurons = _leaky_node(network, population, layout, weights)
            bias = None  # a constant current is the leak potential; inputs of CubaLIF pass its synapse
        elif population.integrates:
            neurons = _neurons_node(network, population, layout, in_seconds)
        for projection in network.incoming(population.name):
            path = _between(layout, projection, weights)
            if population.integrates:
                if bias is None and not in_seconds:  # all tools support Affine, but not all Linear
                    bias = np.zeros(layout.weight_shape(projection)[0])
                path |= _synapses_node(network, projection, layout, weights, bias)
            else:
                path |= _relays_node(projection, layout)
            nodes |= path
            edges += pairwise([_sender(network, projection.source), *path, *neurons])
            bias = None  # IF adds the currents of several nodes
        nodes |= neurons
    nodes["output"] = nir.Output(layout.shape(network.output.name))
    edges.append((_sender(network, network.output.name), "output"))
    metadata = {"specification": dumps_network(network), "exported": to_json(record)}
    return nir.NIRGraph(nodes, edges, metadata={"netsim": metadata})


def _sender(network: Network, name: str) -> str:
    """Return the node that sends the spikes of the stimulus or of a population."""
    if name == STIMULUS:
        return INPUT
    return name + (NEURONS if network.population(name).integrates else POOLING)


def _code(network: Network, in_seconds: bool) -> dict[str, Any]:
    """Return the settings of the encoder."""
    code = {"code": f"latencies ({network.encoder.kind})", "t_max_ms": network.encoder.t_max}
    if in_seconds:
        return code
    settings = {name: value for name, value in vars(network.encoder).items() if name not in ("shape", "t_max")}
    return code | settings | {"duration_ms": network.duration}


def _between(layout: Layout, projection: Projection, weights: Weights) -> dict[str, nir.NIRNode]:
    """Return the nodes between a source and the synapses: delays, Flatten."""
    nodes: dict[str, nir.NIRNode] = {}
    shape = layout.shape(projection.source)
    delays = axonal_delay(projection, weights, ON_TIME)
    if projection.common_delay or projection.is_delayed_per("axon"):
        # the conversion to seconds is inexact
        metadata = {"delay_ms": delays} if delays.shape else {}
        nodes[projection.name + _DELAY] = nir.Delay(layout.axons_to_nir(projection, delays / 1000), metadata=metadata)
    if len(shape) > len(layout.shape(projection.target)):
        nodes[projection.name + _FLATTEN] = nir.Flatten(shape, start_dim=0, end_dim=-1)
    return nodes


def _relays_node(projection: Projection, layout: Layout) -> dict[str, nir.NIRNode]:
    """Return the sum node that represents a relay."""
    window = layout.window(projection)
    metadata = {"layer": projection.target, "passes_on": "earliest spike"}
    if window is None:
        matrix = layout.to_nir(projection, np.ones(1))
        rule = {"connectivity": projection.connectivity.pattern()}
        node: nir.NIRNode = nir.Linear(matrix, metadata=metadata | rule)
    else:
        sides = (np.full(2, side) for side in (window.size, window.stride, window.padding))
        node = nir.SumPool2d(*sides, metadata=metadata)
    return {projection.target + POOLING: node}


def _synapses_node(
    network: Network, projection: Projection, layout: Layout, weights: Weights, bias: np.ndarray | None
) -> dict[str, nir.NIRNode]:
    window, kernel = layout.window(projection), weights[kernel_name(projection)]
    metadata: dict[str, Any] = {
        "layer": projection.target,
    }
    if network.neurons(projection.target).kind.has_psp:
        metadata["psp"] = projection.psp.shape
        metadata["psp_breakpoints"] = np.array(projection.psp.kernel)  # delay in ms, change of slope
        if network.is_recurrent(projection):
            metadata["counts_from_ms"] = network.neurons(projection.target).onset
    if projection.is_delayed_per("synapse"):
        delays = weights[delay_name(projection)]
        metadata["delay_ms"] = delays  # shape of the weights in netsim
        if not layout.has_parallel_synapses(projection):
            metadata["synapse_delay_ms"] = layout.to_nir(projection, delays)  # shape of the weights of the node
    if layout.is_sparse(projection):
        metadata |= {"connectivity": projection.connectivity.pattern(), "kernel": kernel}
    weight = layout.to_nir(projection, kernel)
    if window is not None:
        node: nir.NIRNode = nir.Conv2d(
            input_shape=window.source[:2],
            weight=weight,
            stride=window.stride,
            padding=window.padding,
            dilation=1,
            groups=1,
            bias=np.zeros(len(weight)) if bias is None else bias,
            metadata=metadata,
        )
    elif bias is None:
        node = nir.Linear(weight, metadata=metadata)
    else:
        node = nir.Affine(weight, bias, metadata=metadata)
    return {projection.name + _SYNAPSES: node}


def _leaky_node(network: Network, population: Population, layout: Layout, weights: Weights) -> dict[str, nir.NIRNode]:
    """Return the CubaLIF node of leaky neurons. A spike is an impulse of area 1, and adds its weight to ``I``."""
    neurons, shape = population.dynamics, layout.shape(population.name)
    rates = neurons.rates
    if not (rates and min(rates) > 0):
        lack = f"have the family {neurons.family}, for which NIR has no node; use leaky neurons, or another format"
        raise SpecificationError(population.name, lack)
    resistance = 1 / (rates.leak * neurons.tau)
    bias = np.zeros(shape)
    if population.has_bias:
        shared_by = population.size // population.maps
        bias = np.repeat(weights[bias_name(population)].astype(float), shared_by).reshape(shape)
    node = nir.CubaLIF(
        tau_syn=np.full(shape, 1 / (1000 * rates.decay)),
        tau_mem=np.full(shape, 1 / (1000 * rates.leak)),
        r=np.full(shape, resistance),
        v_leak=resistance * bias,
        v_threshold=np.full(shape, neurons.threshold),
        v_reset=np.zeros(shape),
        w_in=np.full(shape, 1 / (1000 * rates.decay)),
        metadata=_metadata(network, population),
    )
    return {population.name + NEURONS: node}


def _metadata(network: Network, population: Population) -> dict[str, Any]:
    """Return the parameters of neurons that NIR has no fields for."""
    neurons, competing = population.dynamics, population.winners
    winners = {} if competing is None else {"winners": {"scope": scopes.name_of(type(competing)), **vars(competing)}}
    return {
        "layer": population.name,
        "spikes_per_presentation": 1,
        "regime": neurons.regime,
        "tau_ms": neurons.tau,
        "onset_ms": neurons.onset,
        "end_ms": network.window_end(population),
        "gate_ms": neurons.gate,
        "drive": neurons.drive,
        **winners,
    }


def _neurons_node(network: Network, population: Population, layout: Layout, in_seconds: bool) -> dict[str, nir.NIRNode]:
    neurons, shape = population.dynamics, layout.shape(population.name)
    resistance = 1000 / neurons.tau if in_seconds else 1.0
    threshold = neurons.threshold if in_seconds else neurons.threshold * neurons.tau
    node = nir.IF(
        r=np.full(shape, resistance),
        v_threshold=np.full(shape, threshold),
        v_reset=np.zeros(shape),
        metadata=_metadata(network, population),
    )
    return {population.name + NEURONS: node}


def from_graph(graph: nir.NIRGraph, origin: str) -> Imported:
    """Return the network and its weights from a graph of `to_graph` or another tool. Messages name `origin`."""
    metadata = graph.metadata.get("netsim")
    if metadata is None:
        network, weights, assumed = from_foreign_graph(graph, origin)
        return Imported(network, weights, {}, assumed)
    record = json.loads(metadata["exported"])
    if not isinstance(record, dict) or max(map(len, metadata.values())) > _LONGEST:
        raise DataError(f"{origin}: has metadata that netsim does not write; export it again")
    table = loads_toml(metadata["specification"], origin)
    try:
        network = network_from_dict(with_files_beside(table, Path(origin).parent))
    except SpecificationError as error:
        raise SpecificationError(origin, str(error)) from error
    weights = {}
    layout = Layout(network)
    for population in network.integrating:
        leaks = population.dynamics.kind.cell == "exponential"
        parameters = _node(
            graph, population.name + NEURONS, "v_leak" if leaks else "r", layout.shape(population.name), origin
        )
        nodes = []
        for projection in network.incoming(population.name):
            shape = layout.weight_shape(projection)
            nodes.append(_node(graph, projection.name + _SYNAPSES, "weight", shape, origin))
            kernel = nodes[-1].metadata.get("kernel")
            if kernel is not None and kernel.shape != network.weight_shape(projection):
                raise DataError(f"{origin}: has metadata that netsim does not write; export it again")
            weights[kernel_name(projection)] = layout.from_nir(projection, nodes[-1].weight, kernel)
        if population.has_bias and leaks:
            weights[bias_name(population)] = (parameters.v_leak / parameters.r).reshape(population.maps, -1)[:, 0]
        elif population.has_bias:
            weights[bias_name(population)] = nodes[0].bias[:: layout.per_bias(population)]
    for projection in network.delayed:
        name, shape = delay_name(projection), network.delay_shape(projection)
        node = graph.nodes.get(projection.name + (_DELAY if projection.is_delayed_per("axon") else _SYNAPSES))
        delays = None if node is None else node.metadata.get("delay_ms")
        if not isinstance(delays, np.ndarray) or delays.shape != shape:
            raise DataError(f"{origin}: has no {name} of shape {shape} in its metadata; export it again")
        weights[name] = delays
    weights = check_weights(network, weights, origin)
    in_seconds = "duration_ms" not in getattr(graph.nodes.get(INPUT), "metadata", {})
    _check_same(graph, to_graph(network, weights, in_seconds=in_seconds), origin)
    return Imported(network, {name: array.astype(np.float64) for name, array in weights.items()}, record)


def _node(graph: nir.NIRGraph, name: str, array: str, shape: Shape, origin: str) -> nir.NIRNode:
    """Return a node, or raise DataError unless it has an array of this shape."""
    node = graph.nodes.get(name)
    values = getattr(node, array, None)
    if values is None or values.shape != shape:
        raise DataError(f"{origin}: has no node {name} with {array} of shape {shape}; export it again")
    return node


def _check_same(graph: nir.NIRGraph, expected: nir.NIRGraph, origin: str) -> None:
    """Raise DataError if the graph was changed, so that it contradicts the specification in its metadata."""
    if graph.nodes.keys() != expected.nodes.keys() or sorted(graph.edges) != sorted(expected.edges):
        raise DataError(f"{origin}: has other nodes or edges than the specification in its metadata; export it again")
    for name, node in expected.nodes.items():
        actual = graph.nodes[name].to_dict()
        for key, value in node.to_dict().items():
            if key != "metadata" and not _close(actual.get(key), value):
                raise DataError(f"{origin}: {name} has another {key} than its specification; export it again")
        told = getattr(graph.nodes[name], "metadata", None) or {}
        for key, value in node.metadata.items():
            derived = key == "kernel" or isinstance(value, dict)  # the nodes have the weights
            if key in told and not derived and not _close(told[key], value):
                raise DataError(
                    f"{origin}: {name} has another {key} in its metadata than its specification; export it again"
                )


def _close(actual: Any, expected: Any) -> bool:
    """Return whether values are equal, numbers to single precision."""
    first, second = np.asarray(actual), np.asarray(expected)
    if first.shape != second.shape or "f" not in (first.dtype.kind, second.dtype.kind):
        return np.array_equal(first, second)
    return np.allclose(first, second, rtol=1e-6, atol=0)
