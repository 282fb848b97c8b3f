"""Disturbed stimuli: tonic's transforms on the spikes of the stimulus as events."""

import os
from collections.abc import Callable
from threading import Lock

import numpy as np

from netsim.data.events import events_to_latencies, latencies_to_events
from netsim.specification import Network

# Places as fractions, too: tonic would cut off those that it moves
_EVENT_TYPE = np.dtype([(name, np.float64) for name in "xytp"])
_drawing = Lock()
"""Is held while numpy's global generator is seeded: there is one for all threads."""


def _forget_other_threads() -> None:
    """In a process that was forked: none of them seeds it, because there is none."""
    global _drawing
    _drawing = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def transformed(
    network: Network,
    latencies: np.ndarray,
    transform: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Latencies (ms) of shape (presentations, height, width, channels), as a transform of their events leaves them.

    Spike times are in whole µs. Times before the start become 0; spikes after the end of the presentation are lost.
    Channels that fire at constant times are not transformed. tonic draws from numpy's global generator: `generator`
    seeds it for each stimulus, its state is restored, and one thread at a time does so.
    """
    seeds = generator.integers(2**32, size=len(latencies))

    def change(coded: np.ndarray) -> np.ndarray:
        changed = np.empty_like(coded)
        for stimulus, result, seed in zip(coded, changed, seeds, strict=True):
            np.random.seed(seed)  # noqa: NPY002
            events = latencies_to_events(stimulus).astype(_EVENT_TYPE)
            for axis in "xy":
                events[axis] += 0.5  # the middle of the pixel
            events = transform(events)
            events["t"] = np.maximum(events["t"], 0)
            for name in "xytp":  # whole pixels and whole µs again
                events[name] = np.trunc(events[name])
            result[:] = events_to_latencies(events, stimulus.shape)
        changed[changed >= network.duration] = np.inf
        return changed

    with _drawing:
        state = np.random.get_state()  # noqa: NPY002
        try:
            return network.encoder.change_coded(latencies, change)
        finally:
            np.random.set_state(state)  # noqa: NPY002
