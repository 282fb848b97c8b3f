"""Specifications as TOML: read with every key checked, written so that reading gives the same network."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from pathlib import Path
from typing import Any

import tomli_w

from netsim.errors import DataError, SpecificationError, nearest
from netsim.files import read_text, write_text
from netsim.specification import Convolution, Dense, Network, Pooling

LAYER_KINDS: dict[str, type] = {"convolution": Convolution, "pooling": Pooling, "dense": Dense}
_LARGEST_FILE = 250_000
_MOST_DOTS = 100
_DEEPEST = 20


def network_from_dict(table: dict[str, Any]) -> Network:
    """Build a network from the nested dictionary that a TOML file holds.

    Raises
    ------
    SpecificationError
        If a key is unknown, missing or of the wrong type, or the network cannot be built.
    """
    table = dict(table)
    layers = table.pop("layers", None)
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise SpecificationError("layers", "needs at least one [[layers]] table")
    table["layers"] = tuple(_layer_from_dict(layer, position) for position, layer in enumerate(layers))
    return _build(Network, table, "")


def network_to_dict(network: Network) -> dict[str, Any]:
    """The nested dictionary that `network_from_dict` reads, without values that are the default."""
    table = _to_dict(network)
    kinds = {kind: name for name, kind in LAYER_KINDS.items()}
    table["layers"] = [
        {"name": layer.name, "kind": kinds[type(layer)]}
        | {key: value for key, value in _to_dict(layer).items() if key != "name"}
        for layer in network.layers
    ]
    return table


def read_network(path: str | Path) -> Network:
    """Read a specification from a TOML file.

    Raises
    ------
    SpecificationError
        If the file cannot be read, is no TOML, or holds no network that can be built.
    """
    table = read_toml(path)
    try:
        return network_from_dict(table)
    except SpecificationError as error:
        raise SpecificationError(str(path), str(error)) from error


def read_toml(path: str | Path) -> dict[str, Any]:
    """The nested dictionary that a small TOML file holds.

    Raises
    ------
    SpecificationError
        If the file cannot be read, is large, or is no TOML.
    """
    path = Path(path)
    try:
        text = read_text(path, _LARGEST_FILE)
    except DataError as error:
        raise SpecificationError(
            str(path), f"{str(error).removeprefix(f'{path}: ')}; a small file is needed"
        ) from error
    except OSError as error:
        raise SpecificationError(str(path), f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SpecificationError(str(path), f"is not TOML: {error}") from error
    return loads_toml(text, str(path))


def loads_toml(text: str, origin: str) -> dict[str, Any]:
    """The nested dictionary that a TOML text stands for, in bounded memory.

    Parameters
    ----------
    text : str
    origin : str
        What the text is called in messages.

    Raises
    ------
    SpecificationError
        If it is no TOML, or nested deeper or with larger integers than anything needs.
    """
    # memory and time that Python's reader takes grow with the square of the parts of a dotted key
    if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        raise SpecificationError(
            origin,
            f"has a line with more than {_MOST_DOTS} dots; keys need not be nested so deeply, break up long lists",
        )
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # integers of thousands of digits are no TOMLDecodeError
        raise SpecificationError(origin, f"is not TOML: {error}") from error
    _check_bounds(table, origin)
    return table


def _check_bounds(table: dict[str, Any], where: str) -> None:
    """Refuse nesting and integers beyond what TOML readers have to support, which nothing needs."""
    waiting: list[tuple[Any, int]] = [(table, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise SpecificationError(where, f"is nested deeper than {_DEEPEST} levels")
        if isinstance(value, dict | list):
            waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise SpecificationError(where, "holds an integer of more than 64 bits")


def write_network(network: Network, path: str | Path) -> None:
    """Write a specification as TOML; the file appears whole or not at all."""
    write_text(Path(path), dumps_network(network))


def dumps_network(network: Network) -> str:
    """The TOML text of a specification."""
    return tomli_w.dumps(network_to_dict(network))


def _layer_from_dict(table: dict[str, Any], position: int) -> Any:
    table = dict(table)
    name = table.get("name", f"[{position}]")
    where = f"layers.{name}"
    kind = table.pop("kind", None)
    if not isinstance(kind, str) or kind not in LAYER_KINDS:
        raise SpecificationError(f"{where}.kind", f"must be one of {', '.join(LAYER_KINDS)}, not {kind!r}")
    return _build(LAYER_KINDS[kind], table, where)


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    """Make a dataclass from a table, descending into those it holds."""
    prefix = f"{where}." if where else ""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in table:
        if key not in fields:
            raise SpecificationError(f"{prefix}{key}", f"is not a key here{nearest(key, fields)}")
    values = {}
    for key, field in fields.items():
        if key not in table:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise SpecificationError(f"{prefix}{key}", "is missing")
            continue
        values[key] = _convert(table[key], hints[key], f"{prefix}{key}")
    try:
        return kind(**values)
    except SpecificationError as error:
        if not where or error.field.startswith(where):
            raise
        part, _, rest = error.field.partition(".")
        inner = rest if part in where.split(".") else error.field
        raise SpecificationError(f"{prefix}{inner}", error.message) from error


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Check a TOML value against a type hint; lists become tuples, integers become floats where due."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise SpecificationError(where, f"must be a table, not {value!r}")
        return _build(typing.cast(type, hint), value, where)
    origin = typing.get_origin(hint)
    if origin is types.UnionType or origin is typing.Union:
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
        origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return value
    if origin is tuple:
        if isinstance(value, tuple):
            return value
        if not isinstance(value, list):
            raise SpecificationError(where, f"must be a list, not {value!r}")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(item, inner, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise SpecificationError(where, f"must be of type {hint.__name__}, not {value!r}")
    return value


def _to_dict(part: Any) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if value is None or value == default:
            continue
        if dataclasses.is_dataclass(value):
            value = _to_dict(value)
        elif isinstance(value, tuple):
            value = [list(item) if isinstance(item, tuple) else item for item in value]
        if isinstance(value, float) and math.isnan(value):
            raise SpecificationError(field.name, "is not a number")
        table[field.name] = value
    return table
