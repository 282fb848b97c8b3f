"""Present for a long time, and check whether memory grows and whether the first stimulus still gives the same spikes.

    python scripts/soak.py brian2       # 100,000 presentations of the digits, in one run of the Brian2 engine
    python scripts/soak.py event        # 5 epochs of Fashion-MNIST on the event engine; --data-dir or NETSIM_DATA
    python scripts/soak.py figure       # docs/reliability/memory.png of both

Resident memory is sampled about four times a second and kept in runs/soak. The first stimulus is presented before
and after, with the same weights and by the same engine. Exit code 1 if memory grows or a spike differs. Needs
psutil: pip install 'netsim-snn[sweep]'.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from netsim.cli.terminal import counting, progress_bar
from netsim.data.stimuli import load_splits
from netsim.engines import Batch, Conversation, Latencies, make_engine
from netsim.errors import DataError, NetsimError
from netsim.files import write_text
from netsim.models.presets import load_preset
from netsim.specification import Network
from netsim.training.loop import Callbacks, Progress, start_training, training_conversation
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

REPOSITORY = Path(__file__).resolve().parents[1]
FIGURE = REPOSITORY / "docs" / "reliability" / "memory.png"
SAMPLE_SECONDS = 0.25
MEGABYTE = 2**20
WARM_UP = 0.2
"""Share of the presentations in which libraries still set up what they keep."""
LARGEST_GROWTH = 0.02
"""Of the mean memory, from the end of the warm-up to the last presentation, by a straight line."""

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where samples are kept.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the weights and of the training.")]
app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


@dataclass
class Memory:
    """Resident memory of this process as presentations go by.

    Attributes
    ----------
    samples : list of (int, float, float)
        Presentations, seconds since the start, and MB.
    """

    samples: list[tuple[int, float, float]] = field(default_factory=list)
    _process: psutil.Process = field(default_factory=psutil.Process)
    _began: float = field(default_factory=time.monotonic)

    def sample(self, presentations: int, last: bool = False) -> None:
        """Take a sample, unless the one before is just over."""
        seconds = time.monotonic() - self._began
        if last or not self.samples or seconds - self.samples[-1][1] >= SAMPLE_SECONDS:
            self.samples.append((presentations, seconds, self._process.memory_info().rss / MEGABYTE))

    def growth(self) -> float:
        """Growth after the warm-up, as a share of the mean memory."""
        presentations, _, megabytes = np.array(self.samples).T
        late = presentations >= WARM_UP * presentations[-1]
        slope, _ = np.polyfit(presentations[late], megabytes[late], 1)
        return float(slope * np.ptp(presentations[late]) / megabytes[late].mean())

    def write(self, path: Path) -> None:
        """Write the samples as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["presentations", "seconds", "memory_mb"])
        writer.writerows([count, f"{seconds:.2f}", f"{memory:.2f}"] for count, seconds, memory in self.samples)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text.getvalue())


@app.command()
def brian2(
    presentations: Annotated[int, typer.Option(min=100)] = 100_000,
    seed: Seed = 0,
    out: Out = REPOSITORY / "runs" / "soak",
) -> None:
    """Present digits to the Brian2 engine again and again, with other weights each time."""
    network = load_preset("digits")
    memory = Memory()
    with counting("presenting", presentations) as advance:
        engine = make_engine("brian2", network, dt=1.0)
        before, after = engine.run(presenting(network, presentations, seed, memory, advance))
    conclude("brian2", before, after, memory, out)


def presenting(
    network: Network, presentations: int, seed: int, memory: Memory, advance: Callable[[int], None]
) -> Conversation[tuple[Latencies, Latencies]]:
    """Present all digits in turn; returns the latencies of the first one before and after."""
    stimuli = load_splits(network).training
    weights = [forward_weights(network, initial_weights(network, seed + number)) for number in (0, 1)]
    first = Batch(stimuli.latencies(np.arange(1)), weights[0])
    before = yield first
    for number, start in enumerate(range(0, presentations, network.training.batch)):
        chosen = np.arange(start, min(start + network.training.batch, presentations)) % len(stimuli)
        yield Batch(stimuli.latencies(chosen), weights[number % 2])
        done = start + len(chosen)
        memory.sample(done)
        advance(done)
    memory.sample(presentations, last=True)
    after = yield first
    return before, after


