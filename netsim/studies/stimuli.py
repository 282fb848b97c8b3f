"""Disturbed stimuli: tonic's transforms on the spikes of the stimulus as events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tonic import transforms

from netsim.data.events import events_to_latencies, latencies_to_events
from netsim.specification import Encoder, Network
from netsim.specification.encoders.events import MICROSECONDS

Transform = Callable[[np.ndarray], np.ndarray]

# Places as fractions, too: tonic would cut off those that it moves
_EVENT_TYPE = np.dtype([(name, np.float64) for name in "xytp"])


def sensor_size(encoder: Encoder) -> tuple[int, int, int]:
    """Width, height and channels, as tonic has them."""
    height, width, channels = encoder.shape
    return width, height, channels


def time_jitter(level: float, encoder: Encoder) -> Transform:
    """Normal jitter of spike times with an SD of `level` ms."""
    return transforms.TimeJitter(std=level * MICROSECONDS, clip_negative=False)


def deletion(level: float, encoder: Encoder) -> Transform:
    """The fraction `level` of spikes is deleted."""
    return transforms.DropEvent(p=level)


def spurious_spikes(level: float, encoder: Encoder) -> Transform:
    """`level` spikes per input neuron are added, uniformly from the first to the last spike of the stimulus."""
    sensor = sensor_size(encoder)
    return transforms.UniformNoise(sensor, n=round(level * int(np.prod(sensor))))


def spatial_jitter(level: float, encoder: Encoder) -> Transform:
    """Normal jitter of places with an SD of `level` pixels; spikes that leave the image are lost."""
    return transforms.SpatialJitter(sensor_size(encoder), var_x=level**2, var_y=level**2, clip_outliers=True)


STIMULUS_PERTURBATIONS: dict[str, Callable[[float, Encoder], Transform]] = {
    "spike-jitter": time_jitter,
    "spike-deletion": deletion,
    "spurious-spikes": spurious_spikes,
    "spatial-jitter": spatial_jitter,
}
"""By the kind of study, what makes the transform for a level."""


def transformed(
    network: Network, latencies: np.ndarray, transform: Transform, generator: np.random.Generator
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
