"""The tables of what a network is made of: populations and connectivity."""

from __future__ import annotations

import math
from collections.abc import Iterator

from netsim.description.document import Column, Table
from netsim.specification import Convolution, Dense, Layer, Network, Pooling
from netsim.specification.connectivity import synapse_counts
from netsim.specification.phrases import dimensions, distinct, has, number, root


def populations_table(network: Network) -> Table:
    """The populations: stimulus and layers."""
    elements = ["Stimulus neurons, which fire as table E says"]
    elements += [
        "Pooling neurons" if isinstance(layer, Pooling) else f"Integrating neurons, `{layer.neurons.regime}`"
        for layer in network.layers
    ]
    rows = zip(_population_names(network), elements, network.shapes, strict=True)
    return Table(
        "B",
        "Populations",
        tuple((f"`{name}`", element, dimensions(shape), f"{math.prod(shape):,}") for name, element, shape in rows),
        (Column("Name", 0.2), Column("Elements", 0.4), Column("Shape", 0.24), Column("Neurons", 0.16)),
        ("Shapes are rows, columns and maps (channels, for the stimulus), or the number of neurons.",),
    )


def connectivity_table(network: Network) -> Table:
    """The connectivity: patterns, numbers of synapses and weights, and initial weights."""
    counts = synapse_counts(network)
    rows = []
    for layer, source, shape in zip(network.layers, _population_names(network), network.shapes, strict=False):
        cells = [f"`{source}`", f"`{layer.name}`", _pattern(layer)]
        if isinstance(layer, Pooling):
            synapses = math.prod(layer.output_shape(shape)) * layer.size**2
            rows.append((*cells, f"{synapses:,}", "none", "", ""))
            continue
        *inputs, _ = kernel = layer.kernel_shape(shape)
        shared = ", shared" if isinstance(layer, Convolution) else ""
        initial = layer.initial
        rows.append((
            *cells,
            f"{counts[layer.name]:,}",
            f"{math.prod(kernel):,}{shared}",
            f"{math.prod(inputs):,}",
            rf"{initial.distribution}, $a = {number(initial.mean)}$, $\sigma = {root(initial.spread)}$",
        ))  # fmt: skip
    columns = (
        Column("Source", 0.13),
        Column("Target", 0.13),
        Column("Pattern", 0.25),
        Column("Synapses", 0.11),
        Column("Weights", 0.11),
        Column("Inputs $n$", 0.09),
        Column("Initial weights", 0.18),
    )
    return Table("C", "Connectivity", tuple(rows), columns, tuple(_notes(network)))


def _population_names(network: Network) -> list[str]:
    return ["stimulus"] + [layer.name for layer in network.layers]


def _pattern(layer: Layer) -> str:
    if isinstance(layer, Dense):
        return "All to all"
    if isinstance(layer, Pooling):
        return f"Fields of {dimensions((layer.size, layer.size))} in each map, stride {layer.step}"
    kernel = dimensions((layer.kernel, layer.kernel))
    return f"Convolution, kernel {kernel} over all maps, stride {layer.stride}, padding {layer.padding}"


def _notes(network: Network) -> Iterator[str]:
    if has(network, Convolution):
        yield (
            "Convolution: counted from 0, the neuron in row $y$ and column $x$ of a map receives from the rows"
            " $sy - p$ to $sy - p + f - 1$ and the columns $sx - p$ to $sx - p + f - 1$ of every map below, with kernel"
            " $f$, stride $s$ and padding $p$. The neurons of a map share their weights. There are no neurons in the"
            " padding."
        )
    if has(network, Pooling):
        yield (
            "Fields: the pooling neuron in row $y$ and column $x$ of a map receives from the rows $sy$ to $sy + f - 1$"
            " and the columns $sx$ to $sx + f - 1$ of the same map below, with side $f$ and stride $s$. Rows and"
            " columns that do not fill a field are left out."
        )
    ways = {
        "normal": r"normally with mean $a / n$ and standard deviation $\sigma / \sqrt{n}$",
        "uniform": r"uniformly from $a / n - \sqrt{3} \sigma / \sqrt{n}$ to $a / n + \sqrt{3} \sigma / \sqrt{n}$",
    }
    drawn = " or ".join(ways[way] for way in distinct(layer.initial.distribution for layer in network.weighted_layers))
    yield (
        f"Initial weights{_pretrained(network)} are drawn independently, {drawn}.{_biases(network)}"
        " No synapses within a layer, and none back."
    )


def _pretrained(network: Network) -> str:
    return " other than pretrained ones (table G2)" if network.training.pretrained else ""


def _biases(network: Network) -> str:
    """Where biases begin: one sentence, or nothing if there are none."""
    begin = {layer.name: number(layer.initial.bias) for layer in network.weighted_layers if layer.neurons.bias}
    values = distinct(begin.values())
    if len(values) > 1:
        values = [f"{value} in `{name}`" for name, value in begin.items()]
    return f" Biases begin at {', '.join(values)}." if values else ""
