"""Plug-ins: what of a run does not come with netsim itself, and has to be there again where the run is used."""

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
from netsim.registry import Registry
from netsim.runs.plugin_files import file_of
from netsim.specification import Network

Plugin = dict[str, Any]
"""A `netsim.registry.Origin` as a dictionary, with ``handed_in`` for an object from Python.

What belongs to no package has ``file`` and ``sha256`` of its source, and ``imports``, the SHA-256 of what it imports
from its folder, by paths in that.
"""


def plugins_of(
    network: Network,
    learner: Learner | None = None,
    optimizer: Optimizer | None = None,
    constraints: Sequence[Constraint] = (),
    targets: Targets | None = None,
    engine: Engine | None = None,
) -> list[Plugin]:
    """What a network needs that does not come with netsim, and the objects that its training was handed.

    These stand in place of those that the network's settings name.
    """
    found = [asdict(registry.origin(name)) for registry, name in _entries(network) if not registry.is_own(name)]
    handed: list[tuple[Registry[Any], Any]] = [(seams.learners, learner), (seams.optimizers, optimizer)]
    handed += [(seams.constraints, constraint) for constraint in constraints]
    handed += [(seams.targets, targets), (seams.engines, engine)]
    found += [asdict(registry.origin_of(made)) | {"handed_in": True} for registry, made in handed if made is not None]
    found = [plugin | ({} if plugin["distribution"] else file_of(plugin["module"])) for plugin in found]
    return [plugin for number, plugin in enumerate(found) if plugin not in found[:number]]


def names_of(plugins: Iterable[Mapping[str, Any]]) -> str:
    """Plug-ins in a line, whatever their versions; empty if there are none."""
    return ", ".join(f"the {plugin['seam']} {plugin['name']!r} of {plugin['module']}" for plugin in plugins)


def are_plugins(content: Any) -> bool:
    """Whether what a file holds is a list as `plugins_of` makes it."""
    return isinstance(content, list) and all(
        isinstance(plugin, dict)
        and all(isinstance(plugin.get(key), str) for key in ("seam", "name", "module"))
        and isinstance(plugin.get("imports", {}), dict)
        for plugin in content
    )


def check_plugins(plugins: Iterable[Mapping[str, Any]], where: str) -> None:
    """Refuse a run whose plug-ins, as from `plugins_of`, cannot be loaded; those handed in are not asked for.

    Raises RunError: the message names the run (`where`), all plug-ins that it lacks, and their packages or files.
    """
    registries = {registry.seam: registry for registry in seams.SEAMS}
    lacking: dict[str, list[Mapping[str, Any]]] = {}
    for plugin in plugins:
        if plugin.get("handed_in"):
            continue
        try:
            registries[plugin["seam"]][plugin["name"]]
        except (KeyError, SpecificationError) as error:
            reason = f" ({error})" if isinstance(error, SpecificationError) else ""
            package = " ".join(str(plugin[key]) for key in ("distribution", "version") if plugin.get(key))
            file = plugin.get("file")
            remedy = (
                f"install {package}" if package else f"give --plugin {file or 'FILE'}, or import it in Python first"
            )
            lacking.setdefault(f"which cannot be loaded{reason}; {remedy}", []).append(plugin)
    if lacking:
        raise RunError(f"{where}: {'; '.join(f'needs {names_of(those)}, {why}' for why, those in lacking.items())}")


def changed_plugins(former: Iterable[Mapping[str, Any]]) -> str:
    """Which of a record's plug-ins come from other files than those that are loaded, in a line; empty if none does."""
    changed = {}
    for plugin in former:
        then, now = (_by_file(each) for each in (plugin, file_of(plugin["module"])))
        for file in then if now else ():
            if now.get(file) != then[file]:
                place = Path(str(plugin.get("file")))
                changed[str(place.parent / file if file else place)] = f"{then[file]} then and {now.get(file)} now"
    return "; ".join(f"{file} has changed since the training: sha256 {change}" for file, change in changed.items())


def _by_file(plugin: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the file, by the empty name, and of those that it imports; empty if none is known."""
    return {"": plugin["sha256"]} | plugin.get("imports", {}) if plugin.get("sha256") else {}


def handed_in(plugins: Iterable[Mapping[str, Any]], registry: Registry[Any]) -> str:
    """What a training was handed as objects in place of entries of a registry, in words; empty if there was nothing."""
    return names_of(one for one in plugins if one.get("handed_in") and one["seam"] == registry.seam)


def foreign_engine(network: Network, plugins: Iterable[Mapping[str, Any]]) -> str:
    """The engine that a training simulated with, in words, if it is not one of netsim's own; else empty.

    `plugins` are those of the run's record; neurons of such an engine need not be those of the specification.
    """
    name = network.training.engine
    if (handed := handed_in(plugins, seams.engines)) or seams.engines.is_own(name):
        return handed
    return names_of([asdict(seams.engines.origin(name))])


def _entries(network: Network) -> Iterator[tuple[Registry[Any], str]]:
    """The entries of seams that a network uses: those that its parts are made of, and those that its settings name."""
    learning, training = network.learning, network.training
    for part in _parts(network):
        for registry in seams.SEAMS:
            with suppress(KeyError):
                yield registry, registry.name_of(type(part))
    for population in network.integrating:
        yield seams.regimes, population.dynamics.regime
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
    """A part of a specification, and all that it holds."""
    if is_dataclass(part):
        yield part
        for field in fields(part):
            yield from _parts(getattr(part, field.name))
    elif isinstance(part, tuple):
        for one in part:
            yield from _parts(one)
