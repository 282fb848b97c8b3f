"""The commands ``netsim train``, ``netsim reproduce`` and ``netsim sweep``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from netsim.cli import options, terminal
from netsim.errors import RunError, SpecificationError

if TYPE_CHECKING:
    import pandas as pd

    from netsim.sweeps.execution import Outcome, SweepCallbacks
    from netsim.sweeps.plan import Plan, PlannedRun
    from netsim.training.beginnings import Beginning
    from netsim.training.reproducing import Reproduction

_ROWS_SHOWN = 20


def train(
    model: Annotated[
        str,
        Argument(
            metavar="PRESET|FILE.toml|RUN",
            help="A preset (see netsim models), a file with your own network, or a run whose weights a new run begins"
            " with.",
        ),
    ],
    settings: options.SettingsOption = None,
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    epochs: Annotated[
        int | None, Option(min=1, metavar="N", help="Passes over the training images; by default as in the preset.")
    ] = None,
    limit: Annotated[
        int | None, Option(min=2, metavar="N", help="Train on the first N images, validate on up to N/5.")
    ] = None,
    seed: Annotated[
        int | None,
        Option(min=0, metavar="N", help="Seed of every random draw; by default 0. RUN --resume keeps its seed."),
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="RUN", help="New run folder; by default runs/PRESET-seedN or RUN-continued.")
    ] = None,
    resume: Annotated[
        bool,
        Option("--resume", help="Continue the run folder where it stopped, if there is one; --epochs extends it."),
    ] = False,
    checkpoint_every: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Longest time between two checkpoints.")
    ] = 60.0,
    as_json: options.Json = False,
) -> None:
    """Train a network, and keep the weights of the epoch that validates best. The test images are not used.

    With training.validation = 0 no images are set aside, and the weights of the last epoch are kept.

    train RUN --set KEY=VALUE trains a new run that begins with the best weights of RUN. train RUN \
--resume --epochs N extends RUN.

    Press Ctrl-C to stop after the current batch, twice to stop at once. --resume continues.
    """
    from netsim.specification.keys import parse_settings
    from netsim.training.beginnings import beginning_of
    from netsim.training.checkpoint import is_validated
    from netsim.training.opening import open_training, training_figures

    given = parse_settings(settings or ())
    shortcuts = {"dataset": dataset, "engine": engine, "dt": dt, "epochs": epochs}
    for option, value in shortcuts.items():
        if value is not None and f"training.{option}" in given:
            raise SpecificationError(f"--{option}", f"is given by --set training.{option} too; leave one out")
    begins = beginning_of(model, given, resume and out in (None, Path(model)))
    network = options.with_options(begins.network, dataset=dataset, engine=engine, dt=dt, epochs=epochs)
    seed, limit = begins.seed if seed is None else seed, begins.limit if limit is None else limit
    path, data_dir = out or begins.path or Path("runs") / f"{network.name}-seed{seed}", data_dir or begins.data_dir
    with terminal.data_progress() as on_progress:
        run = open_training(path, network, seed, limit, data_dir, resume, on_progress, on_warning=terminal.note)
    if begins.parent is not None:
        terminal.note(f"{path}: begins with the best weights of {begins.parent}{_inherited(begins, limit)}")
    try:
        with (
            terminal.interrupt_noted() as interrupted,
            terminal.training_progress(run.network, interrupted) as callbacks,
        ):
            history = run.train(callbacks, interrupted, checkpoint_every)
    except KeyboardInterrupt:
        when = "; the last checkpoint is kept" if run.folder.checkpoint.exists() else " before the first checkpoint"
        terminal.fail_interrupted(path, when)
    figures = training_figures(history)
    if as_json:
        terminal.print_json({"run": str(path), **figures})
        return
    if is_validated(figures):
        print(
            f"strict accuracy {figures['validation_strict_accuracy']:.2%} on validation stimuli, in epoch"
            f" {figures['best_epoch']}, the best ({figures['validation_accuracy']:.2%} if ties go to the lowest neuron)"
        )
    else:
        print(f"kept: epoch {figures['best_epoch']}, the last one; no stimuli were set aside for validation")
    print(f"run folder: {path}")


def _inherited(begins: Beginning, limit: int | None) -> str:
    """Return the limit that a training takes over from a run, for a message."""
    return f", and has its limit of {limit} training stimuli" if limit is not None and limit == begins.limit else ""


def reproduce(
    run: Annotated[str, Argument(metavar="RUN", help="A run folder of netsim train.")],
    out: Annotated[Path | None, Option(metavar="DIR", help="New run folder; by default RUN-reproduced.")] = None,
    resume: Annotated[
        bool, Option("--resume", help="Continue the reproduction where it stopped, if there is one.")
    ] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> None:
    """Train a run again, and compare weights and metrics with it to the bit.

    netsim uses the specification, the seed, the data and the plug-ins of the run. It lists what differs around the \
