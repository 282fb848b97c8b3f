"""Two engines on the same stimuli: how many spikes fall on the same step, and whether the decisions agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment, Latencies
from netsim.measuring.metrics import decide
from netsim.reprs import short_repr
from netsim.weights.layout import Weights

_BATCH = 50
REQUIRED = 0.9999


@dataclass(frozen=True)
class Comparison:
    """Agreement of two engines on the same time grid.

    Attributes
    ----------
    agreement : float
        Share of neurons and presentations with the same step, silence included.
    by_layer : dict of float
    largest_difference_steps : float
        Of all spikes; ``inf`` if a neuron fired on one engine only.
    same_decisions : float
        Share of presentations with the same decision.
    presentations : int
    dt : float
        Time grid (ms).
    """

    agreement: float
    by_layer: dict[str, float]
    largest_difference_steps: float
    same_decisions: float
    presentations: int
    dt: float

    __repr__ = short_repr

    @property
    def agrees(self) -> bool:
        """Whether enough steps are the same, the others differ by one, and all decisions are the same."""
        return self.agreement >= REQUIRED and self.largest_difference_steps <= 1 and self.same_decisions == 1

    def to_dict(self) -> dict[str, object]:
        """All figures, ready for JSON."""
        difference = self.largest_difference_steps
        return {
            "agreement": self.agreement,
            "agrees": self.agrees,
            "required": REQUIRED,
            "agreement_by_layer": self.by_layer,
            "largest_difference_steps": None if math.isinf(difference) else difference,
            "same_decisions": self.same_decisions,
            "presentations": self.presentations,
            "dt_ms": self.dt,
        }


def compare(
    first: Engine,
    second: Engine,
    weights: Weights,
    stimuli: Stimuli,
    progress: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Present the same stimuli on two engines that share a time grid.

    Parameters
    ----------
    first, second : Engine
    weights : dict of ndarray
        The weights that feed forward.
    stimuli : Stimuli
    progress : callable
        Called with the number of presentations that both engines have done.
    """
    return second.run(_comparison(first, second, weights, stimuli, progress))


def _comparison(
    first: Engine, second: Engine, weights: Weights, stimuli: Stimuli, progress: Callable[[int], None]
) -> Experiment[Comparison]:
    network, dt = second.network, second.dt
    names = [population.name for population in network.populations]
    same = dict.fromkeys(names, 0)
    total = dict.fromkeys(names, 0)
    largest = 0.0
    decisions = 0
    for start in range(0, len(stimuli), _BATCH):
        chosen = np.arange(start, min(start + _BATCH, len(stimuli)))
        batch = Batch(stimuli.latencies(chosen), weights)
        ours: Latencies = first.present(batch)
        theirs = yield batch
        for name, a, b in zip(names, ours[1:], theirs[1:], strict=True):
            steps = _step_differences(a, b, dt)
            same[name] += int((steps == 0).sum())
            total[name] += steps.size
            largest = max(largest, float(steps.max()))
        decisions += int((decide(ours[-1]).choice == decide(theirs[-1]).choice).sum())
        progress(int(chosen[-1]) + 1)
    return Comparison(
        agreement=sum(same.values()) / sum(total.values()),
        by_layer={name: same[name] / total[name] for name in names},
        largest_difference_steps=largest,
        same_decisions=decisions / len(stimuli),
        presentations=len(stimuli),
        dt=dt,
    )


def _step_differences(ours: np.ndarray, theirs: np.ndarray, dt: float) -> np.ndarray:
    """By how many steps latencies differ: 0 where both are silent, ``inf`` where one is."""
    fired = np.isfinite(ours) & np.isfinite(theirs)
    differences = np.where(np.isfinite(ours) == np.isfinite(theirs), 0.0, np.inf)
    differences[fired] = np.abs(np.round(ours[fired] / dt) - np.round(theirs[fired] / dt))
    return differences
