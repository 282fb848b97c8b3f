"""A few presentations looked at closely: all latencies, and the potentials of chosen neurons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netsim.engines import Batch, Engine, Latencies, Potential
from netsim.metrics import decide
from netsim.specification import Network
from netsim.stimuli import Stimuli
from netsim.weights import Weights


@dataclass(frozen=True)
class Simulation:
    """What was presented and what fired.

    Attributes
    ----------
    network : Network
    dt : float
        Time grid (ms); 0 for exact times.
    indices : list of int
        Which stimuli of their split were presented.
    labels : ndarray of int, shape (presentations,)
    latencies : list of ndarray
        First-spike latencies (ms) of the stimulus and of every layer.
    potentials : list of Potential
    classes : tuple of str
        What the labels stand for.
    """

    network: Network
    dt: float
    indices: list[int]
    labels: np.ndarray
    latencies: Latencies
    potentials: list[Potential]
    classes: tuple[str, ...] = ()

    def to_dict(self) -> list[dict[str, object]]:
        """Label, decision and number of spikes of each presentation, ready for JSON."""
        decisions = decide(self.latencies[-1])
        spikes = sum(np.isfinite(times).reshape(len(times), -1).sum(axis=1) for times in self.latencies)
        fired = decisions.choice >= 0
        return [
            {
                "index": index,
                "label": int(self.labels[k]),
                "decision": int(decisions.choice[k]) if fired[k] else None,
                "tied": bool(decisions.tied[k]),
                "decision_latency_ms": float(decisions.latency[k]) if fired[k] else None,
                "spikes": int(np.asarray(spikes)[k]),
            }
            for k, index in enumerate(self.indices)
        ]


def simulate(engine: Engine, weights: Weights, stimuli: Stimuli, indices: Sequence[int]) -> Simulation:
    """Present chosen stimuli.

    Parameters
    ----------
    engine : Engine
        Its recorded neurons give the potentials.
    weights : dict of ndarray
        The weights that feed forward.
    stimuli : Stimuli
    indices : sequence of int
    """
    chosen = np.asarray(indices)
    latencies = engine.present(Batch(stimuli.latencies(chosen), weights))
    return Simulation(
        engine.network,
        engine.dt,
        list(indices),
        stimuli.labels[chosen],
        latencies,
        list(engine.potentials),
        stimuli.classes,
    )
