"""Checks that the parts of a specification share. Their errors name the field and the remedy."""

import dataclasses
import functools
import os
import sys
import types
import typing
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.registry import Registry

Shape = tuple[int, ...]
Kind = TypeVar("Kind")

_TAKEN = ("stimulus", "all")  # words that commands and tables accept next to names of populations
_WORDS: dict[Any, str] = {str: "a word", bool: "true or false", int | float: "a number"}
_BOUNDS = {
    "finite": lambda value: True,
    "positive": lambda value: value > 0,
    "a positive time in ms": lambda value: value > 0,
    ">= 0": lambda value: value >= 0,
    "a time >= 0 ms": lambda value: value >= 0,
    "in [0, 1)": lambda value: 0 <= value < 1,
    "in [0, 1]": lambda value: 0 <= value <= 1,
}
_NUMBERS = (int, float, np.integer, np.floating)
_SMALLEST, _LARGEST = 1e-30, 1e30
"""Magnitudes of physical quantities, whose products and squares stay finite in double precision."""


def require(condition: bool, where: str, message: str) -> None:
    """Raise a SpecificationError that names the field unless the condition holds."""
    if not condition:
        raise SpecificationError(where, message)


def finite(value: float) -> bool:
    """Return whether a value is a finite number, which a boolean is not."""
    is_number = isinstance(value, _NUMBERS) and not isinstance(value, bool)
    return is_number and abs(plain_number(value)) <= sys.float_info.max


def is_name(word: object) -> bool:
    """Return whether a word can name a population or a projection."""
    return isinstance(word, str) and word.isascii() and word.isidentifier() and word not in _TAKEN


def check_name(name: str, where: str) -> None:
    """Refuse a word that cannot name a population or a projection."""
    require(
        is_name(name),
        where,
        f"must be a word of ASCII letters, digits and underscores (and not {' or '.join(_TAKEN)}), not {name!r}",
    )


def check_choice(value: Any, choices: Collection[str], where: str) -> None:
    """Refuse a value that is not one of the choices."""
    if isinstance(value, str) and value in choices:  # files may contain lists, which are not hashable
        return
    words = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
    hint = ""
    if isinstance(value, str) and isinstance(choices, Registry):
        hint = "; or load the plug-in that registers it (--plugin FILE; in Python netsim.load_plugin)"
    raise SpecificationError(where, f"must be {words}, not {value!r}{hint}")


def check_types(part: Any, where: str) -> None:
    """Refuse fields whose types differ from their annotations.

    Convert lists to tuples and numpy scalars to Python numbers. Check choices, strings, booleans, numbers, sequences of
    numbers and nested parts. The part itself checks all other types.
    """
    cls: Any = type(part)
    plain_numbers(part)
    for name, (kind, choices, optional) in _types(cls).items():
        value, field = getattr(part, name), f"{where}.{name}".lstrip(".")
        if value is None and optional:
            continue
        if kind is tuple:
            plain = isinstance(value, list | tuple | np.ndarray) and not carries_unit(value)
            listed = _tuple(value) if plain else None
            if listed is not None:
                object.__setattr__(part, name, listed)
            numbers = listed is not None and all(type(each) in (int, float) for each in listed)
            if not numbers and choices == (float, ...):
                raise SpecificationError(field, f"must be a sequence of numbers, not {value!r}")
        elif choices:
            check_choice(value, choices, field)
        elif not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            word = _WORDS.get(kind) or f"{an_instance(kind)}{' or None' * optional}"
            raise SpecificationError(field, f"must be {word}, not {value!r}")


def carries_unit(value: Any) -> bool:
    """Return whether a value, or an item of a list, has a physical unit of quantities, Brian2, astropy or pint."""
    if isinstance(value, list | tuple):
        return any(map(carries_unit, value))
    return any(hasattr(type(value), mark) for mark in ("units", "unit", "has_same_dimensions"))


def check_kind(value: object, kind: type, where: str, such_as: str = "") -> None:
    """Refuse a value that is not an instance of a class. `such_as` shows in the message how to make an instance."""
    how = f", {such_as}" if such_as else ""
    require(isinstance(value, kind), where, f"must be {an_instance(kind)}{how}, not {type(value).__name__}")


def an_instance(kind: type) -> str:
    """Return the name of a class with its article, for messages."""
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


