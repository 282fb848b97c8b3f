"""Run studies: present the stimuli under each condition, and compare decisions with the undisturbed network."""

import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.measuring.metrics import decide, decision_figures
from netsim.presenting.batches import Distribution, MakeBatch, Presented, as_they_are, present_parts, serial
from netsim.runs.model import Model
from netsim.seams import studies
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.spikes import Progress, no_progress
from netsim.spikes.latencies import BATCH
from netsim.studies.plans import Plan
from netsim.studies.study import Condition, Study

EngineAt = Callable[[float], Engine]
Row = dict[str, Any]
_NEEDED = {"kind", "condition", "layer", "level", "presentations", "strict_accuracy"}
"""Entries that tables of studies need."""


@dataclass
class StudyRunner:
    """Present the stimuli of a plan.

    Parameters
    ----------
    plan : Plan
    model : Model
    stimuli : Stimuli
    engine_at : callable
        Function from a time grid (ms) to an engine; 0 is exact time.
    progress : callable
        Called with (done, total).
    distribution : Distribution
        Worker processes for presentations; by default this process presents.
    """

    plan: Plan
    model: Model
    stimuli: Stimuli
    engine_at: EngineAt
    progress: Progress = no_progress
    distribution: Distribution = serial
    _done: int = field(default=0, init=False)

    @property
    def network(self) -> Network:
        """The undisturbed network."""
        return self.model.network

    def check(self) -> None:
        """Raise an error if the stimuli do not suit the network or the study."""
        self.stimuli.check_labels(self.network.outputs)
        studies[self.plan.study].check_stimuli(self.stimuli, self.plan.curves)

    def run(self) -> list[Row]:
        """Return the rows for `netsim.analysis.study_table`. The first row is undisturbed.

        Raises
        ------
        DataError
            If a stimulus has no label.
        SpecificationError
            If the stimuli do not suit the study.
        """
        self.check()
        study: Study = studies[self.plan.study]
        if study.of_simulation:
            return _rows_of(study.name, study.does(self))
        engine = self.engine_at(self.network.training.dt)
        stimuli = self.stimuli if study.needs_stimuli else None
        undisturbed = self.present(engine)
        rows = [self.row(undisturbed, undisturbed)]
        for curve, layers in self.plan.curves.items():
            for level in self.plan.levels:
                conditions = [("disturbed", seed) for seed in self.plan.seeds or (None,)]
                for condition, seed in conditions + [("control", None)] * self.plan.controls:
                    outputs = undisturbed
                    if level != study.neutral:
                        drawn = Condition(self.network, self.model.weights, layers, level, seed or 0, stimuli)
                        outputs = self.present(engine, study.stimuli_batch(drawn, condition == "control"))
                    rows.append(self.row(outputs, undisturbed, condition, level, curve, seed))
        return rows

    def present(self, engine: Engine, batch: MakeBatch | None = None) -> np.ndarray:
        """Present all stimuli in the batches of `batch`. The default is undisturbed.

        Returns
        -------
        ndarray of float, shape (presentations, neurons)
            Latencies of the output neurons (ms).
        """
        done, total = self._done, self.plan.passes * len(self.stimuli)
        make, size = batch or as_they_are(self.model.weights), BATCH if batch else None

        def progress(now: int, _: int) -> None:
            self.progress(done + now, total)

        outputs = present_parts(engine, self.stimuli, make, _outputs, progress, self.distribution, size)
        self._done += len(self.stimuli)
        return np.concatenate(outputs)

    def row(
        self,
        outputs: np.ndarray,
        undisturbed: np.ndarray,
        condition: str = "undisturbed",
        level: float | None = None,
        curve: str = "",
        seed: int | None = None,
    ) -> Row:
        """Return a row of `netsim.analysis.study_table` from latencies of the outputs, disturbed and undisturbed."""
        made, expected = decide(outputs), decide(undisturbed)
        both = np.isfinite(made.latency) & np.isfinite(expected.latency)
        change = made.latency[both] - expected.latency[both]
        right = made.strictly_correct(self.stimuli.labels)
        return {
            "kind": self.plan.study,
            "condition": condition,
            "layer": curve or None,
            "level": level,
            "seed": seed,
            "presentations": len(outputs),
            **decision_figures(made, self.stimuli.labels),
            "right_latency_ms": _mean_latency(made.latency[right]),
            "wrong_latency_ms": _mean_latency(made.latency[~right]),
            "accuracy_change": float(right.mean() - expected.strictly_correct(self.stimuli.labels).mean()),
            "same_decisions": float(made.same(expected).mean()),
            "latency_difference_ms": float(np.abs(change).mean()) if both.any() else None,
            "latency_change_ms": float(change.mean()) if both.any() else None,
        }


def _rows_of(study: str, found: Any) -> list[Row]:
    """Return the rows of a simulation study. Raise SpecificationError unless `StudyRunner.row` may have made them."""
    rows = list(found) if isinstance(found, Iterable) else []
    fits = rows and all(isinstance(row, Mapping) and row.keys() >= _NEEDED for row in rows)
    must = f"must return a list of rows from runner.row, not {reprlib.repr(found)}"
    require(bool(fits), f"study {study!r}", must)
    return rows


def _mean_latency(latencies: np.ndarray) -> float | None:
    fired = latencies[np.isfinite(latencies)]
    return float(fired.mean()) if len(fired) else None


def _outputs(engine: Engine, presented: Presented) -> np.ndarray:
    return presented.latencies[engine.network.output.name]
