"""Run the sweep of a plan in a folder, and keep its table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.analysis.members import PLAN, TABLE
from netsim.analysis.sweep_tables import sweep_table
from netsim.errors import RunError, warn_user
from netsim.files import make_folder, read_text, write_text
from netsim.numerics.threads import threads
from netsim.presenting.cluster import connect
from netsim.runs.folder import check_free, is_free, lock_folder, this_command
from netsim.specification.checks import path_in, whole
from netsim.specification.toml import LARGEST_FILE
from netsim.spikes.files import write_table
from netsim.sweeps.execution import (
    Outcome,
    SweepCallbacks,
    ended_runs,
    finished_runs,
    other_runs,
    place_runs,
    train_runs,
)
from netsim.sweeps.plan import PlannedRun, read_plan

if TYPE_CHECKING:
    import pandas as pd


def sweep(
    plan: str | Path,
    out: str | Path | None = None,
    *,
    workers: int | str | None = None,
    data_dir: str | None = None,
    resume: bool = False,
    callbacks: SweepCallbacks | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Train a network over a grid or random draws of its settings, and over seeds, several runs at a time.

    Each run is a run folder. When it ends, its row is added to results.csv. Settings are chosen by the validation
    stimuli, and the test stimuli are not used.

    Parameters
    ----------
    plan : str or Path
        A TOML file with base network, grid or random draws, and seeds; Sweeps in the manual.
    out : str or Path, optional
        New folder of the sweep; by default sweeps/FILE.
    workers : int or str, optional
        Number of processes on this machine, by default one per core, or the address of a Dask scheduler. A program
        needs the guard ``if __name__ == "__main__":`` around the call.
    data_dir : str, optional
        Folder of the data set.
    resume : bool
        Continue the sweep where it stopped, if there is one.
    callbacks : SweepCallbacks, optional
    interrupted : callable
        Asked again and again whether to stop all runs after the current batch.

    Returns
    -------
    pandas.DataFrame
        As from `netsim.analysis.sweep_table`, one row per run. `netsim.analysis.sweep_summary` compares settings.

    Raises
    ------
    SpecificationError
        If the plan is invalid.
    RunError
        If the folder exists already, is no sweep or is in use, or workers cannot be reached.
    KeyboardInterrupt
        If it was interrupted, after the checkpoints of all runs.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.sweep("plan.toml", workers=2)  # doctest: +SKIP
    >>> netsim.analysis.sweep_summary(table)  # doctest: +SKIP
    """
    file, callbacks = path_in(plan, "plan"), callbacks or SweepCallbacks()
    planned = read_plan(file)
    folder = Path("sweeps") / file.stem if out is None else path_in(out, "out")
    count = None if workers is None or isinstance(workers, str) else whole(workers, "workers")
    if not resume:
        check_free(folder)
    elif not ((folder / PLAN).exists() or is_free(folder)):
        raise RunError(f"{folder}: exists already, and is no sweep (it has no {PLAN}); choose another --out")

    def place() -> tuple[dict[str, PlannedRun], dict[str, Outcome], dict[str, PlannedRun]]:
        runs = place_runs(planned, folder)
        outcomes = finished_runs(runs, folder)
        return runs, outcomes, {name: run for name, run in runs.items() if name not in outcomes}

    runs, outcomes, waiting = place()
    if others := other_runs(runs, folder):
        warn_user(
            f"{folder}: runs that this plan does not have: {len(others)}, from {others[0]}; they stay in their folders,"
            f" and {TABLE} leaves them out"
        )

    def write_results() -> None:
        check_lock()
        write_table(sweep_table(planned.keys, ended_runs(runs, outcomes)), folder / TABLE)

    def keep(name: str, outcome: Outcome) -> None:
        outcomes[name] = outcome
        write_results()
        callbacks.on_outcome(name, outcome)

    with ExitStack() as stack:
        if waiting:
            scheduler = workers if isinstance(workers, str) else None
            client = stack.enter_context(connect(scheduler, count or min(threads(), len(waiting))))
        make_folder(folder)
        check_lock = stack.enter_context(lock_folder(folder))
        runs, outcomes, waiting = place()  # another sweep may have ended meanwhile
        write_text(folder / PLAN, read_text(file, LARGEST_FILE))
        write_results()
        if waiting:
            callbacks.on_start(runs, waiting)
            keeping, data = replace(callbacks, on_outcome=keep), data_dir and str(Path(data_dir).resolve())
            train_runs(client, waiting, folder, planned.limit, data, this_command(), keeping, interrupted)
        return sweep_table(planned.keys, ended_runs(runs, outcomes))
