"""Watch the compilation of loops, so that a user who waits knows why."""

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from numba.core.event import Event, Listener, register

_LOG = logging.getLogger("netsim")
ANNOUNCEMENT = (
    "compiling the loops of this network to machine code, which may take half a minute; this happens once for each"
    " kind of network and each precision"
)


class _Watch(Listener):
    """Count the loops of netsim that are compiled, and the time that this takes."""

    def __init__(self) -> None:
        self.audience: list[Callable[[], None]] = []
        self.loops = 0
        self.seconds = 0.0
        self._announced = False
        self._open = 0
        self._since = 0.0
        self._lock = Lock()

    def on_start(self, event: Event) -> None:
        with self._lock:
            if not self._open:
                self._since = time.perf_counter()
            self._open += 1
        if not _is_ours(event):
            return
        self.loops += 1
        for function in self.audience:
            function()
        if not (self.audience or self._announced or multiprocessing.parent_process()):
            self._announced = True
            _LOG.warning("netsim: %s", ANNOUNCEMENT)

    def on_end(self, event: Event) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                self.seconds += time.perf_counter() - self._since

    def forget_other_threads(self) -> None:
        """Reset the lock in a forked process, which has no other threads."""
        self._lock, self._open = Lock(), 0


def _is_ours(event: Event) -> bool:
    data: Any = event.data
    return str(data["dispatcher"].py_func.__module__).startswith("netsim.")


_WATCH = _Watch()
register("numba:compile", _WATCH)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WATCH.forget_other_threads)


def compiled_so_far() -> tuple[int, float]:
    """Return how many loops this process compiled, and the seconds that this took.

    A loop counts once for each combination of types. Loading machine code from disk does not count.
    """
    return _WATCH.loops, _WATCH.seconds


def working_time() -> float:
    """Return a time (s) for differences, as `time.perf_counter`, without the time spent on compiling."""
    return time.perf_counter() - compiled_so_far()[1]


@contextmanager
def when_compiling(function: Callable[[], None]) -> Iterator[None]:
    """Call a function whenever a loop begins to be compiled, in any thread, instead of logging one line.

    Loading machine code from disk does not count.
    """
    _WATCH.audience.append(function)
    try:
        yield
    finally:
        _WATCH.audience.remove(function)
