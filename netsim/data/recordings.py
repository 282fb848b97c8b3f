"""Recordings of events turned into the times of first events, once, and kept in a file that is read as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from filelock import FileLock

from netsim.errors import DataError, NetsimError, RunError
from netsim.events import SILENT, first_events, sensor_shape
from netsim.files import write_atomically
from netsim.specification import Encoder

Tell = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""


def tell_nobody(what: str, done: int, total: int) -> None:
    """The `Tell` that tells nobody."""


class Recordings(Protocol):
    """What tonic's data sets, caches and slices have in common: events and label of each recording."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...


def check_sensor(recordings: Recordings, encoder: Encoder, name: str) -> None:
    """Refuse recordings of a sensor that does not fit the encoder; those that name no sensor size pass.

    Raises
    ------
    DataError
    """
    size = getattr(recordings, "sensor_size", None)
    if not isinstance(size, tuple) or not all(isinstance(side, int | np.integer) for side in size):
        return
    needed = sensor_shape(size, encoder)
    if needed != encoder.shape:
        width, height, polarities = size
        raise DataError(
            f"{name}: has recordings of {height}x{width} pixels and polarities: {polarities}; with"
            f" encoder.windows = {encoder.windows} and encoder.polarity = {encoder.polarity!r} they need"
            f" encoder.shape = {list(needed)}, not {list(encoder.shape)}"
        )


def convert(
    recordings: Recordings, encoder: Encoder, name: str = "recordings", tell: Tell = tell_nobody
) -> tuple[np.ndarray, np.ndarray]:
    """Times of first events, and labels, of all recordings.

    Parameters
    ----------
    recordings : sequence of (events, label)
        A data set of tonic, or one of its caches or slices of it.
    encoder : Encoder
    name : str
        For messages.
    tell : callable

    Returns
    -------
    times : ndarray of int32, shape (recordings, height, width, channels)
        As from `netsim.events.first_events`.
    labels : ndarray of int64, shape (recordings,)

    Raises
    ------
    DataError
        If a recording cannot be read or does not fit the encoder.
    """
    check_sensor(recordings, encoder, name)
    rows = np.empty(len(recordings), dtype=_row_type(encoder))
    for place, row in enumerate(_rows(recordings, range(len(recordings)), encoder, name, tell)):
        rows[place] = row
    return rows["times"], rows["label"]


def convert_once(
    file: Path, recordings: Recordings, order: Sequence[int], encoder: Encoder, name: str, tell: Tell
) -> tuple[np.ndarray, np.ndarray]:
    """As `convert`, kept in a file; the times stay there and are read as they are needed.

    Parameters
    ----------
    file : Path
        A ``.npy``, whose name tells everything that its content depends on. If it is there, nothing is
        converted; a damaged one is written anew.
    recordings, encoder, name, tell
        As in `convert`.
    order : sequence of int
        Which recordings, in which order.

    Raises
    ------
    DataError
        As `convert`.
    RunError
        If the file cannot be written.
    """
    rows = _open(file, len(order), encoder)
    if rows is None:
        check_sensor(recordings, encoder, name)

        def write(stream: BinaryIO) -> None:
            kind = _row_type(encoder)
            header = {
                "descr": np.lib.format.dtype_to_descr(kind),
                "fortran_order": False,
                "shape": (len(order),),
            }
            np.lib.format.write_array_header_2_0(stream, header)
            for row in _rows(recordings, order, encoder, name, tell):
                stream.write(row.tobytes())

        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # of two that come at once, one converts
                rows = _open(file, len(order), encoder)
                if rows is None:
                    write_atomically(file, write)
                    rows = _open(file, len(order), encoder)
        except OSError as error:
            raise RunError(f"{file}: cannot be written ({error.strerror}); {_ELSEWHERE}") from error
    assert rows is not None
    return rows["times"], np.array(rows["label"])


_ELSEWHERE = "set XDG_CACHE_HOME to a folder that can be"


def _row_type(encoder: Encoder) -> np.dtype:
    return np.dtype([("label", np.int64), ("times", np.int32, encoder.shape)])


def _open(file: Path, count: int, encoder: Encoder) -> np.ndarray | None:
    """The rows of a file of converted recordings; None if it is not there or damaged."""
    try:
        rows = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.shape == (count,) and rows.dtype == _row_type(encoder) else None


def _rows(
    recordings: Recordings, order: Sequence[int], encoder: Encoder, name: str, tell: Tell
) -> Iterator[np.ndarray]:
    """Each recording as a row of label and times."""
    row = np.empty((), dtype=_row_type(encoder))
    empty = True
    for done, index in enumerate(order):
        events, label = _read(recordings, int(index), name)
        try:
            times = first_events(events, encoder)
        except DataError as error:
            raise DataError(f"{_called(recordings, index, name)}: {error}") from error
        empty = empty and bool((times == SILENT).all())
        row["label"], row["times"] = label, times
        yield row
        tell(f"converting {name}", done + 1, len(order))
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
        raise DataError(
            f"{_called(recordings, index, name)}: cannot be read ({type(error).__name__}: {error}); get it anew"
        ) from error
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
