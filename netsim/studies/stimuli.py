"""Disturb stimuli with tonic's transforms, applied to their spikes as events."""

import os
from collections.abc import Callable
from threading import Lock

import numpy as np

from netsim.data.events import events_to_latencies, latencies_to_events
from netsim.specification import Network

# Coordinates are floats too, because tonic would truncate shifted integers
_EVENT_TYPE = np.dtype([(name, np.float64) for name in "xytp"])
_drawing = Lock()
"""Held while numpy's global generator is seeded, because all threads share the generator."""


def _forget_other_threads() -> None:
    """Replace the lock in a forked process, where no other thread can release it."""
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
    """Apply a transform to the events of latencies (ms), shape (presentations, height, width, channels).

    Spike times are integers in µs. Times before the start become 0. Spikes after the presentation are lost. Channels
    with constant times are not transformed.

    tonic draws from numpy's global generator. `generator` seeds it for each stimulus, and the state is restored. A lock
    admits one thread at a time.
    """
    seeds = generator.integers(2**32, size=len(latencies))

    def change(coded: np.ndarray) -> np.ndarray:
        changed = np.empty_like(coded)
        for stimulus, result, seed in zip(coded, changed, seeds, strict=True):
            np.random.seed(seed)  # noqa: NPY002
            events = latencies_to_events(stimulus).astype(_EVENT_TYPE)
            for axis in "xy":
                events[axis] += 0.5  # centre of the pixel
            events = transform(events)
            events["t"] = np.maximum(events["t"], 0)
            for name in "xytp":  # back to whole pixels and whole µs
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
