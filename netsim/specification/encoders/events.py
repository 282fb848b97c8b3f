"""Recordings of events: the first event of each pixel, polarity and time window.

An event has the fields ``x``, ``y``, ``t`` (µs) and ``p`` (polarity), as in the library tonic. Sensors with one row may
omit ``y``, and sensors with one polarity may omit ``p``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.checks import check_size, check_unmasked, require, whole_numbers
from netsim.specification.encoders._protocol import Encoder, Shape
from netsim.specification.phrases import GAP, T_MAX, counted, in_ms

MICROSECONDS = 1000.0  # µs per ms
SILENT = np.iinfo(np.int32).max
"""Time (µs) that marks a pixel without an event."""


@encoders.register("events")
@dataclass(frozen=True)
class EventEncoder(Encoder):
    """Latency code of recordings.

    The first event of a pixel and polarity sets the latency. With several time windows, the first event in each window
    sets one latency, counted from the start of the window. Consecutive windows start at the origin. They become the
    channels ``window·polarities + polarity``.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of one stimulus.
    t_max : float
        Length of every time window (ms).
    windows : int
        Number of time windows. Later events are ignored.
    polarity : {"separate", "merged"}
        Whether each polarity has its own channel.
    origin : {"recording", "first-event"}
        Start of the time: at 0 µs of the recording or at its first event.

    Examples
    --------
    >>> import netsim
    >>> netsim.EventEncoder(shape=(34, 34, 6), t_max=105.0, windows=3).shape
    (34, 34, 6)
    """

    samples: ClassVar[str] = "recordings"
    order: ClassVar[int] = 1
    unit: ClassVar[str] = "µs"
    windows: int = 1
    polarity: Literal["separate", "merged"] = "separate"
    origin: Literal["recording", "first-event"] = "recording"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.windows, "encoder.windows")
        bounds = f"must be from 0.001 to 1000000 ms for events, which have times in µs, not {self.t_max}"
        require(0.001 <= self.t_max <= 1e6, "encoder.t_max", bounds)
        channels, windows = self.coded_shape[2], self.windows
        remainder = f"{channels} channels cannot be divided among {windows} time windows"
        require(channels % windows == 0, "encoder.shape", remainder)
        need = f"merged polarities need one channel per time window, {windows} in all, not {channels}"
        require(self.polarity == "separate" or channels == windows, "encoder.shape", need)

    def first_events(self, events: np.ndarray) -> np.ndarray:
        """Return the first event of each pixel, polarity and time window of a recording. Events may be in any order.

        Returns
        -------
        ndarray of int32, shape (height, width, channels)
            Times (µs) since the start of the time window. `SILENT` without an event.

        Raises
        ------
        DataError
            If a field is missing, or an event lies outside the shape or before the start.
        """
        return self.first_and_late(events)[0]

    def first_and_late(self, events: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the first events, and the number of ignored events after the last time window."""
        height, width, channels = self.coded_shape
        polarities = channels // self.windows
        y, x, t, p = event_fields(
            events, (height, width, polarities), self.polarity == "merged", self.origin == "first-event"
        )
        window, since = np.divmod(t, round(self.t_max * MICROSECONDS))
        seen = window < self.windows
        times = np.full(self.coded_shape, SILENT, dtype=np.int32)
        channel = (window * polarities + p)[seen]
        np.minimum.at(times, (y[seen], x[seen], channel), since[seen].astype(np.int32))
        return times, int(seen.size - np.count_nonzero(seen))

    def prepare(self, given: Any) -> np.ndarray:
        """Convert recordings with fields or columns ``x``, ``y``, ``t`` (µs) and ``p`` by `first_events`."""
        return self.prepare_and_late(given)[0]

    def prepare_and_late(self, given: Any) -> tuple[np.ndarray, np.ndarray]:
        """Prepare recordings. Count the events of each recording, and its events after the last time window."""
        columns = ("x", "y", "t", "p")
        recordings = []
        for recording in given:
            if isinstance(recording, np.ndarray):
                recordings.append(recording)
                continue
            try:  # a pandas table or a mapping of columns
                parts = {name: np.asarray(recording[name]) for name in columns if name in recording}
                fields = [(name, part.dtype) for name, part in parts.items()]
                recordings.append(np.rec.fromarrays([*parts.values()], dtype=fields))
            except (TypeError, ValueError, IndexError) as error:
                raise DataError(f"events: a recording needs columns x, y, t and p ({error})") from error
        times = np.empty((len(recordings), *self.coded_shape), dtype=np.int32)
        counts = np.empty((len(recordings), 2), dtype=np.int64)
        for index, recording in enumerate(recordings):
            times[index], late = self.first_and_late(recording)
            counts[index] = recording.size, late
        return times, counts

    def coding(self) -> dict[str, Any]:
        """Return time windows, polarities and origin, which determine the first events."""
        return {name: getattr(self, name) for name in ("t_max", "windows", "polarity", "origin")}

    def latencies(self, samples: np.ndarray, intensity_max: float | None = None) -> np.ndarray:
        """Return the latencies (ms) of times (µs) from `first_events`. `SILENT` becomes ``inf``."""
        if intensity_max is not None:
            raise DataError("images: the encoder takes recordings, which have no intensities; leave out intensity_max")
        coded = (samples == SILENT) | ((samples >= 0) & (samples < round(self.t_max * MICROSECONDS)))
        if not coded.all():
            raise DataError(
                f"recordings: contain times outside the encoder's window of {self.t_max:g} ms; convert anew"
            )
        return np.where(samples == SILENT, np.inf, samples / MICROSECONDS)

    def window_text(self) -> str:
        """Return the time windows, for messages."""
        return f"the encoder's {self.windows} x {self.t_max:g} ms"

    def shape_for(self, sensor_size: tuple[int, int, int]) -> Shape:
        """Return the shape (height, width, channels) for a tonic sensor size (width, height, polarities)."""
        width, height, polarities = sensor_size
        each = 1 if self.polarity == "merged" else polarities
        return (height, width, self.windows * each + len(self.constant))

    def stimuli_text(self) -> str:
        """Return rows, columns, polarities and time windows."""
        height, width, channels = self.coded_shape
        polarities = "each polarity" if self.polarity == "separate" else "both polarities together"
        windows = f" and each of {self.windows} time windows" if self.windows > 1 else ""
        return (
            f"recordings of events of {counted(height, 'row')} and {counted(width, 'column')}; a stimulus neuron for"
            f" each pixel, {polarities}{windows}, in {counted(channels, 'channel')}"
        )

    def code_text(self) -> str:
        """Return the window and the start of its time."""
        origin = {"recording": "the start of the recording", "first-event": "the first event of the recording"}
        if self.windows > 1:
            length = rf"from $m{GAP}{T_MAX}$ to $(m + 1){GAP}{T_MAX}$, $m = 0, \dots, {self.windows - 1}$"
            since = "the start of the window"
        else:
            length, since = f"until ${T_MAX}$", origin[self.origin]
        return (
            f"$t_i$ is the time of the first event of the neuron in its window, {length} after {origin[self.origin]},"
            f" counted from {since}, in whole µs; silent without an event; ${T_MAX} = {in_ms(self.t_max)}$"
        )


