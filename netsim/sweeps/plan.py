"""Plans of sweeps: TOML files, and the runs that they define."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netsim.errors import SpecificationError, nearest
from netsim.reprs import short_repr
from netsim.runs.names import network_file
from netsim.specification import Network
from netsim.specification.checks import check_size, finite, require
from netsim.specification.keys import Settings, described, network_with
from netsim.specification.toml import read_table, read_toml

_KEYS = ("base", "seeds", "limit", "overrides", "grid", "random")
_DRAWS: dict[str, Callable[..., Any]] = {
    "uniform": lambda generator, low, high: float(generator.uniform(low, high)),
    "loguniform": lambda generator, low, high: float(np.exp(generator.uniform(np.log(low), np.log(high)))),
    "integers": lambda generator, low, high: int(generator.integers(low, high, endpoint=True)),
    "choice": lambda generator, *choices: choices[generator.integers(len(choices))],
}
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class PlannedRun:
    """A training of a sweep: values of the swept keys, a seed, and the network with these values."""

    settings: Settings
    seed: int
    network: Network

    __repr__ = short_repr


@dataclass(frozen=True)
class Plan:
    """The trainings of a sweep."""

    keys: tuple[str, ...]
    """Swept keys, in the order of the file."""
    runs: tuple[PlannedRun, ...]
    """Different runs. Seeds of a combination of settings are consecutive."""
    limit: int | None = None
    """Number of training stimuli; up to a fifth as many are used for validation."""

    __repr__ = short_repr


def read_plan(path: str | Path) -> Plan:
    """Read a plan from a TOML file. Raise SpecificationError if a run is invalid."""
    table = read_toml(path)
    try:
        return plan_from_dict(table, Path(path).parent)
    except SpecificationError as error:
        raise SpecificationError(str(path), str(error)) from error


def plan_from_dict(table: dict[str, Any], folder: Path) -> Plan:
    """Return the plan of a nested dictionary. Relative paths of the base refer to `folder`."""
    if "layers" in table or "populations" in table:
        need = 'needs a file with base = "NETWORK.toml" and the swept keys below [grid] or [random]'
        raise SpecificationError("sweep", f"{need}, but this is a network")
    for key in table:
        if key not in _KEYS:
            raise SpecificationError(key, f"is not a key of a sweep{nearest(key, _KEYS)}")
    base = _base_table(table.get("base"), folder)
    limit = table.get("limit")
    if limit is not None:
        check_size(limit, "limit", least=2)
    require("grid" not in table or "random" not in table, "random", "cannot be combined with grid; leave one out")
    overrides = _by_key(_flat(_table(table, "overrides"), "overrides"))
    combinations = _drawn(_table(table, "random")) if "random" in table else _grid(_table(table, "grid"))
    keys = tuple(combinations[0])
    for key in keys:
        require(key not in overrides, f"overrides.{key}", "is swept too; remove it from one of the two")
    for outer, inner in itertools.permutations([*overrides, *keys], 2):
        require(not inner.startswith(f"{outer}."), inner, f"is given inside {outer} too; remove one")
    seeds = _seeds(table.get("seeds", [0]))
    _check_count(len(combinations) * len(seeds))
    runs: dict[tuple[Network, int], PlannedRun] = {}
    for settings in combinations:
        network = _network(base, overrides, settings)
        for seed in seeds:
            runs.setdefault((network, seed), PlannedRun(settings, seed, network))
    return Plan(keys, tuple(runs.values()), limit)


def _base_table(base: Any, folder: Path) -> dict[str, Any]:
    """Return the table of the base as written, so that missing values follow from other values, also swept values."""
    require(isinstance(base, str), "base", "must name a preset or a TOML file")
    file = network_file(str(folder / base) if base.endswith(".toml") else base)
    return read_table(file)


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    part = table.get(name, {})
    require(isinstance(part, dict), name, f"must be a table, not {part!r}")
    return part


def _seeds(seeds: Any) -> list[int]:
    require(isinstance(seeds, list) and len(seeds) > 0, "seeds", f"must be a list of integers >= 0, not {seeds!r}")
    for seed in seeds:
        check_size(seed, "seeds", least=0)
    return list(dict.fromkeys(seeds))


def _check_count(count: int) -> None:
    require(count <= _MOST_RUNS, "sweep", f"defines {count:,} runs; at most {_MOST_RUNS:,} are allowed")


def _flat(
    table: dict[str, Any], where: str, ends: Callable[[dict[str, Any]], bool] = lambda value: False
) -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested tables. Tables for which `ends` is true are values."""
    for key, value in table.items():
        if isinstance(value, dict) and not ends(value):
            require(len(value) > 0, f"{where}.{key}", "is empty; list values to try, or remove it")
            for inner, innermost in _flat(value, f"{where}.{key}", ends):
                yield f"{key}.{inner}", innermost
        else:
            yield key, value


