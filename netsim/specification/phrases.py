"""Format numbers, names and symbols for model descriptions."""

import math
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

# Thin spaces are explicit because Markdown removes a backslash before punctuation.
GAP = r" \hspace{0.17em} "
T_MAX = r"t_{\mathrm{max}}"
ONSET = r"t_{\mathrm{on}}"
END = r"t_{\mathrm{end}}"
GATE = r"t_{\mathrm{gate}}"
DELAY = "e_{ij}"


def number(value: float) -> str:
    """Format a number with all digits, as mathematics."""
    if math.isinf(value):
        return r"\infty"
    digits, _, exponent = repr(float(value)).partition("e")
    digits = digits.removesuffix(".0")
    if not exponent:
        return digits
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits} \times {power}"


def in_ms(value: float) -> str:
    """Format a time in ms, as mathematics."""
    return rf"{number(value)} \text{{ ms}}"


def root(value: float) -> str:
    """Format like `number`, but write the root of an integer as a root."""
    square = round(value**2)
    is_root = value == math.sqrt(square) and not float(value).is_integer()
    return rf"\sqrt{{{square}}}" if is_root else number(value)


def dimensions(shape: tuple[int, ...]) -> str:
    """Format the shape of a population."""
    return "$" + r" \times ".join(map(str, shape)) + "$"


def counted(count: int, singular: str) -> str:
    """Format a count with its noun."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


def names(words: Iterable[str]) -> str:
    """Join names, with 'and' before the last."""
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


def distinct(items: Iterable[Key]) -> list[Key]:
    """Return each item once, in the order of first appearance."""
    return list(dict.fromkeys(items))


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Group items by a key, in the order of first appearance."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