run: versions, machine, git revision, data. If weights or metrics differ, the exit code is 1.
    """
    from netsim.runs.folder import open_run
    from netsim.training.reproducing import reproduce as reproduce_run

    network = open_run(run).network()
    with terminal.interrupt_noted() as interrupted, terminal.training_progress(network, interrupted) as callbacks:
        try:
            reproduction = reproduce_run(
                run, out, data_dir=data_dir, resume=resume, callbacks=callbacks, interrupted=interrupted
            )
        except KeyboardInterrupt:
            terminal.fail_interrupted(out or Path(f"{run}-reproduced"), "")
    if as_json:
        terminal.print_json(reproduction.to_dict())
    else:
        print_reproduction(reproduction)
    if not reproduction.identical:
        terminal.fail(f"{run}: is not reproduced; {reproduction.again} has other weights or metrics")


def print_reproduction(reproduction: Reproduction) -> None:
    """Show what differs, or that nothing does."""
    epochs = f"{reproduction.epochs} epoch{'s' * (reproduction.epochs != 1)}"
    weights = [f"{name} by up to {difference:.3g}" for name, difference in reproduction.weights.items()]
    metrics = [f"{name} from epoch {epoch}" for name, epoch in reproduction.metrics.items()]
    print(f"weights of the best epoch: {'differ: ' + ', '.join(weights) if weights else 'identical to the bit'}")
    print(f"metrics of {epochs}: {'differ: ' + ', '.join(metrics) if metrics else 'identical to the bit'}")
    print(
        *(
            f"differs: {change}"
            for change in reproduction.surroundings or ["nothing in versions, machine and revision"]
        ),
        sep="\n",
    )
    print(f"run folder: {reproduction.again}")


def sweep(
    plan_file: Annotated[
        Path,
        Argument(metavar="FILE.toml", help="Base network, grid or random draws, seeds; Sweeps in the manual."),
    ],
    out: Annotated[Path | None, Option(metavar="DIR", help="New folder of the sweep; by default sweeps/FILE.")] = None,
    workers: Annotated[
        int | None, Option(min=1, metavar="N", help="Processes of this machine; by default one per core.")
    ] = None,
    scheduler: options.Scheduler = None,
    data_dir: options.DataDir = None,
    resume: Annotated[bool, Option("--resume", help="Continue the sweep where it stopped, if there is one.")] = False,
    only_list: Annotated[bool, Option("--list", help="List the runs without training.")] = False,
    as_json: options.Json = False,
) -> None:
    """Train a network over a grid or random draws of its settings, and over seeds, several runs at a time.

    Each run is a run folder. When it ends, its row is added to results.csv. Settings are chosen by the validation
    images, and the test images are not used. Press Ctrl-C to stop all runs after the current batch. --resume continues.
    """
    from netsim.analysis import sweep_summary
    from netsim.analysis.members import PLAN, TABLE
    from netsim.runs.folder import check_free, is_free
    from netsim.spikes.files import records
    from netsim.sweeps.execution import place_runs
    from netsim.sweeps.plan import read_plan

    options.check_workers(scheduler, workers)
    plan = read_plan(plan_file)
    folder = out or Path("sweeps") / plan_file.stem
    if only_list:
        print_plan(plan, place_runs(plan, folder if resume else None), as_json)
        return
    if not resume:
        check_free(folder)
    elif not ((folder / PLAN).exists() or is_free(folder)):
        raise RunError(f"{folder}: exists already, and is no sweep (it has no {PLAN}); choose another --out")
    table = train_plan(plan, plan_file, folder, data_dir, scheduler, workers)
    summary, failed = sweep_summary(table), table[table["status"] == "failed"]
    if as_json:
        counts = {"finished": len(table) - len(failed), "failed": len(failed)}
        results = {"summary": records(summary), "runs": records(table)}
        terminal.print_json({"sweep": str(folder), "table": str(folder / TABLE)} | counts | results)
    else:
        print_summary(plan, summary)
        print(f"{len(table)} runs: {folder / TABLE}")
    if len(failed):
        run, error = failed.iloc[0][["run", "error"]]
        diverged = failed["error"].str.contains("diverged").all()
        again = "because of the swept values" if diverged else "--resume tries them again"
        terminal.fail(f"{len(failed)} of {len(table)} runs failed, {again}; {run}: {error}")


def train_plan(
    plan: Plan, plan_file: Path, folder: Path, data_dir: str | None, scheduler: str | None, workers: int | None
) -> pd.DataFrame:
    """Train the unfinished runs. Update the table when a run ends."""
    from netsim.analysis import sweep_table, write_table
    from netsim.analysis.members import PLAN, TABLE
    from netsim.files import read_text, write_text
    from netsim.numerics.threads import threads
    from netsim.runs.folder import lock_folder
    from netsim.specification.toml import LARGEST_FILE
    from netsim.sweeps.execution import ended_runs, finished_runs, other_runs, place_runs, train_runs

    def place() -> tuple[dict[str, PlannedRun], dict[str, Outcome], dict[str, PlannedRun]]:
        runs = place_runs(plan, folder)
        outcomes = finished_runs(runs, folder)
        return runs, outcomes, {name: run for name, run in runs.items() if name not in outcomes}

    runs, outcomes, waiting = place()
    if others := other_runs(runs, folder):
        terminal.note(
            f"{folder}: runs that this plan does not have: {len(others)}, from {others[0]}; they stay in their folders,"
            f" and {TABLE} leaves them out"
        )

    def write_results() -> pd.DataFrame:
        check_lock()
        table = sweep_table(plan.keys, ended_runs(runs, outcomes))
        write_table(table, folder / TABLE)
        return table

    def keep(name: str, outcome: Outcome) -> None:
        outcomes[name] = outcome
        write_results()

    with ExitStack() as stack:
        if waiting:
            client = stack.enter_context(options.dask_client(scheduler, workers or min(threads(), len(waiting))))
        options.make_folder(folder)
        check_lock = stack.enter_context(lock_folder(folder))
        runs, outcomes, waiting = place()  # another sweep may have ended meanwhile
        write_text(folder / PLAN, read_text(plan_file, LARGEST_FILE))
        table = write_results()
        if not waiting:
            return table
        command = ["netsim", *sys.argv[1:]]
        try:
            with terminal.interrupt_noted() as interrupted, sweep_progress(waiting, keep, interrupted) as callbacks:
                folder_of_data = data_dir and str(Path(data_dir).resolve())
                train_runs(client, waiting, folder, plan.limit, folder_of_data, command, callbacks, interrupted)
        except KeyboardInterrupt:
            terminal.fail_interrupted(folder, f"; {len(outcomes)} of {len(runs)} runs have ended")
        return sweep_table(plan.keys, ended_runs(runs, outcomes))


def print_plan(plan: Plan, runs: Mapping[str, PlannedRun], as_json: bool) -> None:
    """Print the planned runs, by name of their folder."""
    from netsim.specification.keys import shown

    if as_json:
        listed = [{"run": name, "seed": run.seed, "settings": run.settings} for name, run in runs.items()]
        terminal.print_json({"runs": listed})
        return
    table = terminal.new_table("run", *plan.keys, "seed>")
    for name, run in runs.items():
        table.add_row(name, *(shown(run.settings[key]) for key in plan.keys), str(run.seed))
    terminal.print_table(table)


def print_summary(plan: Plan, summary: pd.DataFrame) -> None:
    """Print the results of each combination of settings, best first."""
    from netsim.specification.keys import shown
    from netsim.spikes.files import records

    shown_table = terminal.new_table(*plan.keys, "seeds>", "strict validation accuracy>", "sd>", "best run>")
    for row in records(summary.head(_ROWS_SHOWN)):
        shown_table.add_row(
            *(shown(row[key]) for key in plan.keys),
            str(row["seeds"]),
            f"{row['validation_strict_accuracy']:.2%}",
            "" if row["seeds"] == 1 else f"{row['sd']:.2%}",
            row["best_run"],
        )
    if len(summary):
        terminal.print_table(shown_table)
    if len(summary) > _ROWS_SHOWN:
        print(f"and {len(summary) - _ROWS_SHOWN:,} more")


@contextmanager
def sweep_progress(
    runs: Mapping[str, PlannedRun], keep: Callable[[str, Outcome], None], interrupted: Callable[[], bool]
) -> Iterator[SweepCallbacks]:
    """Show the progress of a sweep, and a line for each finished run."""
    from netsim.specification.keys import described
    from netsim.sweeps.execution import SweepCallbacks

    epochs = {name: run.network.training.epochs for name, run in runs.items()}
    done = dict.fromkeys(runs, 0)
    ended: list[Outcome] = []
    progress = terminal.progress_bar()
    task = progress.add_task("epochs", total=sum(epochs.values()))

    def on_epoch(name: str, epoch: int) -> None:
        done[name] = epoch
        progress.update(task, completed=sum(done.values()))

    def on_outcome(name: str, outcome: Outcome) -> None:
        keep(name, outcome)
        ended.append(outcome)
        on_epoch(name, epochs[name])
        run = runs[name]
        came_to = f"failed: {outcome.error}"
        if outcome.status == "finished":
            came_to = (
                f"strict validation accuracy {outcome.figures['validation_strict_accuracy']:.2%}"
                f" in epoch {outcome.figures['best_epoch']}; {outcome.figures['seconds']:.1f} s"
            )
        settings = described(run.settings | {"seed": run.seed})
        print_line(f"{name} ({settings}): {came_to}")

    def below() -> str:
        if interrupted():
            return "stopping after the batches under way; Ctrl-C again stops at once"
        failed = sum(outcome.status == "failed" for outcome in ended)
        return f"{len(ended)} of {len(runs)} runs have ended" + (f", {failed} failed" if failed else "")

    with terminal.live(progress, below) as print_line:
        yield SweepCallbacks(on_epoch, on_outcome, print_line)
