"""Run a sweep on Dask workers. Each run is trained in its run folder and reported when it ends."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.errors import NetsimError, RunError, one_line, warn_user
from netsim.presenting.cluster import Inbox, check_worker, lost, workers_of
from netsim.runs.folder import RunFolder, is_run, open_run
from netsim.runs.plugins import changed_plugins
from netsim.sweeps.plan import Plan, PlannedRun
from netsim.training.callbacks import Callbacks
from netsim.training.opening import open_training, training_figures

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run: its `netsim.training.opening.training_figures`, or the error in one line."""

    figures: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def status(self) -> str:
        """``finished`` or ``failed``."""
        return "finished" if self.error is None else "failed"


@dataclass(frozen=True)
class SweepCallbacks:
    """Functions that a sweep calls."""

    on_epoch: Callable[[str, int], None] = lambda name, epoch: None
    """Called with the name of a run and its number of finished epochs."""
    on_outcome: Callable[[str, Outcome], None] = lambda name, outcome: None
    """Called with the name of a run and its outcome."""
    on_warning: Callable[[str], None] = warn_user
    """Called with a line about a problem that was repaired in a run."""
    on_start: Callable[[Mapping[str, PlannedRun], Mapping[str, PlannedRun]], None] = lambda runs, waiting: None
    """Called with all runs and with those to train, by name, before they are trained."""


def place_runs(plan: Plan, folder: Path | None) -> dict[str, PlannedRun]:
    """Return the runs by folder name, in the order of the plan. Runs keep their folder, new runs get new numbers.

    The `folder` of the sweep, if any, may contain runs that are not in the plan. A damaged run raises an error.
    """
    taken, begun = [] if folder is None else _run_names(folder), {}
    for run in [] if folder is None else [open_run(folder / name) for name in taken]:
        try:
            record = run.record()
            begun[run.network(), record["seed"], record.get("limit")] = run.path.name
        except NetsimError as error:
            anew = f"if {run.path} is moved away, --resume trains this run anew"
            raise RunError(f"{error} ({anew})") from error
    numbers = (f"{number:04d}" for number in range(1, len(taken) + len(plan.runs) + 1))
    free = (name for name in numbers if name not in taken)
    return {begun.get((run.network, run.seed, plan.limit)) or next(free): run for run in plan.runs}


def other_runs(runs: Mapping[str, PlannedRun], folder: Path) -> list[str]:
    """Return names of runs in the `folder` of a sweep that are not in the plan, for example of an earlier plan."""
    return [name for name in _run_names(folder) if name not in runs]


def _run_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if is_run(path)) if folder.is_dir() else []


def finished_runs(runs: Mapping[str, PlannedRun], folder: Path) -> dict[str, Outcome]:
    """Return outcomes of runs of `place_runs` that are finished.

    Raises
    ------
    DataError
        If metrics are damaged.
    RunError
        If plug-ins have changed.
    """
    from netsim.analysis import metrics_table
    from netsim.spikes.files import records

    finished = {}
    for name, run in runs.items():
        files = RunFolder(folder / name)
        if files.best.exists() and files.metrics.exists():
            history = records(metrics_table(files.metrics))
            if len(history) == run.network.training.epochs:
                if changed := changed_plugins(files.record().get("plugins", [])):
                    raise RunError(f"{files.path}: {changed}; restore it, or choose another --out")
                finished[name] = Outcome(training_figures(history))
    return finished


