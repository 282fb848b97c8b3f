"""Runs a study: presents the stimuli under each condition and compares the decisions with the undisturbed ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment
from netsim.measuring.metrics import decide, decision_figures
from netsim.seams import studies
from netsim.specification import Network
from netsim.studies.plans import Plan
from netsim.studies.study import Condition, Study
from netsim.weights.layout import Weights

EngineAt = Callable[[float], Engine]
Row = dict[str, Any]

_BATCH = 200


@dataclass
class StudyRunner:
    """Presents what a plan says.

    Parameters
    ----------
    plan : Plan
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    stimuli : Stimuli
    progress : callable
        Is told how many of ``plan.passes·len(stimuli)`` presentations are done.
    """

    plan: Plan
    network: Network
    weights: Weights
    stimuli: Stimuli
    progress: Callable[[int], None] = lambda done: None
    _done: int = field(default=0, init=False)

    def run(self, engine_at: EngineAt) -> list[Row]:
        """Run the study.

        Parameters
        ----------
        engine_at : callable
            Gives an engine for a time grid (ms); 0 stands for exact times.

        Returns
        -------
        list of dict
            The rows that `netsim.analysis.study_table` describes; the first one is undisturbed.
        """
        study: Study = studies[self.plan.study]
        if study.of_simulation:
            return cast(list[Row], study.does(self, engine_at))
        return engine_at(self.network.training.dt).run(self._over_levels(study))

    def _over_levels(self, study: Study) -> Experiment[list[Row]]:
        """Present all stimuli undisturbed, and at each level for each curve, seed and control."""
        undisturbed = yield from self.present()
        rows = [self.row(undisturbed, undisturbed)]
        for curve, layers in self.plan.curves.items():
            for level in self.plan.levels:
                conditions = [("disturbed", seed) for seed in self.plan.seeds or (None,)]
                for condition, seed in conditions + [("control", None)] * self.plan.controls:
                    outputs = undisturbed
                    if level != study.neutral:
                        drawn = Condition(self.network, self.weights, layers, level, seed or 0)
                        outputs = yield from self.present(study.batch(drawn, condition == "control"))
                    rows.append(self.row(outputs, undisturbed, condition, level, curve, seed))
        return rows

    def present(self, batch: Callable[[np.ndarray, int], Batch] | None = None) -> Experiment[np.ndarray]:
        """Present all stimuli; gives latencies of the output neurons (ms), of shape (presentations, neurons).

        What makes a `batch` gets stimuli (ms) and the index of the first of them; by default it is undisturbed.
        """
        outputs = []
        for start in range(0, len(self.stimuli), _BATCH):
            chosen = np.arange(start, min(start + _BATCH, len(self.stimuli)))
            stimuli = self.stimuli.latencies(chosen)
            latencies = yield batch(stimuli, start) if batch else Batch(stimuli, self.weights)
            outputs.append(latencies[-1])
            self._done += len(chosen)
            self.progress(self._done)
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
        """What `netsim.analysis.study_table` has of a condition, from its output latencies and the undisturbed ones."""
        made, expected = decide(outputs), decide(undisturbed)
        both = np.isfinite(made.latency) & np.isfinite(expected.latency)
        difference = np.abs(made.latency[both] - expected.latency[both])
        return {
            "kind": self.plan.study,
            "condition": condition,
            "layer": curve or None,
            "level": level,
            "seed": seed,
            "presentations": len(outputs),
            **decision_figures(made, self.stimuli.labels),
            "same_decisions": float((made.choice == expected.choice).mean()),
            "latency_difference_ms": float(difference.mean()) if both.any() else None,
        }
