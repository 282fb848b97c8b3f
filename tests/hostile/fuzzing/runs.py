"""Readers of run folders and their files, and of the table of a sweep."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import netsim
from fuzzing.networks import small_network
from fuzzing.reader import Parts, Reader, checkpoint, content_of, members
from netsim.analysis import metrics_table, read_sweep_table, sweep_summary, sweep_table, write_table
from netsim.analysis.learning_tables import best_epoch
from netsim.description.provenance import metrics_of, record_facts, training_facts
from netsim.runs.folder import RunFolder, create_run
from netsim.spikes.files import records
from netsim.training.checkpoint import read_checkpoint, resume_state, write_checkpoint, write_epochs
from netsim.training.opening import training_figures

FIGURES = ("rate", "training_loss", "training_strict_accuracy", "validation_loss", "validation_accuracy")
MORE_FIGURES = ("validation_strict_accuracy", "validation_tie_rate", "validation_seconds", "training_seconds")


@cache
def _run() -> Parts:
    """The files of a run after one of three epochs."""
    network = small_network()
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", network, {"seed": 0, "command": ["netsim"], "data_dir": None})
        state = netsim.start_training(network, 0)
        state.history.append({"epoch": 1} | dict.fromkeys((*FIGURES, *MORE_FIGURES), 0.5) | {"silent_hidden": 0.25})
        state.epoch, state.batch, state.totals.presentations = 1, 2, 200
        state.best, state.best_weights = (0.5, -1.0), {name: array.copy() for name, array in state.weights.items()}
        state.totals.silent, state.totals.fired = {"hidden": 3.0}, {"hidden": np.zeros(5, np.int64)}
        write_checkpoint(state, run)
        write_epochs(state, run)
        return {path.name: path.read_bytes() for path in sorted(run.path.iterdir()) if path != run.lock_file}


def _read_checkpoint(path: Path) -> None:
    state = read_checkpoint(small_network(), path)
    state.optimizer.step(state.weights, state.weights, 0.1)
    training_figures(state.history)


def _read_run(path: Path) -> None:
    model = netsim.load_model(str(path))
    run = model.run
    assert run is not None
    record_facts(run.record())
    training_facts(lambda: metrics_of(run), model.epoch)
    if model.network.training.epochs < 10**6:
        resume_state(model.network, RunFolder(path))
    metrics_of(run)


def _sweep_tables() -> list[Parts]:
    def ended(number: int) -> dict[str, Any]:
        settings = {"learning.rate": 10.0 ** -(number // 2), "layers.conv.shape": [3, number // 2]}
        measured = {"epochs": 2, "best_epoch": 1, "validation_accuracy": 0.9, "validation_loss": 0.5, "seconds": 12.5}
        accuracy = {"validation_strict_accuracy": 0.5 + number / 16}
        return {"run": f"{number:04}", "status": "finished", "seed": number % 2, **settings, **measured, **accuracy}

    failed = {"run": "0007", "status": "failed", "seed": 0, "learning.rate": 1e300, "error": "training diverged"}
    table = sweep_table(["learning.rate", "layers.conv.shape"], [*map(ended, range(6)), failed])
    return [{"csv": content_of(partial(write_table, table), ".csv")}]


def _read_sweep(path: Path) -> None:
    table = read_sweep_table(path)
    summary = sweep_summary(table)
    assert summary["seeds"].sum() == (table["status"] == "finished").sum()
    records(summary)


READERS = {
    "checkpoint": Reader(lambda: [members(_run()["checkpoint.npz"])], _read_checkpoint, "checkpoint.npz", checkpoint),
    "run": Reader(lambda: [_run()], _read_run, "run", None),
    "metrics": Reader(
        lambda: [{"csv": _run()["metrics.csv"]}], lambda path: best_epoch(metrics_table(path)), "metrics.csv"
    ),
    "sweep table": Reader(_sweep_tables, _read_sweep, "results.csv"),
}
