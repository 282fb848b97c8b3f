"""What a run of the benchmark leaves: tables as Markdown, everything as JSON, figures, and the page in docs."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.figures import growth_figure, rows_figure
from benchmarks.goals import Goal, judge
from benchmarks.rows import Measured, Setting
from benchmarks.tables import goals_table, growth_table, limits_table, processes_table, rows_table, shares_table
from netsim.analysis.style import save_figure
from netsim.errors import DataError
from netsim.files import write_text

SECTIONS = ("run", "rows", "goals", "growth", "processes", "shares", "limits")
"""The marks of a page, each ``<!-- name -->`` and ``<!-- end of name -->``."""
# A load average below this is that of a machine where nothing else runs.
_QUIET = 0.5
_SHARED = "**other jobs shared the machine: take the figures as preliminary**"
LIBRARIES = ("torch", "snntorch", "spikingjelly", "cython")


@dataclass
class Results:
    """All that a run has measured.

    Attributes
    ----------
    record : dict
        Seed, settings, command, versions, revision and machine, as `netsim.runs.folder.describe_run` has them.
    setting : Setting
    rows : list of Measured
    growth, processes, shares, limits
        As the modules of these names give them; empty if they were not asked for.
    """

    record: dict[str, Any]
    setting: Setting
    rows: list[Measured]
    growth: list[dict[str, Any]] = field(default_factory=list)
    processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    shares: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)

    @property
    def goals(self) -> list[Goal]:
        """Goals beside what was measured; a quick run, which measures something smaller, has none."""
        return [] if self.record["quick"] else judge(self.rows, self.growth, self.processes)

    def sections(self) -> dict[str, str]:
        """Markdown of what was measured, by section."""
        sections = {}
        if self.rows:
            sections["rows"] = rows_table(self.rows)
        if self.goals:
            sections["goals"] = goals_table(self.goals)
        if self.growth:
            sections["growth"] = growth_table(self.growth)
        if self.processes:
            sections["processes"] = processes_table(self.processes)
        if self.shares:
            sections["shares"] = shares_table(self.shares)
        if self.limits:
            sections["limits"] = limits_table(self.limits, self.rows, self.setting.threads)
        sections["run"] = self.provenance()
        return sections

    def provenance(self) -> str:
        """What was run, on what, with what."""
        record = self.record
        machine, versions = record["machine"], record["versions"]
        known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        revision = record["git_revision"]
        return "\n".join(
            [
                f"- `{shlex.join(['python', 'scripts/benchmark.py', *record['command'][1:]])}`,"
                f" {record['started']}, revision {revision[:10] + revision[40:] if revision else 'unknown'}",
                f"- {machine['cores']} cores of {machine['processor']}; threads: {self.setting.threads}; load"
                f" {record['load_before']:.1f} before, {record['load_after']:.1f} after"
                f" ({_SHARED if record['load_before'] > _QUIET else 'no other jobs'})",
                f"- {self.setting.origin}; median of {record['repetitions']} blocks a row",
                f"- {known}",
            ]
        )

    def to_json(self) -> str:
        """Everything, with each block's time."""
        setting = {key: value for key, value in vars(self.setting).items() if key not in ("images", "labels")}
        content = {
            "record": self.record,
            "setting": {**setting, "batch": len(self.setting.images)},
            "rows": [_with_median(row) for row in self.rows],
            "goals": [dataclasses.asdict(goal) for goal in self.goals],
            "growth": self.growth,
            "processes": self.processes,
            "shares": self.shares,
            "limits": self.limits,
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def library_versions() -> dict[str, str]:
    """Versions of what only the benchmark uses; what is not installed has none."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write ``benchmark.md``, ``benchmark.json`` and the figures.

    Raises
    ------
    RunError
        If the folder cannot be written to.
    """
    write_text(folder / "benchmark.md", "\n\n".join(results.sections().values()) + "\n")
    write_text(folder / "benchmark.json", results.to_json())
    written = [folder / "benchmark.md", folder / "benchmark.json"]
    return written + _write_figures(results, folder, ("png", "svg"))


def read_page(page: Path) -> str:
    """The text of a page, which has to have the marks of all sections.

    Raises
    ------
    DataError
        If it cannot be read, or lacks a mark.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{page}: cannot be read ({error}); give a page with the marks of the sections") from error
    for name in SECTIONS:
        if not _between(name).search(text):
            raise DataError(
                f"{page}: lacks <!-- {name} --> and <!-- end of {name} -->, between which a table is written"
            )
    return text


def update_page(results: Results, page: Path) -> list[Path]:
    """Put what was measured between the marks of a page, and the figures into the folder of its name.

    What this run has not measured stays as it is.

    Raises
    ------
    DataError
        If the page cannot be read, or lacks a mark.
    RunError
        If it cannot be written.
    """
    text = read_page(page)
    for name, section in results.sections().items():
        whole = f"<!-- {name} -->\n{section}\n<!-- end of {name} -->"
        text = _between(name).sub(whole.replace("\\", r"\\"), text)
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    written = _write_figures(results, folder, ("png",))
    write_text(page, text)
    return [page, *written]


def _between(name: str) -> re.Pattern[str]:
    return re.compile(f"<!-- {name} -->.*?<!-- end of {name} -->", re.DOTALL)


def _write_figures(results: Results, folder: Path, formats: tuple[str, ...]) -> list[Path]:
    figures = {}
    if any(row.wall_ms for row in results.rows):
        figures["benchmark"] = rows_figure(results.rows)
    if results.growth:
        figures["growth"] = growth_figure(results.growth)
    written = []
    for name, figure in figures.items():
        for suffix in formats:
            written.append(folder / f"{name}.{suffix}")
            save_figure(figure, written[-1], dpi=200)
        plt.close(figure)
    return written


def _with_median(row: Measured) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "median_ms": row.median_ms if row.wall_ms else None}
