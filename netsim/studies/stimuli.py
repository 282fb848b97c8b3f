"""Disturbed stimuli: tonic's transforms on the spikes of the stimulus as events."""

from collections.abc import Callable

import numpy as np

from netsim.data.events import events_to_latencies, latencies_to_events
from netsim.specification import Network

# Places as fractions, too: tonic would cut off those that it moves
_EVENT_TYPE = np.dtype([(name, np.float64) for name in "xytp"])


def transformed(
    network: Network,
    latencies: np.ndarray,
    transform: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Latencies (ms) of shape (presentations, height, width, channels), as a transform of their events leaves them.

    Spike times are in whole µs. Times before the start become 0; spikes after the end of the presentation are lost.
    tonic draws from numpy's global generator: `generator` seeds it for each stimulus, and its state is restored.
    """
    changed, seeds = np.empty_like(latencies), generator.integers(2**32, size=len(latencies))
    state = np.random.get_state()  # noqa: NPY002
    try:
        for stimulus, result, seed in zip(latencies, changed, seeds, strict=True):
            np.random.seed(seed)  # noqa: NPY002
            events = latencies_to_events(stimulus).astype(_EVENT_TYPE)
            for axis in "xy":
                events[axis] += 0.5  # the middle of the pixel
            events = transform(events)
            events["t"] = np.maximum(events["t"], 0)
            result[:] = events_to_latencies(events, network.encoder.shape)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    changed[changed >= network.duration] = np.inf
    return changed
