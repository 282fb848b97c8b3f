"""Faults that were placed by hand still apply, and the script that tries them tells what came of each."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
HERE = "tests/faults/test_placed_faults.py"
FAULT = {
    "id": "x1",
    "file": "netsim/errors.py",
    "old": "class NetsimError(Exception):",
    "new": "class NetsimError(ValueError):",
    "test": [f"{HERE}::test_errors_of_netsim_are_exceptions"],
}


@pytest.fixture
def placed_faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("placed_faults")


def test_errors_of_netsim_are_exceptions() -> None:
    """A fault is placed here below."""
    from netsim.errors import NetsimError

    assert NetsimError.__bases__ == (Exception,)


def test_every_placed_fault_applies_and_its_test_exists(placed_faults: Any) -> None:
    assert placed_faults.wrong(placed_faults.read()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"old": "class Nothing:"}, "stale"),
        ({"old": "class "}, "stale"),  # more than once
        ({"new": "class NetsimError("}, "x1"),
        ({"test": [f"{HERE}::test_no_such"]}, "there is no test"),
        ({"test": [HERE]}, "there is no test"),
        ({"test": ["tests/no_such.py::test_it"]}, "tests/no_such.py"),
    ],
)
def test_faults_that_cannot_be_tried_are_told(placed_faults: Any, changes: dict[str, Any], said: str) -> None:
    (line,) = placed_faults.wrong([FAULT | changes])
    assert said in line


@pytest.mark.nightly  # runs pytest three times
def test_a_copy_with_the_fault_is_tested_and_mended(placed_faults: Any, tmp_path: Path) -> None:
    """What is named fails with the fault, and succeeds with a change of no importance."""
    placed_faults.shutil.copytree(placed_faults.ROOT / "netsim", tmp_path / "netsim")
    before = (tmp_path / "netsim" / "errors.py").read_bytes()
    assert placed_faults.outcome(FAULT, FAULT["test"], tmp_path) == "killed"
    harmless = FAULT | {"new": f"{FAULT['old']}  # a remark"}
    assert placed_faults.outcome(harmless, FAULT["test"], tmp_path) == "survived"
    assert "ended with 4" in placed_faults.outcome(FAULT, [f"{HERE}::test_no_such"], tmp_path)
    assert (tmp_path / "netsim" / "errors.py").read_bytes() == before


def test_an_id_names_one_fault(placed_faults: Any) -> None:
    assert placed_faults.wrong([FAULT, FAULT]) == ["x1: names 2 faults"]


def test_check_succeeds_from_the_command_line() -> None:
    command = [sys.executable, str(FOLDER / "placed_faults.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
