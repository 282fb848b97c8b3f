"""Checks that the parts of a specification share; each refuses with the field and the remedy."""

import functools
import sys
import typing
from collections.abc import Collection
from typing import Any

from netsim.errors import SpecificationError
from netsim.registry import Registry

Shape = tuple[int, ...]

_TAKEN = ("stimulus", "all")  # words that commands and tables have where a population's name can stand
_BOUNDS = {
    "finite": lambda value: True,
    "positive": lambda value: value > 0,
    "a positive time in ms": lambda value: value > 0,
    ">= 0": lambda value: value >= 0,
    "a time >= 0 ms": lambda value: value >= 0,
    "in [0, 1)": lambda value: 0 <= value < 1,
    "in [0, 1]": lambda value: 0 <= value <= 1,
}


def require(condition: bool, where: str, message: str) -> None:
    """Raise a SpecificationError that names the field unless the condition holds."""
    if not condition:
        raise SpecificationError(where, message)


def finite(value: float) -> bool:
    """Whether a value is a number, and neither infinite nor NaN."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def check_name(name: str, where: str) -> None:
    """Refuse anything but the name of a population or a projection."""
    require(
        isinstance(name, str) and name.isascii() and name.isidentifier() and name not in _TAKEN,
        where,
        f"must be a word of ASCII letters, digits and underscores (and not {' or '.join(_TAKEN)}), not {name!r}",
    )


def check_choice(value: Any, choices: Collection[str], where: str) -> None:
    """Refuse anything but one of the choices."""
    known = isinstance(value, str) and value in choices  # a list, which a file may hold, cannot be looked up
    words = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
    hint = "; or load the plug-in that registers it, --plugin FILE" if isinstance(choices, Registry) else ""
    require(known, where, f"must be {words}, not {value!r}{hint if isinstance(value, str) else ''}")


def check_literals(part: object, where: str) -> None:
    """Refuse anything but the choices of those fields that are literals."""
    cls: Any = type(part)
    for name, choices in _literals(cls).items():
        check_choice(getattr(part, name), choices, f"{where}.{name}")


@functools.cache  # to evaluate annotations takes a while
def _literals(cls: type) -> dict[str, tuple[str, ...]]:
    hints = typing.get_type_hints(cls)
    return {name: typing.get_args(hint) for name, hint in hints.items() if typing.get_origin(hint) is typing.Literal}


def check_numbers(part: object, where: str, names: Collection[str], bound: str) -> None:
    """Refuse fields that are no finite numbers within a bound, one of `_BOUNDS`."""
    for name in names:
        value = getattr(part, name)
        require(finite(value) and _BOUNDS[bound](value), f"{where}.{name}", f"must be {bound}, not {value}")


def check_probability(value: float, where: str) -> None:
    """Refuse anything but a probability that lets something happen."""
    require(finite(value) and 0 < value <= 1, where, f"must be a probability, above 0 and at most 1, not {value}")


def check_shape(shape: Shape, lengths: Collection[int], where: str, form: str) -> None:
    """Refuse anything but positive integers, of which there is one of these numbers."""
    listed = isinstance(shape, tuple | list)
    fits = listed and len(shape) in lengths and all(isinstance(n, int) and n > 0 for n in shape)
    require(fits, where, f"needs {form}, not {list(shape) if listed else shape!r}")


def check_size(value: int, where: str, least: int = 1) -> None:
    """Refuse anything but an integer of at least `least`."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        where,
        f"must be an integer >= {least}, not {value!r}",
    )
