"""Disturbed stimuli: tonic's transforms on the spikes of the stimulus as events."""

from __future__ import annotations

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
    """Stimuli as one of tonic's transforms leaves them; spike times are in whole µs.

    Times before the start become 0; spikes after the end of the presentation are lost.

    Parameters
    ----------
    network : Network
    latencies : ndarray of float, shape (presentations, height, width, channels)
        Latencies of the stimuli (ms).
    transform : callable
        Takes and gives events.
    generator : numpy.random.Generator
        Seeds numpy's global generator, which tonic draws from, for each stimulus; its state is restored.

    Returns
    -------
    ndarray of float, shape of `latencies`
    """
    changed = np.empty_like(latencies)
    state = np.random.get_state()  # noqa: NPY002
    try:
        for stimulus, result, seed in zip(
            latencies, changed, generator.integers(2**32, size=len(latencies)), strict=True
        ):
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
