"""Kill trainings with SIGKILL at random moments, go on with them, and compare with one that was never interrupted.

    python scripts/kill_campaign.py                              # 20 trainings of each kind
    python scripts/kill_campaign.py event stream --kills 3 --seed 1

`event` and `brian2` train the preset `digits`; `graph` a network with a loop, winners and learned delays; `plug-in`
with an optimizer from a file; `data` and `stream` are programs that train on data of their own, in memory and streamed
to a file, and are killed while they make them, too.

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
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from netsim.errors import RunError
from netsim.files import read_arrays
from netsim.runs.folder import RunFolder, is_run
from netsim.runs.plugin_files import load_plugin
from netsim.training.checkpoint import read_checkpoint

COMPARED = ("weights", "optimizer", "mean", "best")
HEADINGS = ("training", "kill", "after (s)", "left behind", "half-written file", "the same end")
GRAPH = """
name = "graph"
duration = 90.0

[encoder]
shape = [8, 8, 1]
t_max = 16.0

[[populations]]
name = "hidden"
shape = [40]
neurons = { threshold = 1.0, tau = 20.0, end = 60.0, bias = true }
winners = { scope = "population", first = 20 }

[[populations]]
name = "inhibitory"
shape = [10]
neurons = { threshold = 0.5, tau = 20.0, end = 60.0 }

[[populations]]
name = "output"
shape = [10]
neurons = { threshold = 1.0, tau = 20.0, bias = true }

[[projections]]
source = "stimulus"
target = "hidden"
connectivity = { rule = "dense" }
delay = { per = "synapse", mean = 2.0, spread = 1.0, longest = 8.0, learned = true }

[[projections]]
source = "hidden"
target = "inhibitory"
connectivity = { rule = "dense" }
sign = "excitatory"

[[projections]]
name = "back"
source = "inhibitory"
target = "hidden"
connectivity = { rule = "dense" }
sign = "inhibitory"
delay = 0.7

[[projections]]
source = "hidden"
target = "output"
connectivity = { rule = "dense" }

[training]
dataset = "digits"
validation = 180
batch = 20
"""
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
import dataclasses, os, sys
from pathlib import Path
import numpy as np
import netsim
from netsim.runs.folder import is_run

path, epochs, limit, seed, file = Path(sys.argv[1]), *map(int, sys.argv[2:5]), *sys.argv[5:]
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
options = {"training": drawn(limit, seed), "encoder": network.encoder, "test": drawn(100, seed + 1), "intensity_max": 1}
file = f"{path}.npz" if file == "stream" else None
if file and Path(file).exists():
    data = netsim.load_dataset(file)
else:
    data = netsim.make_dataset(**options, file=file)
run = netsim.open_training(path, network, seed=seed, data=data, resume=is_run(path))
run.train(checkpoint_seconds=0)
"""


