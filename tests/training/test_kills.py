"""Trainings that SIGKILL ends at random times continue to the same end.

A kill may hit reading, making of data, compiling, training or writing. Each batch ends with a checkpoint, so that many
kills interrupt writing.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.files import read_arrays
from netsim.runs.folder import RunFolder, is_run
from tests.training.own_graphs import looped_graph

SIGNUM = """
import numpy as np
from netsim.learning import Optimizer
from netsim.seams import optimizers

@optimizers.register("signum")
class Signum(Optimizer):
    \"\"\"Moves by the sign of a mean of the gradients\"\"\"

    @classmethod
    def from_network(cls, network):
        return cls()

    def begin(self, weights):
        self.state = {f"mean.{name}": np.zeros_like(array) for name, array in weights.items()}

    def step(self, weights, gradients, rate, factors=None):
        for name, gradient in gradients.items():
            mean = self.state[f"mean.{name}"]
            mean += 0.1 * (gradient - mean)
            weights[name] -= rate * (factors or {}).get(name, 1.0) * np.sign(mean)
"""
OWN_DATA = """
import dataclasses, sys
from pathlib import Path
import numpy as np
import netsim
from netsim.runs.folder import is_run

path, kind, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
path.with_suffix(".began").touch()

def drawn(count, seed):
    generator = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).random((10, 64))
    for _ in range(0, count, 50):
        labels = generator.integers(0, 10, 50)
        yield np.clip(patterns[labels] + generator.normal(0, 0.3, (50, 64)), 0, 1), labels

network = netsim.load_preset("digits")
settings = dataclasses.replace(network.training, epochs=2, engine="event", validation=50)
network = dataclasses.replace(network, training=settings)
file = f"{path}.npz" if kind == "stream" else None
if file and Path(file).exists():
    data = netsim.load_dataset(file)
else:
    given = dict(encoder=network.encoder, test=drawn(100, 1), intensity_max=1, file=file)
    data = netsim.make_dataset(drawn(limit, 0), **given)
netsim.open_training(path, network, seed=0, data=data, resume=is_run(path)).train(checkpoint_seconds=0)
"""


def command_of(kind: str, folder: Path, limit: int) -> Callable[[Path], list[str]]:
    """Return the function from a run folder to the command that trains in it, from the start or a checkpoint."""
    program, plug_in = folder / "own_data.py", folder / "signum_plug_in.py"
    if kind in ("data", "stream"):
        program.write_text(OWN_DATA, encoding="utf-8")
        return lambda path: [str(program), str(path), kind, str(limit)]
    subject, options = "digits", ["--engine", "brian2" if kind == "brian2" else "event"]
    if kind == "plug-in":
        plug_in.write_text(SIGNUM, encoding="utf-8")
        netsim.load_plugin(plug_in)
        options += ["--plugin", str(plug_in)]
    if kind in ("graph", "plug-in"):
        subject = str(folder / "network.toml")
        netsim.write_network(looped_graph("signum" if kind == "plug-in" else "adam"), subject)
    options += ["--limit", str(limit), "--epochs", "2", "--checkpoint-every", "0"]

    def command(path: Path) -> list[str]:
        resume = ["--resume"] if is_run(path) else []
        return ["-m", "netsim", "train", subject, "--out", str(path), *options, *resume]

    return command


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(command: list[str]) -> None:
    process = start(command)
    errors = process.communicate()[1]
    assert process.returncode == 0, errors


def has_begun(path: Path) -> bool:
    """Return whether a training has a run folder, or has begun to make its data."""
    return is_run(path) or path.with_suffix(".began").exists()


def content(run: RunFolder) -> dict[str, Any]:
    """Return all that must be equal at the end."""
    with run.metrics.open(newline="") as lines:
        metrics = [{key: each for key, each in row.items() if "seconds" not in key} for row in csv.DictReader(lines)]
    compared = ("weights", "optimizer", "mean", "best")
    arrays = {name: each for name, each in read_arrays(run.checkpoint).items() if name.split(".")[0] in compared}
    temporary = [path.name for path in run.path.glob(".*") if path != run.lock_file]
    contents = {name: array.tobytes() for name, array in arrays.items()}
    return contents | {"best.npz": run.best.read_bytes(), "metrics": metrics, "temporary files": temporary}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.parametrize(
    ("kind", "kills", "limit"),
    [
        ("stream", 1, 200),
        *(pytest.param(kind, 20, 400, marks=pytest.mark.nightly) for kind in ("event", "data", "stream", "plug-in")),
        pytest.param("graph", 20, 200, marks=pytest.mark.nightly),
        pytest.param("brian2", 20, 60, marks=[pytest.mark.slow, pytest.mark.nightly]),
    ],
)
def test_killed_trainings_continue_to_the_same_end(tmp_path: Path, kind: str, kills: int, limit: int) -> None:
    command, whole = command_of(kind, tmp_path, limit), RunFolder(tmp_path / "whole")
    began = time.monotonic()
    finish(command(whole.path))
    expected, seconds = content(whole), time.monotonic() - began
    generator, killed, number = np.random.default_rng(3), 0, 0
    while killed < kills:
        run, number = RunFolder(tmp_path / f"run-{number}"), number + 1
        process = start(command(run.path))
        while not has_begun(run.path) and process.poll() is None:
            time.sleep(0.002)
        began = time.monotonic()
        try:
            process.wait(generator.uniform(0, seconds))
            seconds = time.monotonic() - began  # it ended before: the first training compiled, for example
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        errors = process.communicate()[1]
        assert process.returncode in (0, -signal.SIGKILL), errors
        if process.returncode:
            finish(command(run.path))
        assert content(run) == expected
