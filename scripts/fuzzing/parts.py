"""Files in parts: taken apart, damaged one part at a time, and put together again."""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing.mutations import mutate, mutate_in_place, mutate_json, mutate_text, mutate_toml
from netsim.training.checkpoint import _checksum

Parts = dict[str, bytes]
"""A file in parts that are damaged one at a time; one of them may be all of the file."""


def damage(name: str, content: bytes, generator: np.random.Generator) -> bytes:
    """A part of this name damaged as what it is, any bytes where the suffix says nothing."""
    suffix = name.rpartition(".")[2]
    if suffix == "npz":
        if generator.random() < 0.3:
            return mutate(content, generator)
        parts = members(content)
        member = list(parts)[int(generator.integers(len(parts)))]
        parts[member] = mutate(parts[member], generator)
        return checkpoint(parts) if "checkpoint" in name else zipped(parts)
    damages = {
        "toml": mutate_toml,
        "json": mutate_json,
        "csv": mutate_text,
        "h5": mutate_in_place,
        "nwb": mutate_in_place,
        "nir": mutate_in_place,
        "parquet": mutate_in_place,
    }
    return damages.get(suffix, mutate)(content, generator)


def content_of(make: Callable[[Path], object], suffix: str = "") -> bytes:
    """The content of a file that a function writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        make(path)
        return path.read_bytes()


def members(archive: bytes) -> Parts:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(parts: Parts) -> bytes:
    """An archive whose checksums are right."""
    return _archive(parts, zipfile.ZIP_DEFLATED if len(parts) % 2 else zipfile.ZIP_STORED)


def stored(parts: Parts) -> bytes:
    """The same, never compressed."""
    return _archive(parts, zipfile.ZIP_STORED)


def _archive(parts: Parts, compression: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return stream.getvalue()


def joined(parts: Parts) -> bytes:
    """One part after the other."""
    return b"".join(parts.values())


def gzipped(parts: Parts) -> bytes:
    """The same, compressed."""
    return gzip.compress(joined(parts), 1)


def checkpoint(parts: Parts) -> bytes:
    """A checkpoint whose own checksum is right as well, as far as it can be made out."""
    parts = dict(parts)
    try:
        arrays = {
            name.removesuffix(".npy"): np.load(io.BytesIO(content), allow_pickle=False)
            for name, content in parts.items()
            if name != "checksum.npy"
        }
        stream = io.BytesIO()
        np.save(stream, np.array(_checksum(arrays), np.uint32))
        parts["checksum.npy"] = stream.getvalue()
    except Exception:  # then it stays wrong
        pass
    return zipped(parts)
