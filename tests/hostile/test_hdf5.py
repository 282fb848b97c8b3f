"""Files in HDF5 that harm whoever reads them."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

h5py = pytest.importorskip("h5py", reason="files in HDF5 need h5py, of the extra 'exchange'")

from netsim.errors import DataError  # noqa: E402
from netsim.hdf5 import check_hdf5  # noqa: E402
from netsim.numerics.limits import peak_memory  # noqa: E402


def _groups(path: Path) -> bytearray:
    with h5py.File(path, "w") as file:
        for number in range(3):
            file.create_group(f"nodes/population_{number}")
    return bytearray(path.read_bytes())


def test_a_file_of_groups_is_read(tmp_path: Path) -> None:
    _groups(tmp_path / "file.h5")
    check_hdf5(tmp_path / "file.h5")


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is bounded on Linux alone")
@pytest.mark.usefixtures("resource")
def test_free_space_that_follows_itself_is_refused(tmp_path: Path) -> None:
    """HDF5 goes round it for ever, and takes memory each time: 24 GB in a minute, if nobody stops it."""
    path, changed = tmp_path / "file.h5", 0
    content, heap = _groups(path), -1
    while (heap := content.find(b"HEAP", heap + 1)) >= 0:
        size, first, address = struct.unpack_from("<QQQ", content, heap + 8)
        assert first < size
        struct.pack_into("<Q", content, address + first, first)
        changed += 1
    assert changed > 1
    path.write_bytes(content)
    much = bytearray(b"1") * 400_000_000  # that this process has taken more is no excuse
    assert peak_memory() >= len(much)
    with pytest.raises(DataError, match="needs more memory than its size explains; it is damaged, or made to"):
        check_hdf5(path)


@pytest.mark.skipif(sys.platform == "win32", reason="a program is a script of the shell")
def test_a_file_that_could_not_be_looked_through_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _groups(tmp_path / "file.h5")
    python = tmp_path / "python"
    for text, reason in (("echo no memory >&2; exit 1", "no memory"), ("exit 127", "exit code 127")):
        python.write_text(f"#!/bin/sh\n{text}\n")
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        with pytest.raises(DataError, match=rf"file.h5: is not read, because the safety check failed \({reason}\)"):
            check_hdf5(tmp_path / "file.h5")


def _with_bounds(program: str, *arguments: str) -> str:
    """What a program prints or fails with that may take 25 s of a processor, less than is taken by default."""
    bounded = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, (25, 25)); {program}"
    done = subprocess.run([sys.executable, "-c", bounded, *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is bounded on Linux alone")
@pytest.mark.usefixtures("resource")
def test_bounds_of_an_administrator_do_not_let_a_file_pass(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    printed = _with_bounds(
        "import sys, pathlib, netsim.hdf5 as own; own.check_hdf5(pathlib.Path(sys.argv[1]))", str(path)
    )
    assert "elsewhere is a link to another file" in printed
    narrow = "resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))"
    limited = "limit_memory(2**34); limit_time(60); print(*map(resource.getrlimit, (resource.RLIMIT_AS, 0)))"
    printed = _with_bounds(f"from netsim.numerics.limits import limit_memory, limit_time; {narrow}; {limited}")
    assert printed == f"{(2**33, 2**33)} (25, 25)\n"
