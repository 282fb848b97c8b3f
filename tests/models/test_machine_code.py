"""Where machine code of Brian2 has no place, numpy does the work, and Cython is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from netsim.errors import SpecificationError
from netsim.models.machine_code import _can_be_written, code_object_class


@pytest.mark.usefixtures("brian2_compiles_nothing")
def test_without_a_place_cython_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.models.machine_code.machine_code_has_place", lambda: False)
    assert code_object_class("numpy") is not None
    with pytest.raises(SpecificationError, match="cython has no folder for machine code"):
        code_object_class("cython")


def test_a_disk_with_little_left_is_no_place(
    tmp_path: Path, largest_file: Callable[[int], AbstractContextManager[None]]
) -> None:
    assert _can_be_written(str(tmp_path))
    with largest_file(1000):
        assert not _can_be_written(str(tmp_path))
    assert not _can_be_written("relative")
