"""Settings of a network by their dotted keys, such as ``learning.rate``: read from text, put into a table, suggested.

The command line, sweeps and `netsim.train` address settings in this way.
"""

import copy
import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from netsim.errors import SpecificationError, nearest
from netsim.registry import Registry
from netsim.seams import connectivities, encoders, engines, learners, optimizers, schedules
from netsim.seams import targets as target_rules
from netsim.specification import Layer, Learning, Network, Population, Projection, Training, Weighting
from netsim.specification.checks import require
from netsim.specification.toml import OPTIONAL, loads_toml, network_from_dict, network_to_dict, read_table

Settings = dict[str, Any]
"""Values by dotted keys of a specification, such as ``learning.rate``."""

_CHANGED = "; changed: "
_MOST_TOLD = 3  # differing settings per message
_EDITED = ("training", "learning", "weighting")
"""Sections in the order of a text to edit."""
_MOST_VALUES = 8
_NUMBERS = re.compile(r"\[\n(?: +[-+.\de]+,\n){1,20} *\]")
"""A list of a few numbers over several lines."""
_NAMED = {"layers": "layer", "populations": "population", "projections": "projection"}
_PARTS: dict[str, type] = {"layers": Layer, "populations": Population, "projections": Projection}
_SECTIONS: dict[str, type] = {"learning": Learning, "training": Training, "weighting": Weighting}
_CHOSEN: dict[str, tuple[Registry[Any], str]] = {
    "connectivity": (connectivities, "rule"),
    "encoder": (encoders, "kind"),
    **{key: (registry, named_by) for key, (registry, named_by, _) in OPTIONAL.items()},
}
"""Fields that are entries of a registry, with the registry and the key of the entry's name."""
_NAMES: dict[str, Registry[Any]] = {
    "training.engine": engines,
    "learning.learner": learners,
    "learning.optimizer": optimizers,
    "learning.schedule": schedules,
    "learning.targets": target_rules,
}


def parse_settings(texts: Iterable[str]) -> Settings:
    """Return settings from texts such as ``learning.rate=0.001``. A value is a TOML value or a word.

    Raises
    ------
    SpecificationError
        If a text has no key or no value, or a key occurs twice.

    Examples
    --------
    >>> parse_settings(["learning.rate=0.001", "training.dataset=digits"])
    {'learning.rate': 0.001, 'training.dataset': 'digits'}
    """
    settings: Settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key, value = key.strip(), value.strip()
        require(bool(key and equals and value), f"--set {text}", "must be KEY=VALUE")
        require(key not in settings, f"--set {key}", "is given twice; leave one out")
        settings[key] = _value(value)
    return settings


def _value(text: str) -> Any:
    try:
        table = loads_toml(f"value = {text}", "")
    except SpecificationError:
        return text
    return table["value"] if len(table) == 1 else text


def described(settings: Settings) -> str:
    """Return settings in one line."""
    return ", ".join(f"{key} = {shown(value)}" for key, value in settings.items())


def shown(value: Any) -> str:
    """Return a value as text, numbers with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def flat_settings(network: Network) -> Settings:
    """Return the settings of a network that differ from the defaults, by dotted keys. The description is none."""
    settings = _flat(network_to_dict(network))
    settings.pop("description", None)
    return settings


def _flat(settings: Any, prefix: str = "") -> Settings:
    """Return settings by dotted names. Parts in lists have their own names."""
    if isinstance(settings, list) and all(isinstance(part, dict) and "name" in part for part in settings):
        settings = {part["name"]: part for part in settings}
    if not isinstance(settings, dict):
        return {prefix: settings}
    named = ((f"{prefix}.{key}" if prefix else key, value) for key, value in settings.items())
    return {name: value for key, part in named for name, value in _flat(part, key).items()}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first differing settings, in parentheses. Missing settings have their defaults."""
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    told = [f"{key} {_or_default(before.get(key))}, now {_or_default(now.get(key))}" for key in keys[:_MOST_TOLD]]
    more = [f"{len(keys) - len(told)} more"] if len(keys) > len(told) else []
    return f" ({'; '.join(told + more)})" if keys else ""


def _or_default(value: Any) -> str:
    return "by default" if value is None else str(value)


