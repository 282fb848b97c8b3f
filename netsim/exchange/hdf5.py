"""Files in HDF5."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py

from netsim.errors import DataError
from netsim.files import write_atomically

_SECONDS = 30


def write_hdf5(path: Path, fill: Callable[[h5py.File], object]) -> None:
    """Let `fill` make an HDF5 file in memory, then write it; it appears whole or not at all.

    Of a full disk HDF5 itself tells in many lines, and it tells again when it is closed.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def check_strings(path: Path) -> None:
    """Refuse a damaged file with whose strings HDF5 does not come to an end, so that not even Ctrl-C helps.

    Another process tries to read them. Strings of fixed length need no such trial.

    Raises
    ------
    DataError
    """
    try:
        tried = subprocess.run([sys.executable, "-m", __name__, path], capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path}: is damaged: HDF5 does not come to an end with its strings") from error
    if tried.returncode < 0:
        raise DataError(f"{path}: is damaged: HDF5 crashes over its strings")


def _read_string(_: str, item: h5py.Dataset | h5py.Group) -> None:
    if isinstance(item, h5py.Dataset) and item.dtype.hasobject:
        with contextlib.suppress(Exception):  # whoever reads the file next will say it
            item[()]


if __name__ == "__main__":
    with h5py.File(sys.argv[1], "r") as _file:
        _file.visititems(_read_string)
