"""Run folders: made once, claimed by one process, and described to the letter."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim.runs.folder
from netsim.errors import RunError
from netsim.models.presets import load_preset
from netsim.runs.folder import RunFolder, create_run, describe_run, is_run, open_run
from netsim.specification import Random, Shape
from netsim.specification.connectivity._per_synapse import sorted_pairs
from netsim.weights.files import write_weights
from netsim.weights.initial import initial_weights

DIGITS = load_preset("digits")


def test_a_new_run_says_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/netsim", "train", "digits"])
    run = create_run(tmp_path / "deep" / "run", DIGITS, describe_run(7, limit=3))
    assert is_run(run.path)
    assert open_run(run.path).network() == DIGITS
    record = run.record()
    assert record["seed"] == 7
    assert record["limit"] == 3
    assert record["command"] == ["netsim", "train", "digits"]
    assert record["versions"]["python"].startswith("3.")
    assert record["versions"]["brian2"]
    assert record["machine"]["cores"] >= 1
    assert sorted(os.listdir(run.path)) == [".lock", "network.toml", "run.json"]


def test_a_run_that_is_resumed_elsewhere_says_where(tmp_path: Path) -> None:
    former = describe_run(0) | {"netsim": "0.0.1", "started": "2020-01-01T00:00:00+00:00", "machine": {"cores": 1024}}
    run = create_run(tmp_path / "run", DIGITS, former | {"versions": {"numpy": "1.0"}})
    run.note_resumed(4)
    record, now = run.record(), describe_run(0)
    assert (record["netsim"], record["machine"], record["versions"]) == ("0.0.1", {"cores": 1024}, {"numpy": "1.0"})
    (entry,) = record["resumed"]
    assert entry["epoch"] == 4
    assert all(entry[name] == now[name] for name in ("netsim", "machine", "versions"))
    assert entry["started"] > "2020-01-02"


def test_the_module_is_called_by_the_name_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/netsim/__main__.py", "models"])
    assert describe_run(0)["command"] == ["netsim", "models"]


def test_outside_a_checkout_there_is_no_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_git(*arguments: Any) -> str:
        raise FileNotFoundError("git")

    monkeypatch.setattr(netsim.runs.folder, "_git", no_git)
    assert describe_run(0)["git_revision"] is None


def test_an_empty_folder_may_be_used_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create_run(tmp_path / "empty", DIGITS, describe_run(0))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    (tmp_path / "file").write_text("")
    resume = r", or continue in it \(--resume; in Python resume=True\)"
    for name, more in (("empty", resume), ("full", resume), ("file", "")):
        with pytest.raises(
            RunError,
            match=rf"{name}: exists already; choose another folder \(--out; in Python out=...\) or delete it{more}$",
        ):
            create_run(tmp_path / name, DIGITS, describe_run(0))
    assert os.listdir(tmp_path / "full") == ["thesis.txt"]


def test_weights_alone_are_no_half_made_run(tmp_path: Path) -> None:
    (tmp_path / "best.npz").write_bytes(b"kept from long ago")
    with pytest.raises(RunError, match="exists already"):
        create_run(tmp_path, DIGITS, {"seed": 0})
    (tmp_path / "run.json").write_text("{}")
    create_run(tmp_path, DIGITS, {"seed": 0})


def test_of_two_that_come_at_once_one_gets_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = Path.mkdir
    won: list[bool] = []

    def overtaken(self: Path, *arguments: Any, **options: Any) -> None:
        if not won:
            won.append(True)
            create_run(tmp_path / "run", DIGITS, describe_run(1))
        mkdir(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", overtaken)
    with pytest.raises(RunError, match="exists already"):
        create_run(tmp_path / "run", DIGITS, describe_run(2))
    assert open_run(tmp_path / "run").record()["seed"] == 1


@pytest.mark.parametrize("existed", [False, True])
def test_no_half_made_run_stays(existed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    if existed:
        (tmp_path / "run").mkdir()
    monkeypatch.setattr(netsim.runs.folder, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create_run(tmp_path / "run", DIGITS, describe_run(0))
    assert [path.name for path in tmp_path.rglob("*")] == (["run"] if existed else [])


def test_what_a_killed_process_left_half_made_is_begun_anew(tmp_path: Path) -> None:
    for name in (".lock", "run.json", ".network.toml.x7"):
        (tmp_path / name).write_text("")
    run = create_run(tmp_path, DIGITS, describe_run(3))
    assert run.network() == DIGITS
    assert run.record()["seed"] == 3
    with pytest.raises(RunError, match="exists already"):
        create_run(tmp_path, DIGITS, describe_run(4))


def test_a_locked_run_is_refused_until_it_is_let_go(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DIGITS, describe_run(0))
    with run.lock(), pytest.raises(RunError, match="in use by another process"), RunFolder(run.path).lock():
        pass
    with pytest.raises(ZeroDivisionError), run.lock():
        raise ZeroDivisionError
    with RunFolder(run.path).lock():
        pass


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        open_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"), RunFolder(tmp_path / "file").lock():
        pass
    run = create_run(tmp_path / "run", DIGITS, describe_run(0))
    with pytest.raises(RunError, match=r"no best.npz.*--resume"):
        run.weights(DIGITS)
    damaged = {"{": "not JSON", "[]": "seed is", '{"seed": "x"}': "seed is", "[" * 10**5: "not JSON"}
    for text, message in damaged.items():
        run.record_file.write_text(text)
        with pytest.raises(RunError, match=message):
            run.record()


def test_weights_and_metrics(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", DIGITS, describe_run(0))
    weights = initial_weights(DIGITS, 3)
    write_weights(weights, run.best)
    for name, array in run.weights(DIGITS).items():
        assert array.tobytes() == weights[name].tobytes()
    run.write_metrics([])
    assert not run.metrics.exists()
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    run.write_metrics(rows)
    with run.metrics.open(newline="") as lines:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)] == rows
    assert json.loads(run.write_json("some.json", {"a": [1, None]}).read_text()) == {"a": [1, None]}


def test_a_run_whose_connectivity_draws_other_synapses_by_now_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Random(probability=0.1, seed=3)
    projections = (dataclasses.replace(DIGITS.projections[0], connectivity=rule), DIGITS.projections[1])
    network = dataclasses.replace(DIGITS, projections=projections)
    run = create_run(tmp_path / "run", network, describe_run(0), initial_weights(network, 0))
    assert list(run.record()["synapses"]) == ["hidden"]
    assert run.weights(network).keys() == initial_weights(network, 0).keys()
    kept, text = Random.pairs, run.record_file.read_text()

    def mirrored(self: Random, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        pre, post = kept(self, source, target)
        return sorted_pairs(math.prod(source) - 1 - pre, post)

    monkeypatch.setattr(Random, "pairs", mirrored)
    with pytest.raises(RunError, match=r"synapses differ from those of its weights \(a connectivity"):
        run.weights(run.network())
    record = run.record()
    del record["synapses"]
    run.write_json("run.json", record)
    with pytest.raises(RunError, match=r"drew other synapses and did not record them"):
        run.weights(run.network())
    record = json.loads(text)
    record["versions"]["numpy"] = "1.0"
    run.write_json("run.json", record)
    with pytest.raises(RunError, match=r"synapses differ from those of its weights \(numpy 1.0 then"):
        run.weights(run.network())
