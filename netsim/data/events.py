"""Stimuli as event streams of the library tonic: address-event tables from cameras, and its transforms.

An event has the fields ``x``, ``y``, ``t`` (µs) and ``p``, the polarity. The sensor size that tonic's transforms
ask for is ``(width, height, polarities)``. Sensors of one row may leave out ``y``, those of one polarity ``p``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import DataError
from netsim.specification import Encoder, Shape

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli

EVENT_TYPE = np.dtype([("x", np.int64), ("y", np.int64), ("t", np.int64), ("p", np.int64)])
MICROSECONDS = 1000.0  # in a ms
SILENT = np.iinfo(np.int32).max
"""The time that stands for no event."""


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
    y, x, t, p = _fields(events, shape)
    _check_start(t)
    latencies = np.full(shape, np.inf)
    np.minimum.at(latencies, (y, x, p), t / MICROSECONDS)
    return latencies


def first_events(events: np.ndarray, encoder: Encoder) -> np.ndarray:
    """The first event of each pixel, polarity and time window of a recording, as the encoder has them.

    Parameters
    ----------
    events : structured ndarray
        With the fields ``x``, ``y``, ``t`` (µs) and ``p``, in any order.
    encoder : Encoder

    Returns
    -------
    ndarray of int32, shape (height, width, channels)
        Times (µs) since the start of the time window; `SILENT` where there is no event. Channel
        ``window·polarities + polarity``.

    Raises
    ------
    DataError
        If a field is missing, or an event lies outside the encoder's shape or before the start.
    """
    height, width, channels = encoder.shape
    polarities = channels // encoder.windows
    y, x, t, p = _fields(events, (height, width, polarities), merged=encoder.polarity == "merged")
    if encoder.origin == "first-event" and len(t):
        t = t - t.min()
    _check_start(t)
    length = round(encoder.t_max * MICROSECONDS)
    window, since = np.divmod(t, length)
    seen = window < encoder.windows
    times = np.full(encoder.shape, SILENT, dtype=np.int32)
    channel = (window * polarities + p)[seen]
    np.minimum.at(times, (y[seen], x[seen], channel), since[seen].astype(np.int32))
    return times


def times_to_latencies(times: np.ndarray) -> np.ndarray:
    """Times as from `first_events` as latencies (ms); `SILENT` becomes ``inf``."""
    return np.where(times == SILENT, np.inf, times / MICROSECONDS)


def sensor_shape(sensor_size: tuple[int, int, int], encoder: Encoder) -> Shape:
    """The shape that an encoder needs for a sensor.

    Parameters
    ----------
    sensor_size : (width, height, polarities)
        As tonic's data sets have it.
    encoder : Encoder
        Its time windows and what it does with polarities count.

    Returns
    -------
    (height, width, channels)
    """
    width, height, polarities = sensor_size
    return (height, width, encoder.windows * (1 if encoder.polarity == "merged" else polarities))


class EventView:
    """Stimuli as a data set of tonic: its transforms, slicers and caches work on it.

    Parameters
    ----------
    stimuli : Stimuli
    transform : callable, optional
        Is given the events of a stimulus and gives the events in their place, as tonic's transforms do.

    Attributes
    ----------
    sensor_size : (width, height, channels)
        What tonic's transforms ask for; the channel of the stimulus is the polarity.
    classes : list of str
    """

    def __init__(self, stimuli: Stimuli, transform: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        height, width, channels = stimuli.encoder.shape
        self.stimuli = stimuli
        self.transform = transform
        self.sensor_size = (width, height, channels)
        self.classes = list(stimuli.classes)

    def __repr__(self) -> str:
        return f"EventView({len(self)} stimuli, sensor_size={self.sensor_size})"

    def __len__(self) -> int:
        return len(self.stimuli)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Events of type `EVENT_TYPE` and label of one stimulus."""
        if not 0 <= index < len(self):
            raise IndexError(f"stimulus {index}: there are 0 to {len(self) - 1}")
        events = latencies_to_events(self.stimuli.latencies(np.array([index]))[0])
        return events if self.transform is None else self.transform(events), int(self.stimuli.labels[index])


def _fields(events: np.ndarray, shape: Shape, merged: bool = False) -> tuple[np.ndarray, ...]:
    """Rows, columns, times (µs) and polarities of events, checked against (height, width, polarities)."""
    names = () if not isinstance(events, np.ndarray) else events.dtype.names or ()
    height, width, polarities = shape
    spare = {name for name, size in (("y", height), ("p", polarities)) if size == 1}
    missing = [name for name in ("x", "y", "t", "p") if name not in names and name not in spare]
    if missing:
        raise DataError(f"events: lack the field {', '.join(missing)}; x, y, t and p are needed")
    zeros = np.zeros(events.size, dtype=np.int64)
    y, x, t, p = (
        events[name].reshape(-1).astype(np.int64) if name in names else zeros for name in ("y", "x", "t", "p")
    )
    if polarities == 1 and len(p):
        if not merged and p.min() != p.max():
            raise DataError("events: have two polarities where one fits; give each its channel, or merge them")
        p = zeros  # sensors of one polarity call it 0 or 1
    for name, index, size in (("y", y, height), ("x", x, width), ("p", p, polarities)):
        if len(index) and not (index.min() >= 0 and index.max() < size):
            raise DataError(f"events: {name} goes from {index.min()} to {index.max()}, but only 0 to {size - 1} fits")
    return y, x, t, p


def _check_start(t: np.ndarray) -> None:
    if len(t) and not t.min() >= 0:
        raise DataError("events: hold negative times; time starts at 0 with the presentation")