def _by_key(pairs: Iterable[tuple[str, Any]]) -> Settings:
    """Return keys with their values. Refuse a key that is given twice, quoted and nested."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        require(key not in found, key, "is given twice; remove one")
        found[key] = value
    return found


def _grid(table: dict[str, Any]) -> list[Settings]:
    """Return all combinations of values. The last key varies fastest."""
    values = _by_key(_flat(table, "grid"))
    for key, choices in values.items():
        _check_choices(choices, f"grid.{key}")
    _check_count(math.prod(map(len, values.values())))
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _check_choices(choices: Any, where: str) -> None:
    require(isinstance(choices, list) and len(choices) > 0, where, f"must be a list of values to try, not {choices!r}")


def _drawn(table: dict[str, Any]) -> list[Settings]:
    """Return random combinations. A larger count adds combinations without changing the first."""
    table = dict(table)
    count, seed = table.pop("count", None), table.pop("seed", 0)
    check_size(count, "random.count")
    check_size(seed, "random.seed", least=0)
    _check_count(count)
    draws = _by_key(_flat(table, "random", lambda value: not any(isinstance(inner, dict) for inner in value.values())))
    require(len(draws) > 0, "random", 'needs keys to draw, for example "learning.rate" = { loguniform = [1e-4, 1e-2] }')
    for key, draw in draws.items():
        _check_draw(draw, f"random.{key}")
    combinations = []
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        combinations.append({key: _draw(draw, generator) for key, draw in draws.items()})
    return combinations


def _check_draw(draw: Any, where: str) -> None:
    """Raise SpecificationError unless the table has a single distribution with its range or choices."""
    example = "for example { uniform = [0.0, 1.0] }"
    require(isinstance(draw, dict) and len(draw) == 1, where, f"needs one of {', '.join(_DRAWS)}, {example}")
    ((distribution, values),) = draw.items()
    where = f"{where}.{distribution}"
    if distribution not in _DRAWS:
        raise SpecificationError(where, f"is not a distribution{nearest(distribution, _DRAWS)}")
    if distribution == "choice":
        _check_choices(values, where)
        return
    numbers = int if distribution == "integers" else int | float
    require(
        isinstance(values, list)
        and len(values) == 2
        and all(isinstance(value, numbers) and not isinstance(value, bool) and finite(value) for value in values)
        and values[0] < values[1]
        and finite(values[1] - values[0]),
        where,
        f"must be {'two integers' if distribution == 'integers' else 'two numbers'} [least, largest], not {values!r}",
    )
    if distribution == "integers":
        require(values[0] >= -(2**63) and values[1] < 2**63, where, f"must fit in 64 bits, not {values!r}")
    require(distribution != "loguniform" or values[0] > 0, where, f"must be positive, not {values!r}")


def _draw(draw: dict[str, Any], generator: np.random.Generator) -> Any:
    ((distribution, values),) = draw.items()
    return _DRAWS[distribution](generator, *values)


def _network(base: dict[str, Any], overrides: Settings, settings: Settings) -> Network:
    """Return the base with other values. Error messages name the swept values."""
    try:
        network = network_with(base, overrides | settings)
    except SpecificationError as error:
        if not settings:
            raise
        raise SpecificationError(error.field, f"{error.message} (with {described(settings)})") from error
    aside = "training.validation"
    remedy = f"leave 0 out of {aside}" if aside in settings else f"set overrides.{aside} to how many are set aside"
    separate = "any number above 0, if the data set has validation stimuli"
    require(network.training.validation > 0, aside, f"is 0, but runs are compared by validation; {remedy} ({separate})")
    return network
