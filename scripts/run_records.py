"""Records of trainings: read them, and make them from run folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from netsim.analysis import metrics_table
from netsim.runs.folder import RunFolder
from netsim.spikes.files import records
from netsim.training.opening import training_figures

RUNS = Path(__file__).resolve().parents[1] / "runs" / "reproduce"
VALIDATION = "validation_strict_accuracy"
Result = dict[str, Any]


def read_records(folder: Path, pattern: str = "*.json") -> list[Result]:
    """Return the records of runs, sorted by name."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob(pattern))]


def training_record(run: RunFolder) -> Result:
    """Return the record of a training from the files of its run."""
    history, record = records(metrics_table(run.metrics)), run.record()
    figures = training_figures(history)
    kept = ("seed", "git_revision", "machine", "versions", "pretrained_sha256", "resumed", "extended")
    return {
        "record": {key: record[key] for key in kept if key in record},
        **{key: figures[key] for key in ("epochs", "best_epoch", VALIDATION) if key in figures},
        "minutes": figures["seconds"] / 60,
        "training_strict_accuracy": history[-1]["training_strict_accuracy"],
    }
