"""Compile loops, and cache their machine code in a folder named after its sources.

numba recompiles a function after a change of its file, but not after a change of a called function in another file. The
name of the folder therefore contains a digest of all sources of netsim with compiled code. Outdated machine code is
never loaded.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import llvmlite
import numba
import numpy as np
import platformdirs

from netsim.files import make_private
from netsim.numerics.compiling import await_second, keep_in, release

_PACKAGE = Path(__file__).parents[1]
_PREFIX = "netsim-kernels-"
# Number of recently used folders that stay, so that undoing a change or switching branches compiles nothing.
_FOLDERS = 4
_CONFIG = vars(numba.config)
_PLACING = Lock()


def _forget_other_threads() -> None:
    """Reset the lock in a forked process, which has no other threads."""
    global _PLACING
    _PLACING = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def compiled_with(**options: Any) -> Any:
    """Return a decorator for loops that release the GIL, divide by zero like numpy, and are cached on disk.

    All options are set. numba would take others from the loop that happens to call a function first, and cache that
    code for all, so that rounding would depend on which network was compiled first.
    """
    options = {"fastmath": False, "forceinline": False, "_nrt": True, **options}

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
        folder = _folder()
        if folder is not None and hasattr(dispatcher, "enable_caching"):  # it is a plain function if numba is disabled
            _keep(dispatcher, folder)
        return dispatcher

    return decorate


compiled: Any = compiled_with()
"""Decorator for loops with default options."""

compiled_in_place: Any = compiled_with(_nrt=False)
"""Decorator for functions that neither create nor return arrays, and that other loops call often.

At each call, numba counts the references to all arrays of a tuple. This took three quarters of the time of event loops.
With this decorator it counts none.
"""


def is_compiled_for(dtype: np.dtype) -> bool:
    """Return whether loops support a float dtype: single or double precision in native byte order."""
    return dtype.char in "fd" and dtype.isnative  # comparing dtypes takes several times as long


def _keep(dispatcher: Any, folder: Path) -> None:
    """Cache a function's machine code in a folder. Other functions of the process keep numba's default."""
    places = {"CACHE_DIR": str(folder), "CACHE_LOCATOR_CLASSES": ""}
    with _PLACING:
        given = {name: _CONFIG.get(name, "") for name in places}
        _CONFIG.update(places)
        try:
            dispatcher.enable_caching()
        except (RuntimeError, OSError):
            return  # the source is not in a file
        finally:
            _CONFIG.update(given)
    stored = dispatcher._cache
    load, save = stored.load_overload, stored.save_overload

    def named(signature: Any) -> str:
        return hashlib.sha256(
            f"{dispatcher.py_func.__module__}.{dispatcher.__qualname__}{signature}".encode()
        ).hexdigest()

    def load_or_none(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # unpickling half a file raises any exception
            with contextlib.suppress(OSError):
                stored.flush()  # a damaged index would prevent saving
            return None

    def load_overload(signature: Any, *arguments: Any) -> Any:
        loaded = load_or_none(signature, *arguments)
        if loaded is None and await_second(named(signature)):
            return load_or_none(signature, *arguments)
        return loaded

    def save_overload(signature: Any, *arguments: Any) -> None:
        with contextlib.suppress(Exception):  # a full disk, or a source that was removed
            if _stamps() == _AT_START:  # a source that changed may be newer than the running code
                _store_apart(stored)
                save(signature, *arguments)
        release(named(signature))

    stored.load_overload, stored.save_overload = load_overload, save_overload


def _store_apart(stored: Any) -> None:
    """Let a file of machine code have a name of its own.

    numba numbers these files. Two processes that store at the same time take the same number, and each would load the
    code of the other.
    """
    file = stored._cache_file
    base = file._index_name.removesuffix(".nbi")
    file._data_name_pattern = f"{base}-{uuid.uuid4().hex}.{{number:d}}.nbc"


@cache
def _folder() -> Path | None:
    """Return the cache folder: NUMBA_CACHE_DIR, in the package or in the user's cache. None if none is writable.

    Raise NetsimError if others may write to a folder outside the package, because numba unpickles its files.
    """
    beside = _PACKAGE / "__pycache__"  # its writers may also change the sources
    places = {beside: ""}
    if _CONFIG["CACHE_DIR"]:
        places = {Path(_CONFIG["CACHE_DIR"]).absolute(): "NUMBA_CACHE_DIR", **places}
    with contextlib.suppress(RuntimeError):  # a user without a home folder; earlier versions return a relative path
        places[platformdirs.user_cache_path("netsim") / "compiled"] = "XDG_CACHE_HOME"
    for base, choice in places.items():
        if not base.is_absolute():
            continue
        with contextlib.suppress(OSError):
            folder = base / _name()
            if base == beside:
                folder.mkdir(parents=True, exist_ok=True)
            else:
                folder = make_private(folder, choice)
            tempfile.TemporaryFile(dir=folder).close()  # also marks it as used last
            _remove_older(base)
            return folder
    return None


@cache
def compiled_sources() -> list[Path]:
    """Return the modules of netsim with compiled code: modules that import numba or this module."""
    sources = sorted(_PACKAGE.rglob("*.py"))
    return [path for path in sources if any(word in path.read_bytes() for word in (b"numba", b"compilation"))]


def _stamps() -> list[tuple[int, int]]:
    """Return when each of these modules was changed, and its size. Reading them would take longer."""
    found = [path.stat() for path in compiled_sources()]
    return [(each.st_mtime_ns, each.st_size) for each in found]


_AT_START = _stamps()


def _name() -> str:
    """Return the name of the folder, from all sources with compiled code and the version of the compiler."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in compiled_sources():
        source = path.read_bytes()
        digest.update(f"{path.relative_to(_PACKAGE)} {len(source)} ".encode() + source)
    return _PREFIX + digest.hexdigest()[:16]


def _remove_older(parent: Path) -> None:
    with contextlib.suppress(OSError):  # another process may remove the same files
        for folder in sorted(parent.glob(_PREFIX + "*"), key=lambda each: each.stat().st_mtime)[:-_FOLDERS]:
            shutil.rmtree(folder, ignore_errors=True)


keep_in(_folder)
