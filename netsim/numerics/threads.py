"""Parallel work: one thread per part, with compiled code, which releases the GIL.

Batches and long arrays are split into parts independently of the number of threads. One thread computes each part from
start to end. Results are therefore bit-identical on machines of any size, and threads never wait for each other within
a part. Parts call no matrix products of a library, whose threads would compete with these.
"""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_info

from netsim.errors import NetsimError
from netsim.numerics.compilation import compiled

# Presentations per part: enough for efficient products, few enough to stay near the cache.
_LARGEST_PART = 50
# Elements per task; amortises dispatch.
_LARGEST_RUN = 1_000_000

_MOST_THREADS = 1024

Part = TypeVar("Part")


def over_presentations(count: int, work: Callable[[slice], Part], largest: int = _LARGEST_PART) -> list[Part]:
    """Call `work` with slices of at most `largest` presentations on several threads, and return ordered results."""
    _asked_for()  # refuses a wrong number of threads, however small the work

    def quiet_work(part: slice) -> Part:
        with np.errstate(over="ignore", invalid="ignore"):  # training checks the results
            return work(part)

    return _over_parts(count, quiet_work, largest)


def over_elements(count: int, work: Callable[[slice], Part], size: int = 1) -> list[Part]:
    """Call `work` with slices of long arrays on several threads, and return ordered results.

    An element, such as a row, has `size` numbers. `work` must avoid numpy arithmetic, which could warn.
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


def blas_kernels() -> list[str]:
    """Return the loaded libraries of matrix products, each with its kernel for this processor."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    words = [(known["internal_api"], known["version"], known.get("architecture")) for known in libraries]
    return sorted({" ".join(filter(None, parts)) for parts in words})


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    """Return a pool of `count` threads in addition to the calling thread."""
    return ThreadPoolExecutor(count, thread_name_prefix="netsim")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)  # a child process has no such threads


# Elements per block.
_COUNTED = 4096


@compiled
def count_nonzero(numbers: np.ndarray) -> int:
    """Return the number of nonzero elements."""
    return _count_others(numbers, numbers.dtype.type(0))


def finite_share(latencies: np.ndarray) -> float:
    """Return the fraction of latencies (single or double precision) that are not ``inf``, or NaN for empty arrays."""
    values = np.ascontiguousarray(latencies).reshape(-1)
    silent = values.dtype.type(np.inf)
    spikes = sum(over_elements(values.size, lambda part: _count_others(values[part], silent)))
    return spikes / values.size if values.size else float("nan")


@compiled
def _count_others(numbers: np.ndarray, value: float) -> int:
    """Return the number of elements that differ from a value."""
    total = 0
    for first in range(0, len(numbers), _COUNTED):
        part = numbers[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most elements, which allows vectorisation
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != value))
        total += int(count)
    return total
