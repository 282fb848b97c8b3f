"""Limits on the resources of a process."""

import math
import sys
import time


def limit_memory(more: int) -> None:
    """Limit the address space of this process to its current size plus `more` bytes, on Linux.

    The limit is at most the bound of the administrator.
    """
    if sys.platform == "win32":
        return
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = _within(size + more, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


def peak_memory() -> int:
    """Return the peak memory of this program (bytes), or 0 if the system is not Linux.

    `resource` would return at least the peak of the parent process.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return 0
    return int(status.get("VmHWM", "0").split()[0]) * 1024


def limit_time(more: int) -> None:
    """Limit this process to `more` additional seconds of processor time, then SIGXCPU, if the system supports it.

    The limit is at most the bound of the administrator.
    """
    if sys.platform == "win32":
        return
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_within(math.ceil(time.process_time()) + more, hard), hard))


def _within(bound: int, hard: int) -> int:
    """Return a bound within the hard bound of the process, which is -1 if there is none."""
    return bound if hard < 0 else min(bound, hard)
