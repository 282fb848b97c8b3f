"""The programs of docs/howto/training_by_hand.md run, on fewer stimuli than they take there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "training_by_hand.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
FEWER = {
    "range(100)": "range(4)",
    "of 100": "of 4",
    "first(500)": "first(20)",
    "epochs=6": "epochs=3",
    "limit=400": "limit=80",
}


@pytest.mark.parametrize("program", PROGRAMS, ids=["loop", "engine", "hooks", "optimizer"])
def test_program(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    for given, fewer in FEWER.items():
        program = program.replace(given, fewer)
    exec(program, {})
    assert capsys.readouterr().out
