"""When loops are being compiled, and for how long, so that a user who waits is told why."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from numba.core.event import Event, Listener, install_listener, register


class _OnStart(Listener):
    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def on_start(self, event: Event) -> None:
        self._function()

    def on_end(self, event: Event) -> None:
        pass


@contextmanager
def when_compiling(function: Callable[[], None]) -> Iterator[None]:
    """Call a function whenever a loop begins to be compiled, in any thread; to load machine code does not count."""
    with install_listener("numba:compile", _OnStart(function)):
        yield


class _Stopwatch(Listener):
    """Seconds during which any thread of this process compiles."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way = 0
        self._began = 0.0
        self._seconds = 0.0

    def on_start(self, event: Event) -> None:
        with self._lock:
            if not self._under_way:
                self._began = time.perf_counter()
            self._under_way += 1

    def on_end(self, event: Event) -> None:
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._seconds += time.perf_counter() - self._began

    def seconds(self) -> float:
        with self._lock:
            return self._seconds + (time.perf_counter() - self._began if self._under_way else 0.0)


_STOPWATCH = _Stopwatch()
register("numba:compile", _STOPWATCH)


def working_time() -> float:
    """Return a time (s) for differences, as `time.perf_counter`, that stands still while loops are compiled."""
    return time.perf_counter() - _STOPWATCH.seconds()
