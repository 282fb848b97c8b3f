"""Accuracy, timing and costs of a network: one pass over labelled stimuli on any engine."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from netsim.data.stimuli import Stimuli, check_labels
from netsim.engines import Engine
from netsim.errors import DataError
from netsim.measuring.costs import Costs, costs
from netsim.measuring.health import advise_on_counts
from netsim.measuring.metrics import (
    Decisions,
    decide,
    decision_figures,
    neuron_spikes,
    synaptic_operations,
    timing_figures,
    wilson_interval,
)
from netsim.measuring.read_outs import Outputs
from netsim.presenting.batches import Presented, as_they_are, present_parts
from netsim.presenting.workers import Workers, distribution_of
from netsim.reprs import WIDTH, brief, html_table, limited
from netsim.runs.model import Model, Subject, open_model, stimuli_for
from netsim.seams import read_outs as known_read_outs
from netsim.specification import Network
from netsim.specification.checks import limit_in, names_in
from netsim.specification.grid import population_times
from netsim.specification.phrases import counted
from netsim.spikes import Progress, Spikes, no_progress
from netsim.spikes.spikes import refuse_for_spikes
from netsim.weights.layout import Weights


@dataclass
class Evaluation:
    """Figures of an evaluation. Rates are fractions of presentations. Printing it shows the most important ones.

    Attributes
    ----------
    accuracy : float
        Fraction with the first output spike at the label. Ties go to the lowest neuron number.
    strict_accuracy : float
        The same fraction, with all ties counted as errors.
    tie_rate : float
        Fraction with several first output spikes.
    silent_rate : float
        Fraction without output spikes.
    mean_decision_latency_ms, median_decision_latency_ms, decision_latency_iqr_ms : float
        Mean, median and interquartile range over presentations with an output spike, or NaN without any.
    onset_rate : float
        Fraction decided at the onset of an output window that starts after 0 ms, because a potential is above
        threshold then.
    read_outs : dict of float
        Accuracy by read-out.
    spikes_per_presentation, synaptic_operations_per_presentation : dict of float
        By population, and by projection.
    costs : Costs
    presentations : int
    seconds : float
        Duration of the evaluation.
    confusion : list of list of int
        A row per label and a column per decision. The last column counts silence.
    classes : list of str
        Names of the labels, if known.
    advice : list of str
        Populations that are silent or saturated, with remedies. `netsim.check` shows more.
    """

    accuracy: float
    strict_accuracy: float
    tie_rate: float
    silent_rate: float
    mean_decision_latency_ms: float
    median_decision_latency_ms: float
    decision_latency_iqr_ms: float
    onset_rate: float
    read_outs: dict[str, float]
    spikes_per_presentation: dict[str, float]
    synaptic_operations_per_presentation: dict[str, float]
    costs: Costs
    presentations: int
    seconds: float
    confusion: list[list[int]] = field(repr=False)
    classes: list[str] = field(default_factory=list, repr=False)
    advice: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        low, high = self.interval
        timing = (
            f"  first output spike at {self.median_decision_latency_ms:.4g} ms (median), quartiles"
            f" {self.decision_latency_iqr_ms:.4g} ms apart, {self.onset_rate:.2%} at the onset"
        )
        others = [f"  accuracy by {name}: {value:.2%}" for name, value in self.read_outs.items() if name != "strict"]
        spikes = ", ".join(f"{name} {count:.4g}" for name, count in self.spikes_per_presentation.items())
        return limited(
            [
                f"Evaluation, {counted(self.presentations, 'presentation')}:",
                f"  strict accuracy {self.strict_accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}),"
                f" {self.tie_rate:.2%} tied, {self.silent_rate:.2%} silent",
                *([timing] if self.silent_rate < 1 else []),
                *others,
                *(line for note in self.advice for line in wrap(f"  {note}", WIDTH, subsequent_indent="    ")),
                f"  spikes per presentation: {spikes}",
            ]
        )

    def _repr_html_(self) -> str:
        plain = {
            name: value for name, value in vars(self).items() if name not in ("confusion", "classes", "costs", "advice")
        }
        figures = [(name.replace("_", " "), brief(value)) for name, value in {**plain, **vars(self.costs)}.items()]
        return html_table("; ".join(["Evaluation", *self.advice]), figures)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson confidence interval of `strict_accuracy`, over draws of the stimuli."""
        low, high = wilson_interval(np.array(self.strict_accuracy), self.presentations)
        return float(low), float(high)

    def operations_onto(self, network: Network) -> dict[str, float]:
        """Return synaptic operations per presentation by target population, over all its projections."""
        operations: dict[str, float] = {}
        for projection in network.weighted:
            count = self.synaptic_operations_per_presentation[projection.name]
            operations[projection.target] = operations.get(projection.target, 0.0) + count
        return operations

    def to_dict(self) -> dict[str, object]:
        """Return all figures, ready for JSON, with None for NaN."""
        figures = dataclasses.asdict(self)
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value for name, value in figures.items()
        }