def ended_runs(runs: Mapping[str, PlannedRun], outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """Return name, status, seed, settings, results and error of each run with an outcome, in the order of the plan."""
    ended = [(name, run, outcomes[name]) for name, run in runs.items() if name in outcomes]
    return [
        {"run": name, "status": end.status, "seed": run.seed, **run.settings, **end.figures, "error": end.error}
        for name, run, end in ended
    ]


def train_runs(
    client: Client,
    runs: Mapping[str, PlannedRun],
    folder: Path,
    limit: int | None,
    data_dir: str | None,
    command: Sequence[str],
    callbacks: SweepCallbacks,
    interrupted: Callable[[], bool] = lambda: False,
) -> None:
    """Train runs of `place_runs` on the workers of a client. Workers must have access to the `folder` of the sweep.

    If a worker dies, another worker continues its run from the last checkpoint. A failed run does not affect the
    others. If this process dies, running trainings write a checkpoint and end. If `interrupted` returns True, they do
    the same, and KeyboardInterrupt is raised. Other parameters are as for `netsim.training.opening.open_training`.
    """
    job = f"netsim-sweep-{uuid.uuid4().hex}"
    inbox = Inbox(client, str(folder), ", and continue with --resume")
    client.subscribe_topic(job, lambda event: inbox.put(event[1]))
    waiting: dict[Future[Outcome], str] = {}
    ahead = dict(runs)

    def hand_out() -> None:
        """Submit at most one run per worker, because Dask blames all runs that wait on a worker for its death."""
        free = max(1, sum(workers_of(client).values())) - len(waiting)
        for name in list(ahead)[: max(0, free)]:
            given = (folder.resolve() / name, ahead.pop(name), limit, data_dir, list(command), job)
            future = client.submit(_train_run, *given, key=f"{job}-{name}", pure=False)
            waiting[future] = name
            future.add_done_callback(inbox.put)

    hand_out()
    under_way: dict[str, str] = {}  # workers of running trainings
    stopping = False
    while waiting or ahead or (stopping and under_way):
        if interrupted() and not stopping:
            stopping = True
            client.cancel(list(waiting))
            waiting.clear()
            ahead.clear()
        message = inbox.get()
        if message is None:
            if stopping:  # a dead worker sends no message
                present = workers_of(client)
                under_way = {name: worker for name, worker in under_way.items() if worker in present}
            elif ahead:
                hand_out()
        elif isinstance(message, str):
            callbacks.on_warning(message)
        elif isinstance(message, dict):
            name, epoch = message["run"], message["epoch"]
            if epoch is None:
                under_way.pop(name, None)
            else:
                under_way[name] = message["worker"]
                callbacks.on_epoch(name, epoch)
        elif message in waiting:
            outcome = _outcome(message)
            callbacks.on_outcome(waiting.pop(message), outcome)
            if message.cancelled():
                for name in ahead:
                    callbacks.on_outcome(name, outcome)
                ahead.clear()
            if ahead:
                hand_out()
    if stopping:
        raise KeyboardInterrupt


def _outcome(future: Future[Outcome]) -> Outcome:
    """Return the result of a worker, or the reason why there is none."""
    try:
        return future.result()
    except Exception as error:
        return Outcome(error=lost(error) or _one_line(error))


def _train_run(
    path: Path, run: PlannedRun, limit: int | None, data_dir: str | None, command: list[str], job: str
) -> Outcome:
    """Start or resume a run on a worker."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.get_current_task()

    def publish(epoch: int | None) -> None:
        worker.log_event(job, {"run": path.name, "epoch": epoch, "worker": worker.address})

    def cancelled() -> bool:
        """Return whether the client has cancelled the run or is gone."""
        known = worker.state.tasks.get(task)
        return known is None or known.state == "cancelled"

    publish(0)
    try:
        check_worker()
        if not path.parent.is_dir():
            raise RunError(f"{path.parent}: not found on {worker.address}; choose an --out that all machines share")
        record = {"command": command}
        training = open_training(path, run.network, run.seed, limit, data_dir, resume=is_run(path), record=record)
        callbacks = Callbacks(
            on_epoch=lambda metrics: publish(metrics["epoch"]),
            on_warning=lambda text: worker.log_event(job, f"{path.name}: {text}"),
        )
        history = training.train(callbacks, cancelled)
        return Outcome(training_figures(history))
    except KeyboardInterrupt:
        return Outcome(error="interrupted")
    except Exception as error:
        return Outcome(error=_one_line(error))
    finally:
        publish(None)


def _one_line(error: Exception) -> str:
    """Return an error in one line, with its type unless it is an error of netsim."""
    return one_line(str(error) if isinstance(error, NetsimError) else f"{type(error).__name__}: {error}")
