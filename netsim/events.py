"""Stimuli as event streams of the library tonic: address-event tables from cameras, and its transforms.

An event has the fields ``x``, ``y``, ``t`` (µs) and ``p``, the polarity, which is the channel of the stimulus.
The sensor size that tonic's transforms ask for is ``(width, height, channels)``.
"""

from __future__ import annotations

import numpy as np
from tonic.io import make_structured_array

from netsim.errors import DataError
from netsim.specification import Shape

EVENT_TYPE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])
MICROSECONDS = 1000.0  # in a ms


def latencies_to_events(latencies: np.ndarray) -> np.ndarray:
    """The spikes of one stimulus as events, in the order of their times.

    Parameters
    ----------
    latencies : ndarray of float, shape (height, width, channels)
        Latencies (ms); ``inf`` gives no event.

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
    return make_structured_array(x[order], y[order], t[order], p[order], dtype=EVENT_TYPE)


def events_to_latencies(events: np.ndarray, shape: Shape) -> np.ndarray:
    """The first event of each pixel and polarity as the latencies of one stimulus.

    Parameters
    ----------
    events : structured ndarray, shape (events,)
        With the fields ``x``, ``y``, ``t`` (µs from the start of the presentation) and ``p``, in any order.
    shape : (height, width, channels)

    Returns
    -------
    ndarray of float64, shape (height, width, channels)
        Latencies (ms); ``inf`` where there is no event.

    Raises
    ------
    DataError
        If a field is missing, or an event lies outside the shape or before the start.
    """
    missing = [name for name in EVENT_TYPE.names or () if name not in (events.dtype.names or ())]
    if missing:
        raise DataError(f"events: lack the field {', '.join(missing)}; x, y, t and p are needed")
    axes = (events["y"], events["x"], events["p"])
    rows, columns, channels = (axis.astype(np.int64) for axis in axes)
    for name, index, size in zip("yxp", (rows, columns, channels), shape, strict=True):
        if len(index) and not (index.min() >= 0 and index.max() < size):
            raise DataError(f"events: {name} goes from {index.min()} to {index.max()}, but only 0 to {size - 1} fits")
    if len(events) and not events["t"].min() >= 0:
        raise DataError("events: hold negative times; time starts at 0 with the presentation")
    latencies = np.full(shape, np.inf)
    np.minimum.at(latencies, (rows, columns, channels), events["t"] / MICROSECONDS)
    return latencies
