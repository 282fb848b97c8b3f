"""Files that appear whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from netsim.errors import DataError, RunError


def write_atomically(path: Path, write: Callable[[BinaryIO], object], keep: Path | None = None) -> None:
    """Let `write` fill a file beside `path`, then rename it into place.

    Parameters
    ----------
    path : Path
    write : callable
        Gets the open file.
    keep : Path, optional
        What the file that was at `path` before is called from then on.

    Raises
    ------
    RunError
        If the folder is missing or cannot be written to, or the disk is full; `path` is then as it was.
    """

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            write(stream)

    write_by_name(path, fill, keep)


def write_by_name(path: Path, write: Callable[[Path], object], keep: Path | None = None) -> None:
    """As `write_atomically`, for libraries that open files by themselves: `write` is given the name to write to.

    The name ends as that of `path` does.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
        temporary = None
        _sync_names(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{path}: cannot be written ({reason}); free some space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _sync_names(folder: Path) -> None:
    """Make renamings last through a power failure, where the system lets folders be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows, or a folder that may be written to but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what some network drives answer
            raise
    finally:
        os.close(descriptor)


def remove_half_written(path: Path) -> None:
    """Remove what a killed process was about to rename to `path`."""
    for temporary in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], keep: Path | None = None) -> None:
    """Write named arrays as an uncompressed ``.npz`` atomically; `keep` as in `write_atomically`."""
    write_atomically(path, lambda stream: np.savez(stream, allow_pickle=False, **arrays), keep)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an ``.npz`` file, never unpickling.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds anything but plain arrays.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise DataError(f"{path}: holds a single array; an .npz of named arrays is needed")
        with content as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, KeyError, RuntimeError) as error:
        raise DataError(f"{path}: is not a readable .npz of plain arrays ({error})") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy hands out bytes where a member is no array
            raise DataError(f"{path}: is not a readable .npz of plain arrays ({name} is no array)")
    return arrays
