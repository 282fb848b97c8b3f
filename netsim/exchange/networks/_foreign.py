"""Import NIR graphs of other tools: chains of layers of integrate-and-fire neurons.

Weights, biases, thresholds and shapes come from the graph. A time step of the other tool becomes 1 ms. In such a step a
spike raises the potential by its weight. First spikes of a layer occur at the same steps, plus one step per layer
before it. `ASSUMED` lists the assumptions.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import nir
import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.exchange.networks._layout import Layout
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Pooling,
    Shape,
    Training,
)
from netsim.specification.checks import is_name, whole_numbers
from netsim.weights.layout import Weights, bias_name, check_weights, kernel_name

_T_MAX, _DURATION = 64.0, 256.0
ASSUMED = (
    "one spike per neuron",
    "a time step of 1 ms, which r of IF stands for, so that a spike adds its weight",
    f"images coded in {_T_MAX:g} ms",
    f"presentations of {_DURATION:g} ms",
)

ASSUMED_OF_CUBA = (
    "one spike per neuron",
    "time constants in seconds, and exact spike times",
    "spikes that add their weight to the current I of CubaLIF, whatever its w_in",
    *ASSUMED[2:],
)


def from_foreign_graph(graph: nir.NIRGraph, origin: str) -> tuple[Network, Weights, tuple[str, ...]]:
    """Return a network, its weights in float64, and the assumptions, for a graph without netsim's metadata.

    The graph must be a chain from an Input to an Output. Its layers are Affine, Linear or Conv2d, followed by IF, by
    LIF without leak, or, all of them, by CubaLIF. Flatten, SumPool2d and AvgPool2d may come between layers. `origin` is
    the name in messages, and its last part names the network.
    """
    chain = _chain(graph, origin)
    try:
        shape = _stimulus_shape(*chain[0], origin)
        parts = list(_without_averages(chain[1:-1], shape, origin))
        layers, nodes = _layers(parts, origin)
        cuba = {
            _layer_name(before): node for (before, _), (_, node) in pairwise(parts) if isinstance(node, nir.CubaLIF)
        }
        network = Network.chain(
            re.sub(r"[^A-Za-z0-9_.-]|^[.-]", "_", Path(origin).stem),
            IntensityEncoder(shape, _T_MAX),
            layers,
            _DURATION,
            training=Training(dt=0.0 if cuba else 1.0),
        )
    except SpecificationError as error:
        raise SpecificationError(origin, str(error)) from error
    weights = {}
    layout = Layout(network)
    for population in network.integrating:
        (projection,), name = network.incoming(population.name), population.name
        weight, needed = nodes[name].weight, layout.weight_shape(projection)
        if weight.shape != needed:
            raise DataError(
                f"{origin}: {name} has weights of shape {weight.shape}, but its nodes need {needed}; correct the file"
            )
        strength = float(cuba[name].r.flat[0]) if name in cuba else 1.0
        weights[kernel_name(projection)] = layout.from_nir(projection, strength * weight.astype(np.float64))
        if population.has_bias and name in cuba:
            weights[bias_name(population)] = cuba[name].v_leak.reshape(population.maps, -1)[:, 0].astype(np.float64)
        elif population.has_bias:
            weights[bias_name(population)] = nodes[name].bias.astype(np.float64)
    pooled = len(network.integrating) < len(network.populations)
    assumed = ASSUMED_OF_CUBA if cuba else ASSUMED
    return network, check_weights(network, weights, origin), assumed + ("pooling of the earliest spike",) * pooled


def _layers(chain: Sequence[tuple[str, Any]], origin: str) -> tuple[tuple[Layer, ...], dict[str, Any]]:
    """Return the layers of the nodes between Input and Output, and the nodes with weights by layer."""
    layers: list[Layer] = []
    weighted: dict[str, Any] = {}
    waiting: tuple[str, Any] | None = None  # weights before their neurons
    for name, node in chain:
        node_type = type(node)
        if node_type in (nir.Affine, nir.Linear, nir.Conv2d) and waiting is None:
            waiting = (name, node)
        elif node_type in (nir.IF, nir.LIF, nir.CubaLIF) and waiting is not None:
            layers.append(_layer(*waiting, name, node, origin))
            weighted[layers[-1].name] = waiting[1]
            waiting = None
        elif node_type is nir.SumPool2d and waiting is None:
            layers.append(_pooling(name, node, origin))
        elif node_type is not nir.Flatten or waiting is not None or len(node.output_type["output"]) != 1:
            why = "is not supported here; layers are (Conv2d, Affine or Linear), IF, or SumPool2d"
            _refuse(origin, name, f"{node_type.__name__} {why}")
    if waiting is not None:
        _refuse(origin, waiting[0], "is not followed by IF, so that nothing spikes; add IF after it")
    resistances = {float(node.r.flat[0]): name for name, node in chain if isinstance(node, nir.IF | nir.LIF)}
    if negative := [name for resistance, name in resistances.items() if not resistance > 0]:
        _refuse(origin, negative[0], "has a resistance r that is not above 0; reverse the weights before it instead")
    if len(resistances) > 1:
        raise DataError(f"{origin}: has IF with different r; all must have the same, because r is the time step")
    if (
        len({isinstance(node, nir.CubaLIF) for _, node in chain if isinstance(node, nir.IF | nir.LIF | nir.CubaLIF)})
        > 1
    ):
        raise DataError(f"{origin}: has IF or LIF next to CubaLIF; only CubaLIF has a time in seconds, use one of them")
    return tuple(layers), weighted


def _without_averages(chain: Sequence[tuple[str, Any]], shape: Shape, origin: str) -> Iterator[tuple[str, nir.NIRNode]]:
    """Yield the nodes, with each AvgPool2d merged into the weights after it. A mean is a sum with equal weights.

    `shape` is the shape of the stimulus.
    """
    sides, average = np.array(shape[:2]), None
    for name, node in chain:
        if isinstance(node, nir.AvgPool2d):
            if average is not None:
                _refuse(origin, average[0], f"is followed by the AvgPool2d {name!r}; merge both into one")
            average = (name, *_sides(name, node, origin))
            if np.any((sides - average[1]) % average[2]):
                _refuse(
                    origin,
                    name,
                    f"does not cover maps of {sides[0]} x {sides[1]} evenly, which netsim cannot represent;"
                    " change its stride or padding",
                )
            continue
        if average is not None and isinstance(node, nir.Conv2d):
            node = _conv_of_means(node, *average, origin)
            average = None
        elif average is not None and isinstance(node, nir.Affine | nir.Linear):
            node = _matrix_of_means(node, sides, *average[1:])
            average = None
        elif average is not None and not isinstance(node, nir.Flatten):
            _refuse(
                origin, average[0], "is not followed by weights, into which netsim would merge it; add weights after it"
            )
        yield name, node
        if isinstance(node, nir.Conv2d):
            padding = _single("padding", _padding(node), name, origin)
            kernel, stride = node.weight.shape[2], _single("stride", node.stride, name, origin)
            sides = (sides + 2 * padding - kernel) // stride + 1
        elif isinstance(node, nir.SumPool2d):
            size, stride = _sides(name, node, origin)
            sides = (sides - size) // stride + 1
    if average is not None:
        _refuse(
            origin, average[0], "is not followed by weights, into which netsim would merge it; add weights after it"
        )


def _padding(node: nir.Conv2d) -> Any:
    """Return the padding as numbers."""
    return 0 if np.array_equal(node.padding, "valid") else node.padding


def _conv_of_means(node: nir.Conv2d, pool: str, size: int, step: int, origin: str) -> nir.Conv2d:
    """Return a convolution of the inputs of an AvgPool2d with this size and stride."""
    padding = np.asarray(_single("padding", _padding(node), pool, origin))
    if np.any(padding != 0) and size > step:
        _refuse(origin, pool, "overlaps, and is followed by padding, which netsim cannot represent; remove the padding")
    maps, channels, kernel, _ = node.weight.shape
    sees = (kernel - 1) * step + size
    weight = np.zeros((maps, channels, sees, sees))
    for y, x in np.ndindex(kernel, kernel):
        weight[:, :, y * step : y * step + size, x * step : x * step + size] += node.weight[:, :, y, x, None, None]
    return nir.Conv2d(
        input_shape=None,
        weight=weight / size**2,
        stride=np.asarray(node.stride) * step,
        padding=padding * step,
        dilation=node.dilation,
        groups=node.groups,
        bias=node.bias,
    )


def _matrix_of_means(node: Any, sides: np.ndarray, size: int, step: int) -> Any:
    """Return weights of the inputs of an AvgPool2d with this size and stride, in maps of height and width `sides`."""
    pooled = (sides - size) // step + 1
    small = node.weight.reshape(len(node.weight), -1, *pooled)
    weight = np.zeros((*small.shape[:2], *sides))
    for y, x in np.ndindex(*pooled):
        weight[:, :, y * step : y * step + size, x * step : x * step + size] += small[:, :, y, x, None, None]
    weight = weight.reshape(len(weight), -1) / size**2
    return nir.Linear(weight) if isinstance(node, nir.Linear) else nir.Affine(weight, node.bias)


def _refuse(origin: str, name: str, why: str) -> NoReturn:
    raise DataError(f"{origin}: node {name!r}: {why}")


def _chain(graph: nir.NIRGraph, origin: str) -> list[tuple[str, nir.NIRNode]]:
    """Return the nodes from the only Input to the only Output."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DataError(
            f"{origin}: has {len(graph.inputs)} Inputs and {len(graph.outputs)} Outputs; one each is needed"
        )
    following: dict[str, str] = {}
    for source, target in graph.edges:
        if source in following or target in following.values():
            _refuse(origin, source if source in following else target, "has several edges; only chains are supported")
        following[source] = target
    names = [next(iter(graph.inputs))]
    while names[-1] in following and len(names) < len(graph.nodes):
        names.append(following[names[-1]])
    if len(names) < len(graph.nodes) or names[-1] not in graph.outputs:
        raise DataError(f"{origin}: is not a single chain of nodes from Input to Output; remove branches and loops")
    return [(name, graph.nodes[name]) for name in names]


