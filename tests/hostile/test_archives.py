"""Archives of arrays that were made to do harm: no memory for what is not there, no code, one line."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from netsim.data.events import EVENT_TYPE
from netsim.data.recordings import convert_once
from netsim.data.source import ignore_progress
from netsim.errors import DataError
from netsim.files import read_arrays, write_arrays
from netsim.specification import EventEncoder

SMALL = 30 * 2**20  # bytes
ANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def refused(match: str | None = None) -> Iterator[None]:
    """What is inside is refused, and takes no more than a little memory."""
    tracemalloc.start()
    with pytest.raises(DataError, match=match) as error:
        yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < SMALL
    assert len(str(error.value).splitlines()) == 1


def _npy(header: str, content: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A file of a single array, with any header."""
    text = header.encode("latin-1") + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + content


def _shaped(shape: str, kind: str = "<f8", content: bytes = b"") -> bytes:
    return _npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}", content)


def _zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.mkdir, (Path("exploded"),)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "member",
    [
        _shaped("(1000000000000,)"),
        _shaped("(1000000, 1000000)", content=bytes(800)),
        _shaped("(9223372036854775807, 9223372036854775807)"),
        _shaped("(-1,)"),
        _shaped("(-1, -8)", content=bytes(64)),
        _shaped("(1000000000000, 0)", "|V0"),
        _shaped("(1000000000000,)", "|S0"),
        _shaped("(1000000000000,)", "<U0"),
        _shaped("(1,)", "|V4000000000"),
        _shaped("(1,)", "|O", pickle.dumps(_Bomb())),
        _shaped("(1,)", "O8", pickle.dumps([_Bomb()])),
        _npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", pickle.dumps([_Bomb()])),
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': __import__('os').mkdir('exploded')}"),
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,),", bytes(8)),
        _npy("{'descr': (1, 2, 3), 'fortran_order': 3, 'shape': 'abc'}"),
        _npy("{[]: 1}"),
        _npy("{'descr': '<f8'"),
        _npy("(" * 9000),
        _npy("-" * 9000 + "1"),
        _npy(" " * 60000),
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (8L,)}"),
        _npy("{}", version=(3, 0)),
        _npy("{}", version=(9, 9)),
        _shaped("(3,)", content=bytes(23)),
        _shaped("(3,)", content=bytes(25)),
        b"\x93NUMPY",
        b"",
        pickle.dumps(_Bomb()),
    ],
)
def test_members_that_are_no_plain_arrays(member: bytes, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "arrays.npz"
    _zip(path, {"a.npy": member})
    with refused(r"arrays.npz: is not a readable .npz of plain arrays"):
        read_arrays(path)
    assert not Path("exploded").exists()
    assert not recwarn.list


def test_a_pickle_that_is_named_as_an_archive(tmp_path: Path) -> None:
    (tmp_path / "arrays.npz").write_bytes(pickle.dumps(_Bomb()))
    with refused(r"arrays.npz: is not a readable .npz of plain arrays"):
        read_arrays(tmp_path / "arrays.npz")
    assert not Path("exploded").exists()


def test_a_small_file_that_unpacks_to_a_large_one(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.npy", "w") as member,
    ):
        member.write(_shaped(f"({280 * 2**20 // 8},)"))
        for _ in range(280):
            member.write(bytes(2**20))
    assert path.stat().st_size < 2**21
    with refused(r"promises \d+ bytes in a file of \d+ bytes"):
        read_arrays(path)


def test_a_member_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    _zip(path, {"a.npy": _shaped("(3,)", content=bytes(24))})
    whole = path.read_bytes()
    size = struct.pack("<I", zipfile.ZipFile(path).infolist()[0].file_size)
    for promised in (0, 10, 10**6, 10**8):
        path.write_bytes(whole.replace(size, struct.pack("<I", promised)))
        with refused():
            read_arrays(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_not_unpacked(method: int, tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    _zip(path, {"a.npy": _shaped("(3,)", content=bytes(24))}, method)
    with refused("a compression that numpy does not use"):
        read_arrays(path)


def test_two_arrays_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    _zip(path, {"a.npy": _shaped("(1,)", content=bytes(8)), "a": _shaped("(1,)", content=bytes(8))})
    with refused("two arrays of one name"):
        read_arrays(path)


def test_names_that_are_paths_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    names = ["../outside", "/tmp/outside", "a/../../b", "con", "a\\b"]
    _zip(path, {f"{name}.npy": _shaped("(1,)", content=bytes(8)) for name in names})
    assert len(read_arrays(path)) == len(names)
    assert [file.name for file in tmp_path.iterdir()] == ["arrays.npz"]


@ANY
@given(
    st.dictionaries(
        st.text("abc.é", min_size=1, max_size=5).filter(lambda name: not name.endswith(".npy")),
        arrays_of.arrays(
            st.one_of(arrays_of.scalar_dtypes(), arrays_of.unicode_string_dtypes(max_len=4)),
            arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4),
        ),
        max_size=3,
    )
)
def test_all_plain_arrays_come_back(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    write_arrays(tmp_path / "arrays.npz", {f"part.{name}": array for name, array in arrays.items()})
    back = read_arrays(tmp_path / "arrays.npz")
    assert list(back) == [f"part.{name}" for name in arrays]
    assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in back.items()} == {
        f"part.{name}": (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()
    }


@ANY
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"PK\x05\x06"]))
def test_any_bytes_are_refused(tmp_path: Path, content: bytes, beginning: bytes) -> None:
    path = tmp_path / "arrays.npz"
    path.write_bytes(beginning + content)
    with pytest.raises(DataError):
        read_arrays(path)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", beginning + content)
    path.write_bytes(stream.getvalue())
    try:
        arrays = read_arrays(path)
    except DataError:
        return
    assert all(array.dtype.kind != "O" for array in arrays.values())


