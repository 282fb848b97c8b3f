"""Recordings of events, converted once to times of first events and cached in a file."""

import contextlib
import io
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from filelock import FileLock

from netsim.data.source import OnProgress, ignore_progress
from netsim.data.tally import Tally, warn_too_early
from netsim.errors import DataError, NetsimError, RunError
from netsim.files import open_regular, read_text, write_atomically, write_json
from netsim.specification import Encoder, EventEncoder
from netsim.specification.encoders.events import MICROSECONDS, SILENT

_EVENT = 5
"""Bytes of an event in the ``.bin`` files of N-MNIST and N-Caltech101."""


class Recordings(Protocol):
    """Interface of tonic's data sets, caches and slices: events and label of each recording."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...


def event_encoder(encoder: Encoder, name: str) -> EventEncoder:
    """Return the encoder if it is an `EventEncoder`, or raise DataError."""
    if not isinstance(encoder, EventEncoder):
        reason = f"{type(encoder).__name__} is not an EventEncoder, so recordings cannot be converted"
        raise DataError(f"{name}: {reason}; derive it from EventEncoder, or give samples to netsim.make_dataset")
    return encoder


def _check_sensor(recordings: Recordings, encoder: EventEncoder, name: str) -> None:
    """Raise DataError if the recordings' sensor does not fit the encoder. Recordings without sensor size pass."""
    size = getattr(recordings, "sensor_size", None)
    if not isinstance(size, tuple) or not all(isinstance(side, int | np.integer) for side in size):
        return
    needed = encoder.shape_for(size)
    if needed != encoder.shape:
        width, height, polarities = size
        raise DataError(
            f"{name}: has recordings of {height}x{width} pixels and polarities: {polarities}; with"
            f" encoder.windows = {encoder.windows} and encoder.polarity = {encoder.polarity!r} they need"
            f" encoder.shape = {list(needed)}, not {list(encoder.shape)}"
        )


def convert(recordings: Recordings, encoder: EventEncoder) -> tuple[np.ndarray, np.ndarray]:
    """Return times as in `EventEncoder.first_events`, shape (recordings, height, width, channels), and labels."""
    name, order = "recordings", range(len(recordings))
    times = np.empty((len(recordings), *encoder.coded_shape), dtype=np.int32)
    labels = np.empty(len(recordings), dtype=np.int64)
    tally = Tally()
    for row, converted in enumerate(_converted(recordings, order, encoder, name, ignore_progress, tally)):
        times[row], labels[row] = converted
    tally.check(name, encoder)
    warn_too_early(name, times.max(where=times != SILENT, initial=-1) / MICROSECONDS, encoder)
    return times, labels


class RecordingsAsNeeded:
    """Times of recordings that are converted on first access and kept in memory, see `Samples`."""

    dtype = np.dtype(np.int32)

    def __init__(self, recordings: Recordings, order: Sequence[int], encoder: EventEncoder, name: str) -> None:
        self.shape = (len(order), *encoder.coded_shape)
        self.labels = np.asarray([recordings.targets[index] for index in order], np.int64)  # type: ignore[attr-defined]
        self._recordings, self._order, self._encoder, self._name = recordings, order, encoder, name
        self._times: dict[int, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}: {len(self._times)} of {len(self)} converted)"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return the times of some rows. New rows are converted first."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        self.prepare(chosen)
        return np.array([self._times[row] for row in chosen.tolist()], self.dtype).reshape(-1, *self.shape[1:])

    def prepare(self, rows: np.ndarray, on_progress: OnProgress = ignore_progress) -> None:
        """Convert the rows that are not yet converted, and warn of silent recordings and late events."""
        missing = [row for row in np.unique(rows).tolist() if row not in self._times]
        tally, order = Tally(), [self._order[row] for row in missing]
        converted = _converted(self._recordings, order, self._encoder, self._name, on_progress, tally)
        for row, (times, label) in zip(missing, converted, strict=True):
            if label != self.labels[row]:
                called = _called(self._recordings, self._order[row], self._name)
                raise DataError(
                    f"{called}: its label is {label}, but the data set lists {self.labels[row]}; correct one of them"
                )
            self._times[row] = times
        tally.warn(self._name, self._encoder)


def lists_labels(recordings: Recordings) -> bool:
    """True if labels are known without reading recordings, as in most data sets of tonic."""
    targets = getattr(recordings, "targets", None)
    known = isinstance(targets, list | np.ndarray) and len(targets) == len(recordings)
    return known and np.asarray(targets).dtype.kind in "iu"


