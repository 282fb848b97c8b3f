"""The words and numbers of a report as rows of text."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from netsim.description.provenance import Fact
from netsim.measuring.costs import shown
from netsim.measuring.evaluation import Evaluation
from netsim.measuring.metrics import latency_text
from netsim.specification import STIMULUS, Network
from netsim.specification.summary import summarise


class Result(NamedTuple):
    """A result at the top of a report: its name, its value and a remark."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True)
class Table:
    """Headings and rows of text. A trailing ``>`` in a heading aligns its column to the right."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def results(network: Network, evaluation: Evaluation) -> list[Result]:
    """Return accuracy, latency, and costs of the network."""
    low, high = evaluation.interval
    interval = f"95% confidence interval {low:.2%} to {high:.2%}"
    summary = summarise(network)
    spikes = sum(count for name, count in evaluation.spikes_per_presentation.items() if name != STIMULUS)
    operations = sum(evaluation.synaptic_operations_per_presentation.values())
    mean, median = evaluation.mean_decision_latency_ms, evaluation.median_decision_latency_ms
    spread = f"interquartile range {latency_text(evaluation.decision_latency_iqr_ms, 1)}"
    at_onset = f"{evaluation.onset_rate:.1%} at the onset of the output window"
    return [
        Result("strict accuracy", f"{evaluation.strict_accuracy:.2%}", f"a tie is an error; {interval}"),
        Result("plain accuracy", f"{evaluation.accuracy:.2%}", "a tie goes to the lowest neuron"),
        Result("ties", f"{evaluation.tie_rate:.2%}", "several first output spikes"),
        Result("silent", f"{evaluation.silent_rate:.2%}", "no output spike"),
        Result("mean decision latency", latency_text(mean, 1), f"in presentations of {network.duration:g} ms"),
        Result("median decision latency", latency_text(median, 1), f"{spread}, {at_onset}"),
        Result("spikes per presentation", f"{spikes:,.0f}", f"of {summary['neurons']:,} neurons"),
        Result("synaptic operations", f"{operations:,.0f}", f"per presentation, on {summary['synapses']:,} synapses"),
    ]


def activity_table(network: Network, evaluation: Evaluation) -> Table:
    """Return spikes of each population, and operations of weighted synapses onto it."""
    rows, operations = [], evaluation.operations_onto(network)
    for name, shape in network.shapes.items():
        spikes, neurons = evaluation.spikes_per_presentation[name], math.prod(shape)
        shown = f"{operations[name]:,.0f}" if name in operations else ""
        rows.append((name, f"{neurons:,}", f"{spikes:,.1f}", f"{spikes / neurons:.1%}", shown))
    headings = ("layer", "neurons>", "spikes per presentation>", "neurons that fire>", "synaptic operations>")
    return Table(headings, tuple(rows))


def costs_table(evaluation: Evaluation) -> Table:
    """Return costs as NeuroBench defines them."""
    return Table(("figure", "value>", "what it is"), tuple(map(tuple, shown(evaluation.costs))))


def model_facts(network: Network) -> list[Fact]:
    """Return the network in a few words and numbers."""
    summary = summarise(network)
    weighting = network.weighting
    scale = f"a {'learned ' if weighting.learns_scales else ''}scale for each {weighting.scale}"
    return [
        Fact("architecture", summary["architecture"]),
        Fact("regime", summary["regime"]),
        Fact("weights", f"binary, {scale}" if weighting.is_binary else "real"),
        Fact("neurons", f"{summary['neurons']:,}"),
        Fact("synapses", f"{summary['synapses']:,}"),
        Fact("learned parameters", f"{summary['parameters']:,}"),
        Fact("presentation", f"{network.duration:g} ms"),
        Fact("encoding window", f"{network.encoder.t_max:g} ms"),
    ]
