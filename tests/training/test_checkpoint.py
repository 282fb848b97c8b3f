"""Checkpoints: the last two are kept, damage is found, and whatever a process was killed at, the end is the same."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli
from netsim.engines import make_engine
from netsim.errors import RunError
from netsim.files import read_arrays, write_arrays
from netsim.runs.folder import RunFolder, create_run
from netsim.seams import optimizers
from netsim.specification import Dense, IntensityEncoder, Layer, Learning, Network, Neurons, Training
from netsim.training.callbacks import Callbacks
from netsim.training.checkpoint import (
    TrainingState,
    _check_position,
    _checksum,
    read_checkpoint,
    write_checkpoint,
    write_epochs,
)
from netsim.training.loop import run_training
from netsim.training.starting import resume_training, start_training

NETWORK = Network.chain(
    "small",
    IntensityEncoder((4, 4, 1), 16.0),
    (
        Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 48.0, 1.0, bias=True)),
        Layer("output", Dense(3), Neurons("phased", 3.0, 16.0, 48.0, 128.0, 1.0, bias=True)),
    ),
    128.0,
    training=Training(epochs=4, batch=10, precision="double"),
    learning=Learning(rate=0.01, averaging=0.9, revive_below=0.05),
)


class Killed(BaseException):
    """Takes the place of a SIGKILL."""


Learn = Callable[..., TrainingState]


@pytest.fixture
def learn(random_stimuli: Callable[..., Stimuli]) -> Learn:
    """A function that trains in a run folder, from the last checkpoint on."""
    training, validation = random_stimuli(NETWORK.encoder, 20, 3), random_stimuli(NETWORK.encoder, 20, 3, seed=1)

    def run(folder: RunFolder, seconds: float = 0.0, **callbacks: Any) -> Any:
        network = folder.network()
        engine, state = make_engine("event", network), resume_training(network, folder, 0)
        reports = Callbacks(**callbacks)
        return run_training(engine, network, training, validation, state, 0, folder, reports, seconds)

    return run


def _new(path: Path, network: Network = NETWORK) -> RunFolder:
    return create_run(path, network, {"seed": 0})


def _end(folder: RunFolder) -> dict[str, Any]:
    """All that a finished run holds, but times."""
    arrays = read_arrays(folder.checkpoint)
    with folder.metrics.open(newline="") as lines:
        metrics = [{k: v for k, v in row.items() if "seconds" not in k} for row in csv.DictReader(lines)]
    parts = ("weights", "mean", "optimizer", "best")
    return {
        **{name: array.tobytes() for name, array in arrays.items() if name.split(".")[0] in parts},
        "best.npz": folder.best.read_bytes(),
        "metrics": metrics,
    }


def test_the_last_two_are_kept(learn: Learn, tmp_path: Path) -> None:
    folder = _new(tmp_path / "run")
    learn(folder)
    places = [
        (state.epoch, state.batch)
        for state in (read_checkpoint(NETWORK, path) for path in (folder.previous_checkpoint, folder.checkpoint))
    ]
    assert places == [(3, 2), (4, 0)]
    assert sorted(os.listdir(folder.path)) == [
        ".lock",
        "best.npz",
        "checkpoint-previous.npz",
        "checkpoint.npz",
        "metrics.csv",
        "network.toml",
        "run.json",
    ]


@pytest.mark.parametrize("epochs_done", [0, 1, 3])
def test_going_back_ends_the_same(epochs_done: int, learn: Learn, tmp_path: Path) -> None:
    """The last checkpoint is damaged, and the one before is from long ago."""
    whole = _new(tmp_path / "whole")
    learn(whole)
    folder = _new(tmp_path / "run")
    old: list[bytes] = []

    def note(source: Any, target: Any) -> None:
        replace(source, target)
        if Path(target) == folder.checkpoint:
            state = read_checkpoint(NETWORK, folder.checkpoint)
            if (state.epoch, state.batch) == (epochs_done, 1):
                old.append(folder.checkpoint.read_bytes())

    replace = os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", note)
        learn(folder)
    folder.previous_checkpoint.write_bytes(old[0])
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=rf"checkpoint.npz: .* epoch {epochs_done + 1}, batch 2"):
        state = resume_training(NETWORK, folder, 0)
    assert (state.epoch, state.batch) == (epochs_done, 1)
    assert read_checkpoint(NETWORK, folder.checkpoint).epoch == epochs_done  # the damaged one is gone at once
    assert folder.best.exists() == folder.metrics.exists() == (epochs_done > 0)
    if epochs_done:  # nothing in the folder is from later
        assert state.best_weights is not None
        for name, array in folder.weights(NETWORK).items():
            assert array.tobytes() == state.best_weights[name].tobytes()
        assert len(folder.metrics.read_text().splitlines()) == 1 + epochs_done
    learn(folder)
    assert _end(folder) == _end(whole)
    assert read_checkpoint(NETWORK, folder.previous_checkpoint).epoch == 3  # and not the damaged one


@pytest.mark.parametrize("optimizer", sorted(optimizers))
def test_each_optimizer_goes_on_to_the_bit(
    optimizer: str, learn: Learn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace_fields(
        NETWORK, learning=replace_fields(NETWORK.learning, optimizer=optimizer, revive_below=0.0)
    )  # not every one lets neurons be redrawn
    whole, folder = (_new(tmp_path / name, network) for name in ("whole", "run"))
    learn(whole)
    calls, replace = iter(range(10**6)), os.replace

    def killed(*arguments: Any) -> None:
        if next(calls) == 10:
            raise Killed
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            learn(folder)
    assert read_checkpoint(network, folder.previous_checkpoint).batch == 1
    learn(folder)
    assert _end(folder) == _end(whole)


def test_killed_before_every_renaming(learn: Learn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before every renaming of two epochs, which is after the one before it."""
    whole = _new(tmp_path / "whole")
    learn(whole)
    original: Callable[..., None] = os.replace
    for step in range(14):
        folder = _new(tmp_path / f"run{step}")
        calls = iter(range(10**6))

        def killed(*arguments: Any, step: int = step, calls: Any = calls) -> None:
            if next(calls) == step:
                raise Killed
            original(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(Killed):
                learn(folder)
        (folder.path / ".checkpoint.half.npz").write_bytes(b"half")
        learn(folder, 60.0)
        assert _end(folder) == _end(whole), step
        assert not list(folder.path.glob(".checkpoint*"))


def test_damage_anywhere_is_found(learn: Learn, tmp_path: Path) -> None:
    folder = _new(tmp_path / "run")
    learn(folder, 60.0)
    whole = folder.checkpoint.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        folder.checkpoint.write_bytes(whole[:cut])
        with pytest.raises(RunError, match="checkpoint"):
            read_checkpoint(NETWORK, folder.checkpoint)
    count = 0
    for position in np.random.default_rng(0).integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        folder.checkpoint.write_bytes(bytes(damaged))
        try:
            state = read_checkpoint(NETWORK, folder.checkpoint)
        except RunError:
            count += 1
            continue
        assert state.epoch == 4  # a byte that carries no content, such as a date in the archive
    assert count > 150


def test_no_checkpoint_of_another_training_or_made_up(
    learn: Learn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksum is right in all of them."""
    folder = _new(tmp_path / "run")
    learn(folder, 60.0)
    arrays = read_arrays(folder.checkpoint)
    position = json.loads(str(arrays["position"]))
    checksum = arrays["checksum"]
    monkeypatch.setattr("netsim.training.checkpoint._checksum", lambda arrays: int(checksum))

    def refused(**changes: Any) -> None:
        np.savez(folder.checkpoint, allow_pickle=True, **{**arrays, **changes})
        with pytest.raises(RunError, match=r"checkpoint.npz"):
            read_checkpoint(NETWORK, folder.checkpoint)

    def changed_position(**changes: Any) -> np.ndarray:
        return np.array(json.dumps({**position, **changes}))

    read_checkpoint(NETWORK, folder.checkpoint)
    made_up: dict[str, list[Any]] = {
        "epoch": [-1, 3, 5, 1.5, "1", None, 10**400, True],
        "batch": [-1, 1, "1", [], 2**63],
        "presentations": [3, -1, "many"],
        "history": [[], {}, [{}] * 4, [[]] * 4, None, [position["history"][0] | {"rate": float("nan")}] * 4],
        "best": [[1], None, ["a", "b"], [float("inf"), 0], [1, 2, 3]],
        "loss": ["x", 10**400, float("nan")],
        "silent": [[], {"nosuch": 1.0}, {"hidden": "x"}],
        "onset": [[], {"nosuch": 1.0}, {"hidden": float("nan")}, None],
        "late": [[], {"nosuch": 1.0}, {"hidden": "x"}],
        "tied": [-1, 0.5, None],
        "watched": [-1, "1"],
    }
    for name, values in made_up.items():
        for wrong in values:
            refused(position=changed_position(**{name: wrong}))
    refused(position=np.array("[" * 100_000))
    refused(position=np.array(3.0))
    refused(position=np.array("{}"))
    weights = arrays["weights.hidden.kernel"]
    for array in (
        weights.astype(np.float32),
        weights[:-1],
        np.full_like(weights, np.inf),
        weights.astype(np.longdouble),
    ):
        refused(**{"weights.hidden.kernel": array})
        refused(**{"best.hidden.kernel": array})
    refused(**{"optimizer.steps": np.array("many")})
    refused(**{"fired.hidden": np.zeros(3, np.int64)})
    refused(**{"fired.nosuch": np.zeros(12, np.int64)})
    refused(**{"fired.hidden": np.zeros(12)})


def _as_of_an_earlier_version(path: Path) -> None:
    """Take away from a checkpoint what versions did not keep that counted silent neurons alone."""
    arrays = read_arrays(path)
    position = json.loads(str(arrays["position"]))
    for name in ("onset", "late", "tied", "watched"):
        del position[name]
    for row in position["history"]:
        for name in [name for name in row if name.startswith(("onset_", "late_", "training_tie"))]:
            del row[name]
    del arrays["checksum"]
    arrays["position"] = np.array(json.dumps(position))
    write_arrays(path, arrays | {"checksum": np.array(_checksum(arrays), np.uint32)})


@pytest.mark.parametrize(("epochs", "batches"), [(0, 1), (1, 1), (2, 0)])
def test_a_checkpoint_of_an_earlier_version_is_resumed(epochs: int, batches: int, learn: Learn, tmp_path: Path) -> None:
    whole, folder = _new(tmp_path / "whole"), _new(tmp_path / "run")
    learn(whole)

    def stop(report: Any) -> None:
        if (report.epoch, report.presentations) == (epochs, 10 * (batches + 1)):
            raise Killed

    with pytest.raises(Killed):
        learn(folder, on_batch=stop)
    state = read_checkpoint(NETWORK, folder.checkpoint)
    assert (state.epoch, state.batch) == (epochs, batches)
    with folder.lock():
        _as_of_an_earlier_version(folder.checkpoint)
    if folder.previous_checkpoint.exists():
        folder.previous_checkpoint.unlink()
    messages: list[str] = []
    learn(folder, on_warning=messages.append)
    assert messages == []
    ours, theirs = _end(folder), _end(whole)
    for row, wanted in zip(ours.pop("metrics"), theirs.pop("metrics"), strict=True):
        assert row.keys() == (wanted.keys() if not epochs else {name for name in wanted if _is_former(name)})
        assert {name: row[name] for name in row if _is_former(name)} == {
            name: wanted[name] for name in wanted if _is_former(name)
        }
        assert all(0 <= float(row[name]) <= 1 for name in row if not _is_former(name))
    assert ours == theirs


def _is_former(name: str) -> bool:
    """Whether an earlier version had a column."""
    return not name.startswith(("onset_", "late_", "training_tie"))


def test_rows_in_another_order_are_put_right(learn: Learn, tmp_path: Path) -> None:
    """The optimizer moves weights in place, through views that only contiguous rows have."""
    folder = _new(tmp_path / "run")
    learn(folder, 60.0)
    arrays = read_arrays(folder.checkpoint)
    np.savez(folder.checkpoint, allow_pickle=False, **{k: np.copy(a, "F") for k, a in arrays.items()})
    state = read_checkpoint(NETWORK, folder.checkpoint)
    before = {name: array.copy() for name, array in state.weights.items()}
    state.optimizer.step(state.weights, before, 0.1)
    assert all((state.weights[name] != before[name]).any() for name in before)


def test_a_new_training_needs_no_checkpoint(tmp_path: Path) -> None:
    folder = _new(tmp_path / "run")
    assert resume_training(NETWORK, folder, 3).epoch == 0
    folder.best.write_bytes(b"")
    with pytest.raises(RunError, match="finished epochs but no checkpoint"):
        resume_training(NETWORK, folder, 3)
    assert folder.best.exists()
    assert start_training(NETWORK, 3).best_weights is None


def test_the_best_weights_tell_of_the_epoch_that_they_are_from(learn: Learn, tmp_path: Path) -> None:
    folder = _new(tmp_path / "run")
    learn(folder)
    with folder.metrics.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    best = max(rows, key=lambda row: (float(row["validation_strict_accuracy"]), -float(row["validation_loss"])))
    assert folder.weights_of_epoch(NETWORK)[1] == int(best["epoch"])


def test_every_epoch_of_a_checkpoint_has_the_same_figures(learn: Learn, tmp_path: Path) -> None:
    folder = _new(tmp_path / "run")
    learn(folder)
    position = json.loads(str(read_arrays(folder.checkpoint)["position"]))
    _check_position(NETWORK, position)
    position["history"][2].popitem()
    with pytest.raises(ValueError, match="no position"):
        _check_position(NETWORK, position)


@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_was_moved_writes_to_no_other(again: bool, learn: Learn, tmp_path: Path) -> None:
    """Its lock goes with the folder, and its files are written by name."""
    whole = _new(tmp_path / "whole")
    learn(whole)
    run = _new(tmp_path / "run")
    moved, other = RunFolder(tmp_path / "moved"), RunFolder(tmp_path / "run")

    def move(metrics: dict[str, Any]) -> None:
        run.path.rename(moved.path)
        if again:
            _new(other.path)
            with other.lock():
                write_arrays(other.checkpoint, {"of": np.array("the new one")})

    with (
        run.lock(),
        pytest.raises(RunError, match=r"run: was moved, replaced or unlocked .* at its new path with --resume"),
    ):
        learn(run, on_epoch=move)
    if again:
        assert str(read_arrays(other.checkpoint)["of"]) == "the new one"
        assert sorted(os.listdir(other.path)) == [".lock", "checkpoint.npz", "network.toml", "run.json"]
    else:
        assert not other.path.exists()
    learn(moved)
    assert _end(moved) == _end(whole)


def test_every_write_looks_at_the_lock(tmp_path: Path) -> None:
    run = _new(tmp_path / "run")
    state = start_training(NETWORK, 0)
    state.history, state.best_weights = [{"epoch": 1}], state.weights
    writes: list[Callable[[], object]] = [
        lambda: write_checkpoint(state, run),
        lambda: write_epochs(state, run),
        lambda: run.write_metrics(state.history),
        lambda: run.write_json("other.json", {}),
        lambda: run.note_resumed(1),
    ]
    with run.lock():
        for write in writes:
            write()
        run.path.rename(tmp_path / "moved")
        _new(run.path)
        before = {path.name: path.read_bytes() for path in run.path.iterdir()}
        for write in writes:
            with pytest.raises(RunError, match="was moved, replaced or unlocked"):
                write()
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
