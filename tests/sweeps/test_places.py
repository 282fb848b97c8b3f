"""Which folder a run of a sweep has, and which runs are finished."""

from __future__ import annotations

import tomllib
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError, RunError
from netsim.models.presets import load_preset
from netsim.runs.folder import RunFolder, create_run, describe_run
from netsim.sweeps.execution import SweepCallbacks, finished_runs, other_runs, place_runs, train_runs
from netsim.sweeps.plan import Plan, PlannedRun, plan_from_dict
from netsim.training.opening import training_figures
from netsim.weights.files import write_weights
from netsim.weights.initial import initial_weights


def _plan(rates: list[float], seeds: list[int]) -> Plan:
    text = f'base = "digits"\nseeds = {seeds}\nlimit = 50\noverrides.training.epochs = 2\ngrid.learning.rate = {rates}'
    return plan_from_dict(tomllib.loads(text), Path())


def _begin(path: Path, run: PlannedRun, limit: int | None = 50) -> RunFolder:
    return create_run(path, run.network, describe_run(run.seed, limit=limit))


def _epoch(number: int, accuracy: float) -> dict[str, float]:
    measured = {"validation_accuracy": accuracy, "validation_strict_accuracy": accuracy, "validation_loss": 0.25}
    seconds = {"training_seconds": 1.5, "validation_seconds": 0.5}
    return {"epoch": number, "training_strict_accuracy": 0.5, **measured, **seconds}


def test_runs_are_numbered_in_the_order_of_the_plan(tmp_path: Path) -> None:
    plan = _plan([0.1, 0.2], [0, 1])
    placed = place_runs(plan, tmp_path / "new")
    assert list(placed) == ["0001", "0002", "0003", "0004"]
    assert tuple(placed.values()) == plan.runs


def test_a_larger_plan_keeps_the_runs_that_were_begun(tmp_path: Path) -> None:
    for name, run in place_runs(_plan([0.1, 0.2], [0, 1]), tmp_path).items():
        _begin(tmp_path / name, run)
    larger = place_runs(_plan([0.05, 0.1, 0.2], [0, 1, 2]), tmp_path)
    result = {name: (run.settings["learning.rate"], run.seed) for name, run in larger.items()}
    kept = {"0001": (0.1, 0), "0002": (0.1, 1), "0003": (0.2, 0), "0004": (0.2, 1)}
    assert kept.items() <= result.items()
    assert list(larger) == ["0005", "0006", "0007", "0001", "0002", "0008", "0003", "0004", "0009"]
    smaller = place_runs(_plan([0.2], [1, 3]), tmp_path)
    assert list(smaller) == ["0004", "0005"]
    assert other_runs(smaller, tmp_path) == ["0001", "0002", "0003"]
    assert other_runs(larger, tmp_path) == other_runs(larger, tmp_path / "none") == []


def test_a_run_on_other_stimuli_is_another_run(tmp_path: Path) -> None:
    plan = _plan([0.1], [0])
    _begin(tmp_path / "0001", plan.runs[0], limit=60)
    assert list(place_runs(plan, tmp_path)) == ["0002"]


@pytest.mark.parametrize(("damaged", "problem"), [("run.json", "is not JSON"), ("network.toml", "is not TOML")])
def test_a_damaged_run_is_named(damaged: str, problem: str, tmp_path: Path) -> None:
    """Once the run is moved away, the rest of the sweep continues."""
    plan = _plan([0.1, 0.2], [0])
    folder = _begin(tmp_path / "0001", plan.runs[0]).path
    _begin(tmp_path / "0002", plan.runs[1])
    (folder / damaged).write_text("{")
    with pytest.raises(RunError, match=rf"0001/{damaged}: {problem}.* \(if .*/0001 is moved away, --resume"):
        place_runs(plan, tmp_path)
    folder.rename(tmp_path.with_name(f"{tmp_path.name}-away"))
    assert list(place_runs(plan, tmp_path)) == ["0001", "0002"]


def test_a_run_is_finished_with_its_last_epoch(tmp_path: Path) -> None:
    plan = _plan([0.1, 0.2, 0.3], [0])
    runs = place_runs(plan, tmp_path)
    folders = [_begin(tmp_path / name, run) for name, run in runs.items()]
    for folder, accuracies in zip(folders, ([], [0.5], [0.75, 0.5]), strict=True):
        folder.write_metrics([_epoch(number, accuracy) for number, accuracy in enumerate(accuracies, 1)])
        write_weights(initial_weights(plan.runs[0].network, 0), folder.best)
    finished = finished_runs(runs, tmp_path)
    assert list(finished) == ["0003"]
    assert finished["0003"].status == "finished"
    measured = {"validation_accuracy": 0.75, "validation_strict_accuracy": 0.75, "validation_loss": 0.25}
    assert finished["0003"].figures == {"epochs": 2, "best_epoch": 1, "seconds": 4.0, **measured}
    folders[2].best.unlink()
    assert finished_runs(runs, tmp_path) == {}
    folders[1].metrics.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"0002/metrics.csv: contains no metrics"):
        finished_runs(runs, tmp_path)


def test_of_equal_accuracies_the_lower_loss_is_better() -> None:
    history = [_epoch(1, 0.5), _epoch(2, 0.75) | {"validation_loss": 0.5}, _epoch(3, 0.75), _epoch(4, 0.75)]
    figures = training_figures(history)
    assert figures["best_epoch"] == 3
    assert figures["seconds"] == np.float64(8.0)


class _Workerless:
    """A client of this machine's workers after the last one has died."""

    cluster = object()

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": {}}

    def nthreads(self) -> dict[str, int]:
        return {}

    def subscribe_topic(self, topic: str, handler: object) -> None:
        pass

    def submit(self, *arguments: object, **options: object) -> Any:
        return Future()

    def cancel(self, futures: list[Any]) -> None:
        pass


def test_a_sweep_whose_workers_do_not_come_back_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a limit of memory they die as they start."""
    monkeypatch.setattr("netsim.presenting.cluster._LOST_SECONDS", 0.5)
    silent = SweepCallbacks(lambda *news: None, lambda *news: None, lambda news: None)
    runs = {"0001": PlannedRun({}, 0, load_preset("digits"))}
    client: Any = _Workerless()
    with pytest.raises(RunError, match="the workers died and did not come back; is there memory for them"):
        train_runs(client, runs, tmp_path, None, None, [], silent)
    with pytest.raises(KeyboardInterrupt):
        train_runs(client, runs, tmp_path, None, None, [], silent, lambda: True)


class _LosesAWorker(_Workerless):
    """A client of a scheduler, one of whose two workers begins a run and dies."""

    cluster = None

    def nthreads(self) -> dict[str, int]:
        return {"tcp://other": 1}

    def subscribe_topic(self, topic: str, handler: Any) -> None:
        handler((0.0, {"run": "0001", "epoch": 0, "worker": "tcp://dead"}))


def test_a_sweep_that_is_stopped_does_not_wait_for_workers_that_died(tmp_path: Path) -> None:
    begun: list[str] = []
    callbacks = SweepCallbacks(lambda name, epoch: begun.append(name), lambda *news: None, lambda news: None)
    client: Any = _LosesAWorker()
    runs = {"0001": PlannedRun({}, 0, load_preset("digits"))}
    with pytest.raises(KeyboardInterrupt):
        train_runs(client, runs, tmp_path, None, None, [], callbacks, lambda: bool(begun))
    assert begun == ["0001"]
