"""The tables of what a network is made of: populations and connectivity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from netsim.description.document import Column, Table
from netsim.specification import STIMULUS, Network, Population, Projection
from netsim.specification.phrases import DELAY, dimensions, distinct, number, root
from netsim.specification.traits import shares_weights

_CONNECTIVITY = (
    Column("Source", 0.13),
    Column("Target", 0.13),
    Column("Pattern", 0.25),
    Column("Synapses", 0.11),
    Column("Weights", 0.11),
    Column("Inputs $n$", 0.09),
    Column("Initial weights", 0.18),
)
_IF_ANY: tuple[tuple[Column, Callable[[Projection], bool], Callable[[Projection], str]], ...] = (
    (Column("Name", 0.13), lambda one: one.name != one.target, lambda one: f"`{one.name}`"),
    (Column(f"Delay ${DELAY}$ (ms)", 0.08), lambda one: one.delay > 0, lambda one: f"${number(one.delay)}$"),
    (Column("Sign", 0.1), lambda one: one.sign != "any", lambda one: one.sign),
)
"""Columns that are there where a projection needs them, which it says, with their cells."""


def populations_table(network: Network) -> Table:
    """The populations, with the stimulus."""
    elements = {STIMULUS: "Stimulus neurons, which fire as table E says"}
    elements |= {population.name: _elements(population) for population in network.populations}
    return Table(
        "B",
        "Populations",
        tuple(
            (f"`{name}`", elements[name], dimensions(shape), f"{math.prod(shape):,}")
            for name, shape in network.shapes.items()
        ),
        (Column("Name", 0.2), Column("Elements", 0.4), Column("Shape", 0.24), Column("Neurons", 0.16)),
        ("Shapes are rows, columns and maps (channels, for the stimulus), or the number of neurons.",),
    )


def _elements(population: Population) -> str:
    return f"Integrating neurons, `{population.dynamics.regime}`" if population.integrates else "Pooling neurons"


def connectivity_table(network: Network) -> Table:
    """The connectivity: patterns, numbers of synapses and weights, and initial weights."""
    further = [(column, cell) for column, needed, cell in _IF_ANY if any(map(needed, network.projections))]
    columns = [*_CONNECTIVITY, *(column for column, _ in further)]
    if further:
        whole = sum(column.share for column in columns)
        columns = [Column(column.heading, column.share / whole) for column in columns]
    rows = (
        (*_connection(network, projection), *(cell(projection) for _, cell in further))
        for projection in network.projections
    )
    return Table("C", "Connectivity", tuple(rows), tuple(columns), tuple(_notes(network)))


def _connection(network: Network, projection: Projection) -> tuple[str, ...]:
    cells = (
        f"`{projection.source}`",
        f"`{projection.target}`",
        projection.connectivity.pattern(),
        f"{network.synapse_count(projection):,}",
    )
    shape, initial = network.weight_shape(projection), projection.initial
    if not shape:
        return (*cells, "none", "", "")
    return (
        *cells,
        f"{math.prod(shape):,}{', shared' if shares_weights(network, projection) else ''}",
        f"{network.fan_in(projection):,}",
        rf"{initial.distribution}, $a = {number(initial.mean)}$, $\sigma = {root(initial.spread)}$",
    )


def _notes(network: Network) -> Iterator[str]:
    yield from sorted({projection.connectivity.note() for projection in network.projections} - {""})
    ways = {
        "normal": r"normally with mean $a / n$ and standard deviation $\sigma / \sqrt{n}$",
        "uniform": r"uniformly from $a / n - \sqrt{3} \sigma / \sqrt{n}$ to $a / n + \sqrt{3} \sigma / \sqrt{n}$",
    }
    drawn = " or ".join(ways[way] for way in distinct(one.initial.distribution for one in network.weighted))
    yield (
        f"Initial weights{_pretrained(network)} are drawn independently, {drawn}.{_signs(network)}{_biases(network)}"
        " No synapses within a layer, and none back."
    )


def _pretrained(network: Network) -> str:
    return " other than pretrained ones (table G2)" if network.training.pretrained else ""


def _signs(network: Network) -> str:
    """What the sign of a projection means: one sentence, or nothing if none has any."""
    if all(projection.sign == "any" for projection in network.projections):
        return ""
    return " Those of an excitatory projection are then made positive, those of an inhibitory one negative."


def _biases(network: Network) -> str:
    """Where biases begin: one sentence, or nothing if there are none."""
    begin = {one.name: number(network.initial_bias(one)) for one in network.populations if one.has_bias}
    values = distinct(begin.values())
    if len(values) > 1:
        values = [f"{value} in `{name}`" for name, value in begin.items()]
    return f" Biases begin at {', '.join(values)}." if values else ""
