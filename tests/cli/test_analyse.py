"""``netsim analyse``: tables and figures of presets and files, comparisons, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import netsim as netsim_package
from netsim.cli import app
from netsim.errors import DataError, NetsimError
from netsim.files import file_sha256

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    done = RUNNER.invoke(app, ["analyse", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_words_as_labels_and_later_spikes_of_a_file_are_noted() -> None:
    rows = [f"{number},{'go' if number % 2 else 'stop'},0,{number % 5}" for number in range(40)]
    Path("own.csv").write_text(
        "\n".join(["presentation,label,neuron,latency_ms", *rows, "39,go,0,9"]), encoding="utf-8"
    )
    done = RUNNER.invoke(app, ["analyse", "selectivity", "own.csv", "--out", "own-table.csv"])
    assert done.exit_code == 0, done.output
    assert "own.csv: tables number the labels: 0 go, 1 stop\n" in done.stderr
    assert "1 of 41 spikes of spikes are not the first of their neuron" in done.stderr


def test_a_preset_gives_table_and_figure() -> None:
    shown = run("rank-order", "digits", "--limit", "40", "--layer", "output", "--palette", "Set2")
    assert "within" in shown
    folder = Path("analysis-digits")
    assert sorted(path.name for path in folder.iterdir()) == [
        f"rank-order-output.{s}" for s in ("csv", "json", "png", "svg")
    ]
    record = json.loads((folder / "rank-order-output.json").read_text())
    said = {"kind": "rank-order", "limit": 40, "layers": ["output"], "seed": 0, "weights": "initial", "split": "test"}
    assert record | said == record
    assert record["network"]["name"] == record["subject"] == "digits"
    assert "numpy" in record["versions"]
    assert pd.read_csv(folder / "rank-order-output.csv")["pairs"].iloc[0] == 40 * 39 / 2


def test_settings_and_json() -> None:
    answer = json.loads(run("psth", "digits", "--limit", "9", "--set", "bin_ms=64", "--out", "a/psth.csv", "--json"))
    assert answer["files"] == ["a/psth.csv"]
    assert answer["rows"] == len(answer["table"]) == len(pd.read_csv("a/psth.csv"))
    assert {row["time_ms"] for row in answer["table"]} == {0.0, 64.0}


@pytest.mark.usefixtures("blank_figures")
def test_a_file_of_spikes_is_analysed_and_compared() -> None:
    RUNNER.invoke(app, ["export", "digits", "spikes.nwb", "--to", "nwb", "--limit", "12"], catch_exceptions=False)
    run("synchrony", "spikes.nwb", "--layer", "hidden", "--out", "file.csv", "--out", "file.json")
    assert json.loads(Path("file.json").read_text(encoding="utf-8"))["sha256"] == file_sha256(Path("spikes.nwb"))
    run("synchrony", "digits", "--limit", "12", "--layer", "hidden", "--out", "model.csv")
    columns = ["pairs", "coincidence", "across"]
    pd.testing.assert_frame_equal(pd.read_csv("file.csv")[columns], pd.read_csv("model.csv")[columns])
    run("comparison", "digits", "--limit", "12", "--against", "spikes.nwb", "--out", "same.csv")
    assert (pd.read_csv("same.csv")["difference"].abs() < 1e-9).all()


@pytest.mark.usefixtures("blank_figures")
def test_a_lesion_and_the_weights_before_learning() -> None:
    run("comparison", "digits", "--limit", "20", "--against", "lesion-neurons=1", "--out", "lesion.csv")
    table = pd.read_csv("lesion.csv").set_index(["layer", "measure"])
    assert table.loc[("hidden", "fired"), "against"] == 0
    train = ["train", "digits", "--limit", "100", "--epochs", "1", "--out", "run"]
    RUNNER.invoke(app, train, catch_exceptions=False)
    run("comparison", "run", "--limit", "50", "--against", "initial", "--out", "learned.csv")
    learned = pd.read_csv("learned.csv").set_index(["layer", "measure"])["difference"]
    assert learned["output", "correct"] > 0
    run("importance", "run", "--limit", "10", "--set", "units=2")
    assert len(pd.read_csv("run/analysis/importance.csv")) == 2


@pytest.mark.parametrize("subjects", [("digits",), ("digits", "yin-yang")])
@pytest.mark.parametrize(
    ("option", "message"),
    [(("--out", "file/psth.png"), "file: cannot be created"), (("--palette", "nosuch"), "palette 'nosuch'")],
)
def test_files_that_cannot_be_written_are_noticed_before_the_analysis(
    subjects: tuple[str, ...], option: tuple[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").touch()
    monkeypatch.setattr("netsim.cli.analysing.analyse_by_name", lambda *_, **__: pytest.fail("analysed"))
    done = RUNNER.invoke(app, ["analyse", "psth", *subjects, *option])
    assert isinstance(done.exception, NetsimError)
    assert message in str(done.exception)


@pytest.mark.usefixtures("blank_figures")
def test_names_keep_their_dots() -> None:
    spikes = netsim_package.present("digits", limit=5)
    for day in (1, 2):
        netsim_package.export(spikes, f"rec.day{day}.csv")
        run("psth", f"rec.day{day}.csv", "--layer", "hidden")
    assert {path.name for path in Path().glob("analysis-*")} == {"analysis-rec.day1", "analysis-rec.day2"}


def test_the_figure_of_several_networks_is_as_wide_as_told() -> None:
    out = ["--out", "figure.one.svg", "--out", "table.one.csv.gz"]
    run("sparseness", "digits", "yin-yang", "--limit", "5", "--width", "page", *out)
    assert 'width="510' in Path("figure.one.svg").read_text(encoding="utf-8")  # points
    assert Path("table.one-networks.csv").is_file()


@pytest.mark.usefixtures("blank_figures")
def test_the_table_lies_next_to_a_figure_that_is_named(netsim: Callable[..., Any], run: Path) -> None:
    assert netsim("analyse", "psth", run, "--limit", 20, "--out", "a.png").code == 0
    assert {path.name for path in Path().glob("a.*")} == {"a.png", "a.csv"}
    assert Path("a.csv").read_text(encoding="utf-8").startswith("layer,")
    netsim("analyse", "psth", run, "--limit", 20, "--out", "b.svg", "--out", "c.parquet")
    netsim("analyse", "psth", run, "--limit", 20, "--out", "d.csv")
    assert {path.name for path in Path().glob("[bcd].*")} == {"b.svg", "c.parquet", "d.csv"}


def test_spikes_of_no_presentation_are_refused() -> None:
    spikes = netsim_package.present("digits", limit=3).head(0)
    for kind in ("latencies", "psth", "information"):
        with pytest.raises(DataError, match="have no presentations; at least one is needed"):
            netsim_package.analyse(spikes, kind)