def extends(former: Network, network: Network) -> bool:
    """Whether a network differs from a former one in a larger number of epochs alone."""
    before, now = former.training.epochs, network.training.epochs
    return now > before and network == dataclasses.replace(
        former, training=dataclasses.replace(former.training, epochs=now)
    )


def read_with_settings(file: Path, settings: Mapping[str, Any]) -> Network:
    """Read a TOML file with other values for some settings. Values that the file leaves out follow from these values.

    Raises SpecificationError as `netsim.read_network`, or if a key is unknown.
    """
    table = read_table(file)
    try:
        return network_with(table, settings)
    except SpecificationError as error:
        if any(error.field.startswith(key) or key.startswith(error.field) for key in settings):
            raise
        raise SpecificationError(str(file), str(error)) from error


def with_settings(network: Network, settings: Mapping[str, Any]) -> Network:
    """Return a network with other values for some settings."""
    return network_with(network_to_dict(network), settings) if settings else network


def network_with(table: Mapping[str, Any], settings: Mapping[str, Any]) -> Network:
    """Return the network of a nested dictionary with other values for some settings, which stays as it is.

    The description names these settings, because it may contradict them.

    Raises SpecificationError. If a key is unknown, the message names the nearest key with its full path.
    """
    changed = copy.deepcopy(dict(table))
    for key, value in settings.items():
        _put(changed, key, value)
    try:
        network = network_from_dict(changed)
    except SpecificationError:
        for key in settings:
            _check_key(table, key)
        raise
    if "description" in settings:
        return network
    return dataclasses.replace(network, description=_with_changes(network.description, settings))


def _with_changes(description: str, keys: Iterable[str]) -> str:
    """Return a description with the keys of settings that were changed now or before."""
    text, _, before = description.partition(_CHANGED)
    changed = ", ".join(sorted({*before.split(", "), *keys} - {"", "name"}))
    return f"{text}{_CHANGED}{changed}" if text and changed else description


def _check_key(table: Mapping[str, Any], key: str) -> None:
    """Raise SpecificationError if a network has no such key, neither a value nor a table of values."""
    known = list(known_keys(table, every_entry=True))
    if not any(each == key or each.startswith(f"{key}.") for each in known):
        raise SpecificationError(key, f"is not a setting{_nearest(key, known_keys(table))}")


