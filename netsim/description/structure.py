"""The tables of populations and connectivity."""

import math
from collections.abc import Callable, Iterator

from netsim.description.document import Table
from netsim.specification import STIMULUS, Network, Population, Projection
from netsim.specification.phrases import DELAY, dimensions, distinct, names, number, root
from netsim.specification.traits import shares_weights

_CONNECTIVITY = {"Source": 0.13, "Target": 0.13, "Pattern": 0.21, "Synapses": 0.13, "Weights": 0.12}
_CONNECTIVITY |= {"Inputs $n$": 0.1, "Initial weights": 0.18}
_IF_ANY: tuple[tuple[str, float, Callable[[Projection], bool], Callable[[Projection], str]], ...] = (
    ("Name", 0.13, lambda each: each.name != each.target, lambda each: f"`{each.name}`"),
    (f"Delay ${DELAY}$ (ms)", 0.16, lambda each: bool(each.delay), lambda each: _delay(each)),
    ("Sign", 0.15, lambda each: each.sign != "any", lambda each: each.sign),
)
"""Optional columns: heading, fraction of the width, whether a projection needs the column, its cell."""


_INPUTS = "Inputs $n$: synapses onto a neuron, on average over the target; a kernel counts whole at an edge."
_ROUNDED_UP = "Initial weights are drawn with $n$ rounded up."


def _delay(projection: Projection) -> str:
    """Describe the conduction delays of a projection."""
    delays = projection.delays
    if delays is None:
        return f"${number(projection.common_delay)}$"
    mean = f"${number(delays.mean)}$"
    drawn = f"{delays.distribution}, mean {mean}, SD ${number(delays.spread)}$" if delays.spread else mean
    upper = number(delays.longest) if delays.longest < math.inf else "T"
    learned = "learned from there" if delays.learned else "fixed"
    return f"per {delays.per}: {drawn}, from ${number(delays.shortest)}$ to ${upper}$; {learned}"


def populations_table(network: Network) -> Table:
    """Return the populations, including the stimulus."""
    elements = {STIMULUS: "Stimulus neurons, which fire as in table E"}
    for each in network.populations:
        elements[each.name] = f"Integrating neurons, `{each.dynamics.regime}`" if each.integrates else "Pooling neurons"
        if each.integrates and each.signs is not None:
            elements[each.name] += f"; {_inhibitory(each)}"
    rows = (
        (f"`{name}`", elements[name], dimensions(shape), f"{math.prod(shape):,}")
        for name, shape in network.shapes.items()
    )
    note = "Shapes are rows, columns and maps (channels, for the stimulus), or the number of neurons."
    columns = {"Name": 0.2, "Elements": 0.4, "Shape": 0.24, "Neurons": 0.16}
    return Table("B", "Populations", tuple(rows), columns, (note,))


def _inhibitory(population: Population) -> str:
    """Return which neurons of a population are inhibitory, and which excitatory."""
    assert population.signs is not None
    count, what = int((population.signs < 0).sum()), "maps" if len(population.shape) == 3 else "neurons"
    if count in (0, population.maps):
        return f"all {what} are {'inhibitory' if count else 'excitatory'}"
    return f"the last {count} {what} are inhibitory, the others excitatory"


def connectivity_table(network: Network) -> Table:
    """Return the connectivity: patterns, numbers of synapses and weights, and initial weights."""
    further = [column for column in _IF_ANY if any(map(column[2], network.projections))]
    columns = _CONNECTIVITY | {heading: share for heading, share, _, _ in further}
    if further:
        whole = sum(columns.values())
        columns = {heading: share / whole for heading, share in columns.items()}
    rows = (
        (*_connection(network, projection), *(cell(projection) for _, _, _, cell in further))
        for projection in network.projections
    )
    return Table("C", "Connectivity", tuple(rows), columns, tuple(_notes(network)))


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
    weights = f"{math.prod(shape):,}{', shared' if shares_weights(network, projection) else ''}"
    if projection.connectivity.known_weights(*network.ends(projection)) is not None:
        return (*cells, weights, _inputs(network, projection), "as listed")
    drawn = rf"{initial.distribution}, $a = {number(initial.mean)}$, $\sigma = {root(initial.spread)}$"
    return (*cells, weights, _inputs(network, projection), drawn)


