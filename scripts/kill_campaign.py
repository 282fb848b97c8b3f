"""Kill trainings with SIGKILL at random moments, go on with them, and compare with one that was never interrupted.

    python scripts/kill_campaign.py                              # 20 trainings on each engine
    python scripts/kill_campaign.py --engine event --kills 3 --seed 1

A checkpoint is written after every batch, so that many moments lie within the writing of one; the table says so
where a file was left half written. Compared are weights, moments, their running mean and the best weights in the
last checkpoint, the file of the best weights, and all metrics but times, to the bit.
"""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from netsim.errors import RunError
from netsim.files import read_arrays
from netsim.runs.folder import RunFolder, is_run
from netsim.training.checkpoint import read_checkpoint

COMPARED = ("weights", "optimizer", "mean", "best")
HEADINGS = ("engine", "kill", "after (s)", "left behind", "half-written file", "the same end")


@dataclass(frozen=True)
class Campaign:
    """How the trainings of one engine are made.

    Attributes
    ----------
    engine : {"event", "brian2"}
    limit, epochs, seed : int
        Options of ``netsim train``.
    folder : Path
        Where the run folders go.
    """

    engine: str
    limit: int
    epochs: int
    seed: int
    folder: Path

    def start(self, run: Path) -> subprocess.Popen[str]:
        """A process that trains in a run folder, from the beginning or from where it stands."""
        options = {"--engine": self.engine, "--limit": self.limit, "--epochs": self.epochs, "--seed": self.seed}
        command = [sys.executable, "-m", "netsim", "train", "digits", "--out", str(run), "--checkpoint-every", "0"]
        command += [str(word) for option in options.items() for word in option]
        resume = ["--resume"] if is_run(run) else []
        return subprocess.Popen([*command, *resume], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def whole(self) -> tuple[RunFolder, float]:
        """The training that is not interrupted, and how long (s) it trained."""
        run = RunFolder(self.folder / f"{self.engine}-whole")
        finish(self.start(run.path))
        return run, run.metrics.stat().st_mtime - run.network_file.stat().st_mtime

    def killed(self, run: Path, moment: float) -> bool:
        """Kill a training at a moment (s after its run folder was made); whether it was still running."""
        process = self.start(run)
        while not is_run(run) and process.poll() is None:
            time.sleep(0.002)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        _, errors = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            raise RunError(f"{run}: ended with {errors}")
        return process.returncode != 0


def main(
    engine: Annotated[list[str] | None, typer.Option(help="event or brian2; repeatable; by default both.")] = None,
    kills: Annotated[int, typer.Option(min=1, help="Trainings to kill on each engine.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments, and of the trainings.")] = 0,
    limit: Annotated[int, typer.Option(min=10, help="Digits to train on.")] = 1000,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Kill, go on, compare; exit code 1 if anything differs."""
    print(row(HEADINGS), row(["---"] * len(HEADINGS)), sep="\n")
    same = True
    with tempfile.TemporaryDirectory(prefix="netsim-kills-") as folder:
        for name in engine or ("event", "brian2"):
            for result in trainings(Campaign(name, limit, epochs, seed, Path(folder)), kills):
                print(row(result), flush=True)
                same = same and result[-1] == "yes"
    sys.exit(not same)


def trainings(campaign: Campaign, kills: int) -> Any:
    """Kill as many trainings and yield a row of the table for each."""
    whole, seconds = campaign.whole()
    expected = content(whole)
    generator = np.random.default_rng([campaign.seed, len(campaign.engine)])
    done = number = 0
    while done < kills:
        number += 1
        run = RunFolder(campaign.folder / f"{campaign.engine}-{number}")
        moment = float(generator.uniform(0, seconds))
        if not campaign.killed(run.path, moment):  # the machine was faster this time
            continue
        done += 1
        half, where = bool(half_written(run)), position(run)
        finish(campaign.start(run.path))
        same = content(run) == expected and not half_written(run)
        yield [campaign.engine, done, f"{moment:.2f}", where, "yes" if half else "no", "yes" if same else "NO"]


def half_written(run: RunFolder) -> list[Path]:
    """Files that were not renamed into place."""
    return [path for path in run.path.glob(".*") if path != run.lock_file]


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a training that must succeed."""
    _, errors = process.communicate()
    if process.returncode:
        raise RunError(f"a training failed: {errors}")


def position(run: RunFolder) -> str:
    """What a killed training has left."""
    network = run.network()
    for path in (run.checkpoint, run.previous_checkpoint):
        if path.exists():
            state = read_checkpoint(network, path)
            alone = "" if run.checkpoint.exists() else ", between two renamings"
            return f"epoch {state.epoch + 1}, batch {state.batch + 1}{alone}"
    return "no checkpoint yet"


def content(run: RunFolder) -> dict[str, Any]:
    """All that must be the same at the end."""
    with run.metrics.open(newline="") as lines:
        metrics = [{k: v for k, v in line.items() if "seconds" not in k} for line in csv.DictReader(lines)]
    arrays = read_arrays(run.checkpoint)
    return {
        **{name: array.tobytes() for name, array in arrays.items() if name.split(".")[0] in COMPARED},
        "best.npz": run.best.read_bytes(),
        "metrics": metrics,
    }


def row(cells: Any) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    try:
        typer.run(main)
    except RunError as error:
        sys.exit(f"kill_campaign: {error}")
