"""Arrays that stay in a file. Rows are read when they are needed, which bounds memory."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from netsim.errors import DataError
from netsim.files import open_regular, reading_arrays, write_atomically

_ROWS = 4096  # rows per read or write
_LOCAL_HEADER = 30  # bytes before a member's name; the last four are two lengths
_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal arrays yield identical files


class Samples(Protocol):
    """Interface of arrays of samples: `numpy.ndarray`, or a class that reads or computes rows when they are needed.

    Rows are an array of indices or a slice.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples, then the shape of each sample."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> np.ndarray: ...


class StoredArray:
    """An array in an uncompressed ``.npz`` or another file, read by rows.

    Each access maps the file and releases it again, so that rows do not add to the memory of the process.
    """

    def __init__(self, path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.path = path
        self.offset = offset
        self.dtype = dtype
        self.shape = shape
        self._state = _state(os.stat(path))

    def __repr__(self) -> str:
        return f"StoredArray({str(self.path)!r}: {self.dtype} of shape {self.shape})"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return a copy of some rows, or raise DataError if the file has changed or disappeared."""
        try:
            with self.path.open("rb") as file:
                if _state(os.fstat(file.fileno())) != self._state:
                    raise DataError(f"{self.path}: has changed since it was opened; open it again")
                mapped = np.memmap(file, self.dtype, "r", self.offset, self.shape)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: can no longer be read ({error}); restore the file") from error
        return np.array(mapped[rows])


def _state(status: os.stat_result) -> tuple[int, int]:
    """Return size and modification time, which detect changes from other machines too."""
    return status.st_size, status.st_mtime_ns


def stored_arrays(path: Path) -> dict[str, StoredArray]:
    """Return the arrays of an uncompressed ``.npz`` without reading their content.

    Raises DataError if the file is missing, damaged, compressed, or contains anything but plain arrays.
    """
    with reading_arrays(path), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        size = os.fstat(file.fileno()).st_size
        return {
            member.filename.removesuffix(".npy"): _stored(path, file, archive, member, size)
            for member in archive.infolist()
        }


def _stored(path: Path, file: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> StoredArray:
    if member.compress_type != zipfile.ZIP_STORED:
        raise DataError(f"{path}: is compressed, so rows cannot be read; write it with numpy.savez")
    file.seek(member.header_offset)
    lengths = struct.unpack("<HH", file.read(_LOCAL_HEADER)[-4:])
    start = member.header_offset + _LOCAL_HEADER + sum(lengths)
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, by_columns, dtype = readers[version](stream)
        header = stream.tell()
    content = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or by_columns or min(shape, default=1) < 0:
        raise ValueError(f"{member.filename} contains no plain rows")
    if header + content != member.file_size or start + member.file_size > size:
        raise ValueError(f"{member.filename} has a header that does not fit its size")
    return StoredArray(path, start + header, dtype, shape)


def store_arrays(path: Path, arrays: Mapping[str, Samples]) -> None:
    """Write an uncompressed ``.npz`` a few rows at a time. The file appears complete or not at all."""

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                described = {
                    "descr": np.lib.format.dtype_to_descr(array.dtype),
                    "fortran_order": False,
                    "shape": array.shape,
                }
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, described)
                    for rows in chunks(array):
                        member.write(np.ascontiguousarray(rows).data)

    write_atomically(path, write)


def chunks(array: Samples) -> Iterable[np.ndarray]:
    """Yield all rows of an array, a few at a time."""
    return (np.asarray(array[first : first + _ROWS]) for first in range(0, len(array), _ROWS))


class Spool:
    """A file to which rows are appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._rows = 0
        self._first: np.ndarray | None = None

    def append(self, rows: np.ndarray) -> None:
        """Append rows, or raise DataError if their shape or type differs from the first rows."""
        first = self._first = rows[:0] if self._first is None else self._first
        if rows.shape[1:] != first.shape[1:] or not np.can_cast(rows.dtype, first.dtype, "same_kind"):
            raise DataError(
                f"samples: are {rows.dtype} of shape {rows.shape[1:]} after {first.dtype} of shape {first.shape[1:]};"
                " give all the same type and shape"
            )
        self._file.write(np.ascontiguousarray(rows, first.dtype).data)
        self._rows += len(rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def array(self) -> StoredArray:
        """Return the written rows, or raise DataError if there are none."""
        self.close()
        if not self._rows or self._first is None:
            raise DataError("samples: there are none; give at least one")
        return StoredArray(self._path, 0, self._first.dtype, (self._rows, *self._first.shape[1:]))
