"""The command ``netsim report``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netsim.reporting.pictures import sections

Netsim = Callable[..., Any]


def test_a_report_gives_the_figures_of_evaluate(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = {title: sections()[title] for title in ("A single presentation",)}  # one section will do
    for module in ("pictures", "page"):
        monkeypatch.setattr(f"netsim.reporting.{module}.sections", lambda: section)
    before = sorted(run.rglob("*"))
    options = ("--split", "validation", "--limit", 50, "--dt", 0, "--json")
    done = netsim("report", run, *options, "--out", "papers/digits.html")
    assert (done.code, done.err) == (0, "")
    answer, figures = done.json(), netsim("evaluate", run, *options).json()
    same = set(figures) - {"seconds"}
    assert {name: answer[name] for name in same} == {name: figures[name] for name in same}
    assert (answer["file"], answer["figures"]) == ("papers/digits.html", "papers/digits-figures")
    page = Path("papers/digits.html").read_text(encoding="utf-8")
    assert f"{figures['strict_accuracy']:.2%}" in page
    assert "the first 50 of 180 validation stimuli of digits" in page
    assert "is measured with exact times" in page
    assert sorted(run.rglob("*")) == before


def test_an_interrupted_report_leaves_nothing(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*given: Any) -> None:
        assert Path("papers/digits-figures").is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr("netsim.reporting.making.draw_pictures", interrupt)
    assert netsim("report", run, "--limit", 5, "--out", "papers/digits.html").code == 130
    assert not Path("papers").exists()


def test_a_report_shows_the_presentation_that_is_asked_for(
    netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = {"A single presentation": ["raster"]}
    for module in ("pictures", "page"):
        monkeypatch.setattr(f"netsim.reporting.{module}.sections", lambda: section)
    done = netsim("report", run, "--index", 7, "--limit", 20, "--out", "seventh.html")
    assert (done.code, done.err) == (0, "")
    assert ">presentation 7<" in Path("seventh-figures/raster.svg").read_text(encoding="utf-8")
    assert "Every spike of presentation 7," in Path("seventh.html").read_text(encoding="utf-8")


def test_damaged_metrics_are_named_once(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pictures", "page"):
        monkeypatch.setattr(f"netsim.reporting.{module}.sections", lambda: {"Training": ["learning"]})
    text = (run / "metrics.csv").read_text()
    (run / "metrics.csv").write_text(text[:-20])
    done = netsim("report", run, "--limit", 20)
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.endswith("metrics.csv: is damaged (a row is incomplete); restore it from a copy, or train again")
    netsim("plot", "learning", run).refused("metrics.csv: is damaged")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("report nosuch", ["nosuch", "neither"]),
        ("report RUN --out report.pdf", ["report.pdf", ".html"]),
        ("report RUN --split train", ["--split", "'test', 'validation'"]),
        ("report RUN --index 360", ["--index 360", "0 to 359"]),
        ("report RUN --dt 17", ["--dt", "encoding window"]),
        ("report RUN --dataset mnst", ["mnst", "did you mean 'mnist'"]),
        ("report RUN --out folder.html", ["folder.html", "is a folder"]),
        ("report RUN --out network.toml/a.html", ["network.toml", "cannot be created"]),
    ],
)
def test_bad_input(netsim: Netsim, run: Path, arguments: str, words: list[str]) -> None:
    (run / "folder.html").mkdir()
    os.chdir(run)
    before = sorted(run.rglob("*"))
    netsim(*arguments.replace("RUN", str(run)).split()).refused(*words)
    assert sorted(run.rglob("*")) == before
