"""Every program of the guide runs as it stands, and draws the picture that is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = re.split(r"^## ", (DOCS / "howto" / "guide.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


SLOW = {"A lesion study", "Feedback by other weights", "Delays that learn"}
"""Sections whose programs train for several seconds."""


def _titled(section: str) -> Any:
    title = section.partition("\n")[0]
    return pytest.param(section, id=title, marks=pytest.mark.nightly if title in SLOW else ())


@pytest.mark.parametrize("section", map(_titled, SECTIONS))
def test_program(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(program, {"__name__": "__main__"})
    plt.close("all")
    for name in re.findall(r"\]\(guide/(.*?\.png)\)", section):
        with Image.open(name) as drawn, Image.open(DOCS / "howto" / "guide" / name) as shown:
            assert drawn.size == shown.size


def test_slow_sections_are_there() -> None:
    assert {section.partition("\n")[0] for section in SECTIONS} >= SLOW


def test_every_picture_is_shown() -> None:
    shown = re.findall(r"\]\(guide/(.*?\.png)\)", "".join(SECTIONS))
    assert sorted(shown) == sorted(path.name for path in (DOCS / "howto" / "guide").iterdir())