def _stimulus_shape(name: str, node: nir.Input, origin: str) -> tuple[int, int, int]:
    """Return height, width and channels. A vector becomes a row of pixels."""
    given = np.asarray(node.output_type["output"])
    sides = whole_numbers(given)
    if sides is None or sides.shape not in ((1,), (3,)):
        _refuse(origin, name, f"has the shape {given.tolist()}; (channels, height, width) or (neurons,) is needed")
    shape = sides.tolist()
    channels, height, width = shape if len(shape) == 3 else (1, 1, *shape)
    return height, width, channels


def _layer_name(name: str) -> str:
    """Return a valid layer name for a node."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if is_name(word) else f"layer_{word}"


def _leaky(name: str, bias: Any, node: nir.CubaLIF, origin: str) -> Neurons:
    """Return the neurons of a CubaLIF node."""
    values = {field: np.unique(getattr(node, field)) for field in ("tau_syn", "tau_mem", "r", "v_threshold", "w_in")}
    for field, value in values.items():
        if value.size != 1:
            _refuse(origin, name, f"has different values of {field}; all neurons must have the same")
    if bias is not None and np.any(bias):
        _refuse(
            origin, name, "follows weights with a bias, which would pass the synapse; use v_leak for a constant current"
        )
    if len(node.v_leak.shape) > 1 and np.unique(node.v_leak.reshape(len(node.v_leak), -1), axis=1).shape[1] != 1:
        _refuse(origin, name, "has different v_leak within a map; all neurons of a map must have the same")
    synapse, membrane, _, threshold, _ = (float(value[0]) for value in values.values())
    synapse, membrane = 1000 * synapse, 1000 * membrane
    same = None if synapse == membrane else synapse
    return Neurons(threshold=threshold, tau=membrane, family="leaky", tau_syn=same, bias=bool(np.any(node.v_leak)))


def _layer(name: str, synapses: Any, neurons_name: str, neurons: nir.IF | nir.LIF | nir.CubaLIF, origin: str) -> Layer:
    if isinstance(neurons, nir.LIF) and not (np.isinf(neurons.tau).all() and np.isinf(neurons.r).all()):
        _refuse(origin, neurons_name, "leaks; a LIF is supported only if its tau and r are infinite")
    if isinstance(neurons, nir.CubaLIF):
        leaky = _leaky(neurons_name, getattr(synapses, "bias", None), neurons, origin)
        return _synapses_layer(name, synapses, {"neurons": leaky}, origin)
    thresholds = np.unique(neurons.v_threshold)
    if thresholds.size != 1 or np.unique(neurons.r).size != 1:
        _refuse(origin, neurons_name, "has different thresholds or resistances; all neurons must have the same")
    bias = getattr(synapses, "bias", None)
    settings: dict[str, Any] = {
        "neurons": Neurons(threshold=float(thresholds[0]), tau=1.0, bias=bias is not None and bool(np.any(bias))),
        "psp": PSP("plateau", rise=1.0),
    }
    return _synapses_layer(name, synapses, settings, origin)


def _synapses_layer(name: str, synapses: Any, settings: dict[str, Any], origin: str) -> Layer:
    """Return the layer of a node with weights."""
    if not isinstance(synapses, nir.Conv2d):
        return Layer(_layer_name(name), Dense(len(synapses.weight)), **settings)
    if synapses.groups != 1 or np.any(np.asarray(synapses.dilation) != 1):
        _refuse(origin, name, "has groups or a dilation, which netsim does not support; set both to 1")
    convolution = Convolution(
        len(synapses.weight),
        _single("kernel", synapses.weight.shape[2:], name, origin),
        _single("stride", synapses.stride, name, origin),
        _single("padding", _padding(synapses), name, origin),
    )
    return Layer(_layer_name(name), convolution, **settings)


def _pooling(name: str, node: nir.SumPool2d, origin: str) -> Layer:
    return Layer(_layer_name(name), Pooling(*_sides(name, node, origin)))


def _sides(name: str, node: nir.SumPool2d | nir.AvgPool2d, origin: str) -> tuple[int, int]:
    """Return size and stride of a pooling node."""
    if np.any(np.asarray(node.padding) != 0):
        _refuse(origin, name, "has padding, which netsim does not support for pooling; set it to 0")
    return _single("kernel_size", node.kernel_size, name, origin), _single("stride", node.stride, name, origin)


def _single(what: str, sides: Any, name: str, origin: str) -> int:
    """Return the common value of height and width."""
    values = np.unique(np.asarray(sides))
    if values.size != 1 or values.dtype.kind not in "iu":
        _refuse(origin, name, f"has the {what} {sides!r}; one integer for height and width is needed")
    return int(values[0])
