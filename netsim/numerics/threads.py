"""Parallel work: one thread per part, with compiled code and matrix products, which release the GIL.

Batches and long arrays are split into parts independently of the number of threads. One thread computes each part from
start to end. Results are therefore bit-identical on machines of any size, and threads never wait for each other within
a part.
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
import scipy.linalg.cython_blas  # noqa: F401  compiled products use it; importing it here limits its threads
from threadpoolctl import ThreadpoolController

from netsim.errors import NetsimError
from netsim.numerics.memory import keep_freed_memory

# Presentations per part: enough for efficient matrix products, few enough to stay near the cache.
_LARGEST_PART = 50
# Elements per task; amortises dispatch.
_LARGEST_RUN = 1_000_000

_MOST_THREADS = 1024

Part = TypeVar("Part")


def over_presentations(
    count: int, work: Callable[[slice], Part], largest: int = _LARGEST_PART, products: bool = True
) -> list[Part]:
    """Call `work` with slices of at most `largest` presentations on several threads, and return ordered results.

    `products` says whether `work` calls matrix products of a library. Limiting their threads takes time.
    """
    keep_freed_memory()
    _asked_for()  # refuses a wrong number of threads, however small the work

    def quiet_work(part: slice) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):  # training checks the results
            return work(part)

    with _one_thread_a_product() if products else contextlib.nullcontext():
        return _over_parts(count, quiet_work, largest)


def over_elements(count: int, work: Callable[[slice], Part], size: int = 1) -> list[Part]:
    """Call `work` with slices of long arrays on several threads, and return ordered results.

    An element, such as a row, has `size` numbers. `work` must avoid numpy arithmetic, which could warn, and matrix
    products of a library.
    """
    return _over_parts(count, work, max(1, _LARGEST_RUN // size))


def over_arrays(arrays: Sequence[np.ndarray], work: Callable[..., None]) -> None:
    """Call `work` with the same piece of several flat arrays of equal length, on several threads.

    Arrays that fit into one piece are passed whole, because slicing takes as long as visiting hundreds of numbers. See
    `over_elements` for `work`.
    """
    if len(arrays[0]) <= _LARGEST_RUN:
        work(*arrays)
        return
    over_elements(len(arrays[0]), lambda part: work(*[array[part] for array in arrays]))


def _over_parts(count: int, work: Callable[[slice], Part], largest: int) -> list[Part]:
    if count <= largest:  # skip the number of threads, whose look-up takes as long as a small part
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
                failed = True  # stops the other parts
                raise

    submitted = [_helpers(threads() - 1).submit(take_parts) for _ in range(helpers)]
    try:
        take_parts()  # this thread works too instead of waiting
    finally:
        running = [helper for helper in submitted if not helper.cancel()]  # cancelled helpers had no parts left
        for helper in running:
            helper.exception()  # waits, twice as fast as waiting for all at once
    for helper in running:
        helper.result()
    return [results[number] for number in range(len(slices))]


def threads() -> int:
    """Return the number of threads from the environment variable ``NETSIM_THREADS``, or the available cores.

    Raise NetsimError if the variable is not a valid number.
    """
    asked = _asked_for()
    if asked is not None:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _asked_for() -> int | None:
    """Return the number of threads in the environment variable, or None."""
    given = os.environ.get("NETSIM_THREADS", "")
    if not given:
        return None
    if not (given.isdecimal() and len(given) <= len(str(_MOST_THREADS)) and 1 <= int(given) <= _MOST_THREADS):
        raise NetsimError(f"NETSIM_THREADS: must be a number of threads from 1 to {_MOST_THREADS}, not {given!r}")
    return int(given)


_LIMITING = Lock()
_at_work = 0
_limiter: Any = None
"""Object that restores the threads of matrix products, while any work runs."""


@contextlib.contextmanager
def _one_thread_a_product() -> Iterator[None]:
    """Limit matrix products to one thread, because their threads would compete with ours, until all work ends.

    If two threads of a user work at once, the limit must stay until both end. threadpoolctl lets only the thread that
    set a limit restore it. If the first thread ends before the other, a permanent thread takes over the limit. In a
    process forked meanwhile, the next work restores the threads.
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
    """Return the permanent thread."""
    return ThreadPoolExecutor(1, thread_name_prefix="netsim-blas")


def blas_kernels() -> list[str]:
    """Return the loaded libraries of matrix products, each with its kernel for this processor."""
    libraries = [library for library in _controller().info() if library["user_api"] == "blas"]
    words = [(known["internal_api"], known["version"], known.get("architecture")) for known in libraries]
    return sorted({" ".join(filter(None, parts)) for parts in words})


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """Return a pool of `count` threads in addition to the calling thread."""
    return ThreadPoolExecutor(count, thread_name_prefix="netsim")


def _forget_other_threads() -> None:
    """Reset the state in a forked process, which has no other threads."""
    global _LIMITING, _at_work
    _LIMITING, _at_work = Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
    for _threads in (_helpers, _keeper):
        os.register_at_fork(after_in_child=_threads.cache_clear)  # a child process has no such threads
