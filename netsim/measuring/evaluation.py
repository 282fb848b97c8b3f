"""How well a network decides: one pass over labelled stimuli on any engine."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment
from netsim.measuring.distribution import Distribution, in_parts, serial
from netsim.measuring.metrics import Decisions, decide, decision_figures, spike_counts, synaptic_operations
from netsim.reprs import brief, html_table, short_repr
from netsim.weights.layout import Weights

_BATCH = 200


@dataclass
class Evaluation:
    """Figures of an evaluation.

    Attributes
    ----------
    accuracy : float
        Share of presentations whose first output spike is the label's; ties go to the lowest number.
    strict_accuracy : float
        The same with every tie an error.
    tie_rate, silent_rate : float
        Share of presentations with several first output spikes, and with none.
    mean_decision_latency_ms : float
        Over the presentations with an output spike; NaN if there was none.
    spikes_per_presentation, synaptic_operations_per_presentation : dict of float
        By layer.
    presentations : int
    seconds : float
    confusion : list of list of int
        Rows are labels, columns are decisions; the last column counts silence.
    """

    accuracy: float
    strict_accuracy: float
    tie_rate: float
    silent_rate: float
    mean_decision_latency_ms: float
    spikes_per_presentation: dict[str, float]
    synaptic_operations_per_presentation: dict[str, float]
    presentations: int
    seconds: float
    confusion: list[list[int]] = field(repr=False)

    __repr__ = short_repr

    def _repr_html_(self) -> str:
        figures = [(name.replace("_", " "), brief(value)) for name, value in vars(self).items() if name != "confusion"]
        return html_table("Evaluation", figures)

    def to_dict(self) -> dict[str, object]:
        """All figures, NaN as None, ready for JSON."""
        figures = dataclasses.asdict(self)
        if np.isnan(self.mean_decision_latency_ms):
            figures["mean_decision_latency_ms"] = None
        return figures


class _Tally(NamedTuple):
    """What one part of the stimuli contributes."""

    decisions: Decisions
    spikes: dict[str, int]
    operations: dict[str, int]


def evaluate(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    progress: Callable[[int], None] = lambda done: None,
    distribution: Distribution = serial,
) -> Evaluation:
    """Present every stimulus once and read the decisions.

    Parameters
    ----------
    engine : Engine
    weights : dict of ndarray
        The weights that feed forward.
    stimuli : Stimuli
    progress : callable
        Called with the number of presentations done so far.
    distribution : Distribution
        How the parts of the stimuli are presented; by default here, one after another.
    """
    started = time.perf_counter()
    tallies = distribution(engine, _tally, weights, in_parts(stimuli, _BATCH), progress)
    made = Decisions(*(np.concatenate(parts) for parts in zip(*(tally.decisions for tally in tallies), strict=True)))
    outputs = engine.network.outputs
    confusion = np.zeros((outputs, outputs + 1), dtype=int)
    np.add.at(confusion, (stimuli.labels, made.choice), 1)
    return Evaluation(
        **decision_figures(made, stimuli.labels),
        spikes_per_presentation=_means([tally.spikes for tally in tallies], len(stimuli)),
        synaptic_operations_per_presentation=_means([tally.operations for tally in tallies], len(stimuli)),
        presentations=len(stimuli),
        seconds=time.perf_counter() - started,
        confusion=confusion.tolist(),
    )


def _tally(engine: Engine, weights: Weights, stimuli: Stimuli) -> Experiment[_Tally]:
    latencies = yield Batch(stimuli.latencies(np.arange(len(stimuli))), weights)
    network = engine.network
    return _Tally(decide(latencies[-1]), spike_counts(network, latencies), synaptic_operations(network, latencies))


def _means(counts: list[dict[str, int]], presentations: int) -> dict[str, float]:
    return {name: sum(part[name] for part in counts) / presentations for name in counts[0]}
