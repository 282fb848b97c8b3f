"""Studies from the command line: files, record, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from netsim.cli.studying import print_comparison, print_levels
from netsim.seams import studies
from netsim.specification.toml import network_from_dict, read_network

Netsim = Callable[..., Any]

OWN = """
from netsim.studies.study import PROJECTIONS, NetworkStudy

@NetworkStudy("weight-decay", "weights shrink (level: fraction)", "lost", (0, 0.5), random=False, scope=PROJECTIONS)
def decay(condition):
    return condition.change_kernels(lambda kernel: (1 - condition.level) * kernel)
"""


@pytest.mark.usefixtures("blank_figures")
def test_studies_of_other_packages(netsim: Netsim, run: Path, install: Callable[..., None]) -> None:
    install(studies, "weight-decay", OWN)
    shown = " ".join(netsim("study", "--help").out.split())
    assert "• weight-decay: weights shrink (level: fraction) Files are" in shown
    done = netsim("study", "weight-decay", run, "--limit", 20, "--layer", "output", "--out", "here", "--json").json()
    assert [row["level"] for row in done["rows"]] == [None, 0.0, 0.5]
    assert done["rows"][2]["latency_difference_ms"] > 0
    assert done["disturbance"] == "weights shrink (level: fraction)"
    assert [(plugin["seam"], plugin["name"], plugin["version"]) for plugin in done["plugins"]] == [
        ("study", "weight-decay", "1.2")
    ]
    assert Path("here/weight-decay-output.svg").exists()
    netsim("study", "weight-decays", run).refused("did you mean 'weight-decay'?")


@pytest.mark.usefixtures("blank_figures")
def test_the_file_of_a_study_is_recorded_with_its_checksum(netsim: Netsim, run: Path) -> None:
    Path("decay.py").write_text(OWN, encoding="utf-8")
    done = netsim("study", "weight-decay", run, "--plugin", "decay.py", "--limit", 20, "--out", "here", "--json").json()
    (plugin,) = done["plugins"]
    assert plugin["sha256"] == hashlib.sha256(Path("decay.py").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["spatial-jitter", "threshold-heterogeneity", "time-step", "early-readout"])
def test_studies_of_a_run(netsim: Netsim, run: Path, name: str) -> None:
    seeds = ["--seeds", 2] if studies[name].random else []
    done = netsim("study", name, run, "--limit", 40, *seeds)
    assert (done.code, done.err) == (0, "")
    files = [str(run / "studies" / f"{name}.{suffix}") for suffix in ("csv", "png", "svg", "json")]
    assert done.out.splitlines()[-4:] == files
    frame = pd.read_csv(files[0])
    assert set(frame["kind"]) == {name}
    assert set(frame["presentations"]) == {40}
    if name != "early-readout":
        assert frame["level"].nunique() == len(studies[name].levels)
    assert (plt.imread(files[1])[..., :3].min(axis=2) < 0.9).sum() > 300
    assert "</svg>" in Path(files[2]).read_text(encoding="utf-8")
    assert not plt.get_fignums()


@pytest.mark.usefixtures("blank_figures")
def test_disturbances_harm(netsim: Netsim, run: Path) -> None:
    """On a trained network, the accuracy falls from the undisturbed one towards chance."""
    undisturbed = netsim("evaluate", run, "--json").json()["strict_accuracy"]
    for name, levels in (
        ("spike-deletion", (0, 0.4, 0.9)),
        ("weight-noise", (0, 1, 4)),
        ("lesion-neurons", (0, 0.5, 1)),
    ):
        options = [part for level in levels for part in ("--level", level)]
        done = netsim("study", name, run, *options, "--seeds", 2, "--limit", 360, "--json")
        rows = pd.DataFrame(done.json()["rows"])
        accuracy = rows[rows["condition"] == "disturbed"].groupby("level")["strict_accuracy"].mean().tolist()
        assert accuracy == sorted(accuracy, reverse=True)
        assert accuracy[0] == undisturbed > 0.7
        assert accuracy[-1] < 0.5


@pytest.mark.usefixtures("blank_figures")
def test_the_record_says_what_was_simulated(netsim: Netsim, run: Path) -> None:
    done = netsim(
        "study", "delay-jitter", run, "--level", 2, "--layer", "output", "--layer", "all", "--seeds", 2, "--seed", 7,
        "--limit", 20, "--dt", 0.5, "--out", "here", "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    printed = done.json()
    record = json.loads(Path("here/delay-jitter-output-all.json").read_text(encoding="utf-8"))
    assert printed.pop("files") == [
        f"here/delay-jitter-output-all.{suffix}" for suffix in ("csv", "png", "svg", "json")
    ]
    rows = printed.pop("rows")
    assert printed == record
    assert record["kind"] == "delay-jitter"
    assert record["levels"] == [2.0]
    assert record["seeds"] == [7, 8]
    assert record["layers"] == {"output": ["output"], "all": ["hidden", "output"]}
    assert (record["engine"], record["dt_ms"], record["split"], record["presentations"]) == ("event", 0.5, "test", 20)
    assert record["weights"] == "run"
    assert record["command"][:3] == ["netsim", "study", "delay-jitter"]
    network = network_from_dict(record["network"])
    assert network.populations == read_network(run / "network.toml").populations
    assert len(rows) == 1 + 2 * (2 + 1)
    frame = pd.read_csv("here/delay-jitter-output-all.csv")
    assert frame["latency_difference_ms"].tolist() == [row["latency_difference_ms"] for row in rows]
    assert [row["seed"] for row in rows if row["condition"] == "disturbed"] == [7, 8, 7, 8]


@pytest.mark.usefixtures("blank_figures")
def test_the_record_of_a_study_of_time_steps_names_no_step_of_its_own(netsim: Netsim, run: Path) -> None:
    """The levels are the steps; that of the run is simulated at none of them."""
    record = netsim("study", "time-step", run, "--level", 0.5, "--limit", 5, "--out", "here", "--json").json()
    assert record["levels"] == [0.5]
    assert record["dt_ms"] is None
    assert read_network(run / "network.toml").training.dt == 1.0


@pytest.mark.usefixtures("blank_figures")
def test_another_layer_leaves_the_table_of_the_former(netsim: Netsim, run: Path) -> None:
    options = ("--level", 0.5, "--seeds", 1, "--limit", 5, "--out", "here")
    for layers in ((), ("hidden",), ("output", "all")):
        chosen = [part for layer in layers for part in ("--layer", layer)]
        done = netsim("study", "lesion-neurons", run, *chosen, *options)
        stem = "-".join(["lesion-neurons", *layers])
        assert done.out.splitlines()[-4:] == [f"here/{stem}.{suffix}" for suffix in ("csv", "png", "svg", "json")]
        assert set(pd.read_csv(f"here/{stem}.csv")["layer"].dropna()) == set(layers or ["all"])
    assert len(os.listdir("here")) == 3 * 4


@pytest.mark.usefixtures("blank_figures")
def test_the_accuracy_is_printed_with_its_interval(netsim: Netsim, run: Path) -> None:
    done = netsim("study", "lesion-neurons", run, "--level", 0.5, "--seeds", 2, "--limit", 20, "--out", "here")
    last = pd.read_csv("here/lesion-neurons.csv").iloc[-1]
    assert f"{last['low']:.2%} to {last['high']:.2%}" in done.out


@pytest.mark.usefixtures("blank_figures")
def test_a_preset_without_training_and_parquet(netsim: Netsim) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow, the extra 'parquet'")
    done = netsim("study", "weight-bits", "digits", "--limit", 10, "--parquet", "--level", 3)
    assert done.code == 0
    assert "initial weights of seed 0" in done.err
    ours, theirs = pd.read_csv("studies-digits/weight-bits.csv"), pd.read_parquet("studies-digits/weight-bits.parquet")
    assert ours["strict_accuracy"].tolist() == theirs["strict_accuracy"].tolist()
    assert str(theirs["condition"].dtype) == "category"


def test_parquet_without_pyarrow_is_refused_at_once(netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    netsim("study", "weight-noise", run, "--parquet").refused("weight-noise.parquet", "pip install pyarrow")
    assert not (run / "studies").exists()


def test_each_group_has_its_own_number_of_networks(capsys: pytest.CaptureFixture[str]) -> None:
    shared = {"condition": "disturbed", "layer": None, "level": 0.5, "strict_accuracy": 0.9, "low": 0.8, "high": 1.0}
    shared |= {"same_decisions": 0.9, "latency_difference_ms": 2.25, "latency_change_ms": 0.11}
    members = [("one", "a"), ("three", "b"), ("three", "c"), ("three", "d")]
    print_levels(pd.DataFrame([{"group": group, "network": name, **shared} for group, name in members]))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows if row and row[0] in ("one", "three")] == [["one", "1"], ["three", "3"]]
    assert all(row[-2:] == ["+0.11", "ms"] for row in rows if row and row[0] in ("one", "three"))


def test_a_comparison_shows_the_false_discovery_rate(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"measure": "accuracy", "networks": 3, "against_networks": 3, "difference": 0.1, "low": 0.0, "high": 0.2}
    print_comparison(pd.DataFrame([{**row, "effect": 1.0, "p": 0.011, "q": 0.044}]))
    shown = capsys.readouterr().out
    assert "0.044" in shown
    assert "0.011" not in shown


@pytest.mark.usefixtures("blank_figures")
def test_several_networks_count_once_each(netsim: Netsim, run: Path) -> None:
    for seed in (1, 2):
        netsim("train", "digits", "--limit", 40, "--epochs", 1, "--seed", seed, "--out", f"more{seed}")
    shared = ["--level", 0.3, "--seeds", 2, "--limit", 20]
    done = netsim("study", "spike-deletion", "run", "more1", "--against", "more2", *shared, "--json")
    assert (done.code, done.err) == (0, "")
    rows, compared = pd.DataFrame(done.json()["rows"]), pd.DataFrame(done.json()["comparison"])
    assert rows["network"].unique().tolist() == ["run", "more1"]
    assert set(compared["networks"]) == {2}
    assert set(compared["against_networks"]) == {1}
    assert Path("studies-networks/spike-deletion-comparison.csv").is_file()
    nested = pd.read_csv("studies-networks/spike-deletion-networks.csv")
    assert {"sd_networks", "sd_draws", "sd_stimuli", "low", "high"} <= set(nested.columns)
    assert set(nested["networks"]) == {2}
    lost = nested[(nested["measure"] == "accuracy_change") & (nested["condition"] == "disturbed")]
    disturbed = rows[rows["condition"] == "disturbed"].groupby("network")["strict_accuracy"].mean()
    before = rows[rows["condition"] == "undisturbed"].set_index("network")["strict_accuracy"]
    assert lost["mean"].item() == pytest.approx((disturbed - before).mean())
    assert pd.read_csv("studies-networks/spike-deletion-against.csv")["network"].unique().tolist() == ["more2"]
    record = json.loads(Path("studies-networks/spike-deletion.json").read_text(encoding="utf-8"))
    names = {group: [each["subject"] for each in record[group]] for group in ("networks", "against")}
    assert names == {"networks": ["run", "more1"], "against": ["more2"]}
    Path("blocked/spike-deletion-networks.csv").mkdir(parents=True)
    netsim("study", "spike-deletion", "run", "more1", *shared, "--out", "blocked").refused("is a folder")
    assert [path.name for path in Path("blocked").iterdir()] == ["spike-deletion-networks.csv"]  # all or none
    first, _, second = netsim("study", "spike-deletion", "run", "--against", "more2", *shared).out.partition("against:")
    assert first.count(" disturbed ") == second[: second.index("measure")].count(" disturbed ") == 1
    assert "networks" in netsim("study", "spike-deletion", "run", "more1", *shared).out
    tables = {path.name for path in Path("studies-networks").glob("*.csv")}
    assert tables == {"spike-deletion.csv", "spike-deletion-networks.csv"}  # none of the study before
    done = netsim("analyse", "sparseness", "run", "more1", "more2", "--limit", 20)
    assert (done.code, done.err) == (0, "")
    summary = pd.read_csv("analysis-networks/sparseness-networks.csv")
    assert set(summary["networks"]) == {3}
    assert pd.read_csv("analysis-networks/sparseness.csv")["network"].nunique() == 3
    shutil.copytree("run", "copy")
    netsim("study", "spike-deletion", "run", "copy", *shared).refused("copy: has the same weights as run")
    netsim("analyse", "sparseness", "run", "copy").refused("copy: has the same weights as run")
    netsim("analyse", "comparison", "run", "more1", "--against", "more2").refused("--against initial")
