"""Read and write specifications as TOML. Reading checks every key, and restores the written network."""

import contextlib
import copy
import dataclasses
import functools
import math
import os
import tomllib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from netsim.errors import DataError, FormerWarning, SpecificationError, nearest, warn_user
from netsim.files import Digest, file_sha256, read_text, write_text
from netsim.registry import Registry
from netsim.seams import connectivities, encoders, feedbacks, psps, scopes
from netsim.specification import PSP, Encoder, Layer, Network, Neurons, Population, Projection
from netsim.specification.checks import check_choice, check_kind, path_in, plain_number, require
from netsim.specification.consistency import check_takes_psp
from netsim.specification.populations import expand_layers, key_of_ends

Part = TypeVar("Part")

OPTIONAL: dict[str, tuple[Registry[Any], str, str]] = {
    "psp": (psps, "shape", 'shape = "plateau", rise = 8.0'),
    "feedback": (feedbacks, "kind", 'kind = "random", seed = 1'),
    "winners": (scopes, "scope", 'scope = "map", first = 1'),
}
"""Optional parts that are entries of a registry, with the registry, the key of the entry's name, and an example."""
_ENCODER = ("kind", "intensity")  # the default encoder
_FORMER_RULE = "kind"
"""Former key of a layer for ``rule``."""
_RELAYS = "relays"
LARGEST_FILE = 1_000_000
"""Largest TOML file (bytes). A population code of 20,000 columns fits."""
_MOST_DOTS = 100
_DEEPEST = 20


def network_from_dict(table: dict[str, Any]) -> Network:
    """Build a network from the nested dictionary of a TOML file.

    Parameters
    ----------
    table : dict
        The dictionary, as from `network_to_dict`.

    Returns
    -------
    Network

    Raises
    ------
    SpecificationError
        If a key is unknown, missing or of the wrong type, or the network cannot be built.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.network_to_dict(netsim.load_preset("digits"))
    >>> table["name"] = "mine"
    >>> netsim.network_from_dict(table).name
    'mine'
    """
    check_kind(table, dict, "network", "as netsim.network_to_dict returns it")
    table = dict(table)
    listed = _tables(table, "layers")
    if any(_FORMER_RULE in layer for layer in listed):
        warn_user("layers: the key kind is now called rule; rename it", FormerWarning)
    layers = tuple(_layer(layer, position) for position, layer in enumerate(listed))
    populations = tuple(_population(part, position) for position, part in enumerate(_tables(table, "populations")))
    between = _tables(table, "projections")
    projections = tuple(_projection(part, position) for position, part in enumerate(between))
    if not layers and not populations and "base" in table:
        plan = "is not one of a network, but of the plan of a sweep; train the plan with netsim sweep"
        raise SpecificationError("base", plan)
    if not layers and not populations:
        raise SpecificationError("layers", "needs at least one [[layers]] table")
    if layers and populations:
        raise SpecificationError("populations", "have no meaning with [[layers]], which are populations; remove one")
    if "encoder" in table:
        table["encoder"] = _encoder(table["encoder"])
    given = _values(Network, table | {"populations": populations, "projections": projections}, "", ["layers"])
    if layers:
        expanded = expand_layers(layers, given["encoder"].shape)
        given |= {"populations": expanded[0], "projections": expanded[1] + projections}
    network = Network(**given)
    ends = [(layer.name, f"layers.{layer.name}") for layer in layers]
    ends += [(projection.target, network.key_of(projection)) for projection in projections]
    targets = {population.name: population for population in network.integrating}
    for part, (target, where) in zip([*listed, *between], ends, strict=True):
        if "psp" in part and target in targets:  # a network does not tell a given ramp from the default
            check_takes_psp(targets[target], where)
    return network


