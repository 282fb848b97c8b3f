"""Numbers, names and symbols as model descriptions write them, for every entry that describes itself."""

import math
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

# Thin spaces are written out: a backslash before punctuation does not survive Markdown.
GAP = r" \hspace{0.17em} "
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


def dimensions(shape: tuple[int, ...]) -> str:
    """The shape of a population."""
    return "$" + r" \times ".join(map(str, shape)) + "$"


def counted(count: int, singular: str) -> str:
    """A count and what is counted."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


def names(words: Iterable[str]) -> str:
    """Names in a list, the last behind 'and'."""
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


def distinct(items: Iterable[Key]) -> list[Key]:
    """Each item once, in the order in which they come first."""
    return list(dict.fromkeys(items))


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by what they have in common, in the order in which they come first."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
