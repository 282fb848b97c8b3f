"""Rows of the benchmark, and how they are timed: in turn, so that a busy moment of the machine meets all."""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A block of calls lasts about so long (s), so that short calls are not measured by the clock's ticks.
_BLOCK_SECONDS = 0.3
_MOST_CALLS = 20

ANN_FORWARD = "torch-forward"
ANN_TRAINING = "torch-training"
ANN_ONLINE = "torch-online"
ANN_FORWARD_ONE = "torch-forward-one"
CHANNELS_LAST = "-channels-last"
"""Ends the name of the same row in torch's other layout."""
DENSE_LAYER = "dense layer (torch, channels last)"
"""Series beside which layers stand whose inputs are active in part."""


class MissingLibraryError(Exception):
    """A library that a row needs and that cannot be imported; the message says which and why."""


@dataclass(frozen=True)
class Setting:
    """What all rows have in common.

    Parameters
    ----------
    images : ndarray of uint8, shape (batch, 28, 28, 1)
    labels : ndarray of int, shape (batch,)
    origin : str
        What the images are.
    seed : int
        Of initial weights and random images.
    threads : int
    clocked_steps : int
        Time steps of snnTorch and SpikingJelly.
    clocked_presentations : int
        How many of the images a Brian2 row presents in a call.
    """

    images: np.ndarray
    labels: np.ndarray
    origin: str
    seed: int
    threads: int
    clocked_steps: int
    clocked_presentations: int


@dataclass(frozen=True)
class Prepared:
    """A row that is ready to be timed.

    Parameters
    ----------
    call : callable
        What is timed.
    presentations : int
        How many there are in a call.
    finish : callable
        Gives what else is to be known of the row once it has been timed.
    """

    call: Callable[[], object]
    presentations: int
    finish: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Parameters
    ----------
    name, what : str
        What ``--rows`` calls it, and what the table says of it.
    prepare : callable
        Builds what is timed; raises MissingLibraryError.
    reference : str
        The row of the dense network that it is compared with.
    """

    name: str
    what: str
    prepare: Callable[[Setting], Prepared]
    reference: str = ANN_FORWARD


@dataclass
class Measured:
    """Times of a row.

    Attributes
    ----------
    name, what, reference : str
    presentations : int
        In a call.
    calls : int
        In each of the blocks.
    wall_ms, cpu_ms : list of float
        By block, for a presentation: the median call, and the processor time of all threads.
    facts : dict
        What else is known.
    missing : str
        Why there are no times; else empty.
    """

    name: str
    what: str
    reference: str
    presentations: int = 0
    calls: int = 0
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    missing: str = ""

    @property
    def median_ms(self) -> float:
        """Wall-clock time of a presentation."""
        return statistics.median(self.wall_ms)

    def ratio_to(self, other: Measured) -> float:
        """How often another row's time; see `median_ratio`."""
        return median_ratio(self.wall_ms, other.wall_ms)


def median_ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """How often another time: the median over rounds, in each of which both were measured."""
    return statistics.median(own / its for own, its in zip(times, others, strict=True))


def set_threads(threads: int) -> None:
    """The same number of threads for netsim and, where it is imported already, torch."""
    os.environ["NETSIM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def measure(
    rows: Sequence[Row], setting: Setting, repetitions: int, advance: Callable[[int], None] = lambda done: None
) -> list[Measured]:
    """Time rows in turn, a block of calls each, as often as there are repetitions.

    Parameters
    ----------
    rows : sequence of Row
    setting : Setting
    repetitions : int
    advance : callable
        Gets how many blocks are done; there are ``len(rows) · (repetitions + 1)``, for the first round
        compiles, warms up and counts how many calls make a block.
    """
    measured: list[Measured] = []
    ready: list[tuple[Measured, Prepared]] = []
    done = 0
    for row in rows:
        result = Measured(row.name, row.what, row.reference)
        measured.append(result)
        try:
            prepared = row.prepare(setting)
        except MissingLibraryError as error:
            result.missing = str(error)
            done += repetitions
        else:
            set_threads(setting.threads)  # of torch too, which may have been imported just now
            prepared.call()  # may compile
            result.calls = int(np.clip(_BLOCK_SECONDS / _seconds(prepared.call), 1, _MOST_CALLS))
            result.presentations = prepared.presentations
            ready.append((result, prepared))
        advance(done := done + 1)
    # Brian2 collects garbage at the start of a run; what other rows hold is not to be searched then
    gc.collect()
    gc.freeze()
    for _ in range(repetitions):
        for result, prepared in ready:
            set_threads(setting.threads)  # rows may have had their own
            _time_block(result, prepared)
            advance(done := done + 1)
    gc.unfreeze()
    for result, prepared in ready:
        result.facts.update(prepared.finish())
    return measured


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _time_block(result: Measured, prepared: Prepared) -> None:
    if result.calls > 1:
        prepared.call()  # the threads and caches are another row's still
    processor = time.process_time()
    walls = [_seconds(prepared.call) for _ in range(result.calls)]
    per_call = 1e3 / prepared.presentations
    result.wall_ms.append(statistics.median(walls) * per_call)
    result.cpu_ms.append((time.process_time() - processor) / result.calls * per_call)
