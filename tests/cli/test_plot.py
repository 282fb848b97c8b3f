"""Every figure is drawn from the command line, as PNG and SVG, with its table."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from netsim.reporting.pictures import sections
from netsim.seams import figures

Netsim = Callable[..., Any]


GAPS = """
from netsim.analysis import Drawn, Plot


@Plot("gaps", "times to the second spike", choices=("count",), section="Decisions", rank=25, title="Gaps")
def draw(source, choice):
    figure, (axes,) = choice.new_figure(height=2.0)
    table = source.decisions(choice.limit)
    axes.hist(table["gap_ms"], bins=choice.count or 10)
    return Drawn(figure, table)
"""


def is_no_empty_picture(path: Path) -> bool:
    """Whether a PNG holds some hundred pixels that are not white."""
    pixels = plt.imread(path)[..., :3]
    return bool((pixels.min(axis=2) < 0.9).sum() > 300)


def test_figures_of_other_packages(netsim: Netsim, run: Path, install: Callable[..., None]) -> None:
    install(figures, "gaps", GAPS)
    shown = " ".join(netsim("plot", "--help").out.replace("│", "").split())
    assert "stimuli (--count) • gaps: times to the second spike (--count)" in shown
    done = netsim("plot", "gaps", run, "--limit", 20, "--count", 5, "--table", "gaps.csv", "--json").json()
    assert done["files"] == [str(run / "figures" / "gaps.png"), str(run / "figures" / "gaps.svg"), "gaps.csv"]
    assert is_no_empty_picture(run / "figures" / "gaps.png")
    assert len(pd.read_csv("gaps.csv")) == 20
    assert sections()["Decisions"] == ["confusion", "decision-time", "calibration", "gaps", "errors"]
    assert figures.origin("gaps").version == "1.2"


@pytest.mark.parametrize("name", [name for name, figure in figures.items() if not figure.samples])
def test_figures_of_a_run(netsim: Netsim, run: Path, name: str) -> None:
    limit = () if figures[name].presentations in (0, 1) else ("--limit", 60)
    done = netsim("plot", name, run, *limit, "--table", "tables/table.csv")
    assert (done.code, done.err) == (0, "")
    drawn = [run / "figures" / f"{name}.{suffix}" for suffix in ("png", "svg")]
    assert done.out.splitlines() == [*map(str, drawn), "tables/table.csv"]
    assert is_no_empty_picture(drawn[0])
    assert "</svg>" in drawn[1].read_text()
    assert len(pd.read_csv("tables/table.csv")) > 0
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("name", "width", "millimetres"),
    [("latencies", "column", 85), ("confusion", "column", 85), ("latencies", "page", 180)],
)
def test_figures_have_the_width_of_a_page_or_column(
    netsim: Netsim, run: Path, name: str, width: str, millimetres: float
) -> None:
    netsim("plot", name, run, "--limit", 20, "--width", width, "--out", "figure.svg")
    match = re.search(r'<svg[^>]* width="([0-9.]+)pt"', Path("figure.svg").read_text(encoding="utf-8"))
    assert match is not None
    assert float(match[1]) / 72 * 25.4 == pytest.approx(millimetres)


def test_the_table_is_what_is_drawn(netsim: Netsim, run: Path) -> None:
    done = netsim("plot", "decision-time", run, "--out", "a.pdf", "--table", "a.csv", "--json").json()
    assert done == {
        "kind": "decision-time",
        "subject": str(run),
        "weights": "run",
        "rows": 360,
        "files": ["a.pdf", "a.csv"],
    }
    evaluation = netsim("evaluate", run, "--json").json()
    frame = pd.read_csv("a.csv")
    assert frame["correct"].mean() == pytest.approx(evaluation["strict_accuracy"])
    assert frame["latency_ms"].mean() == pytest.approx(evaluation["mean_decision_latency_ms"])


@pytest.mark.usefixtures("blank_figures")
def test_displacements_shrink_with_learning(netsim: Netsim, run: Path) -> None:
    netsim("plot", "displacements", run, "--out", "a.png", "--table", "a.csv", "--limit", 100)
    frame = pd.read_csv("a.csv")
    assert frame["weights"].value_counts().to_dict() == {"initial": 1000, "trained": 1000}
    size = frame["displacement_ms"].abs().groupby(frame["weights"]).mean()
    assert size["trained"] < size["initial"]


@pytest.mark.usefixtures("blank_figures")
def test_untrained_presets_have_no_before_and_after(netsim: Netsim) -> None:
    done = netsim("plot", "displacements", "digits", "--limit", 5, "--seed", 3, "--table", "a.csv")
    assert done.code == 0
    assert "initial weights of seed 3" in done.err
    assert Path("figures-digits/displacements.png").exists()
    assert "weights" not in pd.read_csv("a.csv").columns


def test_the_diagram_says_nothing_of_weights_that_it_does_not_show(netsim: Netsim) -> None:
    done = netsim("plot", "network", "digits")
    assert (done.code, done.err) == (0, "")


@pytest.mark.usefixtures("blank_figures")
def test_chosen_neurons(netsim: Netsim, run: Path) -> None:
    chosen = ("--neuron", "hidden:3", "--neuron", "hidden:5", "--out", "a.png", "--table", "a.csv")
    for name, limit in (("potentials", ()), ("group-raster", ("--limit", 100))):
        assert netsim("plot", name, run, *chosen, *limit).code == 0
        frame = pd.read_csv("a.csv")
        assert set(frame["layer"]) == {"hidden"}
        assert set(frame["neuron"]) <= {3, 5}
    netsim("plot", "group-raster", run, "--layer", "hidden", "--limit", 20, "--out", "a.png", "--table", "a.csv")
    assert pd.read_csv("a.csv")["neuron"].nunique() > 10


@pytest.mark.usefixtures("blank_figures")
def test_figures_of_layers_have_names_of_their_own(netsim: Netsim, run: Path) -> None:
    for layer in ("hidden", "output"):
        files = [str(run / "figures" / f"group-raster-{layer}.{suffix}") for suffix in ("png", "svg")]
        assert netsim("plot", "group-raster", run, "--layer", layer, "--limit", 20).out.split() == files
    assert len(os.listdir(run / "figures")) == 4


@pytest.mark.usefixtures("blank_figures")
def test_presentations_are_chosen_by_index(netsim: Netsim, run: Path) -> None:
    netsim("plot", "raster", run, "--index", 7, "--out", "a.png", "--table", "a.csv")
    assert set(pd.read_csv("a.csv")["presentation"]) == {7}


@pytest.mark.usefixtures("blank_figures")
def test_potentials_are_by_default_of_the_first_and_of_the_label(netsim: Netsim, run: Path) -> None:
    netsim("plot", "potentials", run, "--index", 4, "--out", "a.png", "--table", "potentials.csv")
    netsim("plot", "raster", run, "--index", 4, "--out", "a.png", "--table", "spikes.csv")
    spikes = pd.read_csv("spikes.csv")
    output = spikes[spikes["layer"] == "output"].sort_values(["latency_ms", "neuron"])
    expected = {*output["neuron"].head(3), output["label"].iloc[0]}
    assert set(pd.read_csv("potentials.csv")["neuron"]) == expected


@pytest.mark.usefixtures("blank_figures")
def test_brian2_draws_the_same_on_the_same_grid(netsim: Netsim, run: Path) -> None:
    for engine in ("event", "brian2"):
        command = ("plot", "spikes", run, "--limit", 3, "--dt", 1, "--engine", engine)
        assert netsim(*command, "--out", "a.png", "--table", f"{engine}.csv").code == 0
    assert Path("event.csv").read_text(encoding="utf-8") == Path("brian2.csv").read_text(encoding="utf-8")


def test_kernels_need_no_data(netsim: Netsim, run: Path) -> None:
    assert netsim("plot", "kernels", run, "--data-dir", "nosuch", "--count", 3, "--out", "a.png").code == 0
    assert is_no_empty_picture(Path("a.png"))


def test_a_damaged_table_of_metrics_is_refused(netsim: Netsim, run: Path) -> None:
    (run / "metrics.csv").write_text("nonsense\n")
    netsim("plot", "learning", run).refused("metrics.csv", "contains no metrics")


def test_the_same_figure_is_the_same_file(netsim: Netsim, run: Path) -> None:
    for name in ("a", "b"):
        netsim("plot", "displacements", run, "--limit", 20, "--out", f"{name}.svg", "--out", f"{name}.png")
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    np.testing.assert_array_equal(plt.imread("a.png"), plt.imread("b.png"))
