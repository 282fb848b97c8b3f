"""How well a network decides: one pass over labelled stimuli on any engine."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment
from netsim.errors import DataError
from netsim.measuring.costs import Costs, costs
from netsim.measuring.distribution import Distribution, OnPresented, in_parts, serial
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
from netsim.reprs import brief, html_table, short_repr
from netsim.seams import read_outs as known_read_outs
from netsim.specification import Network
from netsim.specification.checks import check_kind, names_in
from netsim.specification.grid import population_times
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
    median_decision_latency_ms: float  # over the same
    decision_latency_iqr_ms: float  # interquartile range, over the same
    onset_rate: float  # decided at the onset of the output window: the potential is over threshold when it opens
    read_outs: dict[str, float]  # accuracy by read-out
    spikes_per_presentation: dict[str, float]  # by layer
    synaptic_operations_per_presentation: dict[str, float]  # by projection
    costs: Costs  # by the definitions of NeuroBench
    presentations: int
    seconds: float
    confusion: list[list[int]] = field(repr=False)  # a row per label, a column per decision; the last counts silence
    classes: list[str] = field(default_factory=list, repr=False)  # what its rows stand for, where that is known

    __repr__ = short_repr

    def _repr_html_(self) -> str:
        plain = {name: value for name, value in vars(self).items() if name not in ("confusion", "classes", "costs")}
        figures = [(name.replace("_", " "), brief(value)) for name, value in {**plain, **vars(self.costs)}.items()]
        return html_table("Evaluation", figures)

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the 95 % confidence interval of `strict_accuracy` (Wilson), over draws of the stimuli."""
        low, high = wilson_interval(np.array(self.strict_accuracy), self.presentations)
        return float(low), float(high)

    def operations_onto(self, network: Network) -> dict[str, float]:
        """Synaptic operations per presentation by the population that they reach, over all projections onto it."""
        operations: dict[str, float] = {}
        for projection in network.weighted:
            own = self.synaptic_operations_per_presentation[projection.name]
            operations[projection.target] = operations.get(projection.target, 0.0) + own
        return operations

    def to_dict(self) -> dict[str, object]:
        """All figures, NaN as None, ready for JSON."""
        figures = dataclasses.asdict(self)
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value for name, value in figures.items()
        }


def evaluate(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    progress: OnPresented = lambda done: None,
    distribution: Distribution = serial,
    read_outs: Sequence[str] = ("strict",),
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
    read_outs : sequence of str
        Names of `netsim.seams.read_outs` whose accuracies are told beside each other.

    Raises
    ------
    DataError
        If a stimulus has no label, or there is none.
    SpecificationError
        If `stimuli` are something else, there is no such read-out, or it needs potentials that are not known of the
        engine.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> stimuli = netsim.load_splits(model.network).test.first(20)
    >>> engine = netsim.make_engine("event", model.network)
    >>> result = netsim.evaluate(engine, model.weights, stimuli, read_outs=["strict", "potential"])
    >>> result.presentations, list(result.read_outs)
    (20, ['strict', 'potential'])
    """
    check_kind(stimuli, Stimuli, "stimuli", "such as netsim.load_splits(network).test")
    if not len(stimuli):
        raise DataError("stimuli: there are none to evaluate on")
    outputs = engine.network.outputs
    stimuli.check_labels(outputs)
    read_outs = names_in(read_outs)
    for name in read_outs:
        known_read_outs.require(name).check(engine)
    started = time.perf_counter()
    tally = partial(_tally, read_outs=tuple(read_outs))
    tallies = distribution(engine, tally, weights, in_parts(stimuli, _BATCH), progress)
    decisions, fired, operations, right = zip(*tallies, strict=True)
    spikes = {name: sum(part[name] for part in fired) for name in fired[0]}
    made = Decisions(*map(np.concatenate, zip(*decisions, strict=True)))
    confusion = np.zeros((outputs, outputs + 1), dtype=int)
    np.add.at(confusion, (stimuli.labels, made.choice), 1)
    return Evaluation(
        **decision_figures(made, stimuli.labels),
        **timing_figures(made, population_times(engine.network, engine.network.output, engine.dt).onset),
        read_outs=_means(right, len(stimuli)),
        spikes_per_presentation={name: int(counts.sum()) / len(stimuli) for name, counts in spikes.items()},
        synaptic_operations_per_presentation=_means(operations, len(stimuli)),
        costs=costs(engine.network, weights, spikes, len(stimuli)),
        presentations=len(stimuli),
        seconds=time.perf_counter() - started,
        confusion=confusion.tolist(),
        classes=list(stimuli.classes),
    )


def _tally(
    engine: Engine, weights: Weights, stimuli: Stimuli, read_outs: Sequence[str]
) -> Experiment[tuple[Decisions, dict[str, np.ndarray], dict[str, int], dict[str, int]]]:
    """Decisions, spikes of each neuron, synaptic operations, and right decisions by read-out, of one part."""
    latencies = yield Batch(stimuli.latencies(np.arange(len(stimuli))), weights)
    network = engine.network
    outputs = Outputs(network, weights, latencies, engine.dt)
    right = {name: int(known_read_outs[name].correct(outputs, stimuli.labels).sum()) for name in read_outs}
    spikes, operations = neuron_spikes(network, latencies), synaptic_operations(network, latencies)
    return decide(latencies[-1]), spikes, operations, right


def _means(counts: Sequence[dict[str, int]], presentations: int) -> dict[str, float]:
    return {name: sum(part[name] for part in counts) / presentations for name in counts[0]}
