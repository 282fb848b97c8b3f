"""Checks that the parts of a specification share; each refuses with the field and the remedy."""

from __future__ import annotations

import sys

from netsim.errors import SpecificationError

_TAKEN = ("stimulus", "all")  # words that commands and tables have where a population's name can stand


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


def check_choice(value: str, choices: tuple[str, ...], where: str) -> None:
    """Refuse anything but one of the choices."""
    require(value in choices, where, f"must be {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")


def check_size(value: int, where: str, least: int = 1) -> None:
    """Refuse anything but an integer of at least `least`."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        where,
        f"must be an integer >= {least}, not {value!r}",
    )


def check_dropout(value: float, where: str) -> None:
    """Refuse anything but a fraction below 1."""
    require(finite(value) and 0 <= value < 1, where, f"must be in [0, 1), not {value}")
