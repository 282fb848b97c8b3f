"""Files in HDF5 that harm whoever reads them."""

from __future__ import annotations

import struct
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
    with pytest.raises(DataError, match="needs more memory than its size explains; it is damaged or a trap"):
        check_hdf5(path)
