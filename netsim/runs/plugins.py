"""Plug-ins: parts of a run from outside netsim, which must be available again to use the run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from netsim import seams
from netsim.data.loading import find_source
from netsim.engines import Engine
from netsim.errors import RunError, SpecificationError
from netsim.learning import Constraint, Learner, Optimizer, Targets
from netsim.registry import Origin, Registry
from netsim.runs.plugin_copies import copy_of
from netsim.runs.plugin_files import file_of
from netsim.specification import Network

Plugin = dict[str, Any]
"""A `netsim.registry.Origin` as a dictionary, with ``handed_in`` for an object from Python.

A plug-in outside packages has ``file`` and ``sha256`` of its source, and ``imports``: the SHA-256 of files that it
imports from its folder, by relative path.
"""


def plugins_of(
    network: Network,
    learner: Learner | None = None,
    optimizer: Optimizer | None = None,
    constraints: Sequence[Constraint] = (),
    targets: Targets | None = None,
    engine: Engine | None = None,
) -> list[Plugin]:
    """Return the parts of a network from outside netsim, and the objects given to its training.

    Objects replace the parts that the network's settings name.
    """
    plugins = [
        plugin_record(registry.origin(name)) for registry, name in _entries(network) if not registry.is_own(name)
    ]
    handed: list[tuple[Registry[Any], Any]] = [(seams.learners, learner), (seams.optimizers, optimizer)]
    handed += [(seams.constraints, constraint) for constraint in constraints]
    handed += [(seams.targets, targets), (seams.engines, engine)]
    plugins += [
        plugin_record(registry.origin_of(made)) | {"handed_in": True} for registry, made in handed if made is not None
    ]
    return [plugin for number, plugin in enumerate(plugins) if plugin not in plugins[:number]]


def plugin_record(origin: Origin) -> dict[str, Any]:
    """Return the record of a plug-in: origin, and the file and checksum of a module without a distribution."""
    return asdict(origin) | ({} if origin.distribution else file_of(origin.module))


def names_of(plugins: Iterable[Mapping[str, Any]]) -> str:
    """Name plug-ins in one line, without versions. Empty if there are none."""
    return ", ".join(f"the {plugin['seam']} {plugin['name']!r} of {plugin['module']}" for plugin in plugins)


def are_plugins(content: Any) -> bool:
    """True if the content of a file is a list as from `plugins_of`."""
    return isinstance(content, list) and all(
        isinstance(plugin, dict)
        and all(isinstance(plugin.get(key), str) for key in ("seam", "name", "module"))
        and isinstance(plugin.get("imports", {}), dict)
        for plugin in content
    )


def check_plugins(plugins: Iterable[Mapping[str, Any]], where: str, copies: Path) -> None:
    """Raise RunError if a plug-in of a run is not registered. Objects (``handed_in``) are ignored.

    The message names the run (`where`), all missing plug-ins, and their packages or files, or their `copies` in the
    run's folder. netsim never runs a copy by itself.
    """
    registries = {registry.seam: registry for registry in seams.SEAMS}
    lacking: dict[str, list[Mapping[str, Any]]] = {}
    for plugin in plugins:
        if plugin.get("handed_in"):
            continue
        copy = None
        try:
            registry = registries[plugin["seam"]]
            copy = None if plugin["name"] in registry else copy_of(plugin, copies)
            registry[plugin["name"]]
        except (KeyError, SpecificationError) as error:
            reason = f" ({error})" if isinstance(error, SpecificationError) else ""
            package = " ".join(str(plugin[key]) for key in ("distribution", "version") if plugin.get(key))
            file = plugin.get("file") or "FILE"
            remedy = f"install {package}" if package else f"give --plugin {file}, or import it in Python first"
            if copy is not None:
                remedy = f"the run contains a copy: read it, then give --plugin {copy}"
            lacking.setdefault(f"which cannot be loaded{reason}; {remedy}", []).append(plugin)
    if lacking:
        raise RunError(f"{where}: {'; '.join(f'needs {names_of(those)}, {why}' for why, those in lacking.items())}")


def changed_plugins(former: Iterable[Mapping[str, Any]], since: str = "the training") -> str:
    """Describe in one line which plug-in files have changed since the record. Empty if none has."""
    changed = {}
    for plugin in former:
        then, now = (_by_file(each) for each in (plugin, file_of(plugin["module"])))
        for file in then if now else ():
            if now.get(file) != then[file]:
                path = Path(str(plugin.get("file")))
                changed[str(path.parent / file if file else path)] = f"{then[file]} then and {now.get(file)} now"
    return "; ".join(f"{file} has changed since {since}: sha256 {change}" for file, change in changed.items())


def _by_file(plugin: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of a plug-in's file, under the empty name, and of its imports. Empty if unknown."""
    return {"": plugin["sha256"]} | plugin.get("imports", {}) if plugin.get("sha256") else {}


def handed_in(plugins: Iterable[Mapping[str, Any]], registry: Registry[Any]) -> str:
    """Name the objects given to a training instead of entries of a registry. Empty if there are none."""
    return names_of(plugin for plugin in plugins if plugin.get("handed_in") and plugin["seam"] == registry.seam)


def foreign_engine(network: Network, plugins: Iterable[Mapping[str, Any]]) -> str:
    """Name the engine of a training unless it is an engine of netsim. Otherwise empty.

    `plugins` come from the run's record. The neurons of such an engine may differ from the specification.
    """
    name = network.training.engine
    if (handed := handed_in(plugins, seams.engines)) or seams.engines.is_own(name):
        return handed
    return names_of([asdict(seams.engines.origin(name))])


def _entries(network: Network) -> Iterator[tuple[Registry[Any], str]]:
    """Yield the entries of seams that a network uses: for its parts, and for the names in its settings."""
    learning, training = network.learning, network.training
    for part in _parts(network):
        for registry in seams.SEAMS:
            with suppress(KeyError):
                yield registry, registry.name_of(type(part))
    for population in network.integrating:
        yield seams.regimes, population.dynamics.regime
        yield seams.families, population.dynamics.family
    yield seams.engines, training.engine
    if (source := find_source(training.dataset)) is not None:
        yield seams.datasets, seams.datasets.name_of(source)
    yield seams.learners, learning.learner
    yield seams.targets, learning.targets
    yield seams.optimizers, learning.optimizer
    yield seams.schedules, learning.schedule
    for name, constraint in seams.constraints.items():
        if constraint.from_network(network) is not None:
            yield seams.constraints, name


def _parts(part: Any) -> Iterator[Any]:
    """Yield a part of a specification and all nested parts."""
    if is_dataclass(part):
        yield part
        for field in fields(part):
            yield from _parts(getattr(part, field.name))
    elif isinstance(part, tuple):
        for item in part:
            yield from _parts(item)