@dataclass(frozen=True)
class Campaign:
    """How the trainings of one kind are made.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    limit, epochs, seed : int
        Training images, and options of ``netsim train``.
    folder : Path
        Where the run folders go.
    warm : bool
        Whether to train once before anything is timed.
    """

    kind: str
    limit: int
    epochs: int
    seed: int
    folder: Path
    warm: bool

    def start(self, run: Path) -> subprocess.Popen[str]:
        """A process that trains in a run folder, from the beginning or from where it stands."""
        command = [sys.executable, *KINDS[self.kind](self, run)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def command(self, run: Path, network: str, *options: str) -> list[str]:
        """``netsim train`` of a network."""
        numbers = {"--limit": self.limit, "--epochs": self.epochs, "--seed": self.seed, "--checkpoint-every": 0}
        words = [str(word) for option in numbers.items() for word in option]
        resume = ["--resume"] if is_run(run) else []
        return ["-m", "netsim", "train", network, "--out", str(run), *words, *options, *resume]

    def file(self, name: str, content: str) -> str:
        """The path of a file of the campaign."""
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    def program(self, run: Path, where: str) -> list[str]:
        """A program that makes its data and trains."""
        numbers = map(str, (self.epochs, self.limit, self.seed))
        return [self.file("own_data.py", OWN_DATA), str(run), *numbers, where]

    def has_begun(self, run: Path) -> bool:
        """Whether a moment to kill may have come: a program makes data before there is a run."""
        return is_run(run) or run.with_suffix(".began").exists()

    def whole(self) -> tuple[RunFolder, float]:
        """The training that is not interrupted, and how long (s) it trained."""
        if self.warm:  # what it compiles is there from then on
            finish(self.start(self.folder / f"{self.kind}-first"))
        run = RunFolder(self.folder / f"{self.kind}-whole")
        finish(self.start(run.path))
        began = run.path.with_suffix(".began")
        first = began if began.exists() else run.network_file
        return run, run.metrics.stat().st_mtime - first.stat().st_mtime

    def kill(self, run: Path, moment: float) -> float | None:
        """Kill a training at a moment (s after it began); None, or how long (s) it took if it ended before."""
        process = self.start(run)
        while not self.has_begun(run) and process.poll() is None:
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


def _plug_in(campaign: Campaign, run: Path) -> list[str]:
    network = campaign.file("plug-in.toml", GRAPH + '\n[learning]\noptimizer = "signum"\n')
    plug_in = campaign.file("signum_plug_in.py", PLUG_IN)
    load_plugin(plug_in)  # what is left behind is read here, too
    return campaign.command(run, network, "--engine", "event", "--plugin", plug_in)


KINDS: dict[str, Callable[[Campaign, Path], list[str]]] = {
    "event": lambda campaign, run: campaign.command(run, "digits", "--engine", "event"),
    "brian2": lambda campaign, run: campaign.command(run, "digits", "--engine", "brian2"),
    "graph": lambda campaign, run: campaign.command(run, campaign.file("graph.toml", GRAPH), "--engine", "event"),
    "plug-in": _plug_in,
    "data": lambda campaign, run: campaign.program(run, "memory"),
    "stream": lambda campaign, run: campaign.program(run, "stream"),
}


def main(
    trainings: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(KINDS)}; by default all.")] = None,
    kills: Annotated[int, typer.Option(min=1, help="Trainings to kill of each.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments, and of the trainings.")] = 0,
    limit: Annotated[int, typer.Option(min=10, help="Digits to train on.")] = 1000,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
    warm: Annotated[bool, typer.Option(help="Train once before: else the first moments fall into compiling.")] = True,
) -> None:
    """Kill, go on, compare; exit code 1 if anything differs."""
    unknown = sorted(set(trainings or []) - set(KINDS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; trainings are {', '.join(KINDS)}")
    print(row(HEADINGS), row(["---"] * len(HEADINGS)), sep="\n")
    same = True
    with tempfile.TemporaryDirectory(prefix="netsim-kills-") as folder:
        for kind in trainings or KINDS:
            for result in killed_ones(Campaign(kind, limit, epochs, seed, Path(folder), warm), kills):
                print(row(result), flush=True)
                same = same and result[-1] == "yes"
    sys.exit(not same)


def killed_ones(campaign: Campaign, kills: int) -> Any:
    """Kill as many trainings and yield a row of the table for each."""
    whole, seconds = campaign.whole()
    expected = content(whole)
    generator = np.random.default_rng([campaign.seed, zlib.crc32(campaign.kind.encode())])
    done = number = 0
    while done < kills:
        number += 1
        run = RunFolder(campaign.folder / f"{campaign.kind}-{number}")
        moment = float(generator.uniform(0, seconds))
        took = campaign.kill(run.path, moment)
        if took is not None:  # the machine was faster this time, or this process was held up
            seconds = max(took, 0.9 * seconds)
            continue
        done += 1
        half, where = bool(half_written(run)), position(run)
        finish(campaign.start(run.path))
        same = content(run) == expected and not half_written(run)
        yield [campaign.kind, done, f"{moment:.2f}", where, "yes" if half else "no", "yes" if same else "NO"]


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
    if not is_run(run.path):
        return "no run yet"
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
