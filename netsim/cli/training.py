"""The command ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.options import DataDir, DatasetOption, Dt, EngineOption, Json, Seed, with_options
from netsim.cli.terminal import data_progress, fail_interrupted, interrupt_noted, print_json, say, training_progress


def train(
    model: Annotated[
        str,
        typer.Argument(metavar="PRESET|FILE.toml", help="A preset (see netsim models) or a specification of your own."),
    ],
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, metavar="N", help="Passes over the training images; by default the preset's."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=2, metavar="N", help="Train on the first N images, validate on up to N/5."),
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="New run folder; by default runs/PRESET-seedN.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder where it stopped.")] = False,
    checkpoint_every: Annotated[
        float,
        typer.Option("--checkpoint-every", min=0, metavar="SECONDS", help="Longest time between two checkpoints."),
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Train a network and keep what validates best. The test images are not touched.

    Ctrl-C stops it after the batch under way, and a second one at once; --resume goes on.
    """
    from netsim.runs.model import load_network
    from netsim.training.opening import open_training, training_figures

    network = with_options(load_network(model), dataset=dataset, engine=engine, dt=dt, epochs=epochs)
    path = out or Path("runs") / f"{network.name}-seed{seed}"
    with data_progress() as on_progress:
        run = open_training(path, network, seed, limit, data_dir, resume, on_progress)
    try:
        with interrupt_noted() as interrupted, training_progress(network, interrupted) as callbacks:
            history = run.train(callbacks, interrupted, checkpoint_every)
    except KeyboardInterrupt:
        when = "; the last checkpoint is kept" if run.folder.checkpoint.exists() else " before the first checkpoint"
        fail_interrupted(path, when)
    figures = training_figures(history)
    if as_json:
        print_json({"run": str(path), **figures})
        return
    say(
        f"best epoch {figures['best_epoch']}: validation accuracy {figures['validation_accuracy']:.2%}"
        f" (a tie is an error: {figures['validation_strict_accuracy']:.2%})"
    )
    say(f"run folder: {path}")
