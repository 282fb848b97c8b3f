"""Recordings of events turned into the times of first events, once, and kept in a file that is read as needed."""

import contextlib
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from filelock import FileLock

from netsim.data.source import OnProgress, ignore_progress
from netsim.errors import DataError, NetsimError, RunError
from netsim.files import open_regular, write_atomically
from netsim.specification import EventEncoder
from netsim.specification.encoders.events import SILENT


class Recordings(Protocol):
    """What tonic's data sets, caches and slices have in common: events and label of each recording."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...


def check_sensor(recordings: Recordings, encoder: EventEncoder, name: str) -> None:
    """Refuse recordings of a sensor that does not fit the encoder; those that name no sensor size pass."""
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
    """Times as from `EventEncoder.first_events`, shape (recordings, height, width, channels), and labels."""
    name, order = "recordings", range(len(recordings))
    check_sensor(recordings, encoder, name)
    times = np.empty((len(recordings), *encoder.coded_shape), dtype=np.int32)
    labels = np.empty(len(recordings), dtype=np.int64)
    for place, converted in enumerate(_converted(recordings, order, encoder, name, ignore_progress)):
        times[place], labels[place] = converted
    return times, labels


def convert_once(
    file: Path, recordings: Recordings, order: Sequence[int], encoder: EventEncoder, name: str, on_progress: OnProgress
) -> tuple[np.ndarray, np.ndarray]:
    """As `convert`, in the given order and kept in two files; the times stay there and are read as they are needed.

    The name of `file`, a ``.npy`` for the times, tells everything that its content depends on; the labels go into one
    beside it. If they are there, nothing is converted; damaged ones are written anew.
    """
    label_file = file.with_name(f"{file.stem}-labels.npy")
    shape = (len(order), *encoder.coded_shape)

    def kept() -> tuple[np.ndarray, np.ndarray] | None:
        times, labels = _open(file, np.int32, shape), _open(label_file, np.int64, shape[:1])
        return None if times is None or labels is None else (times, np.array(labels))

    def write() -> None:
        labels = []

        def write_times(stream: BinaryIO) -> None:
            # one recording at a time, for all of them may not fit into memory
            stream.write(_header(np.int32, shape))
            for times, label in _converted(recordings, order, encoder, name, on_progress):
                stream.write(times.tobytes())
                labels.append(label)

        write_atomically(file, write_times)
        write_atomically(label_file, lambda stream: np.save(stream, np.array(labels, dtype=np.int64)))

    found = kept()
    if found is None:
        check_sensor(recordings, encoder, name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # of two that come at once, one converts
                if kept() is None:
                    write()
            found = kept()
        except OSError as error:
            remedy = "set XDG_CACHE_HOME to a folder that can be"
            raise RunError(f"{file}: cannot be written ({error.strerror}); {remedy}") from error
    assert found is not None
    return found


def _open(file: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array that lies in a file; None if it is not there, damaged, or another one.

    The header has to be the one that is known beforehand: numpy reads as much as a damaged one promises.
    """
    known = _header(dtype, shape)
    with contextlib.suppress(OSError, DataError), open_regular(file) as stream:
        fits = os.fstat(stream.fileno()).st_size == len(known) + math.prod(shape) * np.dtype(dtype).itemsize
        if fits and stream.read(len(known)) == known:
            return np.memmap(file, dtype, "r", len(known), shape)
    return None


def _header(dtype: type, shape: tuple[int, ...]) -> bytes:
    """What a ``.npy`` begins with, as `numpy.save` writes it."""
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _converted(
    recordings: Recordings, order: Sequence[int], encoder: EventEncoder, name: str, on_progress: OnProgress
) -> Iterator[tuple[np.ndarray, int]]:
    """Times and label of one recording after another."""
    empty = True
    for done, index in enumerate(order):
        events, label = _read(recordings, index, name)
        try:
            times = encoder.first_events(events)
        except DataError as error:
            raise DataError(f"{_called(recordings, index, name)}: {error}") from error
        empty = empty and bool((times == SILENT).all())
        yield times, label
        on_progress(f"converting {name}", done + 1, len(order))
    if empty:
        raise DataError(
            f"{name}: no recording has an event in the encoder's {encoder.windows} x {encoder.t_max:g} ms;"
            ' lengthen encoder.t_max, or set encoder.origin to "first-event"'
        )


def _read(recordings: Recordings, index: int, name: str) -> tuple[np.ndarray, int]:
    """Events and label of one recording."""
    try:
        events, label = recordings[index]
    except (NetsimError, MemoryError):
        raise
    except ImportError as error:
        raise DataError(f"{name}: tonic needs the library {error.name} to read it; install that with pip") from error
    except Exception as error:  # tonic lets through whatever a damaged file leads to
        reason = f"cannot be read ({type(error).__name__}: {error}); get it anew"
        raise DataError(f"{_called(recordings, index, name)}: {reason}") from error
    if not isinstance(events, np.ndarray):
        raise DataError(f"{name}: yields {type(events).__name__} where events are needed")
    if isinstance(label, bool) or not isinstance(label, int | np.integer | np.ndarray) or np.ndim(label):
        raise DataError(f"{_called(recordings, index, name)}: its label is {label!r}; the number of a class is needed")
    return events, int(label)


def _called(recordings: Recordings, index: int, name: str) -> str:
    """What to call a recording: its file where that is known."""
    files = getattr(recordings, "data", None)
    file = files[index] if isinstance(files, list) and index < len(files) else None
    return file if isinstance(file, str) else f"{name}, recording {index}"