def _nearest(key: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest full key. Keys with the same last part are nearer than others."""
    names = list(known)
    last = key.rpartition(".")[2]
    alike = [name for name in names if name.rpartition(".")[2] == last]
    if alike:
        return f"; did you mean {difflib.get_close_matches(key, alike, n=1, cutoff=0)[0]!r}?"
    ends: dict[str, str] = {}
    for name in names:
        ends.setdefault(name.rpartition(".")[2], name)
    hint = nearest(key, names)
    if "." not in key and (close := difflib.get_close_matches(last, ends, n=1, cutoff=0.6)):
        return f"; did you mean {ends[close[0]]!r}?"
    return hint


def known_keys(table: Mapping[str, Any], every_entry: bool = False) -> Iterator[str]:
    """Yield the dotted keys of the settings that the network of a table has.

    With `every_entry`, parts that a registry names also have the parameters of all other entries.
    """
    for section, cls in _SECTIONS.items():
        yield from _keys_of(cls, section, {}, every_entry)
    yield from ("name", "description", "duration")
    yield from _keys_of_entry("encoder", "encoder", table.get("encoder"), every_entry)
    for key, cls in _PARTS.items():
        for name, part in _named(table, key).items():
            yield from _keys_of(cls, f"{key}.{name}", part, every_entry)


def _keys_of(cls: type, prefix: str, table: Any, every_entry: bool) -> Iterator[str]:
    table = table if isinstance(table, dict) else {}
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        key = f"{prefix}.{field.name}"
        if field.name in _CHOSEN:
            is_flat = cls is Layer and field.name == "connectivity"
            inner = table if is_flat else table.get(field.name)
            yield from _keys_of_entry(field.name, prefix if is_flat else key, inner, every_entry)
            continue
        if field.name != "name":
            yield key
        for option in _options(hints[field.name]):
            if dataclasses.is_dataclass(option):
                yield from _keys_of(typing.cast(type, option), key, table.get(field.name), every_entry)


def _keys_of_entry(field: str, prefix: str, table: Any, every_entry: bool) -> Iterator[str]:
    """Yield the key of an entry's name, and the keys of its parameters."""
    registry, named_by = _CHOSEN[field]
    yield f"{prefix}.{named_by}"
    chosen = table.get(named_by) if isinstance(table, dict) else None
    entries = registry if every_entry or chosen not in registry else [typing.cast(str, chosen)]
    names = {field.name for entry in entries for field in dataclasses.fields(registry[entry])}
    yield from (f"{prefix}.{name}" for name in sorted(names))


def known_values(key: str) -> list[str]:
    """Return the words that a setting accepts, if they are known: names of entries, choices, true and false."""
    part, _, name = key.rpartition(".")
    if key in _NAMES:
        return list(_NAMES[key])
    for field, (registry, named_by) in _CHOSEN.items():
        is_layer = part.startswith("layers.") and part.count(".") == 1 and field == "connectivity"
        if name == named_by and (part.rpartition(".")[2] == field or is_layer):
            return list(registry)
    hint = typing.get_type_hints(_SECTIONS[part]).get(name) if part in _SECTIONS else None
    if hint is bool:
        return ["true", "false"]
    return list(map(str, typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else []


def _options(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if is_union else (hint,)


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key. Layers, populations and projections are addressed by name."""
    *path, last = key.split(".")
    container: Any = table
    if path and path[0] in _NAMED:
        part = _NAMED[path[0]]
        known = _named(table, path[0])
        require(len(path) > 1, key, f"is a whole {part}; name one of its keys, for example layers.hidden.dropout")
        if path[1] not in known:
            hint = nearest(path[1], map(str, known), f"{path[0]}.", "".join(f".{step}" for step in [*path[2:], last]))
            if path[0] == "layers" and path[1] in _named(table, "populations"):
                hint = f", because this network is no chain; name populations.{path[1]} or projections.{path[1]}"
            raise SpecificationError(key, f"there is no {part} {path[1]!r}{hint}")
        container, path = known[path[1]], path[2:]
    for step in path:
        container = container.setdefault(step, {})
        require(
            isinstance(container, dict), key, f"{step} is not a table but {container!r}; name the key {step} itself"
        )
    whole = container is table and last in _NAMED
    require(not whole, key, f"are all {last}; name one, for example layers.hidden.dropout")
    container[last] = copy.deepcopy(value)


def _named(table: Mapping[str, Any], key: str) -> dict[Any, dict[str, Any]]:
    """Return layers, populations or projections by name.

    A projection without a name is named by its ends. The first projection onto a population also has the population's
    name.
    """
    known = {}
    reached = {entry.get("name") for entry in table.get("layers", []) if isinstance(entry, dict)}
    for entry in table.get(key, []):
        if isinstance(entry, dict):
            target = entry.get("target")
            if "name" in entry:
                known[entry["name"]] = entry
            elif target is not None:
                if target not in reached:
                    known[target] = entry
                known[f"{entry.get('source')}_to_{target}"] = entry
            reached.add(target)
    return known


def editable(network: Network, command: str) -> str:
    """Return the TOML text of a network, which ends with all settings of its sections. `command` trains the file."""
    table = network_to_dict(network)
    sections = {name: table.pop(name, {}) for name in _EDITED}
    structure = _NUMBERS.sub(
        lambda match: f"[{', '.join(match[0][1:-1].replace(',', ' ').split())}]", tomli_w.dumps(table)
    )
    parts = [f"# Train this network: {command}\n", structure]
    parts += [_section(name, sections[name], getattr(network, name)) for name in _EDITED]
    return "\n".join(parts)


def _section(name: str, given: dict[str, Any], settings: Any) -> str:
    """Return a table with its values as they are, and as comments the defaults of others."""
    lines = [f"[{name}]"]
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        line = tomli_w.dumps({field.name: value}).strip()
        known = known_values(f"{name}.{field.name}")
        choices = f"  # {', '.join(known)}" if 1 < len(known) <= _MOST_VALUES and known != ["true", "false"] else ""
        lines.append(f"{'' if field.name in given else '# '}{line}{choices}")
    return "\n".join(lines) + "\n"
