"""IDX files: what is written is read, and nothing else is."""

from __future__ import annotations

import gzip
import math
import os
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.data.idx import read_idx, write_idx
from netsim.errors import DataError, NetsimError, RunError


def header(*shape: int, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)))
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("name", ["some-idx3-ubyte", "some-idx3-ubyte.gz"])
def test_what_is_written_is_read(array: np.ndarray, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_idx(path, array)
        once = path.read_bytes()
        write_idx(path, array)
        assert path.read_bytes() == once
        assert [entry.name for entry in path.parent.iterdir()] == [name]
        back = read_idx(path)
    assert back.dtype == np.uint8
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


NEARLY_AN_ARRAY = st.tuples(st.integers(0, 5), st.lists(st.integers(0, 3), max_size=5), st.binary(max_size=12)).map(
    lambda parts: bytes([0, 0, 8, parts[0]]) + struct.pack(f">{len(parts[1])}I", *parts[1]) + parts[2]
)


@given(content=st.binary(max_size=40) | NEARLY_AN_ARRAY, zipped=st.booleans())
@settings(deadline=None, max_examples=200)
def test_bytes_at_random_are_read_or_refused(content: bytes, zipped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(gzip.compress(content, 1) if zipped else content)
        whole = len(content) >= 4 and content[:3] == b"\0\0\x08" and 1 <= content[3] <= 4
        start = 4 + 4 * content[3] if whole else 4
        shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, min(start, len(content)), 4)]
        if whole and len(content) == start + math.prod(shape) and math.prod(side or 1 for side in shape) <= 2**32:
            assert read_idx(path).shape == tuple(shape)
        else:
            with pytest.raises(DataError, match=r"^[^\n]+$"):
                read_idx(path)


@given(cut=st.integers(0, 10_000), zipped=st.booleans())
@settings(deadline=None, max_examples=60)
def test_every_cut_is_noticed(cut: int, zipped: bool) -> None:
    whole = header(3, 4, 5) + bytes(range(60))
    whole = gzip.compress(whole) if zipped else whole
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(whole[: cut % len(whole)])
        with pytest.raises(DataError, match=r"ends|is not an IDX file|damaged|more than the file has"):
            read_idx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file .it begins with nothing"),
        (b"\x89PNG\r\n\x1a\n", "is not an IDX file .it begins with 89 50 4e 47"),
        (b"\0\0\x07\x01" + bytes(8), "is not an IDX file"),
        (header(2, kind=0x0D) + bytes(8), "contains floats; convert it to unsigned bytes"),
        (header(), "an array of 0 dimensions"),
        (header(1, 1, 1, 1, 1) + bytes(1), "an array of 5 dimensions"),
        (header(2, 3)[:-2], "ends within its header"),
        (header(2, 3) + bytes(7), "continues after the 6 bytes"),
        (header(2, 3) + bytes(5), "promises 6 bytes, more than the file has|ends after 5 of 6 bytes"),
        (header(2**31, 2**31), "netsim reads at most 4294967296"),
        (header(2**31), "promises 2147483648 bytes, more than the file has"),
        (gzip.compress(header(2**31), mtime=0), "promises 2147483648 bytes, more than the file has"),
        (header(0, 2**30, 2**30, 2**30), "promises 0x1073741824x1073741824x1073741824 bytes"),
        (gzip.compress(header(40_000), mtime=0), "ends after 0 of 40000 bytes|more than the file has"),
        (gzip.compress(header(4) + bytes(4), mtime=0) + b"garbage", "damaged gzip"),
        (gzip.compress(header(4) + bytes(4), mtime=0)[:-8] + bytes(8), "damaged gzip"),
        (b"\x1f\x8bnot really gzip", "damaged gzip"),
    ],
)
def test_bad_content_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(str(path))


def test_gzip_that_an_over_eager_server_unzipped_is_read(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(header(2) + b"ab")
    assert read_idx(path).tolist() == [97, 98]


def test_promised_memory_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    # a file large enough that the promise is not refused for its size alone
    path.write_bytes(gzip.compress(header(200_000_000)) + gzip.compress(os.urandom(300_000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="ends after 300000 of 200000000 bytes"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_dimensions_can_be_demanded(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    write_idx(path, np.zeros((2, 3), np.uint8))
    assert read_idx(path, dimensions=2).shape == (2, 3)
    with pytest.raises(DataError, match="2 dimensions, but 1 are needed"):
        read_idx(path, dimensions=1)


def test_folders_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cannot be read|not a regular file"):
        read_idx(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="not a regular file"):
            read_idx(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([1, 2], "the array must be a numpy array, not list"),
        (np.zeros(3), "needs an array of uint8, not float64"),
        (np.zeros((), np.uint8), "1 to 4 dimensions, not 0"),
        (np.zeros((1, 1, 1, 1, 1), np.uint8), "1 to 4 dimensions, not 5"),
        (np.broadcast_to(np.uint8(0), (2**20, 2**13)), "has at most 4294967296 bytes"),
    ],
)
def test_arrays_that_do_not_fit_are_not_written(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_idx(tmp_path / "x", array)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere"):
        write_idx(tmp_path / "nowhere" / "x", np.zeros(3, np.uint8))
    assert issubclass(RunError, NetsimError)
