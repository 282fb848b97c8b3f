"""Present for a long time. Check that memory does not grow and that the first stimulus causes the same spikes.

    python scripts/soak.py brian2       # 100,000 presentations of the digits, in one run of the Brian2 engine
    python scripts/soak.py event        # 5 epochs of Fashion-MNIST on the event engine, training rcsnn-fashion
    python scripts/soak.py figure       # docs/appendix/reliability/memory.png of both

Resident memory is sampled about four times a second and stored in runs/soak. The same engine presents the first
stimulus before and after, with the same weights. The exit code is 1 if memory grows or a spike differs. Requires
psutil: pip install 'netsim-snn[sweep]'.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import psutil
import typer
from command import run

import netsim
from netsim.analysis import save_figure, theme
from netsim.engines import Conversation, Latencies

ROOT = Path(__file__).resolve().parents[1]
SAMPLES, FIGURE = ROOT / "runs" / "soak", ROOT / "docs" / "appendix" / "reliability" / "memory.png"
SAMPLE_SECONDS = 0.25
WARM_UP = 0.2
"""Fraction of the presentations in which libraries still allocate permanent memory."""
LARGEST_GROWTH = 0.02
"""Largest linear growth from the end of the warm-up to the end, as a fraction of the mean memory."""
TITLES = {"brian2": "digits, presented by Brian2", "event": "Fashion-MNIST, trained by the event engine"}

Seed = Annotated[int, typer.Option(min=0, help="Of the weights and of the training.")]
app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


class Memory:
    """Resident memory (MB) of this process over presentations."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, float, float]] = []
        self._process, self._began = psutil.Process(), time.monotonic()

    def sample(self, presentations: int, last: bool = False) -> None:
        """Take a sample, unless the preceding sample is recent."""
        seconds = time.monotonic() - self._began
        if last or not self.samples or seconds - self.samples[-1][1] >= SAMPLE_SECONDS:
            self.samples.append((presentations, seconds, self._process.memory_info().rss / 2**20))

    def conclude(self, name: str, before: Latencies, after: Latencies) -> None:
        """Store the samples, print the result, and exit with code 1 if memory grows or spikes differ."""
        table = pd.DataFrame(self.samples, columns=["presentations", "seconds", "memory_mb"])
        SAMPLES.mkdir(parents=True, exist_ok=True)
        table.to_csv(SAMPLES / f"{name}.csv", index=False, float_format="%.2f")
        last = table.iloc[-1]
        late = table[table["presentations"] >= WARM_UP * last["presentations"]]
        slope, _ = np.polyfit(late["presentations"], late["memory_mb"], 1)
        growth = slope * np.ptp(late["presentations"]) / late["memory_mb"].mean()
        same = all(np.array_equal(times, after[name]) for name, times in before.items())
        spikes = sum(int(np.isfinite(layer).sum()) for layer in before.values())
        print(
            f"{name}: {last['presentations']:,.0f} presentations in {last['seconds']:,.0f} s; memory"
            f" {table['memory_mb'].min():.0f} to {table['memory_mb'].max():.0f} MB, growth after the first fifth"
            f" {growth:+.2%}; in the end the {spikes:,} spikes of the first stimulus are {'' if same else 'NOT '}the"
            " same"
        )
        sys.exit(not (same and growth < LARGEST_GROWTH))


@app.command()
def brian2(presentations: Annotated[int, typer.Option(min=100)] = 100_000, seed: Seed = 0) -> None:
    """Present digits to the Brian2 engine repeatedly, with other weights each time."""
    network, memory = netsim.load_preset("digits"), Memory()
    stimuli = netsim.load_splits(network).training
    weights = [netsim.forward_weights(network, netsim.initial_weights(network, seed + number)) for number in (0, 1)]

    def presenting() -> Conversation[tuple[Latencies, Latencies]]:
        first = netsim.Batch(stimuli.latencies(np.array([0])), weights[0])
        before = yield first
        for start in range(0, presentations, network.training.batch):
            chosen = np.arange(start, min(start + network.training.batch, presentations)) % len(stimuli)
            yield netsim.Batch(stimuli.latencies(chosen), weights[start // network.training.batch % 2])
            memory.sample(start + len(chosen), last=start + len(chosen) == presentations)
        after = yield first
        return before, after

    memory.conclude("brian2", *netsim.make_engine("brian2", network, dt=1.0).run(presenting()))


@app.command()
def event(
    preset: Annotated[str, typer.Option()] = "rcsnn-fashion",
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    limit: Annotated[int | None, typer.Option(min=10, help="Train on the first images only.")] = None,
    seed: Seed = 0,
) -> None:
    """Train a preset on the event engine, like `netsim train` but without files."""
    network = netsim.load_preset(preset)
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=epochs))
    splits, settings, memory = netsim.load_splits(network), network.training, Memory()
    training, validation = splits.training.first(limit), splits.validation.first(limit)
    engine = netsim.make_engine("event", network, settings.dt, settings.precision)
    state = netsim.start_training(network, seed)
    weights = {name: array.copy() for name, array in netsim.forward_weights(network, state.weights).items()}
    first = netsim.Batch(training.latencies(np.array([0])), weights)
    before = engine.present(first)

    def on_batch(report: netsim.Progress) -> None:
        memory.sample(report.epoch * len(training) + report.presentations)

    callbacks = netsim.Callbacks(on_batch=on_batch)
    engine.run(netsim.training_conversation(network, training, validation, state, seed, callbacks=callbacks))
    memory.sample(epochs * len(training), last=True)
    memory.conclude("event", before, engine.present(first))


@app.command()
def figure() -> None:
    """Draw memory against presentations from the stored samples."""
    import matplotlib.pyplot as plt

    with theme():
        _, panels = plt.subplots(1, 2, figsize=(180 / 25.4, 2.1), layout="constrained")
        for axes, (name, title) in zip(panels, TITLES.items(), strict=True):
            samples = pd.read_csv(SAMPLES / f"{name}.csv")
            axes.plot(samples["presentations"] / 1000, samples["memory_mb"], linewidth=1)
            axes.set(title=title, xlabel="presentations (thousands)", ylabel="resident memory (MB)")
            axes.set(ylim=(0, 1.25 * samples["memory_mb"].max()))
        save_figure(panels[0], FIGURE)


if __name__ == "__main__":
    run(app)
