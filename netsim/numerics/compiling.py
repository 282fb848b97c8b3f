"""Watch the compilation of loops, so that a user who waits knows why, and let a second process compile as well."""

import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from numba.core.event import Event, Listener, register

from netsim.numerics.threads import threads

_LOG = logging.getLogger("netsim")
_PATIENCE = 60.0
"""Longest time to wait for a loop of the second process (s)."""


class _Watch(Listener):
    """Count the loops of netsim that are compiled, and the time that this takes."""

    def __init__(self) -> None:
        self.audience: list[Callable[[], None]] = []
        self.loops = 0
        self.seconds = 0.0
        self.kept_in: Callable[[], Path | None] = lambda: None
        self.rehearsal: Callable[[], None] | None = None
        self.second: subprocess.Popen[bytes] | None = None
        self.is_second = False
        self.claims: Path | None = None
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
        if self.is_second or multiprocessing.parent_process():
            return
        if not (self.audience or self._announced):
            self._announced = True
            _LOG.warning("netsim: %s", announcement())
        self._start_second()

    def add(self, seconds: float) -> None:
        """Add time spent waiting for the second process, unless it is part of a compilation that is counted."""
        with self._lock:
            self.seconds += 0.0 if self._open else seconds

    def on_end(self, event: Event) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                self.seconds += time.perf_counter() - self._since

    def _start_second(self) -> None:
        """Start the second process once. The lock is free meanwhile, because pickling may compile."""
        with self._lock:
            rehearsal, claims, self.rehearsal = self.rehearsal, self.claims, None
        if rehearsal is None or claims is None:
            return
        second = _second_process(rehearsal, claims)
        with self._lock:
            if self.claims is claims:
                self.second = second
                return
        _end(second)  # the context has ended

    def end_second(self) -> None:
        """End the second process, and help no more."""
        with self._lock:
            second, self.rehearsal, self.claims, self.second = self.second, None, None, None
        _end(second)

    def forget_others(self) -> None:
        """Forget other threads and the second process, in a forked process."""
        self.rehearsal, self.claims, self.second = None, None, None
        self._lock, self._open = Lock(), 0


def _is_ours(event: Event) -> bool:
    data: Any = event.data
    return str(data["dispatcher"].py_func.__module__).startswith("netsim.")


_WATCH = _Watch()
register("numba:compile", _WATCH)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WATCH.forget_others)


def keep_in(folder: Callable[[], Path | None]) -> None:
    """Set the function that returns the folder of machine code, or None if nothing is kept."""
    _WATCH.kept_in = folder


def announcement() -> str:
    """Say what is compiled, and how often that happens."""
    what = "compiling the loops of this network to machine code, which may take a minute or more; "
    if _WATCH.kept_in() is None:
        return what + "no folder can keep them, so that each process compiles again; set NUMBA_CACHE_DIR"
    return what + "this happens once for each kind of network and each precision"


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


@contextmanager
def helped_by(rehearsal: Callable[[], None]) -> Iterator[None]:
    """Let a second process call `rehearsal` as soon as this process compiles a loop.

    The second process compiles in another order, into the same folder, where this process finds the machine code. It
    ends with the context. Its errors have no effect: this process then compiles all loops. A context within a context
    starts no further process.
    """
    alone = _WATCH.is_second or multiprocessing.parent_process() or _WATCH.kept_in() is None or threads() < 2
    if alone or _WATCH.claims is not None:
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):  # no folder for temporary files: compile alone
            claims = stack.enter_context(tempfile.TemporaryDirectory(prefix="netsim-", ignore_cleanup_errors=True))
            _WATCH.rehearsal, _WATCH.claims = rehearsal, Path(claims)
            stack.callback(_WATCH.end_second)
        yield


def _end(second: subprocess.Popen[bytes] | None) -> None:
    if second is not None:
        second.kill()
        second.wait()


def _second_process(rehearsal: Callable[[], None], claims: Path) -> subprocess.Popen[bytes] | None:
    """Start a process that calls a function. Return None if it cannot start or the function cannot be pickled."""
    program = f"import {__name__} as compiling; compiling.rehearse()"
    try:
        with tempfile.TemporaryFile() as file:
            pickle.dump((claims, rehearsal), file)
            file.seek(0)
            quiet = subprocess.DEVNULL
            # -P: nothing is imported from the current folder
            return subprocess.Popen([sys.executable, "-P", "-c", program], stdin=file, stdout=quiet, stderr=quiet)
    except Exception:  # pickling reads stimuli, and calls the code of users
        return None


def rehearse() -> None:
    """Call the function that the first process wrote to the standard input."""
    _WATCH.is_second = True
    _WATCH.claims, rehearsal = pickle.load(sys.stdin.buffer)
    rehearsal()


def await_second(loop: str) -> bool:
    """Wait while the second process compiles a loop with this name. Return whether it may have compiled the loop.

    In the second process, claim the loop.
    """
    claims, second = _WATCH.claims, _WATCH.second
    if claims is None:
        return False
    claim = claims / loop
    if _WATCH.is_second:
        claim.touch()
        return False
    if second is None or not claim.exists():
        return False
    began = time.perf_counter()
    while claim.exists() and second.poll() is None and time.perf_counter() - began < _PATIENCE:
        time.sleep(0.01)
    _WATCH.add(time.perf_counter() - began)
    return True


def release(loop: str) -> None:
    """Declare in the second process that a loop is stored."""
    if _WATCH.is_second and _WATCH.claims is not None:
        (_WATCH.claims / loop).unlink(missing_ok=True)
