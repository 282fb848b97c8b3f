"""Files that are written completely or not at all: to a temporary file, then renamed."""

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
    """A checksum object of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Add bytes to the checksum."""


_SINGLE_ARRAY = b"\x93NUMPY"
_ALWAYS_EXPANDED = 256 * 2**20  # bytes that any packed file may unpack to
_LARGEST_EXPANSION = 100  # maximum ratio for larger content
_LONGEST_LINE = 2**20  # bytes
LARGEST_TABLE = 2**29
"""Maximum bytes of a text table. Reading takes a few times as much memory."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object], keep: Path | None = None) -> None:
    """Let `write` fill a temporary file, then rename it to `path`.

    A former file at `path` is renamed to `keep`, if given.

    Raises RunError if the folder is missing or not writable, or the disk is full. `path` is unchanged then.
    """

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            write(stream)

    write_by_name(path, fill, keep)


def write_by_name(path: Path, write: Callable[[Path], object], keep: Path | None = None) -> None:
    """Write atomically with a library that opens files itself: `write` receives a file name with the same suffix."""
    temporary: Path | None = None
    try:
        # not with_name, which fails for paths such as '.'; O_EXCL makes a new file, with the usual rights
        hidden = path.parent / f".{path.stem}.{secrets.token_hex(8)}{path.suffix}"
        os.close(os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        temporary = hidden
        write(temporary)
        if keep is not None and path.exists():
            _link(path, keep)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise _unwritten(f"{path}: cannot be written", error, path.parent) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _unwritten(what: str, error: OSError, folder: Path) -> RunError:
    """Return the error for a file that cannot be written, or for its folder."""
    lacking = isinstance(error, FileNotFoundError) and not folder.exists()
    remedy = "make its folder, or choose another" if lacking else "choose another folder, or free some space"
    return RunError(f"{what} ({error.strerror or error}); {remedy}")


def _link(path: Path, name: Path) -> None:
    """Give a file a second name, and replace any file of that name. Copy the file if links are not supported."""
    hidden = name.with_name(f".{name.stem}.{secrets.token_hex(8)}{name.suffix}")
    try:
        try:
            os.link(path, hidden)
        except OSError:
            shutil.copy2(path, hidden)
        os.replace(hidden, name)
    finally:
        hidden.unlink(missing_ok=True)  # replace keeps both names if they are the same file


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` fill a temporary folder, then rename it to `path`. A former folder is replaced.

    Raises RunError like `write_atomically`. `path` is unchanged then.
    """
    hidden = f".{path.stem}.{secrets.token_hex(8)}"
    temporary, older = (path.parent / f"{hidden}{end}{path.suffix}" for end in ("", ".old"))
    try:
        temporary.mkdir()
        fill(temporary)
        if path.exists():
            os.replace(path, older)
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritten(f"{path}: cannot be written", error, path.parent) from error
    finally:
        if older.exists() and not path.exists():
            os.replace(older, path)
        for folder in (temporary, older):
            shutil.rmtree(folder, ignore_errors=True)


def write_together(folder: Path, fill: Callable[[Path], Sequence[Path]]) -> list[Path]:
    """Let `fill` write files into a temporary folder, then rename them into `folder`. Return their paths.

    Raises RunError if a file cannot be written. Former files are unchanged then.
    """
    hidden = folder / f".{secrets.token_hex(8)}"
    try:
        hidden.mkdir()
        written = [(file, folder / file.name) for file in fill(hidden)]
        _refuse_folders([path for _, path in written])
        for file, path in written:
            os.replace(file, path)
    except RunError as error:
        raise RunError(str(error).replace(str(hidden), str(folder))) from error
    except OSError as error:
        where = folder.absolute()  # the user may have named a file
        raise _unwritten(f"{where}: cannot be written to", error, where) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return [path for _, path in written]


def write_each(paths: Sequence[Path], write: Callable[[Path], object]) -> None:
    """Let `write` write several files under temporary names, then rename them to `paths`, in one folder or several.

    Temporary files have the names of `paths`. Raises RunError like `write_together`. All files are unchanged then.
    """
    _refuse_folders(paths)
    folder = paths[0].parent
    names = dict.fromkeys(path.name for path in paths if path.parent == folder)
    others = [path for path in paths if path.parent != folder]

    def fill(hidden: Path) -> list[Path]:
        written = [hidden / name for name in names]
        for path in written:
            write(path)
        if others:
            write_each(others, write)
        return written

    write_together(folder, fill)


def _refuse_folders(paths: Sequence[Path]) -> None:
    """Raise RunError before the first renaming if a path is a folder."""
    for path in paths:
        if path.is_dir():
            raise RunError(f"{path}: is a folder; remove it, or choose another name")


