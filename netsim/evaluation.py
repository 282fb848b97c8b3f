"""How well a network decides: one pass over labelled stimuli on any engine."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from netsim.engines import Batch, Engine, Experiment
from netsim.metrics import Decisions, decide, spike_counts, synaptic_operations
from netsim.stimuli import Stimuli
from netsim.weights import Weights

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

    def to_dict(self) -> dict[str, object]:
        """All figures, NaN as None, ready for JSON."""
        figures = dataclasses.asdict(self)
        if np.isnan(self.mean_decision_latency_ms):
            figures["mean_decision_latency_ms"] = None
        return figures


def evaluate(
    engine: Engine, weights: Weights, stimuli: Stimuli, progress: Callable[[int], None] = lambda done: None
) -> Evaluation:
    """Present every stimulus once and read the decisions.

    Parameters
    ----------
    engine : Engine
    weights : dict of ndarray
        The weights that feed forward.
    stimuli : Stimuli
    progress : callable
        Is told how many presentations are done.
    """
    return engine.run(_evaluation(engine, weights, stimuli, progress))


def _evaluation(
    engine: Engine, weights: Weights, stimuli: Stimuli, progress: Callable[[int], None]
) -> Experiment[Evaluation]:
    network = engine.network
    started = time.perf_counter()
    decisions: list[Decisions] = []
    spikes: dict[str, int] = {}
    operations: dict[str, int] = {}
    for start in range(0, len(stimuli), _BATCH):
        chosen = np.arange(start, min(start + _BATCH, len(stimuli)))
        latencies = yield Batch(stimuli.latencies(chosen), weights)
        decisions.append(decide(latencies[-1]))
        for total, counts in (
            (spikes, spike_counts(network, latencies)),
            (operations, synaptic_operations(network, latencies)),
        ):
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
        progress(int(chosen[-1]) + 1)
    made = Decisions(*(np.concatenate(parts) for parts in zip(*decisions, strict=True)))
    fired = np.isfinite(made.latency)
    confusion = np.zeros((network.outputs, network.outputs + 1), dtype=int)
    np.add.at(confusion, (stimuli.labels, made.choice), 1)
    return Evaluation(
        accuracy=float(made.correct(stimuli.labels).mean()),
        strict_accuracy=float(made.strictly_correct(stimuli.labels).mean()),
        tie_rate=float(made.tied.mean()),
        silent_rate=float((~fired).mean()),
        mean_decision_latency_ms=float(made.latency[fired].mean()) if fired.any() else float("nan"),
        spikes_per_presentation={name: count / len(stimuli) for name, count in spikes.items()},
        synaptic_operations_per_presentation={name: count / len(stimuli) for name, count in operations.items()},
        presentations=len(stimuli),
        seconds=time.perf_counter() - started,
        confusion=confusion.tolist(),
    )
