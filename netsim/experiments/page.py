"""The page of an experiment: question, model, protocol, result, control, verdict, caveats, references, command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netsim.experiments.checks import compared_of, results_of
from netsim.experiments.experiment import LEAST_SEEDS, Experiment, Verdict
from netsim.reporting.article import Article, Block, Code, Drawing, Listing, Section
from netsim.reporting.tables import Table

if TYPE_CHECKING:
    import pandas as pd


def make_page(
    experiment: Experiment, table: pd.DataFrame, verdict: Verdict, record: Mapping[str, Any], file: str, png: bytes
) -> Article:
    """Return the page of an experiment with the figure `file` (PNG)."""
    results = results_of(experiment, table)
    seeds = record["seeds"]
    settings = Table(("setting", "value"), tuple((name, _shown(value)) for name, value in experiment.settings.items()))
    controls = tuple(
        (control.quantity, control.value, ours, control.source, "yes" if control.read else "no, recalled")
        for control, ours in zip(experiment.controls, compared_of(experiment, table, verdict), strict=True)
    )
    protocol: list[Block] = [
        *experiment.protocol(),
        f"Seeds: {', '.join(map(str, seeds))}. Settings of this run:",
        settings,
    ]
    sections = [
        Section("Question", [experiment.question]),
        Section("Model", list(experiment.model())),
        Section("Protocol", protocol),
        Section(
            "Result",
            [
                f"Means over {len(seeds)} seed{'s' * (len(seeds) > 1)}. Brackets are 95 % intervals of the mean over"
                " seeds (Student's t).",
                Table(results.headings, results.rows),
                Drawing(file, png, experiment.caption(), f"Figure of the experiment {experiment.name}"),
            ],
        ),
        Section(
            "Published control", [Table(("quantity", "published", "ours", "source", "read at the source"), controls)]
        ),
        Section("Verdict", [f"{verdict.outcome.capitalize()}.", verdict.reason]),
        Section("Caveats", [Listing(tuple(_caveats(experiment, record)))]),
        Section("References", [Listing(experiment.references)]),
        Section("Command", [Code(f"$ {shlex.join(record['command'])}"), Listing(_surroundings(record))]),
    ]
    return Article(
        kicker="netsim experiment",
        title=experiment.name,
        description=experiment.question,
        badge=verdict.outcome,
        cautions=tuple(cautions(record)),
        sections=sections,
        generator=f"Made by netsim {record['netsim']}.",
    )


def cautions(record: Mapping[str, Any]) -> list[str]:
    """Return cautions that a reader needs before the result."""
    lines = []
    if record["quick"]:
        lines.append("This is a quick run with a reduced budget. It shows the protocol. Its verdict is no evidence.")
    if (count := len(record["seeds"])) < LEAST_SEEDS:
        lines.append(f"Only {count} seed{'s' * (count > 1)}: the intervals need at least {LEAST_SEEDS}.")
    if changed := (record.get("resumed") or [{}])[-1].get("changed_plugins"):
        lines.append(f"{changed}. The rows are from before this change; verdict, figure and page are from after it.")
    return lines


def _caveats(experiment: Experiment, record: Mapping[str, Any]) -> list[str]:
    recalled = [control.source for control in experiment.controls if not control.read]
    unread = [f"The value of this control was not read at its source: {source}." for source in dict.fromkeys(recalled)]
    return [*experiment.caveats(), *unread, *cautions(record)]


def _surroundings(record: Mapping[str, Any]) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items() if version)
    machine = record["machine"]
    return (
        f"netsim {record['netsim']}, git revision {record['git_revision'] or 'none'}",
        versions,
        f"{machine['system']}, {machine['processor']}, {machine['cores']} cores",
        *(f"plug-in: {plugin['module']}" for plugin in record.get("plugins", [])),
        *(f"resumed {entry['started']}" for entry in record.get("resumed", [])),
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
