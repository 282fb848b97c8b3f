"""Selection of the processes that present stimuli."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

from netsim.presenting.batches import Distribution, serial
from netsim.specification.checks import require, whole

Workers: TypeAlias = int | str | Distribution | None
"""Number of processes on this machine, address of a Dask scheduler, a distribution, or None for this process."""


@contextmanager
def distribution_of(workers: Workers) -> Iterator[Distribution]:
    """Yield the distribution over `workers`, and stop its processes at the end."""
    if workers is None:
        yield serial
    elif isinstance(workers, int | np.integer | str):
        from netsim.presenting.cluster import OverWorkers, connect

        count = 1 if isinstance(workers, str) else whole(workers, "workers", least=1)
        with connect(workers if isinstance(workers, str) else None, count) as client:
            yield OverWorkers(client)
    else:
        need = "must be a number of processes or the address of a Dask scheduler"
        require(callable(workers) and hasattr(workers, "size"), "workers", f"{need}, not {type(workers).__name__}")
        yield workers
