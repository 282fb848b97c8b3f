"""The folder of an experiment: its record, and the rows of each unit as soon as the unit is measured.

The file of a unit appears complete or not at all. A resumed experiment therefore has the same table as an uninterrupted
experiment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netsim.errors import DataError, RunError, warn_user
from netsim.experiments.experiment import Experiment, Row, Unit
from netsim.files import make_folder, read_text, remove_half_written, write_json
from netsim.runs.folder import LOCK, changed_versions, describe_run
from netsim.runs.plugins import changed_plugins, plugin_record
from netsim.seams import experiments

RECORD = "experiment.json"
_UNITS = "units"
_LARGEST = 2**26
"""Maximum bytes of a file of rows."""


class ExperimentFolder:
    """The files of one experiment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / RECORD

    def check(self, experiment: Experiment, seeds: Sequence[int], resume: bool) -> None:
        """Raise RunError for a folder with other files, or with another experiment to resume."""
        if not self.path.exists() or self._is_new():
            return
        if not self.record_file.is_file():
            raise RunError(f"{self.path}: exists already, and is no experiment; choose another --out")
        if not resume:
            raise RunError(f"{self.path}: exists already; choose another --out, or continue it with --resume")
        record = self.record()
        now = {"experiment": experiment.name, "settings": experiment.settings}
        for key, value in now.items():
            if record.get(key) != value:
                former = _difference(record.get(key), value)
                raise RunError(f"{self.path}: was started with other {key} ({former}); choose another --out")
        begun = self.seeds()
        if list(seeds)[: len(begun)] != begun:
            fewer = f"was started with other seeds ({begun}, now {list(seeds)})"
            raise RunError(f"{self.path}: {fewer}; give --seeds {len(begun)} or more, or choose another --out")

    def seeds(self) -> list[int]:
        """Return the seeds of the experiment in the folder. Empty if there is none."""
        seeds = self.record().get("seeds") if self.record_file.is_file() else None
        return seeds if isinstance(seeds, list) else []

    def begin(self, experiment: Experiment, seeds: Sequence[int], quick: bool, kept: int, units: int) -> dict[str, Any]:
        """Write the record of a new experiment, or extend the record of a resumed experiment.

        A changed plug-in may judge the rows of all `units`, but rows of two plug-ins may not mix. So RunError is raised
        if only some units are `kept`.
        """
        make_folder(self.path / _UNITS)
        remove_half_written(self.record_file)
        now = describe_run(seeds[0])
        if self.record_file.exists():
            record = self.record()
            surroundings = {key: now[key] for key in ("started", "netsim", "git_revision", "versions", "machine")}
            changed = changed_versions(record)
            entry = {**surroundings, **({"changed": changed} if changed else {})}
            if not kept:
                record |= _plugin(experiment)
            if plugin := changed_plugins(record.get("plugins", []), "the start of the experiment"):
                if kept < units:
                    restore = "restore it to measure the other units, or begin again with another --out"
                    raise RunError(f"{self.path}: {plugin}; {restore}")
                entry["changed_plugins"] = plugin
                warn_user(f"{self.path}: {plugin}; only verdict, figure and page are made again")
            if record.get("seeds") != list(seeds):
                entry["seeds"] = [record.get("seeds"), list(seeds)]
                record |= {"seeds": list(seeds), "command": now["command"]}
                for key in ("verdict", "sha256"):
                    record.pop(key, None)
            record["resumed"] = [*record.get("resumed", []), entry]
        else:
            del now["seed"]
            entries = {
                "experiment": experiment.name,
                "quick": quick,
                "settings": experiment.settings,
                "seeds": list(seeds),
            }
            record = {**entries, **now, **_plugin(experiment)}
        self.write_record(record)
        return record

    def record(self) -> dict[str, Any]:
        """Return the record from `begin`. Raise RunError if it is damaged."""
        return _read(self.record_file, "restore it, or choose another --out")

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write the record."""
        write_json(self.record_file, record)

    def keep(self, number: int, unit: Unit, rows: Sequence[Row]) -> None:
        """Write the rows of a unit."""
        write_json(self._file(number), {"condition": unit.condition, "seed": unit.seed, "rows": list(rows)})

    def kept(self, units: Sequence[Unit]) -> dict[int, list[Row]]:
        """Return the rows of the measured units, by index of the unit."""
        rows = {}
        for number, unit in enumerate(units):
            file = self._file(number)
            remove_half_written(file)
            if file.exists():
                remedy = "remove it, and continue with --resume"
                content = _read(file, remedy)
                if (content.get("condition"), content.get("seed")) != (unit.condition, unit.seed):
                    raise RunError(f"{file}: is not the unit {unit}; choose another --out")
                found = content.get("rows")
                if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                    raise RunError(f"{file}: is damaged (it has no rows); {remedy}")
                rows[number] = found
        return rows

    def _is_new(self) -> bool:
        """True for a folder of an experiment that ended before its record was written."""
        if not self.path.is_dir():
            return False
        names = {path.name for path in self.path.iterdir() if not path.match(f".{self.record_file.stem}.*.json")}
        units = self.path / _UNITS
        return names <= {LOCK, _UNITS} and (_UNITS not in names or (units.is_dir() and not any(units.iterdir())))

    def _file(self, number: int) -> Path:
        return self.path / _UNITS / f"{number + 1:04d}.json"


def _read(file: Path, remedy: str) -> dict[str, Any]:
    try:
        content = json.loads(read_text(file, _LARGEST))
    except OSError as error:
        raise RunError(f"{file}: cannot be read ({error.strerror or error}); check its permissions") from error
    except (ValueError, RecursionError, DataError) as error:
        raise RunError(f"{file}: is damaged ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise RunError(f"{file}: is damaged (it is no JSON object); {remedy}")
    return content


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        key = next(key for key in {**before, **now} if before.get(key) != now.get(key))
        return f"{key} {before.get(key)}, now {now.get(key)}"
    return f"{before}, now {now}"


def _plugin(experiment: Experiment) -> dict[str, Any]:
    """Return the origin of an experiment from a plug-in."""
    if experiments.is_own(experiment.name):
        return {}
    return {"plugins": [plugin_record(experiments.origin(experiment.name))]}
