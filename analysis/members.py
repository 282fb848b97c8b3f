"""The networks that a user names: runs, presets and files, and all finished runs of a sweep."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netsim.errors import DataError, RunError
from netsim.models.presets import preset_names
from netsim.specification.keys import described

PLAN, TABLE = "sweep.toml", "results.csv"
"""Files in the folder of a sweep."""


@dataclass(frozen=True)
class Member:
    """A network by its name, with the settings of its sweep in one line; empty outside sweeps of several settings."""

    name: str
    settings: str = ""


def members_of(names: Sequence[str]) -> list[Member]:
    """Return the networks of names, with the finished runs in place of each sweep.

    Raises
    ------
    RunError
        If a sweep has no finished run.
    DataError
        If a network is named twice.
    """
    members: list[Member] = []
    for name in names:
        members += _runs_of(Path(name)) if _is_sweep(name) else [Member(name)]
    if twice := named_twice([member.name for member in members]):
        raise DataError(f"{twice}: is named twice; a network counts once")
    return members


def named_twice(names: Sequence[str]) -> str | None:
    """Return the first name whose preset, run or file has several names, or None."""
    presets = preset_names()
    networks = [name if name in presets else os.path.abspath(name) for name in names]
    return next((name for name, network in zip(names, networks, strict=True) if networks.count(network) > 1), None)


def _is_sweep(name: str) -> bool:
    return os.path.isfile(Path(name) / TABLE) and os.path.isfile(Path(name) / PLAN)


def _runs_of(folder: Path) -> list[Member]:
    from netsim.analysis.sweep_tables import read_sweep_table, swept_keys

    table = read_sweep_table(folder / TABLE)
    finished = table[(table["status"] == "finished").to_numpy()]
    if finished.empty:
        raise RunError(f"{folder}: has no finished run; continue it with netsim sweep --resume")
    keys = swept_keys(table)
    settings = [described(dict(zip(keys, row, strict=True))) for row in finished[keys].itertuples(index=False)]
    several = len(set(settings)) > 1
    runs = zip(finished["run"], settings, strict=True)
    return [Member(str(folder / str(run)), each if several else "") for run, each in runs]