class _Recordings:
    """Two recordings of one event each."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.full(1, index, EVENT_TYPE), index


def test_kept_recordings_that_are_damaged_are_converted_again(tmp_path: Path) -> None:
    file, encoder = tmp_path / "times.npy", EventEncoder((2, 2, 2), 16.0)

    def convert() -> tuple[bytes, bytes]:
        tracemalloc.start()
        times, labels = convert_once(file, _Recordings(), (0, 1), encoder, "recordings", ignore_progress)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < SMALL
        return times.tobytes(), labels.tobytes()

    expected = convert()
    written = file.read_bytes()
    shaped = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2, 2, 2)}"
    for damaged in (
        b"",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xf0" + written[12:],  # a header of 4 GB
        _npy(shaped.replace("2, 2, 2, 2", "1000000000000,")),
        _npy(shaped.replace("<i4", "|O"), bytes(128)),
        _npy(shaped, bytes(63)),
        written[:-1],
        written + b"\0",
    ):
        file.write_bytes(damaged)
        assert convert() == expected
        assert file.read_bytes() == written


@pytest.mark.parametrize(
    "change",
    [
        {"recordings": 3},
        {"silent": 2},  # which would be refused
        {"silent": -1},
        {"silent": True},
        {"events": 2.0},
        {"late": 3},  # of 2 events
        {"late": 1, "cut": 2},
        {"late": 10**900},
        {"more": 0},
        None,
    ],
)
def test_a_kept_tally_that_cannot_be_is_made_again(change: dict[str, object] | None, tmp_path: Path) -> None:
    def convert() -> None:
        file, encoder = tmp_path / "times.npy", EventEncoder((2, 2, 2), 16.0)
        convert_once(file, _Recordings(), (0, 1), encoder, "recordings", ignore_progress)

    convert()
    kept = tmp_path / "times.json"
    written = kept.read_bytes()
    tally = json.loads(written)
    kept.write_text("[" * 999 if change is None else json.dumps(tally | change))
    convert()
    assert kept.read_bytes() == written
    del tally["late"]
    kept.write_text(json.dumps(tally))
    convert()
    assert kept.read_bytes() == written
