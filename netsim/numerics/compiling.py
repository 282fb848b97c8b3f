"""When loops are being compiled, so that a user who waits is told why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core.event import Event, Listener, install_listener


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
