"""Files in HDF5."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import h5py

from netsim.files import write_atomically


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
