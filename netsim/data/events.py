"""Conversion between latencies and event tables with ``x``, ``y``, ``t`` (µs) and polarity ``p``, as in tonic.

Sensors with a single row may omit ``y``. Sensors with a single polarity may omit ``p``.
"""

import numpy as np

from netsim.errors import DataError
from netsim.specification import Shape
from netsim.specification.encoders.events import MICROSECONDS, event_fields

EVENT_TYPE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])


def latencies_to_events(latencies: np.ndarray) -> np.ndarray:
    """Convert the latencies of one stimulus to events of type `EVENT_TYPE`, sorted by time.

    Latencies (ms) have the shape (height, width, channels). Silent pixels (``inf``) have no event. Times are rounded
    to 1 µs, and the channel becomes the polarity.
    """
    if latencies.ndim != 3:
        raise DataError(f"latencies: one stimulus has shape (height, width, channels), not {latencies.shape}")
    if not (latencies >= 0).all():
        raise DataError("latencies: contain NaN or negative times; a silent neuron has the latency inf")
    y, x, p = np.nonzero(np.isfinite(latencies))
    t = np.rint(latencies[y, x, p] * MICROSECONDS).astype(np.int64)
    order = np.argsort(t, kind="stable")
    events = np.empty(len(t), dtype=EVENT_TYPE)
    for name, values in (("x", x), ("y", y), ("t", t), ("p", p)):
        events[name] = values[order]
    return events


def events_to_latencies(events: np.ndarray, shape: Shape) -> np.ndarray:
    """Convert events to the latencies (ms) of one stimulus: the first event of each pixel and polarity, or ``inf``.

    Events have the fields ``x``, ``y``, ``t`` (µs from the start of the presentation) and ``p``, in any order. The
    shape is (height, width, polarities).
    """
    y, x, t, p = event_fields(events, shape)
    latencies = np.full(shape, np.inf)
    np.minimum.at(latencies, (y, x, p), t / MICROSECONDS)
    return latencies