def remove_half_written(path: Path) -> None:
    """Remove temporary files for `path` that a killed process has left."""
    for temporary in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be created ({error.strerror}); choose another folder") from error


def check_folder(folder: Path) -> None:
    """Raise RunError if a folder cannot be created. Nothing is left of it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    make_folder(folder)
    for each in missing:
        each.rmdir()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda stream: stream.write(content))


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write an indented JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], keep: Path | None = None) -> None:
    """Write named arrays to an uncompressed ``.npz`` atomically. `write_atomically` explains `keep`."""
    write_atomically(path, lambda stream: np.savez(stream, allow_pickle=False, **arrays), keep)


@contextmanager
def open_regular(path: Path, largest: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file for reading. Pipes and devices would block or never end.

    Raises DataError for other files, or for more than `largest` bytes. Raises OSError if the file cannot be opened.
    """
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DataError(f"{path}: is not a regular file; name a file, not a folder, pipe or device")
        if largest is not None and os.fstat(file.fileno()).st_size > largest:
            raise DataError(f"{path}: is larger than {largest} bytes")
        yield file


def read_text(path: Path, largest: int) -> str:
    """Read a UTF-8 text file of at most `largest` bytes.

    Raises DataError for other files or more bytes. Raises OSError or UnicodeDecodeError if the file cannot be read.
    """
    with open_regular(path, largest) as file:
        content = file.read(largest + 1)
    if len(content) > largest:  # the file has grown since
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
            raise DataError(
                f"{self._path}: has a line of more than {_LONGEST_LINE} bytes; it is damaged, or no table; use another"
            )
        self._begun = len(part) - last - 1 if last >= 0 else self._begun + len(part)
        buffer[: len(part)] = part
        return len(part)


def bounded_lines(path: Path, file: BinaryIO) -> io.BufferedReader:
    """Return the rest of an open text file, for readers that need much memory per line.

    Reading raises DataError for too long lines.
    """
    return io.BufferedReader(_Lines(path, file))


def check_expansion(path: Path, content: int, size: int) -> None:
    """Raise DataError if a small file of `size` bytes unpacks to a large content."""
    if content > most_expanded(size):
        raise DataError(
            f"{path}: promises {content} bytes in a file of {size} bytes; it is damaged, or made to fill the memory;"
            " use another file"
        )


def most_expanded(size: int) -> int:
    """Return the maximum bytes that a file of `size` bytes may unpack to."""
    return max(_ALWAYS_EXPANDED, _LARGEST_EXPANSION * size)


def without_separator(name: str) -> str:
    """Return the name of a folder without separators at its end."""
    return name.rstrip(os.sep + (os.altsep or ""))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file. Raises OSError or DataError if it cannot be read."""
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        update_digest(digest, stream)
    return digest.hexdigest()


def update_digest(digest: Digest, file: BinaryIO) -> None:
    """Update a hashlib digest with the rest of an open file, in chunks."""
    while chunk := file.read(2**20):
        digest.update(chunk)


@contextmanager
def reading_arrays(path: Path) -> Iterator[None]:
    """Convert all exceptions for a missing or damaged ``.npz`` to a DataError in one line."""
    try:
        yield
    except (NetsimError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check its path") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # damaged files raise any exception
        raise DataError(f"{path}: is not a readable .npz of plain arrays ({error}); write or copy it again") from error


def read_arrays(path: Path, digest: Digest | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file, without pickle.

    Memory is allocated only for elements in the file, whatever the headers say. A hashlib `digest` is updated with the
    content that is read, even if another process replaces the file meanwhile.

    Raises DataError if the file is missing, damaged, or contains anything but plain arrays.
    """
    with reading_arrays(path), open_regular(path) as file:
        if file.read(len(_SINGLE_ARRAY)) == _SINGLE_ARRAY:
            raise DataError(f"{path}: contains a single array; save named arrays with numpy.savez")
        with zipfile.ZipFile(file) as archive:  # before the checksum, which other files do not need
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
    """Read an array of an archive. Raises ValueError if its header does not match its size."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} has a compression that numpy does not use")
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with archive.open(member) as stream:
            try:
                shape, _, kind = readers[np.lib.format.read_magic(stream)](stream)
            except MemoryError as error:  # Python's parser raises it for deep nesting
                raise ValueError(f"{member.filename} has no header") from error
            if kind.hasobject:
                raise ValueError(f"{member.filename} contains objects")
            if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize != member.file_size - stream.tell():
                raise ValueError(f"{member.filename} has a header that does not fit its size")
            if not kind.itemsize and shape:
                raise ValueError(f"{member.filename} contains elements without size")
        with archive.open(member) as stream:
            array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array
