"""Mutants are drawn where something is executed, and what their tests make of them is told."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cosmic_ray", reason="mutants are made by cosmic-ray, of the extra 'nightly'")

SCRIPTS = Path(__file__).parents[2] / "scripts"
MODULE = """
def clip(value: float, most: float | None = None) -> float:
    return most if most is not None and value > most else value


def first(values):
    number = 0
    while values[number] < 3:
        number += 1
    return number
"""
TESTS = """
from netsim.weights.clip import clip, first

def test_clip():
    assert clip(3) == 3
    assert clip(3, 2) == 2
    assert clip(1, 2) == 1

def test_first():
    assert first([1, 2, 3]) == 2
"""
DRIVER = """
import json, sys
from pathlib import Path
import mutate, numba, pytest

mutate.ROOT, mutate.PATIENCE = Path.cwd(), 5
copy = mutate.Copy(Path("copy").resolve(), ["mine"])
copy.map([Path("test_clip.py").resolve()], 1)
print(json.dumps([copy.try_mutant(mutant, 60) for mutant in copy.draw(100, 0)]))
"""


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("mutate")


def test_annotations_are_not_executed(mutate: Any) -> None:
    assert not mutate._changes(mutate.Mutant("", "", "core/ReplaceBinaryOperator_BitOr_Add", 0, 2), MODULE)
    assert mutate._changes(mutate.Mutant("", "", "core/ReplaceComparisonOperator_Gt_Lt", 0, 3), MODULE)


def test_what_tests_notice(tmp_path: Path, mutate: Any) -> None:
    package = tmp_path / "copy" / "site" / "netsim" / "weights"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "clip.py").write_text(MODULE)
    Path("test_clip.py").write_text(TESTS)
    environment = {"PYTHONPATH": str(SCRIPTS), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", DRIVER], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert all(result["tests"] == 1 for result in results)
    by_line = {line: {result["outcome"] for result in results if result["line"] == line} for line in (3, 9)}
    assert "killed" in by_line[3]
    assert "hung" in by_line[9]
    assert {Path(result["by"].split("::")[0]).name for result in results if result["by"]} == {"test_clip.py"}
    assert (package / "clip.py").read_text() == MODULE
    assert mutate.table(results) == 1 - sum(result["outcome"] == "survived" for result in results) / len(results)
