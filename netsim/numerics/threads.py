"""Work in parallel: one thread per part, with compiled code and matrix products, which release the GIL.

Batches and long arrays are cut into the same parts whatever the number of threads, and each part is computed
by one thread from beginning to end, so results are the same to the bit on any machine size, and threads never
wait for each other within a part.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  compiled products take it; once loaded, its threads are limited, too
from threadpoolctl import ThreadpoolController

# Large enough for efficient matrix products, small enough for the patches of a part to stay near the cache.
_LARGEST_PART = 50
# Of numbers that are worked on one by one: so many that handing them to a thread takes little beside.
_LARGEST_RUN = 1_000_000

Part = TypeVar("Part")


def over_presentations(count: int, work: Callable[[slice], Part], largest: int = _LARGEST_PART) -> list[Part]:
    """Call `work` with slices of at most `largest` presentations, on several threads; the results are in order."""
    # one product a thread: the library's own threads would only get in the way of ours
    with _controller().limit(limits=1, user_api="blas"):
        return _over_parts(count, work, largest)


def over_elements(count: int, work: Callable[[slice], Part], size: int = 1, products: bool = False) -> list[Part]:
    """Call `work` with slices of long arrays, on several threads; the results are in order.

    An element, such as a row, is `size` numbers. Say whether the work is matrix products.
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

    helpers = min(threads(), len(slices)) - 1
    if helpers < 1:
        return [quiet_work(part) for part in slices]
    numbers, results = itertools.count(), dict[int, Part]()
    failed = False

    def take_parts() -> None:
        nonlocal failed
        while not failed and (number := next(numbers)) < len(slices):
            try:
                results[number] = quiet_work(slices[number])
            except BaseException:
                failed = True  # an error stops the other parts
                raise

    submitted = [_helpers(threads() - 1).submit(take_parts) for _ in range(helpers)]
    try:
        take_parts()  # this thread takes parts, too: otherwise it would only wait
    finally:
        running = [helper for helper in submitted if not helper.cancel()]  # all others would find nothing left
        wait(running)
    for helper in running:
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
def _helpers(count: int) -> ThreadPoolExecutor:
    """So many threads beside the calling one."""
    return ThreadPoolExecutor(count, thread_name_prefix="netsim")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # a child process has none of these threads
