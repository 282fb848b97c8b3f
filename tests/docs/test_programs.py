"""Programs of pages without a test of their own run, and no page with a program lacks a test."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LONG = {"sparsity"}
"""Pages whose program needs two sweeps."""


def _programs(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.nightly
@pytest.mark.parametrize("page", ["index.md", "howto/explore.md", "concepts/families.md", "concepts/learning_rule.md"])
def test_programs_run(page: str) -> None:
    if "explore" in page:
        pytest.importorskip("starlette", reason="the page needs the extra 'explore'")
    for program in _programs(DOCS / page):
        exec(compile(program, page, "exec"), {})
    plt.close("all")


def test_a_test_names_every_page_with_a_program() -> None:
    written = {page.stem for page in DOCS.rglob("*.md") if _programs(page)} - {"changelog"}
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {stem for stem in written - LONG if f"{stem}.md" not in tests and f'"{stem}"' not in tests} == set()
