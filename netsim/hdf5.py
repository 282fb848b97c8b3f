"""Files in HDF5 that others made: whether they can be read without harm."""

import contextlib
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py

from netsim.errors import DataError
from netsim.files import check_expansion, most_expanded, open_regular
from netsim.numerics.limits import limit_memory, limit_time, peak_memory

_SECONDS, _BYTES_PER_SECOND = 30, 5e6  # how much of a processor's time reading a file may take
_BUSY = 20  # so many times as long it may take where others use the processor
_REFUSED = 3  # exit code of the process that scans a file
_ENDLESS = -getattr(signal, "SIGXCPU", 0) or None  # exit code of a process that took too long


def check_hdf5(path: Path) -> None:
    """Refuse a file that reaches outside itself, unpacks to much more than its size, or that HDF5 fails over.

    Over a damaged file HDF5 can crash, or never end, not even by Ctrl-C. So another process reads it first, with bounds
    on time and memory.
    """
    with open_regular(path) as file:
        seconds = math.ceil(_SECONDS + os.fstat(file.fileno()).st_size / _BYTES_PER_SECOND)
    command = [sys.executable, "-P", "-m", __name__, str(path), str(seconds)]  # -P: nothing here is a module
    endless = f"{path}: is damaged: HDF5 does not come to an end with it"
    try:
        tried = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_BUSY * seconds)
    except subprocess.TimeoutExpired as error:
        raise DataError(endless) from error
    if tried.returncode == _ENDLESS:
        raise DataError(endless)
    if tried.returncode == _REFUSED:
        raise DataError(tried.stderr.strip())
    if tried.returncode < 0:
        raise DataError(f"{path}: is damaged: HDF5 crashes over it")
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        raise DataError(f"{path}: is not read, for the process that looks through it first failed ({reason})")


def scan(path: Path) -> None:
    """Read all that a file holds; `DataError` if it reaches outside itself, or holds much more than its size allows.

    What HDF5 refuses is passed over, for whoever reads it next will say it: unless it took much memory before, for
    without a bound on it HDF5 would take all there is.
    """
    before = peak_memory()
    try:
        _scan(path)
    except DataError:
        raise
    except Exception as error:
        much = peak_memory() - before > most_expanded(path.stat().st_size) / 2
        if much or isinstance(error, MemoryError):
            raise DataError(f"{path}: needs more memory than its size explains; it is damaged or a trap") from error


def _scan(path: Path) -> None:
    size = path.stat().st_size
    content, seen = 0, set()
    with h5py.File(path, "r") as file:
        waiting: list[h5py.Group] = [file]
        while waiting:
            group = waiting.pop()
            _read_attributes(group)
            for name in group:
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise DataError(f"{path}: {group.name}/{name} is a link to another file, {link.filename}")
                if isinstance(link, h5py.SoftLink):
                    continue
                item = group[name]
                if isinstance(item, h5py.Group):
                    address = h5py.h5o.get_info(item.id).addr
                    if address in seen:
                        raise DataError(f"{path}: {item.name} is a group that is in the file twice")
                    seen.add(address)
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    if item.external or item.is_virtual:
                        raise DataError(f"{path}: {item.name} lies in other files")
                    content += item.nbytes
                    check_expansion(path, content, size)
                    _read_attributes(item)
                    item[()]


def _read_attributes(item: h5py.Group | h5py.Dataset) -> None:
    for name in item.attrs:
        with contextlib.suppress(OSError):  # of types that h5py does not know
            item.attrs[name]


if __name__ == "__main__":
    scanned = Path(sys.argv[1])
    limit_memory(2 * most_expanded(scanned.stat().st_size))
    limit_time(int(sys.argv[2]))
    try:
        scan(scanned)
    except DataError as refused:
        print(refused, file=sys.stderr)
        sys.exit(_REFUSED)
