"""Safety checks for HDF5 files from others."""

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

_SECONDS, _BYTES_PER_SECOND = 30, 5e6  # processor time for reading a file: constant, and rate
_BUSY = 20  # ratio of wall time to processor time on a busy machine
_REFUSED = 3  # exit code of the scanning process for unsafe files
_ENDLESS = -getattr(signal, "SIGXCPU", 0) or None  # exit code after the time limit
_EXCEPTION = 0xC0000000  # smallest exit code of a crash on Windows


def check_hdf5(path: Path) -> None:
    """Raise DataError for a file that refers to other files, unpacks to much more than its size, or breaks HDF5.

    On a damaged file, HDF5 can crash or hang, even after Ctrl-C. Therefore, a separate process with limits on time and
    memory reads the file first.
    """
    with open_regular(path) as file:
        seconds = math.ceil(_SECONDS + os.fstat(file.fileno()).st_size / _BYTES_PER_SECOND)
    command = [sys.executable, "-P", "-m", __name__, str(path), str(seconds)]  # -P: no modules of the current folder
    endless = f"{path}: is damaged: HDF5 does not finish reading it; restore or write it again"
    try:
        tried = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_BUSY * seconds
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(endless) from error
    if tried.returncode == _ENDLESS:
        raise DataError(endless)
    if tried.returncode == _REFUSED:
        raise DataError(tried.stderr.strip())
    if tried.returncode < 0 or tried.returncode >= _EXCEPTION:
        raise DataError(f"{path}: is damaged: HDF5 crashes while reading it; restore or write it again")
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        raise DataError(f"{path}: is not read, because the safety check failed ({reason}); write it again")


def scan(path: Path) -> None:
    """Read all content of a file. Raises DataError for links to other files, or much more content than its size.

    Other errors of HDF5 are ignored, because the actual reader will raise them. Errors after large allocations are
    not, because HDF5 would take all memory without a limit.
    """
    before = peak_memory()
    try:
        _scan(path)
    except DataError:
        raise
    except Exception as error:
        much = peak_memory() - before > most_expanded(path.stat().st_size) / 2
        if much or isinstance(error, MemoryError):
            raise DataError(
                f"{path}: needs more memory than its size explains; it is damaged, or made to fill the memory;"
                " use another file"
            ) from error


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
                    raise DataError(
                        f"{path}: {group.name}/{name} is a link to another file, {link.filename}; copy its content"
                    )
                if isinstance(link, h5py.SoftLink):
                    continue
                item = group[name]
                if isinstance(item, h5py.Group):
                    address = h5py.h5o.get_info(item.id).addr
                    if address in seen:
                        raise DataError(f"{path}: {item.name} is a group that occurs twice in the file; write it again")
                    seen.add(address)
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    if item.external or item.is_virtual:
                        raise DataError(f"{path}: {item.name} is stored in other files; store it in this one")
                    content += item.nbytes
                    check_expansion(path, content, size)
                    _read_attributes(item)
                    item[()]


def _read_attributes(item: h5py.Group | h5py.Dataset) -> None:
    for name in item.attrs:
        with contextlib.suppress(OSError):  # types that h5py does not support
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