def _inputs(network: Network, projection: Projection) -> str:
    """Return the mean number of synapses onto a neuron, not rounded up unless padding counts."""
    mean = network.synapse_count(projection) / math.prod(network.shapes[projection.target])
    drawn = network.fan_in(projection)
    return f"{drawn:,}" if drawn - mean >= 1 or drawn == mean else f"{mean:,.4g}"


def _notes(network: Network) -> Iterator[str]:
    yield from sorted({projection.connectivity.note() for projection in network.projections} - {""})
    ways = {
        "normal": r"normally with mean $a / n$ and standard deviation $\sigma / \sqrt{n}$",
        "uniform": r"uniformly from $a / n - \sqrt{3} \sigma / \sqrt{n}$ to $a / n + \sqrt{3} \sigma / \sqrt{n}$",
    }
    other = given = " other than pretrained ones (table G2)" if network.training.pretrained else ""
    known = [each for each in network.weighted if each.connectivity.known_weights(*network.ends(each)) is not None]
    random = [each for each in network.weighted if each not in known]
    drawn = " or ".join(ways[way] for way in distinct(each.initial.distribution for each in random))
    signed = {each.name: network.weight_signs(each) is not None for each in network.weighted}
    incoming = [network.incoming(population.name) for population in network.integrating]
    mixed = any(len({signed[each.name] for each in projections}) == 2 for projections in incoming)
    meant = any(signed[each.name] and each.initial.mean for each in network.weighted)
    apart = " or ".join(["without a fixed sign"] * mixed + ["with a mean $a$ other than 0"] * meant)
    delays = (
        f" Delays{given} are drawn independently and cut to the range in the table; synapses that share a weight share"
        " a delay."
    )
    signs = (
        " Then weights with the wrong sign are set to 0, and the others are scaled. Onto neurons that receive both"
        r" signs, weights cancel on average, and their sum has the variance $\sigma^2$. Onto neurons that receive one"
        r" sign, they add up to $\sigma$ on average."
    ) + f" Weights {apart} are neither scaled nor counted there." * bool(apart)
    if known:
        other += " that are not listed"
    begin = f"Initial weights{other} are drawn independently, {drawn}.{signs * any(signed.values())}" if random else ""
    yield f"{begin}{delays * bool(network.delayed)}{_biases(network, given)}{_loops(network)}".strip()
    if network.weighted:
        yield f"{_INPUTS}{' ' + _ROUNDED_UP if random else ''}"


def _loops(network: Network) -> str:
    """Return a sentence on loops."""
    loops = [projection.name for projection in network.projections if network.is_recurrent(projection)]
    return f" Part of loops: {names(loops)}." if loops else " No synapses within a layer, and none back."


def _biases(network: Network, given: str) -> str:
    """Return a sentence on initial biases, or an empty text."""
    begin = {each.name: _with_unit(each, network.initial_bias(each)) for each in network.populations if each.has_bias}
    values = distinct(begin.values())
    if len(values) > 1:
        values = [f"{value} in `{name}`" for name, value in begin.items()]
    return f" Biases{given} begin at {', '.join(values)}." if values else ""


def _with_unit(population: Population, bias: float) -> str:
    """Return a bias in pA, or in the unit of weights if the population has no physical units."""
    scale = population.dynamics.scale
    if scale is not None:
        return rf"${number(float(f'{bias * scale.current:.12g}'))} \text{{ pA}}$"
    return f"{number(bias)}{' (in the unit of weights)' if bias else ''}"
