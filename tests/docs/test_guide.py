"""Every program of the guide runs as it stands, and draws the picture that is shown."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = re.split(r"^## ", (DOCS / "guide.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=[section.partition("\n")[0] for section in SECTIONS])
def test_program(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(program, {"__name__": "__main__"})
    plt.close("all")
    for name in re.findall(r"\]\(guide/(.*?\.png)\)", section):
        with Image.open(name) as drawn, Image.open(DOCS / "guide" / name) as shown:
            assert drawn.size == shown.size


def test_every_picture_is_shown() -> None:
    shown = re.findall(r"\]\(guide/(.*?\.png)\)", "".join(SECTIONS))
    assert sorted(shown) == sorted(path.name for path in (DOCS / "guide").iterdir())
