"""A few presentations looked at closely: all latencies, and the potentials of chosen neurons."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from netsim.data.stimuli import UNLABELLED, Stimuli
from netsim.engines import Batch, Engine, Experiment, Latencies, Potential
from netsim.errors import DataError
from netsim.measuring.distribution import Distribution, OnPresented, in_parts, serial
from netsim.measuring.metrics import decide
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.weights.layout import Weights

_PART = 50  # small enough for many workers to have a share, and what the event engine gives one thread


@dataclass(frozen=True)
class Simulation:
    """What was presented and what fired."""

    network: Network
    dt: float  # time grid (ms); 0 for exact times
    indices: list[int]  # which stimuli of their split were presented
    labels: np.ndarray | None
    latencies: Latencies  # of first spikes (ms), of the stimulus and of every population
    potentials: list[Potential] = field(repr=False)
    classes: tuple[str, ...] = ()  # what the labels stand for

    __repr__ = short_repr

    def to_dict(self) -> list[dict[str, object]]:
        """Label, decision and number of spikes of each presentation, ready for JSON."""
        decisions = decide(self.latencies[-1])
        spikes = sum(np.isfinite(times).reshape(len(times), -1).sum(axis=1) for times in self.latencies)
        fired = decisions.choice >= 0
        return [
            {
                "index": index,
                "label": None if self.labels is None else int(self.labels[k]),
                "decision": int(decisions.choice[k]) if fired[k] else None,
                "tied": bool(decisions.tied[k]),
                "decision_latency_ms": float(decisions.latency[k]) if fired[k] else None,
                "spikes": int(np.asarray(spikes)[k]),
            }
            for k, index in enumerate(self.indices)
        ]


def simulate(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    indices: Sequence[int],
    progress: OnPresented = lambda done: None,
    distribution: Distribution = serial,
) -> Simulation:
    """Present chosen stimuli.

    Parameters
    ----------
    engine : Engine
        Its recorded neurons give the potentials.
    indices : sequence of int
        Which of the stimuli are presented.
    weights, stimuli, progress, distribution
        As in `netsim.evaluate`.

    Raises
    ------
    DataError
        If there is no stimulus of an index.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> stimuli = netsim.load_splits(model.network).test
    >>> simulation = netsim.simulate(netsim.make_engine("event", model.network), model.weights, stimuli, [0, 7])
    >>> [times.shape for times in simulation.latencies]
    [(2, 8, 8, 1), (2, 200), (2, 10)]
    """
    need = "indices: must be a sequence of integers, such as np.flatnonzero gives of a mask"
    try:
        given = list(indices)
        if any(isinstance(index, bool) for index in given):
            raise DataError(need)
        indices = [operator.index(index) for index in given]
    except TypeError as error:
        raise DataError(need) from error
    if not len(stimuli):
        raise DataError("stimuli: there are none to present")
    if not indices:
        raise DataError("indices: none is given; choose at least one stimulus")
    if not 0 <= min(indices) <= max(indices) < len(stimuli):
        wrong = next(index for index in indices if not 0 <= index < len(stimuli))
        raise DataError(f"indices: hold {wrong}; there are stimuli 0 to {len(stimuli) - 1}")
    chosen = stimuli.pick(np.asarray(indices))
    parts = distribution(engine, _present, weights, in_parts(chosen, _PART), progress)
    return Simulation(
        engine.network,
        engine.dt,
        indices,
        None if (chosen.labels == UNLABELLED).any() else chosen.labels,
        [np.concatenate(layer) for layer in zip(*(latencies for latencies, _ in parts), strict=True)],
        [
            potential._replace(presentation=potential.presentation + number * _PART)
            for number, (_, potentials) in enumerate(parts)
            for potential in potentials
        ],
        stimuli.classes,
    )


def _present(engine: Engine, weights: Weights, stimuli: Stimuli) -> Experiment[tuple[Latencies, list[Potential]]]:
    latencies = yield Batch(stimuli.latencies(np.arange(len(stimuli))), weights)
    return latencies, list(engine.potentials)
