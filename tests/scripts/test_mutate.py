"""Mutants are drawn where something is executed, and a change is met by the tests that execute it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cosmic_ray", reason="mutants are made by cosmic-ray, of the extra 'nightly'")
pytest.importorskip("pytest_cov", reason="coverage tells which tests execute a line, of the extra 'nightly'")

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
DRIVER = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
import mutate
from pathlib import Path

mutate.ROOT = Path.cwd()
mutate.PATIENCE = 5
copy = mutate.Copy(Path("copy").resolve())
if sys.argv[1] == "map":
    copy.map([str(Path("test_clip.py").resolve())])
else:
    mutate.try_change(60, copy.folder)
"""


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("mutate")


@pytest.fixture
def copy(mutate: Any) -> Any:
    """A copy of a package of one module, whose tests were run once."""
    made = mutate.Copy(Path("copy").resolve())
    for package in (made.package, made.unchanged):
        (package / "weights").mkdir(parents=True)
        for folder in (package, package / "weights"):
            (folder / "__init__.py").touch()
        (package / "weights" / "clip.py").write_text(MODULE)
    Path("test_clip.py").write_text(TESTS, encoding="utf-8")
    assert _drive("map").returncode == 0
    return made


def _drive(step: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", DRIVER, step], capture_output=True, text=True, env=environment)


def test_annotations_are_not_executed(mutate: Any) -> None:
    assert mutate.executed_code(MODULE) == mutate.executed_code(MODULE.replace("float | None", "float + None"))
    assert mutate.executed_code(MODULE) != mutate.executed_code(MODULE.replace("value > most", "value < most"))


def test_a_change_is_met_by_its_tests(copy: Any) -> None:
    names = {name.split("::")[1]: name for name in copy.seconds}
    assert copy.tests_of("weights/clip.py", 3) == [names["test_clip"]]
    assert copy.tests_of("weights/clip.py", 9) == [names["test_first"]]
    changed = copy.package / "weights" / "clip.py"
    for change, survives in ((("value > most", "value >= most"), True), (("value > most", "value < most"), False)):
        changed.write_text(MODULE.replace(*change))
        assert copy.change() == ("weights/clip.py", 3)
        assert (_drive("test").returncode == 0) == survives
    changed.write_text(MODULE.replace("number += 1", "number += 0"))  # never comes to an end
    assert _drive("test").returncode != 0


def test_mutants_are_drawn_from_what_is_executed(copy: Any) -> None:
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    with use_db("session.sqlite", WorkDB.Mode.create) as database:
        init([copy.package / "weights" / "clip.py"], database, {})
        items = list(database.work_items)
    drawn = [item.mutations[0] for item in copy.draw(items, 0)]
    assert drawn == [item.mutations[0] for item in copy.draw(items, 0)]
    places = [mutation.start_pos for mutation in drawn]
    assert len(set(places)) == len(places)
    assert {line for line, _ in places} == {3, 7, 8, 9}
    assert not any("BitOr" in mutation.operator_name or mutation.operator_name.endswith("_Is") for mutation in drawn)
