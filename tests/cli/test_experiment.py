"""Experiments from the command line: the list, files, a plug-in, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsim.seams import experiments

Netsim = Callable[..., Any]
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "experiments.md"
TINY = ["afferents=10", "epochs=10", "loads=[0.5,1.0]", "windows=[100.0]", "steps=[16.0]", "shapes=['triangle']"]
SETTINGS = [word for setting in TINY for word in ("--set", setting)]


def test_the_list_has_question_and_duration(netsim: Netsim) -> None:
    shown = netsim("experiment").out
    listed = netsim("experiment", "--json").json()["experiments"]
    assert [each["experiment"] for each in listed] == list(experiments)
    for each in listed:
        assert each["question"] in shown
        assert each["duration"] in shown


def test_an_experiment_writes_its_files(netsim: Netsim) -> None:
    done = netsim("experiment", "tempotron", "--quick", "--seeds", 2, *SETTINGS)
    assert (done.code, done.err) == (0, "")
    assert "not reproduced: Fewer than 5 seeds are no evidence." in done.out
    folder = Path("experiments/tempotron-quick")
    for name in ("results.csv", "results.parquet", "tempotron.png", "page.md", "page.html", "experiment.json"):
        assert (folder / name).is_file()
        assert str(folder / name) in done.out
    netsim("experiment", "tempotron", "--quick", "--seeds", 2, *SETTINGS).refused("exists already", "--resume")
    again = netsim("experiment", "tempotron", "--quick", "--seeds", 2, *SETTINGS, "--resume", "--json").json()
    assert len(again["rows"]) == 2 * 2 * 2
    assert again["verdict"]["outcome"] == "not reproduced"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dal",), "experiment 'dal': is not known; did you mean 'dale'?"),
        (("dale", "--set", "depth=[2]"), "setting depth: is not known; did you mean 'depths'?"),
        (("dale", "--set", "depths"), "--set depths: must be KEY=VALUE"),
        (("dale", "--set", "epochs=many"), "setting epochs: must be a whole number, not 'many'"),
        (("--quick",), "--quick: needs an experiment"),
        (("dale", "--seeds", "0"), "--seeds"),
        (("dale", "--data-dir", "nowhere"), "nowhere"),
        (("dale", "--workers", "2", "--scheduler", "tls://here:1"), "--workers: has no meaning with --scheduler"),
    ],
)
def test_bad_input_is_one_line(netsim: Netsim, arguments: tuple[str, ...], words: str) -> None:
    netsim("experiment", *arguments).refused(words)
    assert not list(Path().rglob("results.csv"))


def test_the_experiment_of_the_page(netsim: Netsim) -> None:
    for kind, suffix in (("python", "py"), ("markdown", "md")):
        (*_, text) = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text("utf-8"), re.S)
        Path(f"jitter.{suffix}").write_text(text, encoding="utf-8")
    done = netsim("experiment", "jitter", "--plugin", "jitter.py", "--quick", "--seeds", 5, "--out", "here")
    assert (done.code, done.err) == (0, "")
    assert "\nreproduced: A quick run is no evidence. At 2 ms the accuracy is" in done.out
    record = json.loads(Path("here/experiment.json").read_text(encoding="utf-8"))
    assert [(each["seam"], each["name"]) for each in record["plugins"]] == [("experiment", "jitter")]
    assert record["plugins"][0]["sha256"]
    page = Path("here/page.md").read_text("utf-8")
    assert "The preset `yin-yang`." in page
    assert "The first 50 test stimuli" in page
    table = pd.DataFrame({"jitter": [2.0, 2.0], "accuracy": [0.9, 1.0]})
    (row,) = experiments["jitter"]().results(table).rows
    assert row == ("2", "95.0 [31.5, 100.0]")


def test_a_notebook_is_written_and_nothing_is_run(netsim: Netsim) -> None:
    done = netsim("experiment", "tempotron", "--quick", "--notebook", "mine.ipynb", "--set", "epochs=10")
    assert done.out.strip() == "mine.ipynb"
    assert "'epochs': 10" in Path("mine.ipynb").read_text("utf-8")
    assert "settings=settings, seeds=5)" in Path("mine.ipynb").read_text("utf-8")
    assert [path.name for path in Path().iterdir()] == ["mine.ipynb"]
    netsim("experiment", "tempotron", "--notebook", "mine.ipynb").refused("mine.ipynb: exists already")
    netsim("experiment", "tempotron", "--notebook", "mine.txt").refused("mine.txt: is no name of a notebook; end it")
    done = netsim("experiment", "tempotron", "--seeds", 3, "--notebook", "three.ipynb", "--json")
    assert done.json() == {"experiment": "tempotron", "files": ["three.ipynb"]}
    assert "settings=settings, seeds=3)" in Path("three.ipynb").read_text("utf-8")
    for option in (["--out", "here"], ["--resume"], ["--workers", 2], ["--data-dir", "."]):
        refused = f"{option[0]}: has no meaning with --notebook"
        netsim("experiment", "tempotron", "--notebook", "more.ipynb", *option).refused(refused)
    netsim("experiment", "--notebook", "mine.ipynb").refused("--notebook: needs an experiment")
