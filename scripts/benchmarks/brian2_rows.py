"""Rows of the Brian2 network: by the engine, and by hand; both have to give the spikes of the event engine.

Brian2 is imported by the rows themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.event_rows import GRID, PHASED, weights_of
from benchmarks.rows import Prepared, Row, Setting
from benchmarks.stimuli import latencies
from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine


def _by_engine(setting: Setting) -> Prepared:
    from netsim.engines.brian2.engine import Brian2Engine

    network, weights = weights_of(PHASED, True, setting.seed)
    engine = Brian2Engine(network, dt=GRID)
    batch = Batch(latencies(setting.images[: setting.clocked_presentations], network.encoder), weights)
    seen: list[Mapping[str, np.ndarray]] = []

    def present() -> None:
        seen[:] = [engine.present(batch)]

    return Prepared(
        present,
        len(batch.stimuli),
        lambda: {**_compare(EventEngine(network, dt=GRID).present(batch), seen[0]), "side_by_side": engine.copies},
    )


def _by_hand(setting: Setting) -> Prepared:
    """One Brian2 run; between presentations an operation reads the spikes and writes the next stimulus."""
    from brian2 import Clock, NetworkOperation

    from netsim.models import build_network

    network, weights = weights_of(PHASED, True, setting.seed)
    stimuli = latencies(setting.images[: setting.clocked_presentations], network.encoder)
    model = build_network(network, weights, dt=GRID)
    seen: list[Mapping[str, np.ndarray]] = []
    waiting: list[np.ndarray] = []

    def next_presentation() -> None:
        if len(waiting) < len(stimuli):
            seen.append(model.latencies())
        model.begin(waiting.pop(0))

    clock = Clock(model.duration, name="presentation_clock")
    model.network.add(NetworkOperation(next_presentation, clock=clock, when="before_start"))

    def present() -> None:
        seen.clear()
        waiting[:] = list(stimuli)
        model.network.run(len(stimuli) * model.duration, namespace={})
        seen.append(model.latencies())

    def finish() -> dict[str, Any]:
        together = {name: np.concatenate([part[name] for part in seen]) for name in network.shapes}
        return _compare(EventEngine(network, dt=GRID).present(Batch(stimuli, weights)), together)

    return Prepared(present, len(stimuli), finish)


def _compare(reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How many latencies are those of the event engine on the same grid, to the bit."""
    same = sum(int((times == other[name]).sum()) for name, times in reference.items())
    return {"latencies": sum(layer.size for layer in reference.values()), "same_latencies": same}


ROWS = (
    Row("brian2-engine", "the Brian2 engine, phased, trained weights, steps of 1 ms", _by_engine),
    Row("brian2-by-hand", "the same Brian2 network driven by hand", _by_hand),
)
