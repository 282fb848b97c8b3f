"""What a finished run says of itself: all that the results page is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from netsim.analysis import metrics_table
from netsim.runs.folder import RunFolder
from netsim.spikes.files import records
from netsim.training.opening import training_figures

REPOSITORY = Path(__file__).resolve().parents[2]
TRAINED = REPOSITORY / "models" / "trained"
RECORDS = TRAINED / "records"
"""Of the rows of the results table, one file per run."""
EVALUATIONS = TRAINED / "evaluations"
"""Of the shipped weights on the test set, one file per row: what ``netsim evaluate ROW --read-out all --json`` says."""
METRICS = TRAINED / "metrics"
"""Of the rows of the results table, the learning curves of each run, as `netsim.analysis.metrics_table` reads them."""
ABLATIONS = TRAINED / "ablations"
"""Of the ablations, one file per run."""


def read_records(folder: Path, pattern: str = "*.json") -> list[dict[str, Any]]:
    """The records of a folder, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]


def read_evaluations(folder: Path) -> dict[str, dict[str, Any]]:
    """The evaluations of a folder, by row."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def training_record(run: RunFolder) -> dict[str, Any]:
    """What a run's own files say of its training."""
    figures = training_figures(records(metrics_table(run.metrics)))
    record = run.record()
    kept = ("seed", "git_revision", "machine", "versions", "pretrained_sha256")
    return {
        "record": {key: record[key] for key in kept if key in record},
        **{key: figures[key] for key in ("epochs", "best_epoch", "validation_strict_accuracy") if key in figures},
        "minutes": figures["seconds"] / 60,
    }