@app.command()
def event(
    preset: Annotated[str, typer.Option()] = "rcsnn-fashion",
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    limit: Annotated[int | None, typer.Option(min=10, help="Train on the first images only.")] = None,
    data_dir: Annotated[str | None, typer.Option(metavar="DIR")] = None,
    seed: Seed = 0,
    out: Out = REPOSITORY / "runs" / "soak",
) -> None:
    """Train a preset on the event engine, as `netsim train` does, without its files."""
    network = load_preset(preset)
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=epochs))
    splits = load_splits(network, None, data_dir)
    training, validation = splits.training.first(limit), splits.validation.first(limit)
    memory, settings = Memory(), network.training
    engine = make_engine("event", network, settings.dt, settings.precision)
    state = start_training(network, seed)
    initial: Weights = {name: array.copy() for name, array in state.weights.items()}
    first = Batch(training.latencies(np.arange(1)), forward_weights(network, initial))
    before = engine.present(first)

    with progress_bar() as bar:
        task = bar.add_task("training", total=epochs * len(training))

        def on_batch(report: Progress) -> None:
            done = report.epoch * len(training) + report.presentations
            memory.sample(done)
            bar.update(task, completed=done)

        callbacks = Callbacks(on_batch=on_batch)
        engine.run(training_conversation(network, training, validation, state, seed, callbacks=callbacks))
    memory.sample(epochs * len(training), last=True)
    after = engine.present(first)
    conclude("event", before, after, memory, out)


def conclude(name: str, before: Latencies, after: Latencies, memory: Memory, out: Path) -> None:
    """Keep the samples, say what was found, and end with exit code 1 if it is not as it should be."""
    path = out / f"{name}.csv"
    memory.write(path)
    same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    growth = memory.growth()
    presentations, seconds, _ = memory.samples[-1]
    megabytes = [sample[2] for sample in memory.samples]
    spikes = sum(int(np.isfinite(layer).sum()) for layer in before)
    print(
        f"{name}: {presentations:,} presentations in {seconds:,.0f} s; memory {min(megabytes):.0f} to"
        f" {max(megabytes):.0f} MB, growth after the first fifth {growth:+.2%}; the {spikes:,} spikes of the first"
        f" stimulus are {'the same' if same else 'NOT the same'} at the end; samples in {path}"
    )
    sys.exit(not (same and growth < LARGEST_GROWTH))


@app.command()
def figure(out: Out = REPOSITORY / "runs" / "soak", path: Annotated[Path, typer.Option()] = FIGURE) -> None:
    """Draw memory against presentations from the kept samples."""
    import matplotlib.pyplot as plt
    import pandas as pd

    from netsim.analysis.style import FULL_WIDTH, colours, save_figure, theme

    titles = {"brian2": "digits, presented by Brian2", "event": "Fashion-MNIST, trained by the event engine"}
    with theme():
        drawing, axes = plt.subplots(1, 2, figsize=(FULL_WIDTH, 2.1), layout="constrained")
        for ax, (name, title), colour in zip(axes, titles.items(), colours(2), strict=True):
            if not (out / f"{name}.csv").exists():
                raise DataError(f"{out / name}.csv: no such file; run python scripts/soak.py {name}")
            samples = pd.read_csv(out / f"{name}.csv")
            ax.plot(samples["presentations"] / 1000, samples["memory_mb"], color=colour, linewidth=1)
            ax.set(title=title, xlabel="presentations (thousands)", ylabel="resident memory (MB)")
            ax.set(ylim=(0, 1.25 * samples["memory_mb"].max()), xlim=(0, samples["presentations"].iloc[-1] / 1000))
        save_figure(drawing, path)
    plt.close(drawing)


if __name__ == "__main__":
    try:
        app()
    except NetsimError as error:
        sys.exit(f"soak: {error}")
