"""How well a network decides: one pass over labelled stimuli on any engine."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment
from netsim.measuring.costs import Costs, costs
from netsim.measuring.distribution import Distribution, OnPresented, in_parts, serial
from netsim.measuring.metrics import Decisions, decide, decision_figures, neuron_spikes, synaptic_operations
from netsim.reprs import brief, html_table, short_repr
from netsim.weights.layout import Weights

_BATCH = 200


@dataclass
class Evaluation:
    """Figures of an evaluation; rates are shares of presentations."""

    accuracy: float  # share with the first output spike at the label; ties go to the lowest number
    strict_accuracy: float  # the same with every tie an error
    tie_rate: float  # with several first output spikes
    silent_rate: float  # with no output spike
    mean_decision_latency_ms: float  # over the presentations with an output spike; NaN if there was none
    spikes_per_presentation: dict[str, float]  # by layer
    synaptic_operations_per_presentation: dict[str, float]  # by projection
    costs: Costs  # by the definitions of NeuroBench
    presentations: int
    seconds: float
    confusion: list[list[int]] = field(repr=False)  # a row per label, a column per decision; the last counts silence

    __repr__ = short_repr

    def _repr_html_(self) -> str:
        plain = {name: value for name, value in vars(self).items() if name not in ("confusion", "costs")}
        figures = [(name.replace("_", " "), brief(value)) for name, value in {**plain, **vars(self.costs)}.items()]
        return html_table("Evaluation", figures)

    def to_dict(self) -> dict[str, object]:
        """All figures, NaN as None, ready for JSON."""
        figures = dataclasses.asdict(self)
        if np.isnan(self.mean_decision_latency_ms):
            figures["mean_decision_latency_ms"] = None
        return figures


def evaluate(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    progress: OnPresented = lambda done: None,
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

    Raises
    ------
    DataError
        If a stimulus has no label.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> stimuli = netsim.load_splits(model.network).test.first(20)
    >>> netsim.evaluate(netsim.make_engine("event", model.network), model.weights, stimuli).presentations
    20
    """
    outputs = engine.network.outputs
    stimuli.check_labels(outputs)
    started = time.perf_counter()
    tallies = distribution(engine, _tally, weights, in_parts(stimuli, _BATCH), progress)
    decisions, fired, operations = zip(*tallies, strict=True)
    spikes = {name: sum(part[name] for part in fired) for name in fired[0]}
    made = Decisions(*map(np.concatenate, zip(*decisions, strict=True)))
    confusion = np.zeros((outputs, outputs + 1), dtype=int)
    np.add.at(confusion, (stimuli.labels, made.choice), 1)
    return Evaluation(
        **decision_figures(made, stimuli.labels),
        spikes_per_presentation={name: int(counts.sum()) / len(stimuli) for name, counts in spikes.items()},
        synaptic_operations_per_presentation=_means(operations, len(stimuli)),
        costs=costs(engine.network, weights, spikes, len(stimuli)),
        presentations=len(stimuli),
        seconds=time.perf_counter() - started,
        confusion=confusion.tolist(),
    )


def _tally(
    engine: Engine, weights: Weights, stimuli: Stimuli
) -> Experiment[tuple[Decisions, dict[str, np.ndarray], dict[str, int]]]:
    """Decisions, spikes of each neuron, and synaptic operations of one part of the stimuli."""
    latencies = yield Batch(stimuli.latencies(np.arange(len(stimuli))), weights)
    network = engine.network
    return decide(latencies[-1]), neuron_spikes(network, latencies), synaptic_operations(network, latencies)


def _means(counts: Sequence[dict[str, int]], presentations: int) -> dict[str, float]:
    return {name: sum(part[name] for part in counts) / presentations for name in counts[0]}
