"""Files appear whole or not at all, and arrays are read without unpickling."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from netsim.errors import DataError, RunError
from netsim.files import read_arrays, write_arrays, write_atomically, write_each, write_folder, write_text


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "before")

    def fail(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match=r"file: cannot be written \(No space left on device\); choose another folder"):
        write_atomically(path, fail)
    assert path.read_text() == "before"

    def interrupt(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, interrupt)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_an_interrupted_write_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, replace, calls = tmp_path / "folder", os.replace, itertools.count(1)
    write_folder(folder, lambda path: (path / "file").write_text("before"))

    def interrupted(*arguments: Path) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, lambda path: (path / "file").write_text("after"))
    assert (folder / "file").read_text() == "before"
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("links", [True, False])
def test_the_file_of_before_is_kept_and_never_missing(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = tmp_path / "a.txt", tmp_path / "a.old"
    for text in (b"one", b"two"):
        write_atomically(path, lambda stream, text=text: stream.write(text), keep=kept)  # type: ignore[misc]
    replace = os.replace

    def fails(source: Path, target: Path) -> None:
        if target == path:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    def no_links(*names: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(RunError, match=r"a.txt: cannot be written"):
        write_atomically(path, lambda stream: stream.write(b"three"), keep=kept)
    assert (path.read_bytes(), kept.read_bytes()) == (b"two", b"two")
    assert sorted(os.listdir(tmp_path)) == ["a.old", "a.txt"]


def test_a_folder_in_the_place_of_a_file_is_refused_before_any_is_written(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("before")
    second.mkdir()
    with pytest.raises(RunError, match=r"b.txt: is a folder; remove it, or choose another name"):
        write_each([first, second], lambda path: path.write_text("after"))
    assert first.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"missing/file: cannot be written"):
        write_text(tmp_path / "missing" / "file", "text")


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_files_have_the_permissions_of_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "text")
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_arrays(tmp_path / "nothing.npz")
    with pytest.raises(DataError, match="cannot be read"):
        read_arrays(tmp_path)
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(DataError, match="single array"):
        read_arrays(tmp_path / "single.npy")
    (tmp_path / "empty.npz").write_bytes(b"")
    with pytest.raises(DataError, match="plain arrays"):
        read_arrays(tmp_path / "empty.npz")


def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.float32)}
    write_arrays(path, arrays)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            back = read_arrays(path)
        except DataError:
            refused += 1
        else:  # a date or the like, or a member is lost, which its reader misses
            assert {array.tobytes() for array in back.values()} <= {array.tobytes() for array in arrays.values()}
    assert refused > len(whole) / 2
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_arrays(path)