def convert_once(
    file: Path,
    recordings: Recordings,
    order: Sequence[int],
    encoder: EventEncoder,
    name: str,
    on_progress: OnProgress,
) -> tuple[np.ndarray, np.ndarray]:
    """Convert recordings in the given order and cache the result in files, which are read when they are needed.

    `file` is a ``.npy`` for the times. Its name must depend on everything that determines its content. Labels, and the
    tally as JSON, are written next to it. Complete files are used again, and damaged files are replaced.
    """
    label_file, tally_file = _beside(file)

    def write() -> None:
        labels, tally = [], Tally()

        def write_times(stream: BinaryIO) -> None:
            # one recording at a time, because all may not fit into memory
            stream.write(_header(np.int32, (len(order), *encoder.coded_shape)))
            for times, label in _converted(recordings, order, encoder, name, on_progress, tally):
                stream.write(times.tobytes())
                labels.append(label)
            if tally.silent == len(order):
                tally.check(name, encoder)  # raises, so that nothing is written

        write_atomically(file, write_times)
        write_atomically(label_file, lambda stream: np.save(stream, np.array(labels, dtype=np.int64)))
        write_json(tally_file, vars(tally))

    cached = kept(file, len(order), encoder)
    if cached is None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # only one of several processes converts
                if kept(file, len(order), encoder) is None:
                    write()
            cached = kept(file, len(order), encoder)
        except OSError as error:
            remedy = "set XDG_CACHE_HOME to a writable folder"
            raise RunError(f"{file}: cannot be written ({error.strerror}); {remedy}") from error
    assert cached is not None
    times, labels, tally = cached
    tally.check(name, encoder)
    return times, labels


def _beside(file: Path) -> tuple[Path, Path]:
    """Return the files of labels and tally next to the file of times."""
    return file.with_name(f"{file.stem}-labels.npy"), file.with_suffix(".json")


def kept(file: Path, count: int, encoder: EventEncoder) -> tuple[np.ndarray, np.ndarray, Tally] | None:
    """Return cached times, labels and tally of `count` recordings, or None if they are missing or damaged."""
    label_file, tally_file = _beside(file)
    times, labels = _open(file, np.int32, (count, *encoder.coded_shape)), _open(label_file, np.int64, (count,))
    tally = _open_tally(tally_file, count)
    return None if times is None or labels is None or tally is None else (times, np.array(labels), tally)


def _open(file: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray | None:
    """Map an array in a file, or return None if the file is missing, damaged or different.

    The header is compared with the expected header, because numpy allocates whatever a damaged header promises.
    """
    known = _header(dtype, shape)
    with contextlib.suppress(OSError, DataError), open_regular(file) as stream:
        fits = os.fstat(stream.fileno()).st_size == len(known) + math.prod(shape) * np.dtype(dtype).itemsize
        if fits and stream.read(len(known)) == known:
            return np.memmap(file, dtype, "r", len(known), shape)
    return None


def _open_tally(file: Path, count: int) -> Tally | None:
    """Read the cached tally of `count` recordings, or return None if it is missing, damaged or different."""
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError, DataError):
        content = json.loads(read_text(file, 1000))
        tally = Tally(**content)
        if vars(tally) == content and all(type(number) is int for number in content.values()) and tally.fits(count):
            return tally
    return None


def _header(dtype: type, shape: tuple[int, ...]) -> bytes:
    """Return the header of a ``.npy``, as `numpy.save` writes it."""
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _converted(
    recordings: Recordings,
    order: Sequence[int],
    encoder: EventEncoder,
    name: str,
    on_progress: OnProgress,
    tally: Tally,
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield times and label of each recording. Raises DataError if the sensor does not fit the encoder."""
    _check_sensor(recordings, encoder, name)
    for done, index in enumerate(order):
        events, label = _read(recordings, index, name)
        try:
            times, late = encoder.first_and_late(events)
        except DataError as error:
            raise DataError(f"{_called(recordings, index, name)}: {error}") from error
        tally.add((times == SILENT).all(), events.size, late)
        yield times, label
        on_progress(f"converting {name}", done + 1, len(order))


def _read(recordings: Recordings, index: int, name: str) -> tuple[np.ndarray, int]:
    """Return events and label of one recording."""
    try:
        events, label = recordings[index]
    except (NetsimError, MemoryError):
        raise
    except ImportError as error:
        raise DataError(f"{name}: tonic needs the library {error.name} to read it; install it with pip") from error
    except Exception as error:  # damaged files make tonic raise any exception
        called = _called(recordings, index, name)
        reason = f"cannot be read ({type(error).__name__}: {error}); download it again"
        size = _size(called)
        if called.endswith(".bin") and size is not None and size % _EVENT:
            reason = f"is incomplete, its {size:,} bytes end within an event; download it again"
        raise DataError(f"{called}: {reason}") from error
    if not isinstance(events, np.ndarray):
        raise DataError(f"{name}: yields {type(events).__name__}, but events (a structured array) are needed")
    if not events.size and _size(_called(recordings, index, name)) == 0:
        raise DataError(f"{_called(recordings, index, name)}: is empty; download it again")
    if np.ndim(label) or np.asarray(label).dtype.kind not in "iu":
        raise DataError(f"{_called(recordings, index, name)}: its label is {label!r}, but a class number is needed")
    return events, int(label)


def _size(called: str) -> int | None:
    """Return the size of a recording's file in bytes, if it is a file."""
    with contextlib.suppress(OSError):
        return os.stat(called).st_size
    return None


def _called(recordings: Recordings, index: int, name: str) -> str:
    """Return the file of a recording if it is known, otherwise its number."""
    files = getattr(recordings, "data", None)
    file = files[index] if isinstance(files, list) and index < len(files) else None
    return file if isinstance(file, str) else f"{name}, recording {index}"