def with_files_beside(table: dict[str, Any], *folders: Path) -> dict[str, Any]:
    """Return a table in which missing files of connectivities are replaced by files found in folders.

    The path itself comes first, then the path relative to a folder. If the table has a checksum, a file of the same
    name and checksum in a folder is accepted too. This allows the network to move.
    """
    table = copy.deepcopy(table)
    parts = [part for key in ("layers", "projections") for part in _list(table.get(key))]
    for rule in (part.get("connectivity", part) for part in parts):
        name = rule.get("rule", rule.get(_FORMER_RULE)) if isinstance(rule, dict) else None
        files = connectivities[name].files if isinstance(name, str) and name in connectivities else {}
        for field, checksum in files.items():
            if isinstance(path := rule.get(field), str):
                rule[field] = _place_of(path, rule.get(checksum), folders)
    return table


def _place_of(path: str, sha256: Any, folders: Sequence[Path]) -> str:
    places = [path, *(str(folder / path) for folder in folders)]
    if sha256:
        places += [str(folder / Path(path).name) for folder in folders]
    files = [file for file in dict.fromkeys(places) if os.path.isfile(file)]
    for file in files if sha256 and len(files) > 1 else ():  # reading checks a single candidate
        with contextlib.suppress(OSError, DataError):  # reading refuses the file later
            if file_sha256(Path(file)) == sha256:
                return file
    return files[0] if files else path


def _list(tables: Any) -> list[dict[str, Any]]:
    return [part for part in tables if isinstance(part, dict)] if isinstance(tables, list) else []


def network_to_dict(network: Network, *, complete: bool = False) -> dict[str, Any]:
    """Return the nested dictionary that `network_from_dict` reads, without default values.

    A chain has layers. Any other network has populations and projections.

    Parameters
    ----------
    network : Network
    complete : bool
        Include the default values of learning and training. Written files have them, because defaults may change.

    Returns
    -------
    dict

    Examples
    --------
    >>> import netsim
    >>> table = netsim.network_to_dict(netsim.load_preset("digits"))
    >>> table["encoder"]["shape"], table["layers"][0]["name"]
    ([8, 8, 1], 'hidden')
    """
    check_kind(network, Network, "network", 'such as netsim.load_preset("digits")')
    table = _to_dict(network, "populations", "projections")
    if complete:
        table |= {name: _to_dict(getattr(network, name), defaults=True) for name in ("learning", "training")}
    encoder = _chosen_table(encoders, "kind", network.encoder)
    table["encoder"] = {key: value for key, value in encoder.items() if (key, value) != _ENCODER}
    layers = network.layers()
    if layers is not None:
        table["layers"] = [
            {"name": layer.name}
            | _chosen_table(connectivities, "rule", layer.connectivity)
            | _to_dict(layer, "connectivity", *OPTIONAL)
            | _chosen_parts(layer)
            for layer in layers
        ]
        return table
    table["populations"] = [
        _to_dict(population, "winners")
        | ({} if population.integrates else {"neurons": _RELAYS})
        | _chosen_parts(population)
        for population in network.populations
    ]
    table["projections"] = [
        {"name": projection.name, "source": projection.source, "target": projection.target}
        | {"connectivity": _chosen_table(connectivities, "rule", projection.connectivity)}
        | _to_dict(projection, "connectivity", "psp", "feedback")
        | _chosen_parts(projection)
        for projection in network.projections
    ]
    return table


