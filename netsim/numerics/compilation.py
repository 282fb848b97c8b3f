"""How loops are compiled, and where their machine code is kept: in a folder named after what it was made from.

numba recompiles a function whose own file has changed, but not one that calls into a changed file. The folder carries a
digest of all sources of netsim that hold compiled code, so that none is ever loaded that was made from others.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
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
from netsim.numerics.compiling import keep_in

_PACKAGE = Path(__file__).parents[1]
_PREFIX = "netsim-kernels-"
# So many folders stay, those used last: a change that is taken back, or a switch of branches, compiles nothing anew.
_FOLDERS = 4
_CONFIG = vars(numba.config)
_PLACING = Lock()


def _forget_other_threads() -> None:
    """In a process that was forked: none of them places machine code, because there is none."""
    global _PLACING
    _PLACING = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def compiled_with(**options: Any) -> Any:
    """A decorator for loops: they release the GIL, divide by zero as numpy does, and are kept on disk if possible."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
        folder = _folder()
        if folder is not None and hasattr(dispatcher, "enable_caching"):  # a plain function if numba is disabled
            _keep(dispatcher, folder)
        return dispatcher

    return decorate


compiled: Any = compiled_with()
"""A decorator for loops."""


def is_compiled_for(dtype: np.dtype) -> bool:
    """Whether loops take arrays of a type of floats: of single or double precision, in the machine's order of bytes."""
    return dtype.char in "fd" and dtype.isnative  # a comparison of types takes several times as long


def _keep(dispatcher: Any, folder: Path) -> None:
    """Keep a function's machine code in a folder; other functions of the process stay where numba keeps them."""
    places = {"CACHE_DIR": str(folder), "CACHE_LOCATOR_CLASSES": ""}
    with _PLACING:
        given = {name: _CONFIG.get(name, "") for name in places}
        _CONFIG.update(places)
        try:
            dispatcher.enable_caching()
        except (RuntimeError, OSError):
            return  # no file holds the source
        finally:
            _CONFIG.update(given)
    stored = dispatcher._cache
    load, save = stored.load_overload, stored.save_overload

    def load_overload(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # unpickling half a file raises anything
            with contextlib.suppress(OSError):
                stored.flush()  # beside a damaged index nothing could be saved
            return None

    def save_overload(*arguments: Any) -> None:
        # a source that was changed since the start may be newer than what is being run
        if folder.name == _name():
            with contextlib.suppress(Exception):  # a full disk, above all
                save(*arguments)

    stored.load_overload, stored.save_overload = load_overload, save_overload


@cache
def _folder() -> Path | None:
    """Where machine code is kept: where NUMBA_CACHE_DIR says, in the package or with the user; None if nowhere.

    Raises NetsimError if others may write to a folder that is not the package's: numba unpickles what it finds.
    """
    beside = _PACKAGE / "__pycache__"  # whose writers may change the sources, too
    places = {beside: ""}
    if _CONFIG["CACHE_DIR"]:
        places = {Path(_CONFIG["CACHE_DIR"]).absolute(): "NUMBA_CACHE_DIR", **places}
    with contextlib.suppress(RuntimeError):  # a user without a home; earlier versions give a relative path
        places[platformdirs.user_cache_path("netsim") / "compiled"] = "XDG_CACHE_HOME"
    for place, choice in places.items():
        if not place.is_absolute():
            continue
        with contextlib.suppress(OSError):
            folder = place / _name()
            if place == beside:
                folder.mkdir(parents=True, exist_ok=True)
            else:
                folder = make_private(folder, choice)
            tempfile.TemporaryFile(dir=folder).close()  # also makes it the one that was used last
            _remove_older(place)
            return folder
    return None


def compiled_sources() -> list[Path]:
    """The modules of netsim that hold compiled code: those that import numba, or this one."""
    sources = sorted(_PACKAGE.rglob("*.py"))
    return [path for path in sources if any(word in path.read_bytes() for word in (b"numba", b"compilation"))]


def _name() -> str:
    """The name of the folder: of all sources that hold compiled code, and of the compiler's version."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for path in compiled_sources():
        source = path.read_bytes()
        digest.update(f"{path.relative_to(_PACKAGE)} {len(source)} ".encode() + source)
    return _PREFIX + digest.hexdigest()[:16]


def _remove_older(place: Path) -> None:
    with contextlib.suppress(OSError):  # of another process that removes the same
        for folder in sorted(place.glob(_PREFIX + "*"), key=lambda each: each.stat().st_mtime)[:-_FOLDERS]:
            shutil.rmtree(folder, ignore_errors=True)


keep_in(_folder)