def check_parts(parts: Any, kind: type[Kind], where: str) -> tuple[Kind, ...]:
    """Return a sequence of parts of one class as a tuple. Refuse other values."""
    require(not isinstance(parts, kind), where, f"must be a sequence of {kind.__name__}, not one alone")
    if not isinstance(parts, Iterable):
        raise SpecificationError(where, f"must be a sequence of {kind.__name__}, not {parts!r}")
    listed = tuple(parts)
    for part in listed:
        if not isinstance(part, kind):
            raise SpecificationError(where, f"must be a sequence of {kind.__name__}, not of {part!r}")
    return listed


def plain_numbers(part: Any) -> None:
    """Replace numpy scalars in the fields of a part by Python numbers."""
    for field in dataclasses.fields(part):
        if field.init and _is_scalar(value := getattr(part, field.name)):
            object.__setattr__(part, field.name, plain_number(value))


def plain_number(value: Any) -> Any:
    """Return a numpy scalar as the Python number with the same printed decimals. Return other values unchanged.

    Examples
    --------
    >>> plain_number(np.float32(0.1)), float(np.float32(0.1))
    (0.1, 0.10000000149011612)
    """
    if not _is_scalar(value):
        return value
    return float(str(value[()])) if value.dtype.kind == "f" else value.item()


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 and not carries_unit(value)


@functools.cache  # evaluating annotations is slow
def _types(cls: type) -> dict[str, tuple[Any, tuple[Any, ...], bool]]:
    """Return the type, its choices or inner types, and whether None is allowed, for each field to check."""
    hints = typing.get_type_hints(cls)
    types_by_name: dict[str, tuple[Any, tuple[Any, ...], bool]] = {}
    for field in dataclasses.fields(cls):
        options = typing.get_args(hints[field.name])
        optional = types.NoneType in options
        hint = next(iter(set(options) - {types.NoneType})) if optional and len(options) == 2 else hints[field.name]
        origin = typing.get_origin(hint)
        if origin is typing.Literal:
            types_by_name[field.name] = (str, typing.get_args(hint), False)
        elif origin is tuple:
            types_by_name[field.name] = (tuple, typing.get_args(hint), optional)
        elif hint in (bool, str, float):
            types_by_name[field.name] = (int | float if hint is float else hint, (), optional)
        elif dataclasses.is_dataclass(hint):
            types_by_name[field.name] = (hint, (), optional)
    return types_by_name


def _tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    plain = values.tolist() if isinstance(values, np.ndarray) else map(plain_number, values)
    return tuple(_tuple(value) if isinstance(value, list | tuple | np.ndarray) else value for value in plain)


def check_numbers(part: object, where: str, names: Collection[str], bound: str) -> None:
    """Refuse fields that are not finite numbers within a bound, a key of `_BOUNDS`."""
    for name in names:
        value = getattr(part, name)
        field = f"{where}.{name}".lstrip(".")
        need = bound if finite(value) or bound == "finite" else f"{bound} and finite"
        require(finite(value) and _BOUNDS[bound](value), field, f"must be {need}, not {value}")


def check_magnitudes(part: object, where: str, names: Collection[str]) -> None:
    """Refuse numbers other than 0 that are so small or large that the arithmetic of a simulation fails."""
    for name in names:
        value = getattr(part, name)
        fits = value == 0 or _SMALLEST <= abs(value) <= _LARGEST
        bounds = f"must have a magnitude from {_SMALLEST:g} to {_LARGEST:g}, not {value}"
        require(fits, f"{where}.{name}".lstrip("."), bounds)


def check_probability(value: float, where: str) -> None:
    """Refuse values that are not probabilities in (0, 1]."""
    require(finite(value) and 0 < value <= 1, where, f"must be a probability, above 0 and at most 1, not {value}")


def check_shape(shape: Shape, lengths: Collection[int], where: str, form: str) -> None:
    """Refuse a shape unless it consists of positive integers and has one of the given lengths."""
    listed = isinstance(shape, tuple | list)
    fits = listed and len(shape) in lengths and all(isinstance(n, int) and n > 0 for n in shape)
    require(fits, where, f"needs {form}, not {list(shape) if listed else shape!r}")


