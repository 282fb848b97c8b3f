"""Comparison of two engines on the same stimuli: equal time steps and equal decisions."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine, make_engine
from netsim.errors import SpecificationError
from netsim.measuring.metrics import decide
from netsim.presenting.batches import Presented, as_they_are, check_engine, present_parts
from netsim.reprs import short_repr
from netsim.runs.model import Subject, open_model, stimuli_for
from netsim.seams import engines as known_engines
from netsim.specification import STIMULUS
from netsim.specification.checks import limit_in, require
from netsim.spikes import Progress, no_progress
from netsim.spikes.latencies import BATCH, check_latencies

REQUIRED = 0.9999  # minimum agreement


@dataclass(frozen=True)
class Comparison:
    """Agreement of two engines on the same time grid.

    Attributes
    ----------
    agreement : float
        Fraction of neurons and presentations with equal steps, including silence, without the stimulus.
    by_layer : dict of float
        The same fraction by population, including the stimulus.
    largest_difference_steps : float
        Largest difference (steps), or ``inf`` if a neuron fired on a single engine.
    same_decisions : float
        Fraction of presentations with equal decisions. A tie differs from a decision without one.
    presentations : int
    dt : float
        Time grid (ms).
    engines : tuple of str
        Names of the engines.
    """

    agreement: float
    by_layer: dict[str, float]
    largest_difference_steps: float
    same_decisions: float
    presentations: int
    dt: float
    engines: tuple[str, str] = ("event", "brian2")

    __repr__ = short_repr

    @property
    def agrees(self) -> bool:
        """True if nearly all steps agree, others differ by one, and all stimuli and decisions agree."""
        same = self.by_layer[STIMULUS] == 1 and self.same_decisions == 1
        return same and self.agreement >= REQUIRED and self.largest_difference_steps <= 1

    def to_dict(self) -> dict[str, object]:
        """Return all figures, ready for JSON."""
        difference = self.largest_difference_steps
        return {
            "engines": list(self.engines),
            "agreement": self.agreement,
            "agrees": self.agrees,
            "required": REQUIRED,
            "agreement_by_layer": self.by_layer,
            "largest_difference_steps": None if math.isinf(difference) else difference,
            "same_decisions": self.same_decisions,
            "presentations": self.presentations,
            "dt_ms": self.dt,
        }


class _Same(NamedTuple):
    """Counts for some presentations on both engines."""

    same: Counter[str]
    total: Counter[str]
    largest: float
    decisions: int


def compare(
    model: Subject,
    stimuli: Stimuli | None = None,
    *,
    engines: tuple[Engine, Engine] | None = None,
    dt: float | None = None,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Present the same stimuli on two engines with the same time grid, and compare the spikes.

    The engines agree if three conditions hold. 99.99 % of neurons and presentations have the same step, silence
    included. No step differs by more than one. All stimuli and decisions are the same. The stimuli come in at least two
    batches, one after the other.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, or the name of a run, preset or TOML file.
    stimuli : Stimuli, optional
        The default is the test stimuli of the model's data set.
    engines : pair of Engine, optional
        The default is ``event``, and ``brian2`` or the engine of a plug-in that the model was trained with.
    dt : float, optional
        Time grid in ms; by default that of the preset or run, or 1.
    limit : int, optional
        Maximum number of stimuli to present, from the first.
    progress : callable
        Called with (done, total).

    Returns
    -------
    Comparison

    Raises
    ------
    SpecificationError
        If the engines have exact times, or different time steps.
    DataError
        If there are no stimuli.

    Examples
    --------
    >>> import netsim
    >>> netsim.compare("digits", limit=5).agrees
    True
    """
    model, limit = open_model(model), limit_in(limit)
    names = None
    if engines is None:
        network, trained_with = model.network, model.network.training.engine
        names = "event", "brian2" if known_engines.is_own(trained_with) else trained_with
        step = (network.training.dt or 1.0) if dt is None else dt
        engines = make_engine(names[0], network, step), make_engine(names[1], network, step)
    elif dt is not None:
        raise SpecificationError("dt", "has no effect on engines that are given; leave it out")
    pair = isinstance(engines, tuple | list) and len(engines) == 2
    require(pair, "engines", f"must be a pair of engines, such as (first, second), not {engines!r}")
    first, second = engines
    check_engine(first)
    check_engine(second)
    if not first.dt == second.dt > 0:
        grids = f"are {first.dt:g} and {second.dt:g} ms; engines are compared in steps of a common time grid"
        raise SpecificationError("dt", f"{grids}, so make both with the same dt")
    stimuli = stimuli_for(model, stimuli, limit)
    half = min(BATCH, -(-len(stimuli) // 2))  # state that outlives a batch shows in the next
    parts = present_parts(second, stimuli, as_they_are(model.weights), partial(_compare, first), progress, size=half)
    same, total = sum((part.same for part in parts), Counter()), sum((part.total for part in parts), Counter())
    return Comparison(
        agreement=(same.total() - same[STIMULUS]) / (total.total() - total[STIMULUS]),
        by_layer={name: same[name] / total[name] for name in model.network.shapes},
        largest_difference_steps=max(part.largest for part in parts),
        same_decisions=sum(part.decisions for part in parts) / len(stimuli),
        presentations=len(stimuli),
        dt=second.dt,
        engines=names or (type(first).__name__, type(second).__name__),
    )


def _compare(first: Engine, second: Engine, presented: Presented) -> _Same:
    """Compare the latencies of a batch with the latencies of the first engine."""
    ours, theirs, output = first.present(presented.batch), presented.latencies, second.network.output.name
    check_latencies(second.network.shapes, ours, len(presented.stimuli))
    here, there = (decide(np.round(latencies[output] / second.dt)) for latencies in (ours, theirs))
    steps = {name: _step_differences(ours[name], theirs[name], second.dt) for name in second.network.shapes}
    return _Same(
        Counter({name: int((each == 0).sum()) for name, each in steps.items()}),
        Counter({name: each.size for name, each in steps.items()}),
        max(float(each.max()) for each in steps.values()),
        int(here.same(there).sum()),
    )


def _step_differences(ours: np.ndarray, theirs: np.ndarray, dt: float) -> np.ndarray:
    """Return the differences in steps: 0 if both are silent, ``inf`` if only one is."""
    fired = np.isfinite(ours) & np.isfinite(theirs)
    differences = np.where(np.isfinite(ours) == np.isfinite(theirs), 0.0, np.inf)
    differences[fired] = np.abs(np.round(ours[fired] / dt) - np.round(theirs[fired] / dt))
    return differences
