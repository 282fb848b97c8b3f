"""What each command answers when all is well."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim import Dense, IntensityEncoder, Network, Population, Projection, open_run, write_network
from netsim.data import loading
from netsim.measuring import comparison
from netsim.measuring.metrics import wilson_interval

Netsim = Callable[..., Any]

FIGURES = {
    "accuracy",
    "strict_accuracy",
    "tie_rate",
    "silent_rate",
    "mean_decision_latency_ms",
    "spikes_per_presentation",
    "synaptic_operations_per_presentation",
    "presentations",
    "seconds",
}


def test_models(netsim: Netsim) -> None:
    presets = {row["name"]: row for row in netsim("models", "--json").json()["presets"]}
    assert {"digits", "mlp-mnist", "rcsnn-mnist", "bcsnn-mnist", "rcsnn-fashion", "bcsnn-fashion"} <= set(presets)
    assert {"rcsnn-mnist-free", "rcsnn-fashion-free"} <= set(presets)
    assert presets["bcsnn-mnist"]["weights"] == "binary"
    assert presets["rcsnn-mnist-free"]["regime"] == "free"
    table = netsim("models").out
    for row in presets.values():
        assert row["name"] in table
        assert "".join(row["architecture"].split()) in "".join(table.split())  # long ones continue below


def test_an_evaluation_shows_costs_on_request_and_explains_silence(netsim: Netsim, tmp_path: Path) -> None:
    with_costs = netsim("evaluate", "digits", "--limit", "5", "--costs").out
    assert "costs, as NeuroBench defines them" in with_costs
    silent = tmp_path / "silent.toml"
    settings = ("layers.hidden.neurons.threshold=4000", "learning.fitted=false")
    netsim(
        "new", str(silent.with_suffix("")), "--from", "digits", *(word for each in settings for word in ("--set", each))
    )
    done = netsim("evaluate", str(silent), "--limit", "5")
    assert "NeuroBench" not in done.out
    assert "hidden: no neuron fires; set learning.fitted = true" in done.err
    assert "or raise initial." in done.err


def test_operations_of_all_projections_onto_a_layer_are_shown(netsim: Netsim) -> None:
    ends = [("stimulus", "hidden"), ("hidden", "output"), ("stimulus", "output")]
    projections = tuple(Projection(source, target, Dense()) for source, target in ends)
    populations = (Population("hidden", (20,)), Population("output", (10,)))
    write_network(Network("skip", IntensityEncoder((8, 8, 1), 16.0), populations, projections, 64.0), "skip.toml")
    answer = netsim("evaluate", "skip.toml", "--limit", 5, "--json").json()["synaptic_operations_per_presentation"]
    assert answer["stimulus_to_output"] > 0
    rows = map(str.split, netsim("evaluate", "skip.toml", "--limit", 5).out.splitlines())
    (row,) = (row for row in rows if row[:1] == ["output"] and len(row) == 3)
    assert row[-1] == f"{answer['output'] + answer['stimulus_to_output']:,.0f}"


def test_data(netsim: Netsim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETSIM_DATA", str(tmp_path))
    places = netsim("data", "--json").json()
    assert places["digits"][0]["found"] is True
    assert places["mnist"][0]["origin"] == "NETSIM_DATA"
    assert places["mnist"][0]["found"] is False
    assert netsim("data", "digits").code == 0
    done = netsim("data", "mnist", "--data-dir", tmp_path)
    assert done.code == 1
    assert "--fetch" in done.err


def test_data_are_fetched_into_the_given_folder(
    netsim: Netsim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetched = []
    monkeypatch.setattr(loading, "fetch", lambda name, folder, on_progress: fetched.append((name, folder)))
    netsim("data", "mnist", "--fetch", "--data-dir", tmp_path)
    netsim("data", "mnist", "--fetch")
    assert fetched == [("mnist", tmp_path / "mnist"), ("mnist", None)]


def test_train_evaluate_simulate_compare(netsim: Netsim, no_leftovers: Callable[[Path], None]) -> None:
    done = netsim("train", "digits", "--epochs", 3, "--limit", 400, "--out", "run", "--json")
    assert done.code == 0, done.err
    trained = done.json()
    assert trained["run"] == "run"
    assert trained["epochs"] == 3
    assert trained["validation_accuracy"] > 0.7
    assert {"network.toml", "run.json", "metrics.csv", "best.npz", "checkpoint.npz"} <= set(os.listdir("run"))
    record = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert record["limit"] == record["training"] == 400
    assert record["validation"] == 80
    assert record["command"][:3] == ["netsim", "train", "digits"]

    done = netsim("evaluate", "run", "--json")
    figures = done.json()
    assert set(figures) >= FIGURES
    assert figures["presentations"] == 360
    assert 0.7 < figures["strict_accuracy"] <= figures["accuracy"] <= 1
    assert figures["spikes_per_presentation"].keys() == {"stimulus", "hidden", "output"}
    assert figures["synaptic_operations_per_presentation"].keys() == {"hidden", "output"}
    assert 48 <= figures["mean_decision_latency_ms"] < 128
    assert sum(map(sum, figures["confusion"])) == 360
    assert json.loads(Path("run/evaluation-test.json").read_text(encoding="utf-8")) == figures
    validation = netsim("evaluate", "run", "--split", "validation", "--json").json()
    assert validation["presentations"] == 180
    assert Path("run/evaluation-validation.json").exists()
    shown = netsim("evaluate", "run").out
    low, high = wilson_interval(np.array(figures["strict_accuracy"]), 360)
    assert f"{low:.2%} to {high:.2%}" in shown
    assert figures["read_outs"] == {"strict": figures["strict_accuracy"]}

    done = netsim("simulate", "run", "--index", 3, "--index", 7, "--record", "hidden:5", "--json")
    result = done.json()
    assert [row["index"] for row in result["presentations"]] == [3, 7]
    written = {Path(path).name for path in result["files"]}
    assert {"simulation.json", "spikes.csv", "potentials.csv", "raster-3.png", "raster-7.png"} <= written
    with open("run/simulation/spikes.csv", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["presentation", "label", "layer", "channel", "y", "x", "neuron", "latency_ms"]
    assert {row["presentation"] for row in rows} == {"3", "7"}
    assert {row["layer"] for row in rows} == {"stimulus", "hidden", "output"}
    for row in result["presentations"]:
        mine = [spike for spike in rows if spike["presentation"] == str(row["index"])]
        assert len(mine) == row["spikes"]
        first = min((float(s["latency_ms"]), int(s["neuron"])) for s in mine if s["layer"] == "output")
        assert first == (row["decision_latency_ms"], row["decision"])
    assert Path("run/simulation/raster-3.png").read_bytes().startswith(b"\x89PNG")

    done = netsim("compare", "run", "--limit", 10, "--json")
    assert done.code == 0, done.err
    assert done.json()["agreement"] == 1
    no_leftovers(Path())


def test_training_on_brian2_gives_the_same_weights(netsim: Netsim) -> None:
    for engine in ("brian2", "event"):
        done = netsim("train", "digits", "--engine", engine, "--epochs", 1, "--limit", 60, "--out", engine, "--json")
        assert done.code == 0, done.err
        assert done.json()["epochs"] == 1  # nothing but the object on stdout
    weights = [np.load(f"{engine}/best.npz") for engine in ("brian2", "event")]
    for name in weights[0].files:
        np.testing.assert_allclose(weights[0][name], weights[1][name], rtol=1e-9, atol=1e-12)
    done = netsim("evaluate", "event", "--engine", "brian2", "--limit", 20, "--read-out", "all", "--json")
    ours = netsim("evaluate", "event", "--limit", 20, "--read-out", "all", "--json").json()
    theirs = done.json()
    assert theirs["engine"] == "brian2"
    for figure in FIGURES - {"seconds"}:
        assert theirs[figure] == ours[figure]


def test_read_outs_stand_beside_each_other(netsim: Netsim, run: Path) -> None:
    shown = netsim("evaluate", run, "--read-out", "all", "--limit", 20)
    assert "the highest potential at the end of the output window" in shown.out
    chosen = netsim("evaluate", run, "--read-out", "plain", "--read-out", "potential", "--json")
    kept = json.loads((run / "evaluation-test.json").read_text())
    assert list(chosen.json()["read_outs"]) == ["plain", "potential"] == list(kept["read_outs"])
    assert "tie-with-label: a tie with the label is correct" in netsim("evaluate", "--help").out
    refused = netsim("evaluate", run, "--read-out", "potentail")
    assert refused.code == 1
    assert "--read-out: 'potentail' is not known; did you mean 'potential'?" in refused.err


def test_a_partial_evaluation_does_not_replace_a_whole_one(netsim: Netsim, run: Path) -> None:
    assert "saved in" in netsim("evaluate", run).err
    kept = (run / "evaluation-test.json").read_bytes()
    for options in (["--limit", 10], ["--dt", 2]):
        done = netsim("evaluate", run, *options)
        assert "not saved" in done.err
        assert (run / "evaluation-test.json").read_bytes() == kept


def test_an_evaluation_of_former_weights_is_removed(netsim: Netsim) -> None:
    """A resumed training that finds better weights removes it; one that keeps the best weights keeps it."""
    train = ("train", "digits", "--limit", 60, "--out", "run")
    netsim(*train, "--epochs", 1)
    evaluated = netsim("evaluate", "run", "--json").json()
    checksum = hashlib.sha256(Path("run/best.npz").read_bytes()).hexdigest()
    assert (evaluated["epoch"], evaluated["weights_sha256"]) == (1, checksum)
    longer = netsim(*train, "--epochs", 3, "--resume")
    removed = "run/evaluation-test.json: removed, because training has changed the weights; evaluate the run again"
    assert longer.err.count(removed) == 1
    assert not Path("run/evaluation-test.json").exists()
    folder = open_run("run")
    epoch = netsim("evaluate", "run", "--json").json()["epoch"]
    assert epoch > 1
    assert epoch == folder.weights_of_epoch(folder.network())[1]
    assert folder.remove_stale_evaluations() == []
    assert Path("run/evaluation-test.json").exists()


def test_a_limit_above_the_data_is_all_of_it(netsim: Netsim, run: Path) -> None:
    assert netsim("evaluate", run, "--limit", 100_000, "--json").json()["presentations"] == 360


def test_a_folder_of_idx_files_and_names_that_are_not_ascii(
    netsim: Netsim, idx_folder: Callable[..., Path], digits_toml: str
) -> None:
    folder = idx_folder("bilder für übung")
    Path("größe.toml").write_text(digits_toml, encoding="utf-8")
    done = netsim("train", "größe.toml", "--dataset", folder, "--epochs", 1, "--limit", 20, "--out", "läufe/eins")
    assert done.code == 0, done.err
    figures = netsim("evaluate", "läufe/eins", "--json").json()
    assert figures["presentations"] == 40
    assert figures["dataset"] == str(folder)


def test_a_run_can_be_used_from_another_folder(
    netsim: Netsim, idx_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx_folder("images")
    done = netsim("train", "digits", "--dataset", "images", "--epochs", 1, "--limit", 20, "--out", "run")
    assert done.code == 0, done.err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert netsim("evaluate", "../run", "--json").json()["presentations"] == 40
    assert netsim("simulate", "../run").code == 0
    assert (tmp_path / "run/simulation/spikes.csv").exists()


def test_initial_weights_come_from_the_seed(netsim: Netsim, digits_toml: str) -> None:
    Path("own.toml").write_text(digits_toml, encoding="utf-8")
    first, second, other = (
        netsim("evaluate", "own.toml", "--seed", seed, "--limit", 20, "--json") for seed in (1, 1, 2)
    )
    assert "no trained weights" in first.err
    assert first.json()["confusion"] == second.json()["confusion"]
    assert first.json()["spikes_per_presentation"] != other.json()["spikes_per_presentation"]


def test_engines_are_compared_on_the_grid_that_is_asked_for(netsim: Netsim, run: Path) -> None:
    for options, dt in (((), 1.0), (("--dt", 2), 2.0)):
        done = netsim("compare", run, "--limit", 2, *options, "--json")
        assert done.code == 0, done.err
        assert done.json()["dt_ms"] == dt


def test_engines_that_disagree_are_an_error(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_step_differences", lambda ours, theirs, dt: np.ones_like(ours))
    done = netsim("compare", run, "--limit", 3, "--json")
    assert done.code == 1
    assert done.json()["agrees"] is False
    assert len(done.err.splitlines()) == 1
    assert "99.99%" in done.err


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "netsim", "train", "nosuch"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("netsim: nosuch: ")
    assert len(done.stderr.splitlines()) == 1


def test_no_output_spike_is_no_number(netsim: Netsim, digits_toml: str) -> None:
    Path("silent.toml").write_text(
        digits_toml.replace("duration = 128.0", "duration = 49.0").replace("end = 128.0", "end = 49.0"),
        encoding="utf-8",
    )
    figures = netsim("evaluate", "silent.toml", "--limit", 5, "--json").json()
    assert figures["silent_rate"] == 1
    assert figures["mean_decision_latency_ms"] is None
    assert not any(isinstance(value, float) and math.isnan(value) for value in figures.values())
