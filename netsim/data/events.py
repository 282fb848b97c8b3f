"""Latencies as events, and back: tables of ``x``, ``y``, ``t`` (µs) and polarity ``p``, as the library tonic has them.

Sensors of one row may leave out ``y``, those of one polarity ``p``.
"""

from __future__ import annotations

import numpy as np

from netsim.errors import DataError
from netsim.specification import Shape
from netsim.specification.encoders.events import MICROSECONDS, event_fields

EVENT_TYPE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])


def latencies_to_events(latencies: np.ndarray) -> np.ndarray:
    """The spikes of one stimulus as events, in the order of their times.

    Parameters
    ----------
    latencies : ndarray of float, shape (height, width, channels)
        Latencies (ms); ``inf`` gives no event. The channel becomes the polarity.

    Returns
    -------
    structured ndarray, shape (events,)
        Of type `EVENT_TYPE`; times are rounded to 1 µs.

    Raises
    ------
    DataError
        If this is no single stimulus, or a latency is NaN or negative.
    """
    if latencies.ndim != 3:
        raise DataError(f"latencies: one stimulus has shape (height, width, channels), not {latencies.shape}")
    if not (latencies >= 0).all():
        raise DataError("latencies: hold NaN or negative times; a silent neuron has the latency inf")
    y, x, p = np.nonzero(np.isfinite(latencies))
    t = np.rint(latencies[y, x, p] * MICROSECONDS).astype(np.int64)
    order = np.argsort(t, kind="stable")
    events = np.empty(len(t), dtype=EVENT_TYPE)
    for name, values in (("x", x), ("y", y), ("t", t), ("p", p)):
        events[name] = values[order]
    return events


def events_to_latencies(events: np.ndarray, shape: Shape) -> np.ndarray:
    """The first event of each pixel and polarity as the latencies of one stimulus.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        With the fields ``x``, ``y``, ``t`` (µs from the start of the presentation) and ``p``, in any order.
    shape : (height, width, polarities)

    Returns
    -------
    ndarray of float64, shape (height, width, polarities)
        Latencies (ms); ``inf`` where there is no event.

    Raises
    ------
    DataError
        If a field is missing, or an event lies outside the shape or before the start.
    """
    y, x, t, p = event_fields(events, shape)
    latencies = np.full(shape, np.inf)
    np.minimum.at(latencies, (y, x, p), t / MICROSECONDS)
    return latencies
