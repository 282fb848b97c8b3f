"""Kill trainings with SIGKILL at random times, resume them, and compare with an uninterrupted training.

    python scripts/kill_campaign.py                              # 20 trainings of each kind
    python scripts/kill_campaign.py event stream --kills 3 --seed 1

`event` and `brian2` train the preset `digits`. `graph` trains a network with a loop, winners and learned delays.
`plug-in` uses an optimizer from a file. `data` and `stream` are programs that train on custom data, in memory and
streamed to a file. They are also killed while they make the data.

Each batch ends with a checkpoint, so that many kills interrupt writing. docs/appendix/reliability.md has the results.
"""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from command import run
from pages import markdown

import netsim
from netsim.errors import RunError
from netsim.files import read_arrays
from netsim.runs.folder import RunFolder, is_run
from netsim.training.checkpoint import read_checkpoint

KINDS = ("event", "brian2", "graph", "plug-in", "data", "stream")
PLUG_IN = """
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

path, kind, limit, epochs, seed = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
path.with_suffix(".began").touch()

def drawn(count, seed):
    generator = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).random((10, 64))
    for _ in range(0, count, 50):
        labels = generator.integers(0, 10, 50)
        yield np.clip(patterns[labels] + generator.normal(0, 0.3, (50, 64)), 0, 1), labels

network = netsim.load_preset("digits")
settings = dataclasses.replace(network.training, epochs=epochs, engine="event", validation=50)
network = dataclasses.replace(network, training=settings)
file = f"{path}.npz" if kind == "stream" else None
if file and Path(file).exists():
    data = netsim.load_dataset(file)
else:
    given = dict(encoder=network.encoder, test=drawn(100, seed + 1), intensity_max=1, file=file)
    data = netsim.make_dataset(drawn(limit, seed), **given)
netsim.open_training(path, network, seed=seed, data=data, resume=is_run(path)).train(checkpoint_seconds=0)
"""


def graph(optimizer: str) -> netsim.Network:
    """Return a network with a loop, winners and learned delays for the digits."""
    integrating, dense = partial(netsim.Neurons, "free", tau=20.0), netsim.Dense()
    winners = netsim.PopulationWinners(20)
    populations = (
        netsim.Population("hidden", (40,), integrating(threshold=1.0, end=60.0, bias=True), winners=winners),
        netsim.Population("inhibitory", (10,), integrating(threshold=0.5, end=60.0)),
        netsim.Population("output", (10,), integrating(threshold=1.0, bias=True)),
    )
    learned = netsim.Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    projections = (
        netsim.Projection("stimulus", "hidden", dense, delay=learned),
        netsim.Projection("hidden", "inhibitory", dense, sign="excitatory"),
        netsim.Projection("inhibitory", "hidden", dense, sign="inhibitory", name="back", delay=0.7),
        netsim.Projection("hidden", "output", dense),
    )
    encoder, training = netsim.IntensityEncoder((8, 8, 1), 16.0), netsim.Training("digits", validation=180, batch=20)
    learning = netsim.Learning(optimizer=optimizer)
    return netsim.Network("graph", encoder, populations, projections, 90.0, learning=learning, training=training)


