"""Work in parallel: one thread per part, with compiled code and matrix products, which release the GIL.

Batches and long arrays are cut into the same parts whatever the number of threads, and each part is computed
by one thread from beginning to end, so results are the same to the bit on any machine size, and threads never
wait for each other within a part.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  compiled products take it; once loaded, its threads are limited, too
from threadpoolctl import ThreadpoolController

from netsim.errors import NetsimError
from netsim.numerics.memory import keep_freed_memory

# Large enough for efficient matrix products, small enough for the patches of a part to stay near the cache.
_LARGEST_PART = 50
# Of numbers that are worked on one by one: so many that handing them to a thread takes little beside.
_LARGEST_RUN = 1_000_000

_MOST_THREADS = 1024

Part = TypeVar("Part")


def over_presentations(
    count: int, work: Callable[[slice], Part], largest: int = _LARGEST_PART, products: bool = True
) -> list[Part]:
    """Call `work` with slices of at most `largest` presentations, on several threads; the results are in order.

    Say whether any of the work is matrix products of a library: to take the threads of these takes a while.
    """
    keep_freed_memory()
    _asked_for()  # which refuses a wrong number of threads, however small the work

    def quiet_work(part: slice) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):  # training looks at what comes of it
            return work(part)

    with _one_thread_a_product() if products else contextlib.nullcontext():
        return _over_parts(count, quiet_work, largest)


def over_elements(count: int, work: Callable[[slice], Part], size: int = 1) -> list[Part]:
    """Call `work` with slices of long arrays, on several threads; the results are in order.

    An element, such as a row, is `size` numbers. The work does no arithmetic of numpy's, which could warn, and
    no matrix products of a library.
    """
    return _over_parts(count, work, max(1, _LARGEST_RUN // size))


def over_arrays(arrays: Sequence[np.ndarray], work: Callable[..., None]) -> None:
    """Call `work` with the same piece of each of some flat arrays of one length, on several threads.

    Arrays that are no longer than a piece are handed over as they are, for to cut them takes as long as to visit
    hundreds of numbers. The work is as in `over_elements`.
    """
    if len(arrays[0]) <= _LARGEST_RUN:
        work(*arrays)
        return
    over_elements(len(arrays[0]), lambda part: work(*[array[part] for array in arrays]))


def _over_parts(count: int, work: Callable[[slice], Part], largest: int) -> list[Part]:
    if count <= largest:  # without a look at the threads: it takes as long as a small part
        return [work(slice(0, count))]
    parts = -(-count // largest)
    bounds = [count * part // parts for part in range(parts + 1)]
    slices = [slice(first, last) for first, last in itertools.pairwise(bounds)]
    helpers = min(threads(), len(slices)) - 1
    if helpers < 1:
        return [work(part) for part in slices]
    numbers, results = itertools.count(), dict[int, Part]()
    failed = False

    def take_parts() -> None:
        nonlocal failed
        while not failed and (number := next(numbers)) < len(slices):
            try:
                results[number] = work(slices[number])
            except BaseException:
                failed = True  # an error stops the other parts
                raise

    submitted = [_helpers(threads() - 1).submit(take_parts) for _ in range(helpers)]
    try:
        take_parts()  # this thread takes parts, too: otherwise it would only wait
    finally:
        running = [helper for helper in submitted if not helper.cancel()]  # all others would find nothing left
        for helper in running:
            helper.exception()  # waits, in half the time that it takes to wait for all at once
    for helper in running:
        helper.result()
    return [results[number] for number in range(len(slices))]


def threads() -> int:
    """Number of threads: the environment variable ``NETSIM_THREADS``, or the cores this process may use.

    Raises NetsimError if the variable is no such number.
    """
    asked = _asked_for()
    if asked is not None:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _asked_for() -> int | None:
    """The number of threads that the environment asks for, if it does."""
    given = os.environ.get("NETSIM_THREADS", "")
    if not given:
        return None
    if not (given.isdecimal() and len(given) <= len(str(_MOST_THREADS)) and 1 <= int(given) <= _MOST_THREADS):
        raise NetsimError(f"NETSIM_THREADS: must be a number of threads from 1 to {_MOST_THREADS}, not {given!r}")
    return int(given)


_LIMITING = Lock()
_at_work = 0
_limiter: Any = None
"""What lifts the limit; there is one while anybody is at work."""


@contextlib.contextmanager
def _one_thread_a_product() -> Iterator[None]:
    """Take matrix products' own threads, which would only get in the way of ours; the last one gives them back.

    Of two that come at once in threads of a user, the second would otherwise give back what the first has taken. As
    threadpoolctl has a limit lifted by none but the thread that has set it, a first one that ends before the other
    hands over to a thread that stays. In a process that was forked meanwhile, the next one gives back what is left.
    """
    global _at_work, _limiter
    with _LIMITING:
        first = not _at_work
        if first:
            if _limiter is not None:
                _limiter.__exit__(None, None, None)
            _limiter = _limit()
        _at_work += 1
    try:
        yield
    finally:
        with _LIMITING:
            _at_work -= 1
            if first:
                _limiter.__exit__(None, None, None)
                _limiter = _keeper().submit(_limit).result() if _at_work else None
            elif not _at_work:
                _keeper().submit(_limiter.__exit__, None, None, None).result()
                _limiter = None


def _limit() -> Any:
    return _controller().limit(limits=1, user_api="blas").__enter__()


@cache
def _keeper() -> ThreadPoolExecutor:
    """The thread that stays."""
    return ThreadPoolExecutor(1, thread_name_prefix="netsim-blas")


def blas_kernels() -> list[str]:
    """The libraries of matrix products in use, each with the kernel that it has chosen for this machine's processor."""
    found = [library for library in _controller().info() if library["user_api"] == "blas"]
    words = [(known["internal_api"], known["version"], known.get("architecture")) for known in found]
    return sorted({" ".join(filter(None, told)) for told in words})


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """So many threads beside the calling one."""
    return ThreadPoolExecutor(count, thread_name_prefix="netsim")


def _forget_other_threads() -> None:
    """In a process that was forked: none of them is at work, because there is none."""
    global _LIMITING, _at_work
    _LIMITING, _at_work = Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
    for _threads in (_helpers, _keeper):
        os.register_at_fork(after_in_child=_threads.cache_clear)  # a child process has none of them
