"""Work in parallel: a thread a part, with compiled code and matrix products that let go of Python.

Batches and long arrays are cut into the same parts whatever the number of threads, and each part is computed
by one thread from beginning to end, so results are the same to the bit on any machine size, and threads never
wait for each other within a part.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from threading import Event
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

# Large enough for efficient matrix products, small enough for the patches of a part to stay near the cache.
_LARGEST_PART = 50
# Of numbers that are worked on one by one: so many that handing them to a thread takes little beside.
_LARGEST_RUN = 1_000_000

Part = TypeVar("Part")


def over_presentations(count: int, work: Callable[[slice], Part], largest: int = _LARGEST_PART) -> list[Part]:
    """Call `work` with slices that together cover all presentations, on several threads.

    Parameters
    ----------
    count : int
        Number of presentations.
    work : callable
        Gets a slice of presentations.
    largest : int
        Presentations in a part, at most.

    Returns
    -------
    list
        What `work` returned, in the order of the presentations.
    """
    # one product a thread: the library's own threads would only get in the way of ours
    with _controller().limit(limits=1, user_api="blas"):
        return _over_parts(count, work, largest)


def over_elements(count: int, work: Callable[[slice], Part], size: int = 1, products: bool = False) -> list[Part]:
    """Call `work` with slices that together cover long arrays, on several threads.

    Parameters
    ----------
    count : int
        Number of elements.
    work : callable
        Gets a slice of elements.
    size : int
        Numbers in an element, such as a row.
    products : bool
        Whether the work is matrix products.

    Returns
    -------
    list
        What `work` returned, in the order of the elements.
    """
    largest = max(1, _LARGEST_RUN // size)
    return over_presentations(count, work, largest) if products else _over_parts(count, work, largest)


def _over_parts(count: int, work: Callable[[slice], Part], largest: int) -> list[Part]:
    parts = -(-count // largest)
    bounds = [count * part // parts for part in range(parts + 1)] if parts else [0, 0]
    slices = [slice(first, last) for first, last in itertools.pairwise(bounds)]

    def quiet_work(part: slice) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):  # training looks at what comes of it
            return work(part)

    workers = min(threads(), len(slices))
    if workers < 2:
        return [quiet_work(part) for part in slices]
    numbers, stopped = itertools.count(), Event()
    results: dict[int, Part] = {}

    def take_parts() -> None:
        try:
            while not stopped.is_set() and (number := next(numbers)) < len(slices):
                results[number] = quiet_work(slices[number])
        except BaseException:
            stopped.set()
            raise

    # this thread takes parts, too: otherwise it would only wait, for one thread more to wake up
    helpers = [_pool(threads() - 1).submit(take_parts) for _ in range(workers - 1)]
    try:
        take_parts()
    finally:
        begun = [helper for helper in helpers if not helper.cancel()]  # the others come too late
        wait(begun)
    for helper in begun:
        helper.result()
    return [results[number] for number in range(len(slices))]


def threads() -> int:
    """Number of threads: the environment variable ``NETSIM_THREADS``, or the cores this process may use."""
    given = os.environ.get("NETSIM_THREADS", "")
    if given.isdecimal():
        return max(1, int(given))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="netsim")
