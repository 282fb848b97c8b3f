"""Latencies as spike trains in whole arrays, ordered by presentation, then by neuron."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange.presentations import rounding
from netsim.specification import Shape

if TYPE_CHECKING:
    from netsim.spikes import Spikes

TRIAL_COLUMNS = {
    "start_time": "start of the presentation (s)",
    "stop_time": "end of the presentation (s)",
    "presentation": "number of the stimulus in its data set",
    "label": "label of the stimulus",
    "decision": "output neuron that fired first; ties go to the lowest number; -1 if none did",
    "tied": "whether several output neurons fired first",
    "correct": "whether the label's neuron alone fired first; ties and silence are errors",
}
"""Columns of presentations in files, with their descriptions in NWB. Only the first two are required."""


def chosen_layers(spikes: Spikes, layers: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return latencies (ms) of the chosen layers by name, from first to last. By default all layers."""
    from netsim.specification.checks import names_in, require

    if layers is None:
        return dict(spikes)
    layers = names_in(layers, "populations")
    require(bool(layers), "populations", "must name at least one population; leave them out to write all")
    for name in layers:
        spikes.network.position(name)
    return dict(spikes.only(layers))


def coordinates_of(shape: Shape) -> dict[str, np.ndarray]:
    """Return the coordinates of neurons in a layer of shape (height, width, maps) or (neurons,), as int32.

    ``neuron`` is the number row by row, with maps last. Without maps ``map`` is the neuron, and ``y`` and ``x`` are -1.
    """
    neuron = np.arange(math.prod(shape), dtype=np.int32)
    nowhere = np.full_like(neuron, -1)
    y, x, channel = np.unravel_index(neuron, shape) if len(shape) == 3 else (nowhere, nowhere, neuron)
    return {"map": channel.astype(np.int32), "y": y.astype(np.int32), "x": x.astype(np.int32), "neuron": neuron}


def session(spikes: Spikes, per_ms: float) -> np.ndarray:
    """Return the starts of consecutive presentations and the last stop, in units of 1/`per_ms` ms."""
    return np.arange(len(spikes.indices) + 1) * (spikes.network.duration * per_ms)


def trials(spikes: Spikes, bounds: np.ndarray) -> dict[str, np.ndarray]:
    """Return presentations with bounds from `session`, as `presentations.cut_recording` expects them."""
    indices = np.array(spikes.indices, np.int64)
    return {"start_time": bounds[:-1], "stop_time": bounds[1:], "presentation": indices, **judged(spikes)}


def judged(spikes: Spikes) -> dict[str, np.ndarray]:
    """Return label, decision, tie and correctness of each presentation. See `TRIAL_COLUMNS`."""
    from netsim.measuring.metrics import decide

    columns = {} if spikes.labels is None else {"label": spikes.labels}
    if spikes.network.output.name in spikes:
        decisions = decide(spikes.outputs)
        columns |= {"decision": decisions.choice.astype(np.int64), "tied": decisions.tied}
        if spikes.labels is not None:
            columns["correct"] = decisions.strictly_correct(spikes.labels)
    return columns


def session_times(latencies: np.ndarray, bounds: np.ndarray, per_ms: float) -> np.ndarray:
    """Return spike times in a session, shape (presentations, neurons), from latencies (ms) and bounds of `session`.

    Times are smaller than the stop by more than `rounding`, so that they are read as before it. ``inf`` is silent.
    """
    flat = latencies.reshape(len(latencies), -1)
    latest = bounds[1:] - 1.5 * per_ms * rounding(bounds[1:] / per_ms)
    times = np.minimum(bounds[:-1, np.newaxis] + flat * per_ms, latest[:, np.newaxis])
    times[np.isinf(flat)] = np.inf
    return times


def to_json(record: Mapping[str, Any] | None) -> str:
    """Return provenance as JSON text. Raise DataError for values that JSON does not support."""
    try:
        return json.dumps(record or {}, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"record: is not JSON ({error}); use plain numbers, words, lists and dictionaries") from error
