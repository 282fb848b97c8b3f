"""Figures are saved whole, the same ones as the same files."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns

import netsim.analysis
from netsim.analysis import save_figure, silent_curves, spikes_per_layer, theme
from netsim.analysis.figures._layers import _layer_colours
from netsim.analysis.style import COLUMN_WIDTH, PALETTE, inches, layer_colours
from netsim.errors import DataError, RunError, SpecificationError
from netsim.specification import STIMULUS

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
    return to_rgb(silent_curves(frame, **options).lines[0].get_color())


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
    with pytest.raises(DataError, match="palette 'nosuch': is not a palette of seaborn"):
        _first_colour(palette="nosuch")


def _lab(colours: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB, shape (colours, 3): equal distances look equally different."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(colours @ to_xyz.T / [0.9505, 1.0, 1.089], 0.0089)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


# severest deuteranopia and protanopia, on linear RGB (Machado, Oliveira and Fernandes 2009)
SEEN = {
    "all": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


@pytest.mark.parametrize("eyes", SEEN)
def test_colours_are_told_apart_by_all_and_from_paper(eyes: str) -> None:
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour) for colour in PALETTE])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = _lab((linear @ SEEN[eyes].T).clip(0, 1))
    assert seen[:, 0].max() < 75  # paper is 100
    apart = np.linalg.norm(seen[:, None] - seen, axis=2) + 1000 * np.eye(len(seen))
    assert apart.min() > 10  # 2 can just be seen


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


def test_names_of_a_table_are_shown_letter_by_letter(tmp_path: Path) -> None:
    """Tables are read from files of others, too."""
    name = r"_$\frac{$"
    counts = {"presentation": [0, 1], "layer": [name, name], "spikes": [1, 2], "neurons": [4, 4]}
    for axes in (
        silent_curves(pd.DataFrame({"epoch": [1, 2], f"silent_{name}": [0.1, 0.2]})),
        spikes_per_layer(pd.DataFrame(counts)),
    ):
        save_figure(axes, tmp_path / "figure.svg")
        assert html.unescape((tmp_path / "figure.svg").read_text(encoding="utf-8")).count(f"{name}<") == 1


def test_letters_that_the_font_lacks_are_named_once(tmp_path: Path) -> None:
    figure, axes = plt.subplots()
    axes.set_title("日本語, 日本語")
    with pytest.warns(UserWarning, match="the font lacks the letters 日本語 and shows boxes; install one") as warned:
        save_figure(figure, tmp_path / "figure.png")
    plt.close(figure)
    assert len(warned) == 1


def test_a_width_is_a_name_or_inches() -> None:
    assert (inches("column"), inches("page"), inches(0), inches(3.5)) == (COLUMN_WIDTH, inches("full"), 0, 3.5)
    refused: list[float | str] = [85, 0.01, -3.0, float("nan"), "wide"]
    for width in refused:
        with pytest.raises(SpecificationError, match=r"^width.* must be .*column.* \(85 mm\) or .*page"):
            inches(width)
    drawn = netsim.analysis.Analysed("psth", pd.DataFrame({"layer": []}))
    with pytest.raises(SpecificationError, match="is in inches"):
        drawn.figure(width=85)
    with pytest.raises(SpecificationError, match="is in inches"):
        netsim.plot("digits", "raster", width=85)


def test_layers_have_the_same_colours_in_analyses_and_rasters() -> None:
    network = netsim.load_preset("digits")
    names = [STIMULUS, "hidden", "output"]
    with theme():
        assert layer_colours(names) == [_layer_colours(network)[name] for name in names]
        assert layer_colours(names[1:]) == layer_colours(names)[1:]
