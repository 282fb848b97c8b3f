"""Python on Linux without the services that macOS or Windows lack.

Programs with this folder in PYTHONPATH import this module at their start. Their child processes do so, too. Libraries
and the standard library keep their modules and ``/proc``, because they have a form for each system. Functions of `os`
and `signal` are missing for all.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
from typing import Any

HIDDEN_MODULES = {"resource", "fcntl"}
HIDDEN_NAMES = {
    os: ["fork", "forkpty", "sched_getaffinity", "posix_fallocate", "posix_fadvise"],
    signal: ["pthread_sigmask", "SIGHUP", "SIGXCPU"],
}
_OURS = ("netsim", "tests", "conftest", "test_", "__main__")


def _is_ours(depth: int) -> bool:
    """Return whether the code that calls the caller belongs to netsim, its tests or a program."""
    return str(sys._getframe(depth).f_globals.get("__name__", "")).startswith(_OURS)


def _refuse(name: str) -> None:
    raise ModuleNotFoundError(f"No module named {name!r} on this system", name=name)


_import, _import_module, _dll = builtins.__import__, importlib.import_module, ctypes.CDLL


def _imported(name: str, *arguments: Any, **options: Any) -> Any:
    if name in HIDDEN_MODULES and _is_ours(2):
        _refuse(name)
    return _import(name, *arguments, **options)


def _imported_module(name: str, package: str | None = None) -> Any:
    if name in HIDDEN_MODULES and _is_ours(2):
        _refuse(name)
    return _import_module(name, package)


class _Library(ctypes.CDLL):
    """A library of C. As on Windows, the program itself is none."""

    def __init__(self, name: Any, *arguments: Any, **options: Any) -> None:
        if name is None and _is_ours(2):
            raise TypeError("the program itself is no library on this system")
        super().__init__(name, *arguments, **options)


def _reads_proc(path: object) -> bool:
    try:
        name = os.fsdecode(path)  # type: ignore[arg-type]
    except TypeError:  # a descriptor
        return False
    return name == "/proc" or name.startswith("/proc/")


def _is_for_us() -> bool:
    """Return whether the first code outside the standard library and these hooks belongs to netsim or its tests."""
    frame = sys._getframe(2)
    standard = os.path.dirname(os.__file__)
    while frame is not None:
        file = frame.f_code.co_filename
        within = file.startswith((standard, "<frozen")) and "site-packages" not in file
        if not within and file != __file__:
            return str(frame.f_globals.get("__name__", "")).startswith(_OURS)
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _no_proc(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir") and _reads_proc(arguments[0]) and _is_for_us():
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


_stat = os.stat


def _found(path: Any, *arguments: Any, **options: Any) -> Any:
    if _reads_proc(path) and _is_for_us():
        raise FileNotFoundError(2, "No such file or directory", path)
    return _stat(path, *arguments, **options)


for _module, _names in HIDDEN_NAMES.items():
    for _name in _names:
        if hasattr(_module, _name):
            delattr(_module, _name)
builtins.__import__, importlib.import_module = _imported, _imported_module
ctypes.CDLL = _Library  # type: ignore[misc]
os.stat = _found
sys.addaudithook(_no_proc)
multiprocessing.set_start_method("spawn", force=True)
