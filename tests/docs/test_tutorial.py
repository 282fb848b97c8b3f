"""The programs of the lessons run from top to bottom, solutions included, and print what the pages show."""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import netsim

DOCS = Path(__file__).parents[2] / "docs"
LESSONS = ("own_data", "own_network", "perturb_and_analyse", "publish")
BLOCK = re.compile(r"^( *)```(?:python|text)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def _run(page: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run the programs of a page one after the other; what is shown below one is part of what it prints."""
    text, printed = page.read_text(encoding="utf-8"), ""
    names: dict[str, Any] = {}
    for block in BLOCK.finditer(text):
        code = textwrap.dedent(block[2])
        if "```python" in block[0]:
            exec(compile(code, page.name, "exec"), names)
            printed = capsys.readouterr().out
        else:
            assert printed.endswith(code), page.name
    plt.close("all")
    return names


@pytest.mark.parametrize(
    "lesson", [pytest.param(name, marks=pytest.mark.nightly if name == "publish" else ()) for name in LESSONS]
)
def test_a_lesson_runs(
    lesson: str,
    capsys: pytest.CaptureFixture[str],
    only_pictures: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if lesson != "publish":  # whose subject is the report
        only_pictures("confusion")
    if lesson == "perturb_and_analyse":  # whose subject is not the training
        monkeypatch.setattr(netsim, "train", functools.partial(netsim.train, epochs=2))
    names = _run(DOCS / "tutorial" / f"{lesson}.md", capsys)
    if lesson == "own_data":
        assert names["result"].strict_accuracy > 0.9
        assert names["scores"].mean() > 0.85


def test_each_lesson_has_exercises_and_solutions() -> None:
    lessons = [page for page in (DOCS / "tutorial").glob("*.md") if page.stem != "index"]
    assert len(lessons) == 5
    for page in lessons:
        exercises, solutions = page.read_text(encoding="utf-8").split("## Exercises")[1].split("<summary>Solutions")
        assert [re.findall(r"^(\d)\. ", part, re.MULTILINE) for part in (exercises, solutions)] == [["1", "2", "3"]] * 2


@pytest.mark.parametrize("page", ["from_brian2", "from_snntorch"])
def test_the_same_model_fires_at_the_same_time(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "howto" / f"{page}.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^```text\n((?:Brian2|first).*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    for program in programs:
        exec(program, names)
    assert capsys.readouterr().out == shown


def test_the_model_in_snntorch(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("snntorch", reason="the program needs snnTorch, of the extra 'bench'")
    text = (DOCS / "howto" / "from_snntorch.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```py\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(program, {})
    (time,) = re.findall(r"# ([\d.]+ ms)$", program, re.MULTILINE)
    assert capsys.readouterr().out == f"first spike: {time}\n"
