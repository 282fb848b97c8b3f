"""The command ``train``."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsim.cli.options import DataDir, DatasetOption, Dt, EngineOption, Json, Seed, build, with_options
from netsim.cli.terminal import INTERRUPTED, fail, interrupt_noted, print_json, say, training_progress
from netsim.errors import RunError

if TYPE_CHECKING:
    from netsim.training import Progress


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
    as_json: Json = False,
) -> None:
    """Train a network and keep what validates best. The test images are not touched.

    Ctrl-C stops it after the batch under way, and a second one at once; --resume goes on.
    """
    from netsim.checkpoint import write_checkpoint
    from netsim.runs import create_run, describe_run, open_run
    from netsim.stimuli import load_splits
    from netsim.subject import load_network
    from netsim.training import resume_training
    from netsim.training import train as train_network

    network = with_options(load_network(model), dataset=dataset, engine=engine, dt=dt, epochs=epochs)
    path = out or Path("runs") / f"{network.name}-seed{seed}"
    if resume:
        record = open_run(path).record()
        if open_run(path).network() != network or record["seed"] != seed or record.get("limit") != limit:
            raise RunError(f"{path}: was started with other options; go on with: {resuming(record.get('command', ''))}")
        data_dir = data_dir or record.get("data_dir")
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: exists already; continue it with --resume or choose another --out")
    splits = load_splits(network, None, data_dir)
    training, validation = splits.training.first(limit), splits.validation.first(limit and max(1, limit // 5))
    settings = network.training
    simulator = build(settings.engine, network, settings.dt, precision=settings.precision)
    run = (
        open_run(path)
        if resume
        else create_run(
            path,
            network,
            describe_run(
                seed, limit=limit, data_dir=absolute(data_dir), training=len(training), validation=len(validation)
            ),
        )
    )
    try:
        with run.lock(), interrupt_noted() as interrupted, training_progress(network, interrupted) as watcher:
            state = resume_training(network, run, seed)
            if state.history and not run.best.exists():
                raise RunError(f"{run.best}: is missing, though epochs are finished; start again with another --out")

            def on_batch(report: Progress) -> None:
                watcher.on_batch(report)
                if interrupted():
                    write_checkpoint(state, run.checkpoint)
                    raise KeyboardInterrupt

            stoppable = dataclasses.replace(watcher, on_batch=on_batch)
            simulator.run(train_network(network, training, validation, state, seed, run, stoppable))
    except KeyboardInterrupt:
        when = "; the last checkpoint is kept" if run.checkpoint.exists() else " before the first checkpoint"
        fail(f"{path}: interrupted{when}. Go on with: {resuming(['netsim', *sys.argv[1:]])}", INTERRUPTED)
    best = max(state.history, key=lambda row: (row["validation_strict_accuracy"], -row["validation_loss"]))
    result = {
        "run": str(path),
        "epochs": len(state.history),
        "best_epoch": best["epoch"],
        "validation_accuracy": best["validation_accuracy"],
        "validation_strict_accuracy": best["validation_strict_accuracy"],
        "seconds": sum(row["training_seconds"] + row["validation_seconds"] for row in state.history),
    }
    if as_json:
        print_json(result)
        return
    say(
        f"best epoch {best['epoch']}: validation accuracy {best['validation_accuracy']:.2%}"
        f" (a tie is an error: {best['validation_strict_accuracy']:.2%})"
    )
    say(f"run folder: {path}")


def resuming(command: list[str]) -> str:
    """The command that goes on with a training that `command` has started."""
    return shlex.join([*command, *(["--resume"] if "--resume" not in command else [])])


def absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())