def evaluate(
    model: Subject | Spikes,
    stimuli: Stimuli | None = None,
    *,
    limit: int | None = None,
    engine: Engine | None = None,
    read_outs: Sequence[str] = ("strict",),
    workers: Workers = None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Measure how well a model decides. The first output spike decides, except in some read-outs.

    Parameters
    ----------
    model : Model, Network, str, Path or Spikes
        A model, the name of a run, preset or TOML file, or labelled spikes.
    stimuli : Stimuli, optional
        The default is the test stimuli of the model's data set.
    limit : int, optional
        Maximum number of stimuli to present, from the first.
    engine : Engine, optional
        The default is the engine and time grid of the network's ``training``.
    read_outs : sequence of str
        Ways to read decisions, in `netsim.seams.read_outs`.
    workers : int, str or Distribution, optional
        As in `netsim.present`.
    progress : callable
        Called with (done, total).

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If a stimulus has no label, or there are no stimuli.
    SpecificationError
        If `stimuli` have another type, a read-out does not exist, or the engine does not provide the potentials that a
        read-out needs.
    RunError
        If no `engine` is given for a model that was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> result = netsim.evaluate("digits", limit=20, read_outs=["strict", "potential"])
    >>> result.presentations, list(result.read_outs)
    (20, ['strict', 'potential'])
    """
    read_outs, limit = names_in(read_outs, "read_outs"), limit_in(limit)
    if isinstance(model, Spikes):
        refuse_for_spikes(stimuli=stimuli, engine=engine, workers=workers)
        return _evaluate_spikes(model if limit is None else model.head(limit), read_outs)
    model = open_model(model)
    stimuli = stimuli_for(model, stimuli, limit)
    stimuli.check_labels(model.network.outputs)
    engine = model.make_engine() if engine is None else engine
    for name in read_outs:
        known_read_outs.require(name).check(engine)
    started = time.perf_counter()
    read = partial(_tally, read_outs=tuple(read_outs))
    with distribution_of(workers) as distribution:
        tallies = present_parts(engine, stimuli, as_they_are(model.weights), read, progress, distribution)
    return _figures(model, tallies, stimuli.labels, engine.dt, started, stimuli.classes)


class _Tally(NamedTuple):
    """Counts for some presentations."""

    decisions: Decisions
    spikes: dict[str, np.ndarray]  # per neuron, by population
    operations: dict[str, int]  # by projection
    right: dict[str, int]  # correct decisions, by read-out


def _evaluate_spikes(spikes: Spikes, read_outs: Sequence[str]) -> Evaluation:
    """Evaluate existing spikes."""
    started, network = time.perf_counter(), spikes.network
    labels, conditions = spikes.labels, spikes.conditions
    if labels is None:
        raise DataError("spikes: have no labels to evaluate; present labelled stimuli")
    if not spikes.presentations:
        raise DataError("spikes: have no presentations; at least one is needed")
    check_labels("spikes", labels, network.outputs)
    spikes.require_all()
    for name in read_outs:
        known_read_outs.require(name).check_spikes(conditions)
    latencies = {name: spikes[name] for name in network.shapes}
    tally = _tally_of(network, spikes.known_model.weights, latencies, labels, spikes.dt, read_outs)
    return _figures(spikes.known_model, [tally], labels, spikes.dt, started, spikes.classes)


def _tally(engine: Engine, presented: Presented, read_outs: Sequence[str]) -> _Tally:
    """Evaluate one batch."""
    weights, labels = presented.batch.weights, presented.stimuli.labels
    return _tally_of(engine.network, weights, presented.latencies, labels, engine.dt, read_outs)


def _tally_of(
    network: Network,
    weights: Weights,
    latencies: Mapping[str, np.ndarray],
    labels: np.ndarray,
    dt: float,
    read_outs: Sequence[str],
) -> _Tally:
    outputs = Outputs(network, weights, latencies, dt)
    right = {name: int(known_read_outs[name].correct(outputs, labels).sum()) for name in read_outs}
    spikes, operations = neuron_spikes(latencies), synaptic_operations(network, latencies)
    return _Tally(decide(outputs.latencies), spikes, operations, right)


def _figures(
    model: Model, tallies: Sequence[_Tally], labels: np.ndarray, dt: float, started: float, classes: Sequence[str]
) -> Evaluation:
    """Combine the counts of all parts into an evaluation."""
    network, count = model.network, len(labels)
    decisions, fired, operations, right = zip(*tallies, strict=True)
    spikes = {name: sum(part[name] for part in fired) for name in network.shapes}
    made = Decisions(*map(np.concatenate, zip(*decisions, strict=True)))
    timing = timing_figures(made, population_times(network, network.output, dt).onset)
    per_presentation = {name: int(counts.sum()) / count for name, counts in spikes.items()}
    confusion = np.zeros((network.outputs, network.outputs + 1), dtype=int)
    np.add.at(confusion, (labels, made.choice), 1)
    rates = decision_figures(made, labels)
    return Evaluation(
        **rates,
        **timing,
        read_outs=_means(right, count),
        spikes_per_presentation=per_presentation,
        synaptic_operations_per_presentation=_means(operations, count),
        costs=costs(network, model.weights, spikes, count),
        presentations=count,
        seconds=time.perf_counter() - started,
        confusion=confusion.tolist(),
        classes=list(classes),
        advice=advise_on_counts(network, per_presentation, timing["onset_rate"], rates["strict_accuracy"]),
    )


def _means(counts: Sequence[dict[str, int]], presentations: int) -> dict[str, float]:
    return {name: sum(part[name] for part in counts) / presentations for name in counts[0]}
