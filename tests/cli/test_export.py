"""The command `netsim export`, and its files as stimuli of `netsim simulate`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsim.files import file_sha256
from netsim.seams import spike_formats

pytestmark = pytest.mark.usefixtures("blank_figures")

Netsim = Callable[..., Any]
FILES = [(to, f"spikes{known.suffixes[0]}") for to, known in spike_formats.items()]


def _need(to: str) -> None:
    for package in spike_formats[to].packages:
        pytest.importorskip(
            package.partition(">")[0], reason=f"the format {to} needs {package}, of the extra 'exchange'"
        )


def _spikes(folder: str) -> pd.DataFrame:
    return pd.read_csv(f"{folder}/spikes.csv")


@pytest.mark.parametrize(("to", "name"), [(to, name) for to, name in FILES if spike_formats[to].read])
def test_exported_stimuli_give_the_same_spikes(
    to: str, name: str, netsim: Netsim, run: Path, no_leftovers: Callable[[Path], None]
) -> None:
    _need(to)
    chosen = ("--index", 3, "--index", 7)
    done = netsim("export", run, "--to", to, *chosen, "deep/" + name, "--json")
    assert done.code == 0, done.err
    result = done.json()
    beside = spike_formats[to].beside(Path("deep") / name)
    assert result["files"] == ["deep/" + name, *map(str, beside)]
    assert (result["kind"], result["presentations"], result["neurons"]) == (to, 2, 64 + 200 + 10)
    no_leftovers(Path("deep"))

    assert netsim("simulate", run, *chosen, "--out", "ours").code == 0
    done = netsim("simulate", run, "--stimuli", "deep/" + name, "--limit", 2, "--out", "theirs", "--json")
    assert done.code == 0, done.err
    record = done.json()
    assert record["stimuli"] == "deep/" + name
    assert "dataset" not in record
    ours, theirs = _spikes("ours"), _spikes("theirs")
    assert len(ours) == result["spikes"]
    theirs["presentation"] = theirs["presentation"].map({0: 3, 1: 7})
    pd.testing.assert_frame_equal(ours, theirs, rtol=0, atol=1e-6)
    before = json.loads(Path("ours/simulation.json").read_text(encoding="utf-8"))["presentations"]
    for first, second in zip(before, record["presentations"], strict=True):
        for what in ("label", "decision", "tied", "spikes"):
            assert first[what] == second[what]


def test_spikes_of_a_file_are_presented(netsim: Netsim, run: Path) -> None:
    assert netsim("export", run, "--to", "csv", "--index", 3, "--index", 7, "own.csv").code == 0
    done = netsim("export", run, "--to", "csv", "--stimuli", "own.csv", "--limit", 2, "caused.csv")
    assert done.code == 0, done.err
    exported, caused = pd.read_csv("own.csv"), pd.read_csv("caused.csv")
    assert exported["layer"].nunique() == 3
    exported["presentation"] = exported["presentation"].map({3: 0, 7: 1})
    pd.testing.assert_frame_equal(exported, caused)
    record = json.loads(Path("caused.csv.provenance.json").read_text(encoding="utf-8"))
    assert record["stimuli"] == "own.csv"
    assert record["stimuli_sha256"] == file_sha256(Path("own.csv"))
    assert "are these in another unit" not in done.err
    seconds = pd.read_csv("own.csv")
    seconds["latency_ms"] /= 1000
    seconds.to_csv("seconds.csv", index=False)
    done = netsim("export", run, "--to", "csv", "--stimuli", "seconds.csv", "--limit", 2, "early.csv")
    assert "seconds.csv: all spikes come within" in done.err
    assert "latencies are in ms: are these in another unit?" in done.err
    for option in (("--dataset", "digits"), ("--split", "validation")):
        done = netsim("export", run, "--to", "csv", "--stimuli", "own.csv", *option, "no.csv")
        assert done.code == 1
        assert f"leave out {option[0]}" in done.err
    assert not Path("no.csv").exists()


def test_spikes_are_on_the_grid_that_is_asked_for(netsim: Netsim, run: Path) -> None:
    """And the record says which it is."""
    for dt in (4, 0):
        assert netsim("export", run, "--to", "csv", "--limit", 2, "--dt", dt, f"{dt}.csv").code == 0
        assert json.loads(Path(f"{dt}.csv.provenance.json").read_text(encoding="utf-8"))["dt_ms"] == dt
    coarse, exact = (pd.read_csv(f"{dt}.csv")["latency_ms"] for dt in (4, 0))
    assert (coarse % 4 == 0).all()
    assert (exact % 1 != 0).mean() > 0.1


def test_spikes_without_labels(netsim: Netsim, run: Path) -> None:
    Path("own.csv").write_text("presentation,neuron,latency_ms\n0,20,1.5\n0,21,2.5\n1,40,0\n", encoding="utf-8")
    done = netsim(
        "simulate", run, "--stimuli", "own.csv", "--index", 1, "--record", "output:3", "--out", "own", "--json"
    )
    assert done.code == 0, done.err
    (presentation,) = done.json()["presentations"]
    assert presentation["index"] == 1
    assert presentation["label"] is None
    spikes = _spikes("own")
    assert spikes["label"].isna().all()
    stimulus = spikes[spikes["layer"] == "stimulus"]
    assert stimulus[["neuron", "latency_ms"]].to_numpy().tolist() == [[40, 0]]
    assert {"raster-1.png", "potentials-1.png", "potentials.csv"} <= set(os.listdir("own"))
    assert "decision" in netsim("simulate", run, "--stimuli", "own.csv", "--out", "own").out


def test_labels_of_a_file_are_classes_of_the_data_set(netsim: Netsim, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["data"]["classes"] == [str(digit) for digit in range(10)]
    record["data"]["classes"][3] = "three"
    (run / "run.json").write_text(json.dumps(record))
    Path("own.csv").write_text(
        "presentation,label,neuron,latency_ms\n0,three,20,1.5\n0,three,20,2.5\n", encoding="utf-8"
    )
    done = netsim("simulate", run, "--stimuli", "own.csv", "--json")
    assert done.code == 0, done.err
    assert [each["label"] for each in done.json()["presentations"]] == [3]
    assert done.json()["classes"][2:5] == ["2", "three", "4"]
    assert netsim("export", run, "--to", "csv", "--stimuli", "own.csv", "theirs.csv").code == 0
    assert (
        json.loads(Path("theirs.csv.provenance.json").read_text(encoding="utf-8"))["classes"] == done.json()["classes"]
    )
    assert "own.csv: 1 of 2 spikes are not the first of their neuron in a presentation, and are left out" in done.err
    netsim("simulate", "digits", "--stimuli", "own.csv").refused("own.csv: the label 'three' is not a class")
    Path("own.csv").write_text("presentation,label,neuron,latency_ms\n0,17,20,1.5\n", encoding="utf-8")
    netsim("export", run, "--to", "csv", "--stimuli", "own.csv", "out.csv").refused(
        "own.csv: presentation 0 has the label 17, but digits has output neurons 0 to 9"
    )


def test_only_some_layers_and_the_first_stimuli(netsim: Netsim, run: Path) -> None:
    done = netsim("export", run, "--to", "csv", "--limit", 3, "--layer", "output", "--layer", "stimulus", "some.csv")
    assert done.code == 0, done.err
    spikes = pd.read_csv("some.csv")
    assert set(spikes["layer"]) == {"stimulus", "output"}
    assert set(spikes["presentation"]) == {0, 1, 2}
    assert done.out == f"some.csv: {len(spikes)} spikes of 74 neurons in 3 presentations\n"