class Campaign:
    """Trainings of one kind, in one folder."""

    def __init__(self, kind: str, folder: Path, limit: int, epochs: int, seed: int) -> None:
        self.kind, self.folder, self.seed = kind, folder, seed
        self.numbers = {"--limit": str(limit), "--epochs": str(epochs), "--seed": str(seed)}
        self.network, self.plug_in, self.program = (
            str(folder / name) for name in ("network.toml", "signum_plug_in.py", "own_data.py")
        )
        Path(self.plug_in).write_text(PLUG_IN, encoding="utf-8")
        Path(self.program).write_text(OWN_DATA, encoding="utf-8")
        if kind == "plug-in":
            netsim.load_plugin(self.plug_in)  # this process also reads the results
        netsim.write_network(graph("signum" if kind == "plug-in" else "adam"), self.network)

    def start(self, run: Path) -> subprocess.Popen[str]:
        """Start a process that trains in a run folder, from the beginning or from its checkpoint."""
        if self.kind in ("data", "stream"):
            command = [self.program, str(run), self.kind, *self.numbers.values()]
        else:
            uses_file = self.kind in ("graph", "plug-in")
            command = ["-m", "netsim", "train", self.network if uses_file else "digits", "--out", str(run)]
            command += [word for option in self.numbers.items() for word in option] + ["--checkpoint-every", "0"]
            command += ["--engine", "brian2" if self.kind == "brian2" else "event"]
            command += ["--plugin", self.plug_in] if self.kind == "plug-in" else []
            command += ["--resume"] if is_run(run) else []
        return subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def whole(self, name: str) -> tuple[RunFolder, float]:
        """Train without interruption. Return the run and the duration (s)."""
        run = RunFolder(self.folder / name)
        finish(self.start(run.path))
        began = run.path.with_suffix(".began")
        first = began if began.exists() else run.network_file
        return run, run.metrics.stat().st_mtime - first.stat().st_mtime

    def kill(self, run: Path, moment: float) -> float | None:
        """Kill a training at a time (s after its start). Return None, or the duration (s) if it ended before."""
        process = self.start(run)
        # a program makes data before it starts a run
        while not is_run(run) and not run.with_suffix(".began").exists() and process.poll() is None:
            time.sleep(0.002)
        began = time.monotonic()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
        _, errors = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            raise RunError(f"{run}: ended with {errors}")
        return None if process.returncode else time.monotonic() - began

    def kills(self, count: int, warm: bool) -> Iterator[list[Any]]:
        """Kill `count` trainings, resume them, and yield a row of the table for each."""
        if warm:  # later runs reuse the compiled code
            self.whole("first")
        whole, seconds = self.whole("whole")
        expected, generator = content(whole), np.random.default_rng([self.seed, zlib.crc32(self.kind.encode())])
        done = number = 0
        while done < count:
            run, number = RunFolder(self.folder / f"run-{number}"), number + 1
            moment = float(generator.uniform(0, seconds))
            took = self.kill(run.path, moment)
            if took is not None:  # the machine was faster this time, or this process was delayed
                seconds = max(took, 0.9 * seconds)
                continue
            done += 1
            half, where = bool(half_written(run)), position(run)
            finish(self.start(run.path))
            same = content(run) == expected and not half_written(run)
            yield [self.kind, done, f"{moment:.2f}", where, "yes" if half else "no", "yes" if same else "NO"]


def half_written(run: RunFolder) -> list[Path]:
    """Return temporary files that were never renamed."""
    return [path for path in run.path.glob(".*") if path != run.lock_file]


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a training. It must succeed."""
    _, errors = process.communicate()
    if process.returncode:
        raise RunError(f"a training failed: {errors}")


def position(run: RunFolder) -> str:
    """Describe the remains of a killed training."""
    if not is_run(run.path):
        return "no run yet"
    for path in (run.checkpoint, run.previous_checkpoint):
        if path.exists():
            state = read_checkpoint(run.network(), path)
            alone = "" if run.checkpoint.exists() else ", between two renamings"
            return f"epoch {state.epoch + 1}, batch {state.batch + 1}{alone}"
    return "no checkpoint yet"


def content(run: RunFolder) -> dict[str, Any]:
    """Return all values that must be equal at the end."""
    with run.metrics.open(newline="") as lines:
        metrics = [{k: v for k, v in line.items() if "seconds" not in k} for line in csv.DictReader(lines)]
    compared = ("weights", "optimizer", "mean", "best")
    arrays = {name: each for name, each in read_arrays(run.checkpoint).items() if name.split(".")[0] in compared}
    contents = {name: array.tobytes() for name, array in arrays.items()}
    return {**contents, "best.npz": run.best.read_bytes(), "metrics": metrics}


def main(
    trainings: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(KINDS)}; by default all.")] = None,
    kills: Annotated[int, typer.Option(min=1, help="Trainings to kill of each.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments, and of the trainings.")] = 0,
    limit: Annotated[int, typer.Option(min=10, help="Digits to train on.")] = 1000,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
    warm: Annotated[bool, typer.Option(help="Train once before: else the first moments fall into compiling.")] = True,
) -> None:
    """Kill, resume and compare. The exit code is 1 if anything differs."""
    unknown = sorted(set(trainings or []) - set(KINDS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; trainings are {', '.join(KINDS)}")
    headings = ("training", "kill", "after (s)", "left behind", "half-written file", "the same end")
    print(markdown(headings, []))
    same = True
    for kind in trainings or KINDS:
        with tempfile.TemporaryDirectory(prefix="netsim-kills-") as folder:
            for row in Campaign(kind, Path(folder), limit, epochs, seed).kills(kills, warm):
                print(f"| {' | '.join(map(str, row))} |", flush=True)
                same = same and row[-1] == "yes"
    sys.exit(not same)


if __name__ == "__main__":
    run(main)
