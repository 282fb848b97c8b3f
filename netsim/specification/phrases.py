"""Numbers, names and symbols as model descriptions write them, for every entry that describes itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from netsim.specification import Network, Population, Projection, Shape

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

# Thin spaces are written out: a backslash before punctuation does not survive Markdown.
GAP = r" \thinspace "
T_MAX = r"t_{\mathrm{max}}"
ONSET = r"t_{\mathrm{on}}"
END = r"t_{\mathrm{end}}"
GATE = r"t_{\mathrm{gate}}"
DELAY = "e_{ij}"


def number(value: float) -> str:
    """A number to the last digit, in the language of mathematics."""
    if math.isinf(value):
        return r"\infty"
    digits, _, exponent = repr(float(value)).partition("e")
    digits = digits.removesuffix(".0")
    if not exponent:
        return digits
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits} \times {power}"


def in_ms(value: float) -> str:
    """A time in ms, in the language of mathematics."""
    return rf"{number(value)} \text{{ ms}}"


def root(value: float) -> str:
    """Like `number`, but the root of an integer is written as one."""
    square = round(value**2)
    is_root = value == math.sqrt(square) and not float(value).is_integer()
    return rf"\sqrt{{{square}}}" if is_root else number(value)


def dimensions(shape: Shape) -> str:
    """The shape of a population."""
    return "$" + r" \times ".join(map(str, shape)) + "$"


def counted(count: int, singular: str) -> str:
    """A count and what is counted."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


def names(words: Iterable[str]) -> str:
    """Names in a list, the last behind 'and'."""
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


def unless_all(chosen: Sequence[Population | Projection], everything: Sequence[Population | Projection]) -> str:
    """Names of populations or projections in brackets, or nothing if these are all of them."""
    return "" if len(chosen) == len(everything) else f" ({names(part.name for part in chosen)})"


def onto(projections: Iterable[Projection]) -> str:
    """Which projections: by their targets, or by names of their own if they have any."""
    chosen = list(projections)
    word = "onto" if all(projection.name == projection.target for projection in chosen) else "of"
    return f"{word} {names(projection.name for projection in chosen)}"


def is_chain(network: Network) -> bool:
    """Whether each population receives from the one before alone."""
    return [(projection.source, projection.target) for projection in network.projections] == [*pairwise(network.shapes)]


def has_relays(network: Network) -> bool:
    """Whether populations of a network pass spikes on without integrating them."""
    return len(network.integrating) < len(network.populations)


def has_bias(network: Network) -> bool:
    """Whether neurons of a network have biases."""
    return any(population.has_bias for population in network.populations)


def shares_weights(network: Network, projection: Projection) -> bool:
    """Whether neurons of the target have weights in common: there are more of them than the last axis holds."""
    return math.prod(network.shapes[projection.target]) > network.weight_shape(projection)[-1]


def has_delays(network: Network) -> bool:
    """Whether conduction takes time in a network."""
    return any(projection.delay for projection in network.projections)


def distinct(items: Iterable[Key]) -> list[Key]:
    """Each item once, in the order in which they come first."""
    return list(dict.fromkeys(items))


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by what they have in common, in the order in which they come first."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
