"""Recordings of spike trains, cut into trials relative to an event, with the first spike of each unit in a trial."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from netsim.errors import DataError, DataWarning, nearest, warn_user
from netsim.exchange.presentations import PICOSECOND, reading, rounding
from netsim.specification.checks import carries_unit, check_unitless, check_unmasked, finite, path_in, require

if TYPE_CHECKING:
    from netsim.spikes import Spikes

UNITS = "units"
"""Name of the population of recorded units."""
_LABELS = "labels"
"""Word for the labels of an event of Neo itself."""
_UNSAFE = {"NeoMatlabIO": "SciPy can crash on a damaged file", "PickleIO": "it can run any program"}
_SECONDS = 1000.0  # ms
_OVERLAPPING = 10
"""Events this much closer than trials are long suggest another unit of time."""


class _Part(NamedTuple):
    """Spike trains of units and times of events on one clock (ms)."""

    trains: Sequence[np.ndarray]
    events: np.ndarray


class _Recording(NamedTuple):
    """Parts of a recording with the same units, and a label for each event if there is one."""

    parts: Sequence[_Part]
    labels: np.ndarray | None


def cut_trials(
    recording: Any,
    events: Any = None,
    window: tuple[float, float] = (0.0, 200.0),
    labels: Any = None,
) -> Spikes:
    """Cut recorded spike trains into trials, and return the first spike of each unit in each trial.

    A trial is the time from `window[0]` to `window[1]` after an event. Latencies count from the begin of this window. A
    spike at the begin belongs to the trial, and a spike at the end does not. Rounding errors of times do not matter. A
    unit without a spike is silent. Trials may overlap. A `netsim.errors.DataWarning` tells if they share most of their
    spikes, or if no unit fires in any.

    Parameters
    ----------
    recording : sequence of array, or neo.Block, neo.Segment, list of neo.SpikeTrain
        Times of the spikes of each unit (ms). Arrays of the package quantities and objects of Neo have their own units
        of time. All segments of a block need the same units, in the same order. If segments overlap in time, as with
        one segment per trial, each is cut with its own events.
    events : array of float, neo.Event, neo.Epoch or str
        Times of the events (ms), an event or epoch of Neo, or the name of one in the recording. Segments that overlap
        in time need a name.
    window : tuple of float
        Begin and end of a trial relative to its event (ms).
    labels : array or str, optional
        A label for each event: words, or numbers from 0. For events of Neo, the name of an array annotation, or
        ``labels``. By default trials have no labels.

    Returns
    -------
    Spikes
        With one population, ``units``. All analyses accept it.

    Raises
    ------
    DataError
        If there is no event, or times, labels and events do not fit together.
    SpecificationError
        If the window does not end after it begins.

    See Also
    --------
    netsim.read_recording : The same for a file.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> unit = np.array([3.0, 105.0, 120.0, 250.0])
    >>> trials = netsim.cut_trials([unit], events=[0.0, 100.0, 300.0], window=(0.0, 50.0), labels=["a", "b", "a"])
    >>> trials["units"].ravel(), trials.classes
    (array([ 3.,  5., inf]), ('a', 'b'))
    """
    recorded = _of_neo(recording, events, labels, "recording") if _is_neo(recording) else None
    if recorded is None:
        times, tags = _times_and_labels(events, labels, "events")
        recorded = _Recording([_Part(_trains(recording), times)], tags)
    return _cut(recorded, window, "recording")


def read_recording(
    path: str | Path, event: str = "start_time", window: tuple[float, float] = (0.0, 200.0), label: str | None = None
) -> Spikes:
    """Read a recording, and return the first spike of each unit in each trial, as `cut_trials`.

    Parameters
    ----------
    path : str or Path
        A file of NWB, with units and trials, or another one that Neo reads, such as of Blackrock, Plexon or Spike2.
    event : str
        NWB: the column of the trials with the times of the event (s). A trial without a time is left out. Neo: the name
        of an event or epoch.
    window : tuple of float
        Begin and end of a trial relative to its event (ms).
    label : str, optional
        NWB: the column of the trials with their labels. Neo: an array annotation of the event, or ``labels``.

    Returns
    -------
    Spikes

    Raises
    ------
    DataError
        If the file is missing, damaged or unsafe, has no such event or label, or a package is missing.

    Examples
    --------
    >>> import netsim
    >>> netsim.export(netsim.present("digits", limit=5), "spikes.nwb")
    >>> trials = netsim.read_recording("spikes.nwb", window=(0.0, 64.0), label="label")
    >>> trials.presentations, list(trials.classes)[:2]
    (5, [])
    """
    file = path_in(path, "path")
    read = _read_nwb if file.suffix == ".nwb" else _read_neo
    return _cut(read(file, event, label), window, str(file))


def _cut(recorded: _Recording, window: tuple[float, float], name: str) -> Spikes:
    from netsim.spikes import LayerSpikes, Spikes

    given = _times(window, "window") if carries_unit(window) else window
    pair = isinstance(given, Sequence | np.ndarray) and len(given) == 2 and all(map(finite, given))
    require(pair, "window", f"must be two times in ms, such as (0.0, 200.0), not {window!r}")
    begin, end = given
    require(end > begin, "window", f"must end after it begins, not {begin:g} to {end:g} ms")
    if not sum(len(part.events) for part in recorded.parts):
        raise DataError(f"{name}: has no event; give the times of at least one")
    if not len(recorded.parts[0].trains):
        raise DataError(f"{name}: has no units; choose a file of sorted spikes")
    latencies = np.concatenate([_first_spikes(part, begin, end) for part in recorded.parts])
    labels = _labels(recorded.labels, len(latencies), name)
    _warn(recorded, latencies, end - begin, name)
    layer = LayerSpikes.of_latencies(UNITS, latencies, window=(0.0, end - begin))
    return Spikes.of_layers([layer], labels=labels)


def _warn(recorded: _Recording, latencies: np.ndarray, length: float, name: str) -> None:
    """Warn if no unit fires, or if events are much closer than trials are long, as in another unit of time."""
    if np.isinf(latencies).all():
        check = "check the window, and that events are times on the clock of the spikes (ms)"
        warn_user(f"{name}: no unit fires in any of {len(latencies)} trials; {check}", DataWarning)
        return
    gaps = np.concatenate([np.diff(np.sort(part.events)) for part in recorded.parts])
    if len(gaps) > 1 and (gap := float(np.median(gaps))) < length / _OVERLAPPING:
        what = f"trials of {length:g} ms share most of their spikes, because events are {gap:.3g} ms apart (median)"
        warn_user(f"{name}: {what}; check the window, and that times are in ms", DataWarning)


def _first_spikes(part: _Part, begin: float, end: float) -> np.ndarray:
    """Return the latency of each unit after the begin of each trial (ms), shape (events, units)."""
    starts, slack = part.events + begin, rounding(part.events, begin, end)
    latencies = np.empty((len(starts), len(part.trains)))
    for unit, train in enumerate(part.trains):
        ordered = np.append(np.sort(train), np.inf)
        since = ordered[np.searchsorted(ordered, starts - slack)] - starts
        rounded = np.where(since > slack, np.round(since, PICOSECOND), 0.0)
        latencies[:, unit] = np.where(since < end - begin - slack, rounded, np.inf)
    return latencies


def _labels(labels: Any, count: int, name: str) -> np.ndarray | None:
    """Return labels as whole numbers, or else as words."""
    from netsim.data.making import is_missing

    if labels is None:
        return None
    given = np.asarray(labels)
    if given.shape != (count,):
        raise DataError(f"{name}: has labels of shape {given.shape} for {count} events; give one for each")
    if any(map(is_missing, given.tolist())):
        raise DataError(f"{name}: has events whose label is missing; leave them out, or choose other labels")
    if given.dtype.kind in "iuf" and (given == np.floor(given)).all() and (given >= 0).all():
        return given.astype(np.int64)
    return given.astype(str)


def _trains(recording: Any) -> list[np.ndarray]:
    """Return the spike times of each unit. Refuse the times of a single unit, which would count as units."""
    trains = list(recording) if isinstance(recording, Iterable) else [0.0]
    if not all(isinstance(train, list | tuple) or np.ndim(train) for train in trains):
        raise DataError("recording: must have an array of times for each unit; put the times of one unit in a list")
    return [_times(train, "recording") for train in trains]


def _times(given: Any, name: str) -> np.ndarray:
    """Return times in one row (ms). Convert arrays of the package quantities from their own units."""
    if isinstance(given, list | tuple) and carries_unit(given):
        return np.concatenate([_times(each, name) for each in given])
    if hasattr(given, "rescale"):
        try:
            given = given.rescale("ms").magnitude
        except ValueError as error:
            raise DataError(f"{name}: must be times ({error})") from error
    check_unitless(given, f"{name}:")
    check_unmasked(given, f"{name}:", "leave masked times out")
    try:
        array = np.asarray(given)
        times = array.astype(float).ravel()
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: must be times in ms ({error})") from error
    if array.dtype.kind in "bmM":
        raise DataError(f"{name}: must be times in ms as numbers, not {array.dtype}")
    if not np.isfinite(times).all():
        raise DataError(f"{name}: has times that are missing or infinite; leave them out")
    return times


def _is_neo(value: Any) -> bool:
    first = value[0] if isinstance(value, list | tuple) and value else value
    return type(first).__module__.partition(".")[0] == "neo"


def _of_neo(recording: Any, events: Any, label: Any, name: str) -> _Recording:
    """Return trains and events of a block, a segment or a list of spike trains."""
    if type(recording).__name__ == "SpikeTrain":
        raise DataError(f"{name}: is a single spike train; put it in a list")
    segments = getattr(recording, "segments", None) or [recording]
    units = [getattr(segment, "spiketrains", segment) for segment in segments]
    if len({len(trains) for trains in units}) != 1:
        raise DataError(
            f"{name}: has segments with {sorted({len(trains) for trains in units})} units; give one segment"
        )
    of_units = [[_times(train.times, name) for train in trains] for trains in units]
    apart = _overlap(segments)
    joined = [np.concatenate(parts) for parts in zip(*of_units, strict=True)]
    if not isinstance(events, str):
        if apart:
            raise DataError(f"{name}: has segments that overlap in time; give one segment, or the name of an event")
        times, tags = _times_and_labels(events, label, name)
        return _Recording([_Part(joined, times)], tags)
    known = [[*getattr(segment, "events", ()), *getattr(segment, "epochs", ())] for segment in segments]
    chosen = [[each for each in in_segment if each.name == events] for in_segment in known]
    if not any(chosen):
        names = [str(each.name) for in_segment in known for each in in_segment]
        raise DataError(
            f"{name}: has no event or epoch {events!r}{nearest(events, names) if names else '; it has none'}"
        )
    of_segments = [_times([each.times for each in in_segment], name) for in_segment in chosen]
    parts = list(map(_Part, of_units, of_segments)) if apart else [_Part(joined, np.concatenate(of_segments))]
    if not isinstance(label, str):
        return _Recording(parts, label)
    return _Recording(parts, np.concatenate([_annotation(each, label, name) for each in chain(*chosen)]))


def _overlap(segments: Sequence[Any]) -> bool:
    """Return whether segments of Neo overlap in time, so that they have no common clock."""
    if len(segments) == 1:
        return False
    starts, stops = (
        np.concatenate(
            [_times(bound, "recording") for segment in segments if (bound := getattr(segment, end)) is not None]
        )
        for end in ("t_start", "t_stop")
    )
    order = np.argsort(starts)
    return bool((np.round(starts[order][1:] - stops[order][:-1], PICOSECOND) < 0).any())


def _times_and_labels(events: Any, label: Any, name: str) -> tuple[np.ndarray, Any]:
    """Return times of events (ms) and their labels, from numbers, an event of Neo or a list of such events."""
    if not _is_neo(events):
        return _times(events, "events"), label
    listed = list(events) if isinstance(events, list | tuple) else [events]
    times = np.concatenate([_times(each.times, "events") for each in listed])
    if not isinstance(label, str):
        return times, label
    return times, np.concatenate([_annotation(each, label, name) for each in listed])


def _annotation(event: Any, label: str, name: str) -> np.ndarray:
    if label == _LABELS:
        return np.asarray(event.labels)
    arrays = {key: value for key, value in event.annotations.items() if np.shape(value) == (len(event),)}
    arrays |= event.array_annotations  # MATLAB files of Neo lack these
    if label not in arrays:
        known = [_LABELS, *map(str, arrays)]
        raise DataError(f"{name}: the event has no annotation {label!r}{nearest(label, known)}")
    return np.asarray(arrays[label])


def _read_neo(path: Path, event: str, label: str | None) -> _Recording:
    try:
        import neo
    except ImportError:
        raise DataError(f"{path}: needs the package neo; pip install neo, or convert the file to NWB") from None
    with reading(path, "a recording"):
        reader = neo.io.get_io(str(path))
        kind = type(reader).__name__
        if kind in _UNSAFE:
            reason = f"is not read by netsim, because {_UNSAFE[kind]}"
            raise DataError(f"{path}: {reason}; read it with neo if you trust it, and call netsim.cut_trials")
        return _of_neo(reader.read_block(), event, label, str(path))


def _read_nwb(path: Path, event: str, label: str | None) -> _Recording:
    if find_spec("pynwb") is None:
        raise DataError(f"{path}: needs the package pynwb; pip install pynwb")
    from netsim.exchange.hdf5 import reading_hdf5
    from netsim.exchange.spikes.nwb import open_units

    with reading_hdf5(path, "NWB"), open_units(path) as file:
        for column in (event, *([label] if label else [])):
            if column not in file.trials.colnames:
                raise DataError(f"{path}: the trials have no column {column!r}{nearest(column, file.trials.colnames)}")
        times = _column(path, event, file.trials[event])
        if times.dtype.kind not in "iuf":
            raise DataError(f"{path}: the column {event!r} of the trials has no times; choose a column of times in s")
        happened = np.isfinite(times)
        tags = _column(path, label, file.trials[label])[happened] if label else None
        trains = [np.asarray(file.units["spike_times"][unit]) * _SECONDS for unit in range(len(file.units))]
        return _Recording([_Part(trains, times[happened] * _SECONDS)], tags)


def _column(path: Path, name: str, column: Any) -> np.ndarray:
    """Return a column of trials. Refuse one with lists of values, whose own data are positions in these lists."""
    if hasattr(column, "target") or np.ndim(values := column.data[:]) != 1:
        one = "must have one value per trial, not a list; choose another column, or use netsim.cut_trials"
        raise DataError(f"{path}: the column {name!r} of the trials {one}")
    return np.asarray(values)
