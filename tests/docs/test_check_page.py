"""The page on the check before training: its program prints what it shows, and its numbers hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsim.measuring.advice import MOSTLY_SILENT
from netsim.training.watching import FLAT_EPOCHS, IN_A_ROW

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "check.md").read_text(encoding="utf-8")


def test_the_program_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    exec(program, {})
    assert capsys.readouterr().out == shown


def test_numbers_are_those_of_the_program() -> None:
    words = " ".join(TEXT.split())
    assert f"more than {MOSTLY_SILENT * 100:.0f} % are silent" in words
    assert words.count(f"in {IN_A_ROW} batches in a row") == 2
    assert f"within 1 % over {FLAT_EPOCHS} epochs" in words
