"""Figures are saved whole, the same ones as the same files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import seaborn as sns

import netsim.analysis
from netsim.analysis import save_figure, silent_curves, theme
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


def _first_colour(**options: object) -> object:
    from matplotlib.colors import to_rgb

    frame = pd.DataFrame({"epoch": [1, 2], "silent_hidden": [0.2, 0.5]})
    return to_rgb(silent_curves(frame, **options).lines[0].get_color())  # type: ignore[arg-type]


def test_the_palette_is_the_one_that_is_given_else_the_current_one_else_for_the_colour_blind() -> None:
    with plt.rc_context():
        assert _first_colour() == pytest.approx(sns.color_palette("colorblind")[0])
        with theme():
            assert _first_colour() == pytest.approx(sns.color_palette("colorblind")[0])
        sns.set_palette("Set2")
        assert _first_colour() == pytest.approx(sns.color_palette("Set2")[0])
        assert _first_colour(ax=plt.subplots()[1]) == pytest.approx(sns.color_palette("Set2")[0])
        assert _first_colour(palette=["red"]) == (1, 0, 0)
        with theme("Dark2"):
            assert _first_colour() == pytest.approx(sns.color_palette("Dark2")[0])
    with pytest.raises(DataError, match="palette 'nosuch': is not one that seaborn knows"):
        _first_colour(palette="nosuch")


def test_axes_that_are_given_keep_their_style() -> None:
    with plt.rc_context():
        sns.set_theme(style="whitegrid", context="talk")
        _, axes = plt.subplots()
        size = axes.xaxis.label.get_fontsize()
        silent_curves(pd.DataFrame({"epoch": [1, 2], "silent_hidden": [0.2, 0.5]}), ax=axes)
        assert axes.xaxis.label.get_fontsize() == size
        assert axes.get_xgridlines()[0].get_visible()
        assert axes.spines["top"].get_visible()
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_texts()[0].get_fontsize() == plt.rcParams["legend.fontsize"]
