"""The commands ``netsim train``, ``netsim reproduce`` and ``netsim sweep``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.analysis.members import TABLE
from netsim.analysis.sweep_tables import sweep_summary
from netsim.cli import options, terminal
from netsim.cli.generating import Given
from netsim.runs.folder import open_run
from netsim.specification.keys import described, parse_settings, shown
from netsim.spikes.files import records
from netsim.sweeps.execution import Outcome, SweepCallbacks, place_runs
from netsim.sweeps.plan import Plan, PlannedRun, read_plan
from netsim.sweeps.running import sweep as run_sweep
from netsim.training.checkpoint import is_validated
from netsim.training.opening import training_figures
from netsim.training.reproducing import Reproduction
from netsim.training.reproducing import reproduce as reproduce_run
from netsim.training.training import open_named

if TYPE_CHECKING:
    import pandas as pd

_ROWS_SHOWN = 20


def train(given: Given, settings: Sequence[str] = (), checkpoint_seconds: float = 60.0, as_json: bool = False) -> None:
    """With --set, train RUN trains a new run that begins with the best weights of RUN. With --resume it extends RUN.

    Press Ctrl-C to stop after the current batch, twice to stop at once. --resume continues.
    """
    with terminal.data_progress() as on_progress:
        run, begins = given.call(open_named, settings=parse_settings(settings), on_progress=on_progress)
    path = run.folder.path
    if begins.parent is not None:
        inherited = given.get("limit", begins.limit)
        same = inherited is not None and inherited == begins.limit
        limit = f", and has its limit of {begins.limit} training stimuli" if same else ""
        terminal.note(f"{path}: begins with the best weights of {begins.parent}{limit}")
    try:
        with (
            terminal.interrupt_noted() as interrupted,
            terminal.training_progress(run.network, interrupted) as callbacks,
        ):
            history = run.train(callbacks, interrupted, checkpoint_seconds)
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


def reproduce(given: Given, run: str, as_json: bool = False) -> None:
    """It lists what differs around the run: versions, machine, git revision, data. If weights or metrics differ, the
    exit code is 1.
    """
    network = open_run(run).network()
    with terminal.interrupt_noted() as interrupted, terminal.training_progress(network, interrupted) as callbacks:
        try:
            reproduction = given.call(reproduce_run, run=run, callbacks=callbacks, interrupted=interrupted)
        except KeyboardInterrupt:
            terminal.fail_interrupted(given.get("out", Path(f"{run}-reproduced")), "")
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
    changes = reproduction.surroundings or ["nothing in versions, machine and revision"]
    print(*(f"differs: {change}" for change in changes), sep="\n")
    print(f"run folder: {reproduction.again}")


def sweep(
    given: Given,
    plan: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    only_list: bool = False,
    as_json: bool = False,
) -> None:
    """Press Ctrl-C to stop all runs after the current batch. --resume continues.

    Parameters
    ----------
    plan : FILE.toml
        Base network, grid or random draws, seeds; Sweeps in the manual.
    workers : N
        Processes of this machine; by default one per core.
    only_list : bool
        List the runs without training.
    """
    options.check_workers(workers, scheduler)
    planned, folder = read_plan(plan), given.get("out", Path("sweeps") / plan.stem)
    if only_list:
        print_plan(planned, place_runs(planned, folder if "resume" in given else None), as_json)
        return
    with terminal.interrupt_noted() as interrupted, sweep_progress(interrupted) as (callbacks, ended):
        try:
            how = {"callbacks": callbacks, "interrupted": interrupted}
            table = given.call(run_sweep, plan=plan, workers=scheduler or workers, **how)
        except KeyboardInterrupt:
            terminal.fail_interrupted(folder, f"; {ended()}")
    summary, failed = sweep_summary(table), table[table["status"] == "failed"]
    if as_json:
        counts = {"finished": len(table) - len(failed), "failed": len(failed)}
        results = {"summary": records(summary), "runs": records(table)}
        terminal.print_json({"sweep": str(folder), "table": str(folder / TABLE)} | counts | results)
    else:
        print_summary(planned, summary)
        print(f"{len(table)} runs: {folder / TABLE}")
    if len(failed):
        run, error = failed.iloc[0][["run", "error"]]
        diverged = failed["error"].str.contains("diverged").all()
        again = "because of the swept values" if diverged else "--resume tries them again"
        terminal.fail(f"{len(failed)} of {len(table)} runs failed, {again}; {run}: {error}")


def print_plan(plan: Plan, runs: Mapping[str, PlannedRun], as_json: bool) -> None:
    """Print the planned runs, by name of their folder."""
    if as_json:
        listed = [{"run": name, "seed": run.seed, "settings": run.settings} for name, run in runs.items()]
        terminal.print_json({"runs": listed})
        return
    rows = [(name, *(shown(run.settings[key]) for key in plan.keys), str(run.seed)) for name, run in runs.items()]
    terminal.print_table(terminal.new_table("run", *plan.keys, "seed>"), rows)


def print_summary(plan: Plan, summary: pd.DataFrame) -> None:
    """Print the results of each combination of settings, best first."""
    rows = [
        (
            *(shown(row[key]) for key in plan.keys),
            str(row["seeds"]),
            f"{row['validation_strict_accuracy']:.2%}",
            "" if row["seeds"] == 1 else f"{row['sd']:.2%}",
            row["best_run"],
        )
        for row in records(summary.head(_ROWS_SHOWN))
    ]
    if rows:
        headings = (*plan.keys, "seeds>", "strict validation accuracy>", "sd>", "best run>")
        terminal.print_table(terminal.new_table(*headings), rows)
    if len(summary) > _ROWS_SHOWN:
        print(f"and {len(summary) - _ROWS_SHOWN:,} more")


@contextmanager
def sweep_progress(interrupted: Callable[[], bool]) -> Iterator[tuple[SweepCallbacks, Callable[[], str]]]:
    """Show the progress of a sweep, and a line for each finished run. Yield also how many runs have ended, in words."""
    progress, runs, done = terminal.progress_bar(), dict[str, PlannedRun](), dict[str, int]()
    task = progress.add_task("epochs", total=None)
    counts = {"runs": 0, "finished": 0, "failed": 0}

    def on_start(all_runs: Mapping[str, PlannedRun], waiting: Mapping[str, PlannedRun]) -> None:
        runs.update(waiting)
        counts.update(runs=len(all_runs), finished=len(all_runs) - len(waiting))
        progress.update(task, total=sum(run.network.training.epochs for run in waiting.values()))

    def on_epoch(name: str, epoch: int) -> None:
        done[name] = epoch
        progress.update(task, completed=sum(done.values()))

    def on_outcome(name: str, outcome: Outcome) -> None:
        counts[outcome.status] += 1
        run = runs[name]
        on_epoch(name, run.network.training.epochs)
        came_to = f"failed: {outcome.error}"
        if outcome.status == "finished":
            came_to = (
                f"strict validation accuracy {outcome.figures['validation_strict_accuracy']:.2%}"
                f" in epoch {outcome.figures['best_epoch']}; {outcome.figures['seconds']:.1f} s"
            )
        print_line(f"{name} ({described(run.settings | {'seed': run.seed})}): {came_to}")

    def ended() -> str:
        return f"{counts['finished'] + counts['failed']} of {counts['runs']} runs have ended"

    def below() -> str:
        if interrupted():
            return "stopping after the batches under way; Ctrl-C again stops at once"
        return ended() + (f", {counts['failed']} failed" if counts["failed"] else "")

    with terminal.live(progress, below) as print_line:
        yield SweepCallbacks(on_epoch, on_outcome, print_line, on_start), ended
