"""The loop that presents stimuli in batches, on any engine, in this process or on workers.

`present_each` is the loop. `present_parts` runs it and reads each batch, so that only one batch of latencies is in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Latencies
from netsim.specification.checks import check_function, require
from netsim.spikes.latencies import BATCH, check_latencies
from netsim.spikes.spikes import Progress, no_progress
from netsim.weights.layout import Weights

Part = TypeVar("Part")
MakeBatch = Callable[[Stimuli, int], Batch]
"""Makes the batch of some stimuli. The integer is the index of the first."""
OnPresented = Callable[[int], None]
"""Called with the number of presentations so far."""


class Presented(NamedTuple):
    """A batch that was presented."""

    stimuli: Stimuli
    first: int
    """Index of the first stimulus."""
    batch: Batch
    latencies: Latencies


Read = Callable[[Engine, Presented], Part]
"""Extracts a result from one batch."""


def present_each(
    engine: Engine,
    parts: Iterable[Stimuli],
    batch: MakeBatch,
    read: Read[Part],
    progress: OnPresented = lambda done: None,
    first: int = 0,
) -> list[Part]:
    """Present parts of stimuli in sequence, and return the results of `read`, one per part.

    `first` is the index of the first stimulus. Raise DataError if the engine returns latencies of other populations or
    shapes, or NaN or negative times.
    """
    results, done = [], 0
    for part in parts:
        made = batch(part, first + done)
        latencies = engine.present(made)
        check_latencies(engine.network.shapes, latencies, len(part))
        results.append(read(engine, Presented(part, first + done, made, latencies)))
        done += len(part)
        progress(done)
    return results


class Distribution(Protocol):
    """A way to present parts of stimuli. Results are identical in all ways."""

    size: int
    """Presentations per batch."""

    def __call__(
        self, engine: Engine, parts: Sequence[Stimuli], batch: MakeBatch, read: Read[Part], progress: OnPresented
    ) -> list[Part]:
        """Return the results of `read`, one per part, in order."""


class Serial:
    """Present the parts in sequence in this process, see `Distribution`."""

    size = BATCH

    def __call__(
        self, engine: Engine, parts: Sequence[Stimuli], batch: MakeBatch, read: Read[Part], progress: OnPresented
    ) -> list[Part]:
        """Run the loop on the engine."""
        return present_each(engine, parts, batch, read, progress)


serial: Distribution = Serial()


def check_engine(engine: Any) -> None:
    """Raise SpecificationError for anything but an engine."""
    fits = callable(getattr(engine, "present", None)) and not isinstance(engine, type)
    example = 'such as netsim.make_engine("event", network)'
    require(fits, "engine", f"must be an engine, {example}, not {type(engine).__name__}")


def in_parts(stimuli: Stimuli, size: int) -> list[Stimuli]:
    """Split stimuli into parts of `size`. The last part may be smaller."""
    everything = np.arange(len(stimuli))
    return [stimuli.pick(everything[first : first + size]) for first in range(0, len(stimuli), size)]


def as_they_are(weights: Weights) -> MakeBatch:
    """Return a function that makes undisturbed batches."""
    return partial(_plain, weights)


def _plain(weights: Weights, stimuli: Stimuli, first: int) -> Batch:
    return Batch(stimuli.latencies(np.arange(len(stimuli))), weights)


def present_parts(
    engine: Engine,
    stimuli: Stimuli,
    batch: MakeBatch,
    read: Read[Part],
    progress: Progress = no_progress,
    distribution: Distribution = serial,
    size: int | None = None,
) -> list[Part]:
    """Present stimuli in batches and extract a result from each.

    Parameters
    ----------
    engine : Engine
    stimuli : Stimuli
    batch : callable
        Makes the batch of a part, see `as_they_are`.
    read : callable
        Called with the engine and each `Presented` batch.
    progress : callable
        Called with (done, total).
    distribution : Distribution
        Where to present. The default is this process.
    size : int, optional
        Presentations per batch. The default suits the distribution. Studies need `BATCH`, because they draw once per
        batch.

    Returns
    -------
    list
        Results of `read`, one per part, in order.
    """
    check_engine(engine)
    check_function(progress, "progress", "how many are done, and of how many")
    parts = in_parts(stimuli, size or distribution.size)
    return distribution(engine, parts, batch, read, lambda done: progress(done, len(stimuli)))
