"""Where the time goes: the own time of each function, in one thread."""

from __future__ import annotations

import contextlib
import cProfile
import inspect
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import netsim
from benchmarks.event_rows import FREE, PHASED, forward, training
from benchmarks.rows import Prepared, Setting, set_threads
from netsim.engines.event import closed_form, sweep
from netsim.learning import gated

_SMALLEST = 0.01
# Functions that are compiled as a whole, where they are called from.
_WHOLES = (
    (closed_form, "gated_spikes"),
    (sweep, "_first_spikes"),
    (gated, "_step"),
    (gated, "kernel_gradient"),
    (gated, "propagate"),
)
_PACKAGE = Path(netsim.__file__).parent


def measure_shares(setting: Setting, seconds: float = 2.0) -> dict[str, list[dict[str, Any]]]:
    """Profiles of the forward pass and the training step in the regime phased, and of the forward pass in free.

    From Python 3.12 on profilers are told of no compiled function: its time is its caller's.

    Parameters
    ----------
    setting : Setting
    seconds : float
        Processor time that each profile takes at least.

    Returns
    -------
    dict of list of dict
        By what was profiled: ``function``, ``what`` it does, ``share`` and ``ms`` per presentation, largest first;
        the last line is all that has less than a hundredth.
    """
    calls = {
        "phased, forward": forward(PHASED, True, "single", 0.0, setting),
        "phased, training step": training(PHASED, True, setting),
        "free, forward": forward(FREE, True, "single", 0.0, setting),
    }
    set_threads(1)
    try:
        with _taken_apart():
            return {name: _profile(prepared, seconds) for name, prepared in calls.items()}
    finally:
        set_threads(setting.threads)


@contextlib.contextmanager
def _taken_apart() -> Iterator[None]:
    """Let Python call the parts of what is compiled as a whole, so that each is seen."""
    with contextlib.ExitStack() as patches:
        for module, name in _WHOLES:
            patches.enter_context(mock.patch.object(module, name, getattr(module, name).py_func))
        yield


def _profile(prepared: Prepared, seconds: float) -> list[dict[str, Any]]:
    prepared.call()
    profiler = cProfile.Profile(time.process_time)  # what other processes take does not count
    presentations = 0
    total = 0.0
    while total < seconds:
        profiler.runcall(prepared.call)
        presentations += prepared.presentations
        stats = pstats.Stats(profiler)
        total = stats.total_tt  # type: ignore[attr-defined]
    own = {key: times[2] for key, times in stats.stats.items()}  # type: ignore[attr-defined]
    lines, others = [], 0.0
    for (file, line, function), spent in sorted(own.items(), key=lambda item: -item[1]):
        if spent < _SMALLEST * total:
            others += spent
            continue
        module = _module(file)
        name = f"{module}.{function}" if module else function
        lines.append(_line(name, _first_sentence(module, file, line), spent, total, presentations))
    return [*lines, _line("all others", "", others, total, presentations)]


def _line(function: str, what: str, seconds: float, total: float, presentations: int) -> dict[str, Any]:
    return {"function": function, "what": what, "share": seconds / total, "ms": 1e3 * seconds / presentations}


def _module(file: str) -> str:
    """Name of a module of netsim below the package, else of the file; empty for what is compiled elsewhere."""
    path = Path(file)
    if path.is_relative_to(_PACKAGE):
        return ".".join(path.relative_to(_PACKAGE).with_suffix("").parts)
    return path.stem if path.suffix == ".py" else ""


def _first_sentence(module: str, file: str, line: int) -> str:
    """The first line of the docstring of the function that begins in this line of a module of netsim."""
    home = sys.modules.get(f"netsim.{module}")
    for found in vars(home).values() if home else ():
        function: Callable[..., Any] = getattr(found, "py_func", found)
        code = getattr(function, "__code__", None)
        if code is not None and (code.co_filename, code.co_firstlineno) == (file, line):
            return (inspect.getdoc(function) or "").split("\n")[0]
    return ""
