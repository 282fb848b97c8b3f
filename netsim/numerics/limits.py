"""Bounds on what a process may take."""

import math
import time


def limit_memory(more: int) -> None:
    """Let this process take so many more bytes of address space than now, and no more, if the system is Linux.

    It is not more than an administrator's bound, where there is one.
    """
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
    """The most bytes of memory that this program has had so far; 0 if the system is not Linux.

    What `resource` tells is at least what the process had that began it.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            told = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return 0
    return int(told.get("VmHWM", "0").split()[0]) * 1024


def limit_time(more: int) -> None:
    """Let this process take so many more seconds of a processor, and end by SIGXCPU then, if the system knows that.

    They are not more than an administrator's bound, where there is one.
    """
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_within(math.ceil(time.process_time()) + more, hard), hard))


def _within(bound: int, hard: int) -> int:
    """A bound that the system lets a process have, whose hard bound is -1 if there is none."""
    return bound if hard < 0 else min(bound, hard)
