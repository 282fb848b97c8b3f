"""Figures are saved whole, the same ones as the same files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import netsim.analysis
from netsim.analysis import save_figure, theme
from netsim.errors import DataError, RunError

BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_the_suffix_says_the_format(tmp_path: Path, kind: str) -> None:
    with theme():
        figure, axes = plt.subplots()
        axes.plot([0, 1], [0, 1])
    path = tmp_path / f"figure.{kind}"
    save_figure(figure, path)
    first = path.read_bytes()
    assert first.startswith(BEGINNINGS[kind])
    save_figure(axes, path)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_other_formats_are_refused(tmp_path: Path) -> None:
    figure, _ = plt.subplots()
    with pytest.raises(DataError, match="saved as png, svg, pdf"):
        save_figure(figure, tmp_path / "figure.docx")
    with pytest.raises(RunError, match="nowhere"):
        save_figure(figure, tmp_path / "nowhere" / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_all_names_are_there_and_others_are_not() -> None:
    for name in dir(netsim.analysis):
        assert callable(getattr(netsim.analysis, name))
        # a module of the same name would take its place as soon as it is imported
        assert not Path(netsim.analysis.__path__[0], f"{name}.py").exists()
    misspelt = "rster"
    with pytest.raises(AttributeError, match="attribute rster"):
        getattr(netsim.analysis, misspelt)


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = "import sys, netsim.analysis; print(sorted({'pandas', 'matplotlib', 'seaborn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
