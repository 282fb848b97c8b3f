"""The notebooks run from top to bottom, headless, and show their figures."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip(
    "nbformat", reason="notebooks need nbformat, nbclient and ipykernel, of the extra 'test'"
)
nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient, of the extra 'test'")
pytest.importorskip("ipykernel", reason="notebooks need ipykernel, of the extra 'test'")

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "howto" / "notebooks").glob("*.ipynb"))
NEEDS = {"other_tools": ("elephant", "neo", "pynwb"), "recorded_cell": ("pynwb",)}
"""Packages that a notebook needs beside netsim."""
NEEDS_DATA = {"recorded_cell": "neural/grasshopper_spike_times1.txt"}
"""A file that a notebook needs in the folder of NETSIM_DATA."""


@pytest.mark.nightly
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    for package in NEEDS.get(path.stem, ()):
        pytest.importorskip(package, reason=f"the notebook {path.stem} needs {package}")
    if path.stem in NEEDS_DATA and not Path(os.environ.get("NETSIM_DATA", ""), NEEDS_DATA[path.stem]).is_file():
        pytest.skip(f"the notebook {path.stem} needs {NEEDS_DATA[path.stem]} in the folder of NETSIM_DATA")
    book = nbformat.read(path, 4)
    shown, texts = _pictures(book), _texts(book)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert _texts(book) == texts, f"stored outputs are stale; run scripts/notebooks.sh {path.stem}"
    assert _pictures(book) == shown
    assert shown > 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_was_run(path: Path) -> None:
    """Cells were run in order, none of them failed, and no output names a folder of whoever ran them."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert not re.search(r"(/home|/root|/tmp|/work|/Users)/", path.read_text(encoding="utf-8"))


def test_every_notebook_can_be_found() -> None:
    assert "docs/howto/index.md" in (DOCS.parent / "README.md").read_text(encoding="utf-8")
    text = (DOCS / "howto" / "index.md").read_text(encoding="utf-8")
    assert [path.name for path in NOTEBOOKS if f"](notebooks/{path.name})" not in text] == []


def _texts(book: Any) -> list[str]:
    """Return what cells print and return. Progress and notes on standard error depend on the machine."""
    texts = []
    for cell in book.cells:
        outputs = [output for output in cell.get("outputs", ()) if output.get("name") != "stderr"]
        texts.append("".join(output["text"] for output in outputs if output.output_type == "stream"))
        texts += [output.data.get("text/plain", "") for output in outputs if output.output_type != "stream"]
    return [text for text in texts if text.strip()]


def _pictures(book: Any) -> int:
    return sum("image/png" in output.get("data", {}) for cell in book.cells for output in cell.get("outputs", ()))