def event_fields(
    events: np.ndarray, shape: Shape, merged: bool = False, from_first: bool = False
) -> tuple[np.ndarray, ...]:
    """Return rows, columns, times (µs) and polarities of events for a shape (height, width, polarities).

    `merged` merges two polarities. `from_first` starts the time at the first event.

    Raise a DataError if a field is missing or contains fractions, or an event lies outside the shape or before the
    start.
    """
    names = () if not isinstance(events, np.ndarray) else events.dtype.fields or ()  # also titles of fields
    height, width, polarities = shape
    spare = {name for name, size in (("y", height), ("p", polarities)) if size == 1}
    missing = [name for name in ("x", "y", "t", "p") if name not in names and name not in spare]
    if missing:
        raise DataError(f"events: lack the field {', '.join(missing)}; x, y, t and p are needed")
    zeros = np.zeros(events.size, dtype=np.int64)
    y, x, t, p = (_field(events, name) if name in names else zeros for name in ("y", "x", "t", "p"))
    if polarities == 1 and len(p):
        if not merged and p.min() != p.max():
            raise DataError("events: have two polarities where one fits; give each its channel, or merge them")
        p = zeros  # sensors with one polarity write it as 0 or as 1
    for name, index, size in (("y", y, height), ("x", x, width), ("p", p, polarities)):
        if len(index) and not (index.min() >= 0 and index.max() < size):
            raise DataError(f"events: {name} goes from {index.min()} to {index.max()}, but only 0 to {size - 1} fits")
    if from_first and len(t):
        t = t - t.min()
    if len(t) and not t.min() >= 0:
        raise DataError("events: contain negative times; time starts at 0 with the presentation")
    return y, x, t, p


def _field(events: np.ndarray, name: str) -> np.ndarray:
    """Return the whole numbers of a field. Polarities may be booleans."""
    given = events[name]
    check_unmasked(given, f"events: {name}", "leave masked events out")
    values = whole_numbers(given.astype(np.int64) if name == "p" and given.dtype == bool else given)
    if values is None:
        unit = "of µs, as (seconds * 1e6).round() gives them" if name == "t" else "from 0"
        example = given[given != np.floor(given)] if given.dtype.kind == "f" else given
        shown = f"{given.dtype}, such as {example.flat[0]}" if example.size else f"{given.dtype}"
        raise DataError(f"events: {name} must contain whole numbers {unit}, not {shown}")
    if values.shape != events.shape:
        raise DataError(f"events: {name} has {given.size} numbers for {events.size} events; give one for each")
    return values.reshape(-1)