def _chosen_parts(part: Layer | Population | Projection) -> dict[str, Any]:
    """Return the tables of the optional parts of a layer, a population or a projection."""
    parts = {key: getattr(part, key, None) for key in OPTIONAL}
    kept = {key: entry for key, entry in parts.items() if entry is not None and entry != PSP()}
    return {key: _chosen_table(*OPTIONAL[key][:2], entry) for key, entry in kept.items()}


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Remove and return an array of tables, empty without the key."""
    tables = table.pop(key, [])
    if not isinstance(tables, list) or not all(isinstance(part, dict) for part in tables):
        raise SpecificationError(key, f"needs at least one [[{key}]] table")
    return tables


def _chosen_table(registry: Registry[Any], key: str, entry: Any) -> dict[str, Any]:
    """Return the table of a registry entry: its name under a key, and its parameters.

    For a plug-in, write all parameters, because its defaults may change before the next import.
    """
    name = registry.name_of(type(entry))
    return {key: name} | _to_dict(entry, defaults=not registry.is_own(name))


def read_network(path: str | Path, digest: Digest | None = None) -> Network:
    """Read a specification from a TOML file.

    Parameters
    ----------
    path : str or Path
    digest : hash object, optional
        Updated with the content of the file, such as `hashlib.sha256()`.

    Returns
    -------
    Network

    Raises
    ------
    SpecificationError
        If the file cannot be read, is not TOML, or does not describe a valid network.

    Examples
    --------
    >>> import netsim
    >>> netsim.write_network(netsim.load_preset("digits"), "digits.toml")
    >>> netsim.read_network("digits.toml") == netsim.load_preset("digits")
    True
    """
    table = read_table(path, digest)
    try:
        return network_from_dict(table)
    except SpecificationError as error:
        raise SpecificationError(str(path), str(error)) from error


def read_table(path: str | Path, digest: Digest | None = None) -> dict[str, Any]:
    """Return the nested dictionary of a network's file. It may name files of connectivities in its folder."""
    table = read_toml(path, digest)
    return with_files_beside(table, Path(path).parent)


def read_toml(path: str | Path, digest: Digest | None = None) -> dict[str, Any]:
    """Return the nested dictionary of a small TOML file. A hashlib `digest` is updated with its content.

    Raise a SpecificationError if the file cannot be read, is large, or is not TOML.
    """
    path = path_in(path, "path")
    try:
        text = read_text(path, LARGEST_FILE)
    except DataError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise SpecificationError(str(path), f"{reason}; a small file is needed") from error
    except OSError as error:
        raise SpecificationError(str(path), f"cannot be read ({error.strerror}); check its path") from error
    except UnicodeDecodeError as error:
        raise SpecificationError(str(path), f"is not TOML: {error}; correct it") from error
    if digest is not None:
        digest.update(text.encode("utf-8"))
    return loads_toml(text, str(path))


def loads_toml(text: str, origin: str) -> dict[str, Any]:
    """Return the nested dictionary of a TOML text, in bounded memory. Messages name its origin.

    Raise a SpecificationError if the text is not TOML, nested too deeply, or has too large integers.
    """
    # memory and time of Python's reader grow with the square of the parts of a dotted key
    if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        deep = f"has a line with more than {_MOST_DOTS} dots; keys need not be nested so deeply, break up long lists"
        raise SpecificationError(origin, deep)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # integers with thousands of digits raise no TOMLDecodeError
        raise SpecificationError(origin, f"is not TOML: {error}; correct it") from error
    _check_bounds(table, origin)
    return table


