"""Spikes of a view and of A, and their differences."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from netsim.exploring.asking import Reply, number, questions
from netsim.exploring.explorer import Explorer, decision_of
from netsim.exploring.view import View
from netsim.specification import Network

SAMPLES = 400
"""Samples of a potential that are sent."""
_SAME = 1e-9
"""Difference (ms) up to which two latencies are equal."""


@questions.register("spikes")
def spikes(explorer: Explorer, view: View, against: View | None = None) -> Reply:
    """Return the spikes of a view and of another one, which the page calls A, by default of the unchanged one.

    The answer is the length of a header (four bytes, little-endian), the header in JSON, and 32-bit floats: for `view`,
    then for `against`, the latencies of all populations, then times and potentials of each output. The header has the
    numbers of samples of the outputs.
    """
    shown, other = explorer.show(view), explorer.show(view.unchanged if against is None else against)
    name = explorer.name if explorer.is_named else None
    traces = [[reduced(each.time, each.potential) for each in state.spikes.potentials] for state in (shown, other)]
    header = {
        "decision": decision_of(shown.spikes),
        "against": decision_of(other.spikes),
        "populations": [
            _difference(shown.network, name, shown.spikes[name], other.spikes[name]) for name in shown.spikes
        ],
        "samples": [[len(times) for times, _ in each] for each in traces],
        "sample": None if shown.sample is None else _levels(shown.sample),
        "python": view.python(name, explorer.seed),
        "command": view.command(name, explorer.seed),
    }
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    parts = [len(text).to_bytes(4, "little"), text]
    for each, drawn in zip((shown, other), traces, strict=True):
        parts += [each.spikes[name].astype("<f4").tobytes() for name in each.spikes]
        parts += [part.astype("<f4").tobytes() for trace in drawn for part in trace]
    return Reply(b"".join(parts), "application/octet-stream")


def _difference(network: Network, name: str, latencies: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Return the firing window, and counts of spikes that differ."""
    fired, before = np.isfinite(latencies), np.isfinite(other)
    both = fired & before
    moved = np.abs(latencies[both] - other[both])
    return {
        "name": name,
        "window": [number(each) for each in network.firing_window(name)],
        "spikes": int(fired.sum()),
        "gained": int((fired & ~before).sum()),
        "lost": int((before & ~fired).sum()),
        "moved": int((moved > _SAME).sum()),
        "shift": number(moved.max(initial=0.0)),
    }


def reduced(time: np.ndarray, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and potentials of a trace, at most `SAMPLES` samples of it."""
    if len(time) > SAMPLES:
        fewer = np.linspace(time[0], time[-1], SAMPLES)
        time, potential = fewer, np.interp(fewer, time, potential)
    return time, potential


def _levels(sample: np.ndarray) -> str:
    return base64.b64encode(np.rint(np.clip(sample, 0, 1) * 255).astype(np.uint8).tobytes()).decode()
