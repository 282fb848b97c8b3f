"""Run folders and their files, and the table of a sweep."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, checkpoint, content_of, members
from fuzzing.targets._networks import small_network
from fuzzing.targets._target import FolderTarget, Target
from netsim.runs.folder import RunFolder, create_run
from netsim.runs.model import load_model
from netsim.training.checkpoint import read_checkpoint, resume_state, write_checkpoint, write_epochs
from netsim.training.loop import start_training
from netsim.training.opening import training_figures


@cache
def _run() -> Parts:
    """The files of a run after one of three epochs."""
    network = small_network()
    with tempfile.TemporaryDirectory() as folder:
        run = create_run(Path(folder) / "run", network, {"seed": 0, "command": ["netsim"], "data_dir": None})
        state = start_training(network, 0)
        state.history.append(
            {
                "epoch": 1,
                "rate": 0.001,
                "training_loss": 1.0,
                "training_strict_accuracy": 0.5,
                "validation_loss": 1.0,
                "validation_accuracy": 0.5,
                "validation_strict_accuracy": 0.5,
                "validation_tie_rate": 0.0,
                "validation_seconds": 1.0,
                "training_seconds": 1.0,
                "silent_hidden": 0.25,
            }
        )
        state.epoch, state.batch, state.totals.presentations = 1, 2, 200
        state.best, state.best_weights = (0.5, -1.0), {name: array.copy() for name, array in state.weights.items()}
        state.totals.silent, state.totals.fired = {"hidden": 3.0}, {"hidden": np.zeros(5, np.int64)}
        write_checkpoint(state, run)
        write_epochs(state, run)
        return {path.name: path.read_bytes() for path in sorted(run.path.iterdir()) if path != run.lock_file}


def _checkpoint_seeds() -> list[Parts]:
    return [members(_run()["checkpoint.npz"])]


def _read_checkpoint(path: Path) -> object:
    state = read_checkpoint(small_network(), path)
    state.optimizer.step(state.weights, state.weights, 0.1)
    training_figures(state.history)
    return state


def _run_seeds() -> list[Parts]:
    return [_run()]


def _read_run(path: Path) -> object:
    from netsim.description.provenance import metrics_of, record_facts, training_facts

    model = load_model(str(path))
    assert model.run is not None
    record = model.run.record()
    record_facts(record)
    run = model.run
    training_facts(lambda: metrics_of(run), model.epoch)
    if model.network.training.epochs < 10**6:
        resume_state(model.network, RunFolder(path))
    return metrics_of(run)


def _table_seeds() -> list[Parts]:
    return [{"csv": _run()["metrics.csv"]}]


def _read_table(path: Path) -> object:
    from netsim.analysis import metrics_table
    from netsim.analysis.learning_tables import best_epoch

    return best_epoch(metrics_table(path))


def _sweep_seeds() -> list[Parts]:
    from netsim.analysis import sweep_table, write_table

    figures = {
        "epochs": 2,
        "best_epoch": 1,
        "validation_accuracy": 0.9,
        "validation_loss": 0.5,
        "seconds": 12.5,
    }
    ended = [
        {
            "run": f"{number:04}",
            "status": "finished",
            "seed": number % 2,
            "learning.rate": 10.0 ** -(number // 2),
            "layers.conv.shape": [3, number // 2],
            **figures,
            "validation_strict_accuracy": 0.5 + number / 16,
        }
        for number in range(6)
    ]
    ended.append({"run": "0007", "status": "failed", "seed": 0, "learning.rate": 1e300, "error": "training diverged"})
    table = sweep_table(["learning.rate", "layers.conv.shape"], ended)
    return [{"csv": content_of(partial(write_table, table), ".csv")}]


def _read_sweep(path: Path) -> object:
    from netsim.analysis import read_sweep_table, sweep_summary
    from netsim.spikes.files import records

    table = read_sweep_table(path)
    summary = sweep_summary(table)
    assert summary["seeds"].sum() == (table["status"] == "finished").sum()
    return records(summary)


TARGETS = {
    "checkpoint": Target(_checkpoint_seeds, _read_checkpoint, "checkpoint.npz", checkpoint),
    "run": FolderTarget(_run_seeds, _read_run, "run"),
    "metrics": Target(_table_seeds, _read_table, "metrics.csv"),
    "sweep table": Target(_sweep_seeds, _read_sweep, "results.csv"),
}
