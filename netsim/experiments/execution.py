"""Units of an experiment, measured in this process or on Dask workers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from netsim.errors import RunError
from netsim.experiments.checks import rows_of
from netsim.experiments.experiment import Experiment, Row, Unit
from netsim.presenting.cluster import Inbox, check_worker, connect, lost, workers_of

if TYPE_CHECKING:
    from distributed import Client, Future

Measured = tuple[int, list[Row]]
"""Index of a unit, and its rows."""


def measured(
    experiment: Experiment, units: Sequence[tuple[int, Unit]], workers: int | str | None
) -> Iterator[Measured]:
    """Measure numbered units. Yield the rows of each finished unit.

    Parameters
    ----------
    experiment : Experiment
    units : sequence of (int, Unit)
    workers : int or str, optional
        Number of processes on this machine, or the address of a Dask scheduler. The default is the current process.

    Raises
    ------
    RunError
        If a unit fails by an error of another library, or the workers are lost.
    SpecificationError
        If the rows of a unit do not fit a table.
    """
    if workers is None or not units:
        for number, unit in units:
            yield number, rows_of(experiment, unit)
        return
    with connect(workers if isinstance(workers, str) else None, 1 if isinstance(workers, str) else workers) as client:
        yield from _over_workers(client, experiment, units)


def _over_workers(client: Client, experiment: Experiment, units: Sequence[tuple[int, Unit]]) -> Iterator[Measured]:
    """Submit at most one unit per worker, because Dask blames all waiting units for the death of a worker."""
    inbox = Inbox(client, experiment.name, ", and continue with --resume")
    waiting: dict[Future[Any], int] = {}
    ahead = list(units)
    job = f"netsim-experiment-{uuid.uuid4().hex}"
    try:
        while ahead or waiting:
            while ahead and len(waiting) < max(1, len(workers_of(client))):
                number, unit = ahead.pop(0)
                future = client.submit(_on_worker, experiment, unit, key=f"{job}-{number}", pure=False)
                waiting[future] = number
                future.add_done_callback(inbox.put)
            ended = inbox.get()
            if ended is None:
                continue
            try:
                yield waiting.pop(ended), ended.result()
            except Exception as error:
                if lost(error) is None:
                    raise
                raise RunError(f"{experiment.name}: {lost(error)}; continue with --resume") from error
    finally:
        if waiting:
            client.cancel(list(waiting))


def _on_worker(experiment: Experiment, unit: Unit) -> list[Row]:
    check_worker()
    return rows_of(experiment, unit)
