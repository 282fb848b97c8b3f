"""Two engines on the same stimuli: how many spikes fall on the same step, and whether the decisions agree."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment
from netsim.errors import DataError, SpecificationError
from netsim.measuring.distribution import OnPresented, in_parts
from netsim.measuring.metrics import decide
from netsim.reprs import short_repr
from netsim.specification import STIMULUS
from netsim.weights.layout import Weights

_BATCH = 50
REQUIRED = 0.9999


@dataclass(frozen=True)
class Comparison:
    """Agreement of two engines on the same time grid."""

    agreement: float  # share of neurons and presentations with the same step, silence included, without the stimulus
    by_layer: dict[str, float]  # the same by population, and of the stimulus
    largest_difference_steps: float  # of all spikes; inf if a neuron fired on one engine only
    same_decisions: float  # share of presentations with the same decision
    presentations: int
    dt: float  # time grid (ms)

    __repr__ = short_repr

    @property
    def agrees(self) -> bool:
        """Whether enough steps are the same, the others differ by one, and stimuli and decisions are all the same."""
        same = self.by_layer[STIMULUS] == 1 and self.same_decisions == 1
        return same and self.agreement >= REQUIRED and self.largest_difference_steps <= 1

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
    first: Engine, second: Engine, weights: Weights, stimuli: Stimuli, progress: OnPresented = lambda done: None
) -> Comparison:
    """Present the same stimuli on two engines that share a time grid.

    Parameters
    ----------
    first, second : Engine
    weights, stimuli, progress
        As in `netsim.evaluate`.

    Raises
    ------
    SpecificationError
        If the engines have exact times, or different time steps.
    DataError
        If there are no stimuli.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> first, second = (netsim.make_engine(name, model.network, dt=1.0) for name in ("event", "brian2"))
    >>> netsim.compare(first, second, model.weights, test.first(5)).agrees
    True
    """
    names, dt = list(second.network.shapes), second.dt
    if not first.dt == dt > 0:
        grids = f"are {first.dt:g} and {dt:g} ms; engines are compared in steps of a grid that both have"
        raise SpecificationError("dt", f"{grids}, so make both with the same dt")
    if not len(stimuli):
        raise DataError("stimuli: there are none to compare engines with; give at least one")

    def experiment() -> Experiment[Comparison]:
        same, total = Counter[str](), Counter[str]()
        largest, decisions, done = 0.0, 0, 0
        for part in in_parts(stimuli, _BATCH):
            batch = Batch(part.latencies(np.arange(len(part))), weights)
            ours = first.present(batch)
            theirs = yield batch
            for name, a, b in zip(names, ours, theirs, strict=True):
                steps = _step_differences(a, b, dt)
                same[name] += int((steps == 0).sum())
                total[name] += steps.size
                largest = max(largest, float(steps.max()))
            decisions += int((decide(ours[-1]).choice == decide(theirs[-1]).choice).sum())
            done += len(part)
            progress(done)
        return Comparison(
            agreement=(same.total() - same[STIMULUS]) / (total.total() - total[STIMULUS]),
            by_layer={name: same[name] / total[name] for name in names},
            largest_difference_steps=largest,
            same_decisions=decisions / len(stimuli),
            presentations=len(stimuli),
            dt=dt,
        )

    return second.run(experiment())


def _step_differences(ours: np.ndarray, theirs: np.ndarray, dt: float) -> np.ndarray:
    """By how many steps latencies differ: 0 where both are silent, ``inf`` where one is."""
    fired = np.isfinite(ours) & np.isfinite(theirs)
    differences = np.where(np.isfinite(ours) == np.isfinite(theirs), 0.0, np.inf)
    differences[fired] = np.abs(np.round(ours[fired] / dt) - np.round(theirs[fired] / dt))
    return differences
