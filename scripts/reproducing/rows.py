"""Rows of the results table: a preset trained with a seed, and what is shipped of it tested once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from netsim.data.loading import load_dataset
from netsim.data.stimuli import load_splits
from netsim.engines import make_engine
from netsim.errors import RunError
from netsim.files import write_atomically, write_json, write_text
from netsim.measuring.evaluation import evaluate
from netsim.models.presets import load_preset
from netsim.runs.folder import is_run, open_run
from netsim.runs.model import Model
from netsim.seams import read_outs
from netsim.weights.packing import read_packed, write_packed
from reproducing.records import ABLATIONS, EVALUATIONS, METRICS, RECORDS, TRAINED, training_record

PAPER = {
    "rcsnn-mnist": "99.2",
    "bcsnn-mnist": "≈ 98.6",
    "rcsnn-fashion": "92.8",
    "bcsnn-fashion": "≈ 92.0",
    "rcsnn-mnist-free": "99.2",
    "rcsnn-fashion-free": "92.8",
    "rcsnn-fashion-free-clock": "92.8",
    "bcsnn-mnist-free": "≈ 98.6",
    "bcsnn-fashion-free": "≈ 92.0",
    "deep-fashion": "–",
    "deep-fashion-free": "–",
    "deep-mnist": "–",
    "mlp-mnist": "(S4NN 97.4)",
    "mlp-fashion": "(S4NN 88.0)",
    "sparse-mnist": "(S4NN 97.4)",
    "ei-mnist": "(S4NN 97.4)",
    "yin-yang": "–",
    "rcsnn-nmnist": "–",
}
"""The rows, and the paper's accuracies (%)."""


def check_data(rows: Iterable[str], data_dir: str | None) -> None:
    """Refuse to begin if the data set of a row is missing: it would be noticed after hours of the rows before it.

    Raises
    ------
    DataError
        If a data set cannot be found.
    """
    for name, encoder in {one.training.dataset: one.encoder for one in map(load_preset, rows)}.items():
        load_dataset(name, data_dir, encoder, as_needed=True)


def run_row(preset: str, seed: int, runs: Path, data_dir: str | None) -> None:
    """Train one row with one seed, and test once what would be shipped of it.

    Raises
    ------
    RunError
        If the run folder was made with other settings.
    """
    folder = runs / f"{preset}-seed{seed}"
    network = load_preset(preset)
    if is_run(folder) and open_run(folder).network() != network:
        raise RunError(f"{folder}: was made with other settings of {preset}; move it away")
    if (folder / "result.json").exists():
        return
    options = ["--data-dir", data_dir] if data_dir else []
    resume = ["--resume"] if is_run(folder) else []
    command = [sys.executable, "-m", "netsim", "train", preset, "--seed", str(seed), "--out", str(folder)]
    subprocess.run([*command, *options, *resume], check=True)
    run = open_run(folder)
    packed = folder / "packed.npz"
    write_packed(network, run.weights(network), packed)
    test = load_splits(network, None, data_dir).test
    engine = make_engine("event", network)
    measured = evaluate(Model(network, read_packed(network, packed)), test, engine=engine, read_outs=list(read_outs))
    run.write_json("result.json", {"preset": preset, **training_record(run), "test": measured.to_dict()})


def evaluate_shipped(preset: str, data_dir: str | None) -> None:
    """Present the test set to the weights of a row as the package has them, and keep what all read-outs make of it."""
    options = ["--data-dir", data_dir] if data_dir else []
    command = [sys.executable, "-m", "netsim", "evaluate", preset, "--read-out", "all", "--json", *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    write_text(EVALUATIONS / f"{preset}.json", done.stdout)


def ship_rows(runs: Path) -> None:
    """Put the records of finished runs, and the weights of seed 0, where the package has them."""
    for folder in (TRAINED, RECORDS, EVALUATIONS, METRICS, ABLATIONS):
        folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(runs.glob("*/result.json")):
        result = json.loads(path.read_text())
        if result["record"]["seed"] == 0:
            write_atomically(TRAINED / f"{result['preset']}.npz", partial(_copy, path.parent / "packed.npz"))
            if "read_outs" in result["test"]:  # a run of an earlier version has none; see evaluate_shipped
                write_json(EVALUATIONS / f"{result['preset']}.json", result["test"])
        write_text(RECORDS / f"{path.parent.name}.json", path.read_text())
        write_text(METRICS / f"{path.parent.name}.csv", open_run(path.parent).metrics.read_text())
    for path in sorted(runs.glob("ablations/*/result.json")):
        write_text(ABLATIONS / f"{path.parent.name}.json", path.read_text())


def _copy(source: Path, stream: BinaryIO) -> None:
    stream.write(source.read_bytes())
