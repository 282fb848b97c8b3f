"""What a reader of files is to the fuzzer: whole files in parts, how they are written, and how they are read."""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from fuzzing.damage import ANY, changed, damaged
from netsim.errors import NetsimError
from netsim.training.checkpoint import _checksum

Parts = dict[str, bytes]
"""Files of a folder, members of an archive, or all of a file, by names whose suffixes say what they are."""


def joined(parts: Parts) -> bytes:
    """One part after the other."""
    return b"".join(parts.values())


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    wholes : callable
        Makes whole files, in parts.
    read : callable
        Reads a file, and holds what it has read to assertions.
    name : str
        Name of the file.
    pack : callable, optional
        Makes the content of a file of its parts; without it they are the files of a folder.
    spared : sequence of str
        Parts that stay whole.
    """

    wholes: Callable[[], list[Parts]] = field(repr=False)
    read: Callable[[Path], object] = field(repr=False)
    name: str
    pack: Callable[[Parts], bytes] | None = field(default=joined, repr=False)
    spared: tuple[str, ...] = ()

    def write(self, parts: Parts, folder: Path) -> Path:
        """Write a file or a folder made of parts."""
        path = folder / self.name
        if self.pack is not None:
            path.write_bytes(self.pack(parts))
            return path
        path.mkdir(exist_ok=True)
        for file in path.iterdir():
            file.unlink()
        for name, content in parts.items():
            (path / name).write_bytes(content)
        return path

    def outcome(self, path: Path) -> str:
        """Read a file: ``read``, or ``refused`` in one line; any other error is a fault."""
        try:
            self.read(path)
        except NetsimError as error:
            if len(str(error).strip().splitlines()) != 1:
                raise AssertionError(f"message of several lines or none: {str(error)!r}") from error
            return "refused"
        return "read"


@cache
def made_once(make: Callable[[], list[Parts]]) -> list[Parts]:
    """Whole files, the same for all damages."""
    return make()


def write_damaged(random: Random, reader: Reader, folder: Path) -> Path:
    """Write a file with one damaged part, or, an archive with wrong checksums for once, with damages of the whole."""
    parts = dict(random.choice(made_once(reader.wholes)))
    if reader.pack is None or random.randrange(8):
        name = random.choice([name for name in parts if name not in reader.spared])
        archive = reader.pack is None and name.endswith(".npz") and random.random() < 0.7
        parts[name] = (_damaged_member if archive else damaged)(random, name, parts[name])
        return reader.write(parts, folder)
    path = reader.write(parts, folder)
    path.write_bytes(changed(random, path.read_bytes(), ANY))
    return path


def _damaged_member(random: Random, name: str, content: bytes) -> bytes:
    """An archive with one damaged member, and checksums that are right."""
    parts = members(content)
    member = random.choice(list(parts))
    parts[member] = damaged(random, member, parts[member])
    return checkpoint(parts) if "checkpoint" in name else zipped(parts)


def content_of(make: Callable[[Path], object], suffix: str = "") -> bytes:
    """The content of a file that a function writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        make(path)
        return path.read_bytes()


def archive_of(arrays: Mapping[str, np.ndarray]) -> Parts:
    """The members of an archive of arrays."""
    return members(content_of(lambda path: np.savez(path, allow_pickle=False, **arrays), ".npz"))


def members(archive: bytes) -> Parts:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(parts: Parts, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive whose checksums are right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return stream.getvalue()


def stored(parts: Parts) -> bytes:
    """The same without compression."""
    return zipped(parts, zipfile.ZIP_STORED)


def gzipped(parts: Parts) -> bytes:
    """The parts one after the other, compressed."""
    return gzip.compress(joined(parts), 1)


def checkpoint(parts: Parts) -> bytes:
    """A checkpoint whose own checksum is right as well, as far as it can be made out."""
    try:
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(content), allow_pickle=False)
            for name, content in parts.items()
            if name != "checksum.npy"
        }
        checksum = archive_of({"checksum": np.array(_checksum(arrays), np.uint32)})
    except Exception:  # then it stays wrong
        checksum = {}
    return zipped(parts | checksum)
