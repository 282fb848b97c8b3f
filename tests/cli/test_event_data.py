"""A data set of tonic through every command that presents stimuli."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsim.models.presets import load_preset
from netsim.specification.toml import dumps_network

Netsim = Callable[..., Any]

TOML = """
name = "cards"
duration = 100.0

[encoder]
kind = "events"
shape = [35, 35, 4]
t_max = 15.0
windows = 2

[[layers]]
name = "output"
rule = "dense"
size = 4
neurons = { regime = "phased", threshold = 1.0, tau = 15.0, onset = 15.0, end = 100.0, drive = 1.0, bias = true }

[learning]
rate = 0.01

[training]
epochs = 12
batch = 4
validation = 4
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.delenv("NETSIM_DATA", raising=False)


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    path = tmp_path / "cards.toml"
    path.write_text(TOML)
    return path


def test_from_training_to_figures(poker: Path, cards: Path, netsim: Netsim, tmp_path: Path) -> None:
    options = ("--dataset", "tonic:POKERDVS", "--data-dir", "data")
    trained = netsim("train", cards, *options, "--out", "run", "--json")
    assert trained.code == 0, trained
    assert trained.json()["epochs"] == 12
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["training"], record["validation"]) == (20, 4)
    assert record["data_dir"] == str(poker)
    network = tomllib.loads((tmp_path / "run" / "network.toml").read_text())
    assert network["training"]["dataset"] == "tonic:POKERDVS"
    assert network["encoder"] == {"kind": "events", "shape": [35, 35, 4], "t_max": 15.0, "windows": 2}

    # from here on the run knows where its data lie
    evaluated = netsim("evaluate", "run", "--json").json()
    assert evaluated["presentations"] == 20
    assert evaluated["strict_accuracy"] > 0.9
    simulated = netsim("simulate", "run", "--index", 0, "--index", 3, "--record", "output:1", "--json").json()
    assert [row["index"] for row in simulated["presentations"]] == [0, 3]
    spikes = pd.read_csv(tmp_path / "run" / "simulation" / "spikes.csv")
    stimulus = spikes[spikes["layer"] == "stimulus"]
    assert set(stimulus["channel"]) == {0, 1, 2, 3}
    assert stimulus["latency_ms"].max() < 15
    assert netsim("plot", "errors", "run").code == 0
    assert netsim("compare", "run", "--limit", 4, "--json").json()["agrees"]
    result = netsim("data", "tonic:POKERDVS", "--data-dir", "data", "--json").json()
    assert result["tonic:POKERDVS"][0]["found"]


def test_resuming_converts_nothing_again(poker: Path, cards: Path, netsim: Netsim) -> None:
    options = ("--dataset", "tonic:POKERDVS", "--data-dir", poker, "--out", "run")
    assert netsim("train", cards, *options).code == 0
    first = sorted(Path("cache/events").iterdir())
    assert netsim("train", cards, *options, "--resume").code == 0
    assert sorted(Path("cache/events").iterdir()) == first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train {cards} --dataset tonic:POKER", ["tonic:POKER", "did you mean 'tonic:POKERDVS'"]),
        (
            "train {cards} --dataset tonic:POKERDVS",
            ["tonic:POKERDVS", "tonic sees no complete data set", "run python"],
        ),
        ("train {cards} --dataset tonic:POKERDVS --data-dir nowhere", ["nowhere: no such folder"]),
        ("train {cards} --dataset tonic:NMNIST --data-dir data", ["data/NMNIST", "NMNIST('DIR', train=True)"]),
        ("train {cards} --dataset digits", ["digits: contains images", 'encoder.kind = "intensity"']),
        ("train digits --dataset tonic:POKERDVS --data-dir data", ['encoder.kind = "events"']),
        (
            "evaluate events.toml --dataset tonic:POKERDVS --data-dir data",
            ["encoder.shape = [35, 35, 2], not [8, 8, 1]"],
        ),
        ("data tonic:POKERDVS --fetch", ["cannot be fetched", "netsim lets tonic download nothing"]),
        ("data POKERDVS", ["POKERDVS: is not a known data set"]),
    ],
)
def test_mistakes_are_one_line(
    arguments: str, words: list[str], poker: Path, cards: Path, netsim: Netsim, tmp_path: Path
) -> None:
    text = dumps_network(load_preset("digits")).replace("[encoder]", '[encoder]\nkind = "events"')
    (tmp_path / "events.toml").write_text(text)
    netsim(*arguments.format(cards=cards).split()).refused(*words)
    assert not (tmp_path / "runs").exists()


def test_the_table_of_places_comes_before_the_remedy(netsim: Netsim) -> None:
    done = netsim("data", "tonic:NMNIST")
    assert done.code == 1
    assert "cache/NMNIST" in done.out
    assert done.err.startswith("netsim: tonic:NMNIST: is not found; netsim lets tonic download nothing; if you want it")
