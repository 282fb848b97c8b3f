"""Runs a study: presents the stimuli under each condition and compares the decisions with the undisturbed ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Experiment, make_engine
from netsim.measuring.metrics import decide, decision_figures
from netsim.specification import Network
from netsim.studies.heterogeneity import equal_delays, heterogeneous_thresholds, jittered_delays
from netsim.studies.lesions import lesion_maps, lesion_neurons
from netsim.studies.plans import Plan
from netsim.studies.stimuli import STIMULUS_PERTURBATIONS, transformed
from netsim.studies.synapses import weight_bits, weight_noise
from netsim.weights.layout import Weights

Perturbation = Callable[[Network, Batch, Sequence[str], float, np.random.Generator], Batch]
Batches = Callable[[np.ndarray, int], Batch]
"""Makes a batch of stimuli (ms) and the index of the first of them."""
Row = dict[str, Any]

NETWORK_PERTURBATIONS: dict[str, Perturbation] = {
    "weight-noise": weight_noise,
    "weight-bits": weight_bits,
    "lesion-neurons": lesion_neurons,
    "lesion-maps": lesion_maps,
    "threshold-heterogeneity": heterogeneous_thresholds,
    "delay-jitter": jittered_delays,
}
"""By the kind of study, what disturbs the network."""
CONTROLS: dict[str, Perturbation] = {"delay-jitter": equal_delays}
"""By the kind of study, what disturbs the network in the control."""

_BATCH = 200
# Purposes of draws, apart from those of training
_OF_NETWORK, _OF_STIMULI = 10, 11
_READOUTS = 30


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

    def __init__(
        self,
        plan: Plan,
        network: Network,
        weights: Weights,
        stimuli: Stimuli,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        self.plan = plan
        self.network = network
        self.weights = weights
        self.stimuli = stimuli
        self._progress = progress
        self._done = 0

    def run(self, engine_at: Callable[[float], Engine]) -> list[Row]:
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
        if self.plan.kind == "time-step":
            return self._time_steps(engine_at)
        engine = engine_at(self.network.training.dt)
        if self.plan.kind == "early-readout":
            return self._readouts(engine.run(self._present()))
        return engine.run(self._levels())

    def _time_steps(self, engine_at: Callable[[float], Engine]) -> list[Row]:
        exact = make_engine("event", self.network).run(self._present())
        rows = [self._row(exact, exact)]
        for level in self.plan.levels:
            rows.append(self._row(engine_at(level).run(self._present()), exact, "disturbed", level))
        return rows

    def _readouts(self, outputs: np.ndarray) -> list[Row]:
        first = decide(outputs).latency
        fired = first[np.isfinite(first)]
        times: Sequence[float] = self.plan.levels
        if not times and len(fired):
            times = np.linspace(fired.min(), fired.max(), _READOUTS).tolist()
        rows = [self._row(outputs, outputs)]
        for time in times:
            early = np.where(outputs <= time, outputs, np.inf)
            rows.append(self._row(early, outputs, "disturbed", time))
        return rows

    def _levels(self) -> Experiment[list[Row]]:
        kind = self.plan.kind
        undisturbed = yield from self._present()
        rows = [self._row(undisturbed, undisturbed)]
        for curve, layers in self.plan.curves.items():
            for level in self.plan.levels:
                conditions = [("disturbed", seed) for seed in self.plan.seeds or (None,)]
                for condition, seed in conditions + [("control", None)] * (kind in CONTROLS):
                    outputs = undisturbed
                    if level > 0:
                        outputs = yield from self._present(self._condition(condition, level, layers, seed or 0))
                    rows.append(self._row(outputs, undisturbed, condition, level, curve, seed))
        return rows

    def _condition(self, condition: str, level: float, layers: Sequence[str], seed: int) -> Batches:
        """What makes the batches of a condition; the same seed draws the same at each level."""
        network, kind = self.network, self.plan.kind
        if kind in STIMULUS_PERTURBATIONS:
            transform = STIMULUS_PERTURBATIONS[kind](level, network.encoder)

            def batch(stimuli: np.ndarray, first: int) -> Batch:
                generator = np.random.default_rng([seed, _OF_STIMULI, first])
                return Batch(transformed(network, stimuli, transform, generator), self.weights)

            return batch
        perturb = (CONTROLS if condition == "control" else NETWORK_PERTURBATIONS)[kind]
        plain = Batch(np.empty((0, *network.encoder.shape)), self.weights)
        disturbed = perturb(network, plain, layers, level, np.random.default_rng([seed, _OF_NETWORK]))
        return lambda stimuli, _: dataclasses.replace(disturbed, stimuli=stimuli)

    def _present(self, batches: Batches | None = None) -> Experiment[np.ndarray]:
        """Present all stimuli; returns the latencies of the output layer."""
        outputs = []
        for start in range(0, len(self.stimuli), _BATCH):
            chosen = np.arange(start, min(start + _BATCH, len(self.stimuli)))
            stimuli = self.stimuli.latencies(chosen)
            latencies = yield batches(stimuli, start) if batches else Batch(stimuli, self.weights)
            outputs.append(latencies[-1])
            self._done += len(chosen)
            self._progress(self._done)
        return np.concatenate(outputs)

    def _row(
        self,
        outputs: np.ndarray,
        undisturbed: np.ndarray,
        condition: str = "undisturbed",
        level: float | None = None,
        curve: str = "",
        seed: int | None = None,
    ) -> Row:
        made, expected = decide(outputs), decide(undisturbed)
        both = np.isfinite(made.latency) & np.isfinite(expected.latency)
        difference = np.abs(made.latency[both] - expected.latency[both])
        return {
            "kind": self.plan.kind,
            "condition": condition,
            "layer": curve or None,
            "level": level,
            "seed": seed,
            "presentations": len(outputs),
            **decision_figures(made, self.stimuli.labels),
            "same_decisions": float((made.choice == expected.choice).mean()),
            "latency_difference_ms": float(difference.mean()) if both.any() else None,
        }