def _check_bounds(table: dict[str, Any], where: str) -> None:
    """Refuse nesting and integers beyond the support that TOML requires of readers."""
    waiting: list[tuple[Any, int]] = [(table, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise SpecificationError(where, f"is nested deeper than {_DEEPEST} levels; flatten it")
        if isinstance(value, dict | list):
            waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise SpecificationError(where, "contains an integer of more than 64 bits; use a smaller number")


def write_network(network: Network, path: str | Path) -> None:
    """Write a specification as TOML, with all settings of learning and training, because defaults may change.

    The file appears complete or not at all.

    Parameters
    ----------
    network : Network
    path : str or Path
        An existing file is replaced.

    Raises
    ------
    SpecificationError
        If `network` is not a network, `path` is not a path, or the file could not be read back.

    Examples
    --------
    >>> import netsim
    >>> netsim.write_network(netsim.load_preset("digits"), "mine.toml")
    >>> print(open("mine.toml").read().splitlines()[0])
    name = "digits"
    """
    write_text(path_in(path, "path"), dumps_network(network))


def dumps_network(network: Network) -> str:
    """Return the TOML text of a specification, with all settings of learning and training.

    Raise a SpecificationError if the text could not be read, for example because it is too long.
    """
    table = network_to_dict(network, complete=True)
    description = network.description
    dots = max(line.count(".") for line in description.split("\n"))
    require(dots <= _MOST_DOTS, "description", f"has a line with {dots} dots; at most {_MOST_DOTS} can be read")
    encodable = description.encode("utf-8", "ignore").decode() == description
    require(encodable, "description", "contains half a character (a lone surrogate), which no file can; remove it")
    text = tomli_w.dumps(table)
    size = len(text.encode("utf-8"))
    large = f"takes {size:,} bytes as TOML; at most {LARGEST_FILE:,} can be read, so use fewer columns or lists"
    require(size <= LARGEST_FILE, network.name, large)
    loads_toml(text, network.name)  # raises for integers of more than 64 bits
    return text


def _chosen(registry: Registry[Any], table: dict[str, Any], key: str, where: str) -> Any:
    """Remove a registry entry, named under a key, and its parameters from a table, and return the entry."""
    name = table.pop(key, None)
    check_choice(name, registry, f"{where}.{key}")
    cls = registry[name]
    settings = {field.name: table.pop(field.name) for field in dataclasses.fields(cls) if field.name in table}
    return functools.partial(_build, cls, settings, where)


def _encoder(table: Any) -> Encoder:
    if not isinstance(table, dict):
        raise SpecificationError("encoder", f"must be a table, not {table!r}")
    table = dict([_ENCODER]) | table
    make = _chosen(encoders, table, "kind", "encoder")
    known = ["kind"]
    for name, other in encoders.items():
        for field in dataclasses.fields(other):
            known.append(field.name)
            value = table.pop(field.name, field.default)
            if (tuple(value) if isinstance(value, list) else value) != field.default:
                meaning = f'has a meaning for {other.samples}, kind = "{name}"'
                raise SpecificationError(f"encoder.{field.name}", meaning)
    _check_keys(Encoder, table, "encoder", known)
    encoder: Encoder = make()
    return encoder


def _layer(table: dict[str, Any], position: int) -> Layer:
    table = dict(table)
    where = f"layers.{table.get('name', f'[{position}]')}"
    if _FORMER_RULE in table:
        table.setdefault("rule", table.pop(_FORMER_RULE))
    make = _chosen(connectivities, table, "rule", where)
    # name unknown keys of layers before missing keys of connectivities
    _check_keys(Layer, table, where, [field.name for field in dataclasses.fields(make.args[0])])
    settings = {"connectivity": make()} | _optional(table, where)
    return _build(Layer, table | settings, where)


def _population(table: dict[str, Any], position: int) -> Population:
    relays = table.get("neurons") == _RELAYS
    where = f"populations.{table.get('name', f'[{position}]')}"
    table = table | _optional(table, where)
    population = _build(Population, table | {"neurons": {}} if relays else table, where)
    return dataclasses.replace(population, neurons=None) if relays else population


def _projection(table: dict[str, Any], position: int) -> Projection:
    source, target, name = (str(table.get(key, "")) for key in ("source", "target", "name"))
    known = name or (source and target)
    where = key_of_ends(source, target, name) if known else f"projections.[{position}]"
    rule = table.get("connectivity")
    if not isinstance(rule, dict):
        raise SpecificationError(f"{where}.connectivity", 'must be a table such as { rule = "dense" }')
    rule, inner = dict(rule), f"{where}.connectivity"
    make = _chosen(connectivities, rule, "rule", inner)
    _check_keys(make.args[0], rule, inner, ["rule"])
    return _build(Projection, table | {"connectivity": make()} | _optional(table, where), where)


def _optional(table: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the registry entries that a table has under the keys of optional parts."""
    made = {}
    for key, (registry, named_by, example) in OPTIONAL.items():
        if key not in table:
            continue
        chosen, inner = table[key], f"{where}.{key}"
        if not isinstance(chosen, dict):
            raise SpecificationError(inner, f"must be a table such as {{ {example} }}, not {chosen!r}")
        chosen = ({"shape": "ramp"} if key == "psp" else {}) | chosen
        make = _chosen(registry, chosen, named_by, inner)
        _check_keys(make.args[0], chosen, inner, [named_by])
        made[key] = make()
    return made


def _check_keys(cls: type, table: dict[str, Any], where: str, others: typing.Sequence[str] = ()) -> None:
    """Refuse keys that are not fields of a dataclass."""
    known = [*others, *(field.name for field in dataclasses.fields(cls))]
    for key in table:
        if key not in known:
            raise SpecificationError(_within(where, key), f"is not a key here{nearest(key, known, _within(where, ''))}")


_hints = functools.cache(typing.get_type_hints)  # evaluating annotations is slow


def _values(cls: type, table: dict[str, Any], where: str, others: typing.Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments of a dataclass from a table. Nested tables become dataclasses."""
    _check_keys(cls, table, where, others)
    hints = _hints(cls)
    values = {}
    for field in dataclasses.fields(cls):
        if field.name in table:
            values[field.name] = _convert(table[field.name], hints[field.name], _within(where, field.name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if types.NoneType not in typing.get_args(hints[field.name]):
                raise SpecificationError(_within(where, field.name), "is missing; add it")
            values[field.name] = None
    return values


def _build(cls: type[Part], table: dict[str, Any], where: str) -> Part:
    """Make a dataclass from a table, including nested dataclasses."""
    table = dict(table)
    # until 0.1, files also contained the gate, which follows from the regime
    gate = table.pop("gate", None) if cls is Neurons else None
    values = _values(cls, table, where)
    try:
        made = cls(**values)
        if isinstance(made, Neurons) and gate not in (None, made.gate):
            raise SpecificationError("neurons.gate", f"is {made.gate} in the regime {made.regime}; leave it out")
        return made
    except SpecificationError as error:
        if not where or error.field.startswith(where):
            raise
        part, _, rest = error.field.partition(".")
        inner = rest if part in where.split(".") else error.field
        raise SpecificationError(_within(where, inner), error.message) from error


def _within(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Check a TOML value against a type hint. Convert lists to tuples, and integers to floats where needed."""
    if dataclasses.is_dataclass(value):
        return value
    value = plain_number(value)
    origin = typing.get_origin(hint)
    if origin is types.UnionType or origin is typing.Union:
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        # a table or its short form
        hint = next(
            (option for option in options if dataclasses.is_dataclass(option) == isinstance(value, dict)), options[0]
        )
        origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise SpecificationError(where, f"must be a table, not {value!r}")
        return _build(typing.cast(type, hint), value, where)
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


def _to_dict(part: Any, *without: str, defaults: bool = False) -> dict[str, Any]:
    """Return the table of a dataclass without some fields. `defaults` includes default values."""
    table: dict[str, Any] = {}
    for field in dataclasses.fields(part):
        value, default = getattr(part, field.name), field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if field.name in without or value is None or (value == default and not defaults):
            continue
        if default is None and _follows(part, field.name):
            continue
        if dataclasses.is_dataclass(value):
            value = _to_dict(value)
        elif isinstance(value, tuple):
            value = [list(item) if isinstance(item, tuple) else item for item in value]
        if isinstance(value, float) and math.isnan(value):
            raise SpecificationError(field.name, "is NaN; give a number")
        table[field.name] = value
    return table


def _follows(part: Any, name: str) -> bool:
    """Return whether a value follows from others, as the stride of pooling from its size, so that it can change."""
    try:
        return bool(dataclasses.replace(part, **{name: None}) == part)
    except SpecificationError:
        return False
