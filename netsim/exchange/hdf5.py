"""Read and write HDF5 files."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py

from netsim.errors import DataError
from netsim.exchange.presentations import reading
from netsim.files import write_atomically
from netsim.hdf5 import check_hdf5

_TRUNCATED = re.compile(r"truncated file: eof = (\d+).* stored_eof = (\d+)")


def write_hdf5(path: Path, fill: Callable[[h5py.File], object]) -> None:
    """Let `fill` create an HDF5 file in memory, then write it atomically.

    On a full disk HDF5 prints a long error, and fails again when the file is closed.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


@contextlib.contextmanager
def reading_hdf5(path: Path, format_name: str) -> Iterator[None]:
    """Convert errors like `netsim.exchange.presentations.reading`, after `check_hdf5`."""
    with reading(path, format_name):
        check_hdf5(path)
        try:
            yield
        except OSError as error:
            cut = _TRUNCATED.search(str(error))
            if cut is None:
                raise
            sizes = "{:,} of {:,} bytes".format(*map(int, cut.groups()))
            raise DataError(f"{path}: is incomplete, it has {sizes}; write or copy it again") from error
