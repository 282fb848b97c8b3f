"""Files that appear whole or not at all: written beside, synced, renamed."""

import errno
import glob
import hashlib
import io
import json
import math
import os
import secrets
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from netsim.errors import DataError, NetsimError, RunError


class Digest(Protocol):
    """A checksum of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Take in more of the content."""


_SINGLE_ARRAY = b"\x93NUMPY"
_ALWAYS_EXPANDED = 256 * 2**20  # bytes that a packed file may unpack to whatever its own size
_LARGEST_EXPANSION = 100  # times its size, beyond that
_LONGEST_LINE = 2**20  # bytes
LARGEST_TABLE = 2**29
"""Bytes of a table in text, which takes a few times as much memory."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object], keep: Path | None = None) -> None:
    """Let `write` fill an open file beside `path`, then rename it into place.

    The file that was at `path` before is called `keep` from then on, if that is given.

    Raises RunError if the folder is missing or cannot be written to, or the disk is full; `path` is then as it was.
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
        beside = path.parent / f".{path.stem}.{secrets.token_hex(8)}{path.suffix}"  # a folder has no name to change
        # of nobody else, and with the rights that a new file has here
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        temporary = beside
        write(temporary)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        if keep is not None and path.exists():
            _link(path, keep)
        os.replace(temporary, path)
        temporary = None
        _sync_names(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{path}: cannot be written ({reason}); free some space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _link(path: Path, name: Path) -> None:
    """Give a file another name, too, in place of whatever has it; a copy where there are no links."""
    beside = name.with_name(f".{name.stem}.{secrets.token_hex(8)}{name.suffix}")
    try:
        try:
            os.link(path, beside)
        except OSError:
            shutil.copy2(path, beside)
        os.replace(beside, name)
    finally:
        beside.unlink(missing_ok=True)  # of two names of one file replace leaves both


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` fill an empty folder beside `path`, then rename it into place; an older folder there is replaced.

    Raises RunError as `write_atomically`; `path` is then as it was.
    """
    hidden = f".{path.stem}.{secrets.token_hex(8)}"
    temporary, older = (path.parent / f"{hidden}{end}{path.suffix}" for end in ("", ".old"))
    try:
        temporary.mkdir()
        fill(temporary)
        if path.exists():
            os.replace(path, older)
        os.replace(temporary, path)
        _sync_names(path.parent)
    except OSError as error:
        if older.exists() and not path.exists():
            os.replace(older, path)
        reason = error.strerror or str(error)
        raise RunError(f"{path}: cannot be written ({reason}); free some space or choose another folder") from error
    finally:
        for folder in (temporary, older):
            shutil.rmtree(folder, ignore_errors=True)


def write_together(folder: Path, fill: Callable[[Path], Sequence[Path]]) -> list[Path]:
    """Let `fill` write files into an empty folder within `folder`, then rename them into it; returns their paths.

    Raises RunError if one of them cannot be written; those that were in `folder` are then as they were.
    """
    hidden = folder / f".{secrets.token_hex(8)}"
    try:
        hidden.mkdir()
        written = [(file, folder / file.name) for file in fill(hidden)]
        _refuse_folders([path for _, path in written])
        for file, path in written:
            os.replace(file, path)
        _sync_names(folder)
    except RunError as error:
        raise RunError(str(error).replace(str(hidden), str(folder))) from error
    except OSError as error:
        reason = error.strerror or str(error)
        where = folder.absolute()  # what was named is a file, perhaps
        raise RunError(f"{where}: cannot be written to ({reason}); free some space or choose another folder") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return [path for _, path in written]


def write_each(paths: Sequence[Path], write: Callable[[Path], object]) -> None:
    """Let `write` write every file of a set, in one folder or several, then rename them into place.

    It is given hidden places, with the names of `paths`. Raises RunError as `write_together`; all files are then as
    they were.
    """
    _refuse_folders(paths)
    folder = paths[0].parent
    own = dict.fromkeys(path.name for path in paths if path.parent == folder)
    others = [path for path in paths if path.parent != folder]

    def fill(hidden: Path) -> list[Path]:
        written = [hidden / name for name in own]
        for path in written:
            write(path)
        if others:
            write_each(others, write)
        return written

    write_together(folder, fill)


def _refuse_folders(paths: Sequence[Path]) -> None:
    """Refuse, by a RunError, places of files where folders are, before the first file is renamed."""
    for path in paths:
        if path.is_dir():
            raise RunError(f"{path}: is a folder; remove it, or choose another name")


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


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in, where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically, laid out to be read."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], keep: Path | None = None) -> None:
    """Write named arrays as an uncompressed ``.npz`` atomically; `keep` as in `write_atomically`."""
    write_atomically(path, lambda stream: np.savez(stream, allow_pickle=False, **arrays), keep)


def make_private(folder: Path, choice: str) -> Path:
    """Make a folder from which code is loaded, and its parents; returns its path without links.

    Raises NetsimError if another user may write to one of them, and OSError if it cannot be made. The superuser and
    those who may write to this user's home folder do not count. `choice` names what chooses the folder.
    """
    path, home = folder.resolve(), Path(os.path.expanduser("~"))
    home = home.resolve() if home.is_absolute() else home  # of a user who has none it is no path
    for part in (*reversed(path.parents), path):
        part.mkdir(mode=0o700, exist_ok=True)
        if hasattr(os, "geteuid") and not home.is_relative_to(part):
            _refuse_shared(part, part == path, choice)
    return path


def _refuse_shared(folder: Path, is_last: bool, choice: str) -> None:
    state = folder.stat()
    if state.st_uid not in (0, os.geteuid()):
        raise NetsimError(f"{folder}: belongs to another user, whose code would be run; choose another {choice}")
    writers = stat.S_IWOTH | (0 if _is_private(state.st_gid, state.st_uid) else stat.S_IWGRP)
    is_sticky = bool(state.st_mode & stat.S_ISVTX)  # others may add what the next turn finds, but change nothing
    if state.st_mode & writers and (is_last or not is_sticky):
        remedy = f"choose another {choice}, or chmod go-w if all that it holds is yours"
        raise NetsimError(f"{folder}: may be written by other users, whose code would be run; {remedy}")


def _is_private(group: int, user: int) -> bool:
    """Whether a group is that of one user alone, which many systems make for each."""
    import grp  # not on every system, as user numbers are not
    import pwd

    try:
        name, listed = pwd.getpwuid(user).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return listed.gr_name == name and set(listed.gr_mem) <= {name}


@contextmanager
def open_regular(path: Path, largest: int | None = None) -> Iterator[BinaryIO]:
    """Open a file to read; a named pipe that nobody writes to, or a device that never ends, is refused.

    Raises DataError if it is no regular file, or of more than `largest` bytes; OSError if it cannot be opened.
    """
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: is no regular file")
        if largest is not None and os.fstat(file.fileno()).st_size > largest:
            raise DataError(f"{path}: is larger than {largest} bytes")
        yield file


def read_text(path: Path, largest: int) -> str:
    """Read a UTF-8 text file of at most so many bytes.

    Raises DataError if it is no regular file, or larger; OSError or UnicodeDecodeError if it cannot be read, or is no
    such text.
    """
    with open_regular(path, largest) as file:
        content = file.read(largest + 1)
    if len(content) > largest:  # of a file that grows meanwhile
        raise DataError(f"{path}: is larger than {largest} bytes")
    return content.decode("utf-8")


class _Lines(io.RawIOBase):
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file, self._begun = path, file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._file.read(min(len(buffer), _LONGEST_LINE))
        first, last = part.find(b"\n"), part.rfind(b"\n")
        if self._begun + (first if first >= 0 else len(part)) > _LONGEST_LINE:
            raise DataError(f"{self._path}: has a line of more than {_LONGEST_LINE} bytes; it is damaged or no table")
        self._begun = len(part) - last - 1 if last >= 0 else self._begun + len(part)
        buffer[: len(part)] = part
        return len(part)


def bounded_lines(path: Path, file: BinaryIO) -> io.BufferedReader:
    """The rest of an open text file, for readers that keep a line, or a cell, in many times its memory.

    Reading raises DataError at a line that is longer than any of a table.
    """
    return io.BufferedReader(_Lines(path, file))


def check_expansion(path: Path, content: int, size: int) -> None:
    """Refuse, by a DataError, a small file of `size` bytes that unpacks to a large content."""
    if content > most_expanded(size):
        raise DataError(f"{path}: promises {content} bytes in a file of {size} bytes; it is damaged or a trap")


def most_expanded(size: int) -> int:
    """Bytes that a file of so many may unpack to."""
    return max(_ALWAYS_EXPANDED, _LARGEST_EXPANSION * size)


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file; an OSError or a DataError, if it cannot be read."""
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        update_digest(digest, stream)
    return digest.hexdigest()


def update_digest(digest: Digest, file: BinaryIO) -> None:
    """Update a digest, as of hashlib, with the rest of an open file, a part at a time."""
    while chunk := file.read(2**20):
        digest.update(chunk)


@contextmanager
def reading_arrays(path: Path) -> Iterator[None]:
    """Turn whatever numpy and zipfile raise over a missing or damaged ``.npz`` into a DataError of one line."""
    try:
        yield
    except (NetsimError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # they let through whatever a damaged file leads to
        raise DataError(f"{path}: is not a readable .npz of plain arrays ({error}); write or copy it again") from error


def read_arrays(path: Path, digest: Digest | None = None) -> dict[str, np.ndarray]:
    """Read every array of an ``.npz`` file, never unpickling.

    No memory is taken for elements that the file does not hold, whatever its headers promise. A `digest`, as of
    hashlib, is updated with the very file that is read, should another one take its place meanwhile.

    Raises DataError if the file is missing, damaged, or holds anything but plain arrays.
    """
    with reading_arrays(path), open_regular(path) as file:
        if file.read(len(_SINGLE_ARRAY)) == _SINGLE_ARRAY:
            raise DataError(f"{path}: holds a single array; an .npz of named arrays is needed")
        with zipfile.ZipFile(file) as archive:  # first: of what is no archive no checksum is needed
            if digest is not None:
                file.seek(0)
                update_digest(digest, file)
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ValueError("two arrays of one name")
            content = sum(member.file_size for member in members.values())
            check_expansion(path, content, os.fstat(file.fileno()).st_size)
            return {name: _read_member(archive, member) for name, member in members.items()}


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """An array of an archive; raises ValueError if its header does not fit what there is."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in another way than numpy does")
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with archive.open(member) as stream:
            try:
                shape, _, kind = readers[np.lib.format.read_magic(stream)](stream)
            except MemoryError as error:  # so says Python's parser of what is nested too deeply
                raise ValueError(f"{member.filename} has no header") from error
            if kind.hasobject:
                raise ValueError(f"{member.filename} holds objects")
            if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != member.file_size - stream.tell():
                raise ValueError(f"{member.filename} has a header that does not fit its size")
            if not kind.itemsize and shape:
                raise ValueError(f"{member.filename} holds elements of no size")
        with archive.open(member) as stream:
            array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array