def check_size(value: int, where: str, least: int = 1) -> None:
    """Refuse values that are not integers of at least `least`."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        where,
        f"must be an integer >= {least}, not {value!r}",
    )


def whole(value: int, where: str, least: int = 1) -> int:
    """Return a Python or numpy integer as a Python integer. Refuse values that are not integers of at least `least`."""
    number = value.item() if isinstance(value, np.integer) else value
    check_size(number, where, least)
    return int(number)


def limit_in(limit: int | None) -> int | None:
    """Return a number of stimuli to present, or None for all. Refuse values below 1."""
    return None if limit is None else whole(limit, "limit")


def check_array(values: Any, what: str, kinds: str = "iuf") -> None:
    """Raise a DataError unless the values are an unmasked array of numbers whose dtype is one of `kinds`."""
    if not isinstance(values, np.ndarray):
        raise DataError(f"{what} must be a numpy array, not {type(values).__name__}")
    check_unmasked(values, what)
    check_unitless(values, what)
    if values.dtype.kind not in kinds:
        numbers = "numbers" if "f" in kinds else "whole numbers"
        raise DataError(f"{what} must contain {numbers}, not {values.dtype}")


def check_unmasked(values: Any, what: str, remedy: str = "fill it, with .filled(value)") -> None:
    """Raise a DataError for an array with a mask."""
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(f"{what} is a masked array, whose mask says nothing here; {remedy}")


def check_unitless(values: Any, what: str) -> None:
    """Raise a DataError for values with a physical unit, which numpy would drop."""
    if carries_unit(values):
        raise DataError(f"{what} carries a unit; give plain numbers, times in ms")


def whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """Return whole numbers as int64, or None if any value is a fraction, too large, missing or not a number."""
    array = np.asarray(values.tolist()) if values.dtype == object else values
    if array.dtype.kind == "i":
        return array.astype(np.int64)
    if array.dtype.kind not in "uf" or not (array == np.floor(array)).all():
        return None
    if array.size and not (array.min() >= -(2.0**63) and array.max() < 2.0**63):
        return None
    return array.astype(np.int64)


def positions(given: Any, count: int, what: str) -> np.ndarray:
    """Return positions among `count` things as an array. A boolean mask stands for the positions that are True.

    Raise a DataError that names `what` unless the values are whole numbers below `count`, or one boolean per thing.
    """
    listed = list(given) if isinstance(given, list | tuple | range) else given
    if not isinstance(listed, list | np.ndarray) and not hasattr(listed, "__array__"):
        kind = type(given).__name__
        raise DataError(f"{what}: must be an array of whole numbers, such as np.arange(10), not {kind}")
    check_unmasked(listed, f"{what}:")
    try:
        array = np.asarray(listed)
    except ValueError as error:
        raise DataError(f"{what}: must be whole numbers, not lists of different lengths") from error
    if array.dtype == bool and array.shape == (count,):
        return np.flatnonzero(array)
    if (array.dtype.kind not in "iu" and (array.size or array.dtype.kind != "f")) or array.ndim != 1:
        need = f"must be whole numbers in one row, or a truth value for each of {count}"
        raise DataError(f"{what}: {need}, not {array.dtype} of shape {array.shape}")
    if array.size and not -count <= array.min() <= array.max() < count:
        raise DataError(f"{what}: go from {array.min()} to {array.max()}; there are {count}, counted from 0")
    return array.astype(np.int64, copy=False)


def check_function(value: object, where: str, of: str) -> None:
    """Refuse a value that cannot be called. `of` names its arguments in the message."""
    require(callable(value), where, f"must be a function of {of}, not {type(value).__name__}")


def path_in(given: Any, where: str) -> Path:
    """Return a string or a path object as a path. Refuse other values."""
    fits = isinstance(given, str | os.PathLike) and isinstance(os.fspath(given), str)
    require(fits, where, f"must be a path, a word or a pathlib.Path, not {type(given).__name__}")
    require("\0" not in os.fspath(given), where, "contains the character NUL, which no path can contain; remove it")
    return Path(given)


def names_in(given: str | Sequence[str], where: str) -> list[str]:
    """Return names as a list. A single string becomes a list with one name."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    for name in names:
        require(isinstance(name, str), where, f"must be a sequence of names, not of {name!r}")
    return names
