"""The words and numbers of a report, as rows of text."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netsim.analysis.figures.decision_time import wilson_interval
from netsim.analysis.learning_tables import best_epoch, metrics_table
from netsim.errors import DataError
from netsim.measuring.evaluation import Evaluation
from netsim.specification import STIMULUS, Network
from netsim.specification.summary import summarise
from netsim.weights.layout import layers_with_learned_scales


class Result(NamedTuple):
    """One of the figures at the top of a report: what it is, its value, and what to know about it."""

    name: str
    value: str
    detail: str


class Fact(NamedTuple):
    """A name with its value; `is_code` if the value is to be read letter by letter."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True)
class Table:
    """Headings and rows of text; a heading that ends in ``>`` has its column right-aligned."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def results(network: Network, evaluation: Evaluation) -> list[Result]:
    """How well and how fast the network decides, and what it spends on it."""
    strict = np.array(evaluation.strict_accuracy)
    low, high = (float(bound) for bound in wilson_interval(strict, evaluation.presentations))
    summary = summarise(network)
    spikes = sum(count for name, count in evaluation.spikes_per_presentation.items() if name != STIMULUS)
    operations = sum(evaluation.synaptic_operations_per_presentation.values())
    latency = evaluation.mean_decision_latency_ms
    return [
        Result(
            "strict accuracy",
            f"{evaluation.strict_accuracy:.2%}",
            f"a tie is an error; 95% confidence interval {low:.2%} to {high:.2%}",
        ),
        Result("plain accuracy", f"{evaluation.accuracy:.2%}", "a tie goes to the lowest neuron"),
        Result("ties", f"{evaluation.tie_rate:.2%}", "several first output spikes"),
        Result("silent", f"{evaluation.silent_rate:.2%}", "no output spike"),
        Result(
            "mean decision latency",
            "none" if math.isnan(latency) else f"{latency:.1f} ms",
            f"in presentations of {network.duration:g} ms",
        ),
        Result("spikes per presentation", f"{spikes:,.0f}", f"of {summary['neurons']:,} neurons"),
        Result("synaptic operations", f"{operations:,.0f}", f"per presentation, on {summary['synapses']:,} synapses"),
    ]


def activity_table(network: Network, evaluation: Evaluation) -> Table:
    """Spikes and synaptic operations by layer."""
    rows = []
    for name, shape in network.shapes.items():
        spikes, neurons = evaluation.spikes_per_presentation[name], math.prod(shape)
        operations = evaluation.synaptic_operations_per_presentation.get(name)
        rows.append(
            (
                name,
                f"{neurons:,}",
                f"{spikes:,.1f}",
                f"{spikes / neurons:.1%}",
                "" if operations is None else f"{operations:,.0f}",
            )
        )
    headings = ("layer", "neurons>", "spikes per presentation>", "neurons that fire>", "synaptic operations>")
    return Table(headings, tuple(rows))


def model_facts(network: Network) -> list[Fact]:
    """The network in a few words and numbers."""
    summary = summarise(network)
    weighting = network.weighting
    scale = f"a {'learned ' if layers_with_learned_scales(network) else ''}scale for each {weighting.scale}"
    return [
        Fact("architecture", summary["architecture"]),
        Fact("regime", summary["regime"]),
        Fact("weights", "real" if weighting.kind == "real" else f"binary, {scale}"),
        Fact("neurons", f"{summary['neurons']:,}"),
        Fact("synapses", f"{summary['synapses']:,}"),
        Fact("learned parameters", f"{summary['parameters']:,}"),
        Fact("presentation", f"{network.duration:g} ms"),
        Fact("encoding window", f"{network.encoder.t_max:g} ms"),
    ]


def training_facts(metrics: Path) -> list[Fact]:
    """What the metrics of a run say of its training; if they cannot be read, why."""
    try:
        table = metrics_table(metrics)
    except DataError as error:
        return [Fact("metrics", str(error))]
    best = table.iloc[best_epoch(table)]
    facts = [
        Fact("epochs", f"{len(table):,}"),
        Fact("best epoch", f"{best['epoch']:.0f}, chosen by the validation stimuli"),
        Fact("its validation accuracy", f"{best['validation_strict_accuracy']:.2%} (a tie is an error)"),
    ]
    if {"training_seconds", "validation_seconds"} <= set(table.columns):
        seconds = float(table["training_seconds"].sum() + table["validation_seconds"].sum())
        facts.append(Fact("duration", f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"))
    return facts


def record_facts(record: Mapping[str, Any]) -> list[Fact]:
    """Seed, versions, revision, command and machine, as `netsim.runs.folder.describe_run` records them.

    The record may come from a file: whatever it holds becomes text.
    """
    command = record.get("command")
    revision = _shown(record.get("git_revision"), "none, not run from a checkout")
    changed = ", with changes on top" if revision.endswith("+") else ""
    facts = [
        Fact("command", shlex.join(map(str, command)) if isinstance(command, list) else _shown(command), True),
        Fact("date", _shown(record.get("started"))),
    ]
    optional = {
        "imported": "imported from",
        "seed": "seed",
        "training": "stimuli learned from",
        "validation": "stimuli to choose the epoch by",
        "pretrained_sha256": "checksum of the weights it began with",
    }
    facts += [Fact(name, str(record[key])) for key, name in optional.items() if key in record]
    return [
        *facts,
        Fact("netsim", _shown(record.get("netsim"))),
        Fact(f"git revision{changed}", revision.removesuffix("+"), True),
        Fact("machine", _listed(record.get("machine"))),
        Fact("libraries", _listed(record.get("versions"))),
    ]


def _listed(content: Any) -> str:
    """Keys and values of a mapping in one line."""
    if not isinstance(content, Mapping):
        return _shown(content)
    return ", ".join(f"{key} {_shown(value, 'missing')}" for key, value in content.items())


def _shown(value: Any, missing: str = "not recorded") -> str:
    return missing if value is None else str(value)
