"""Compile loops with numba, and cache their machine code in a folder named after its sources.

numba recompiles a function after a change of its file, but not after a change of a called function in another file. The
name of the folder therefore contains a digest of all sources of netsim with compiled code. Outdated machine code is
never loaded.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import platformdirs

_PACKAGE = Path(__file__).parents[1]
_PREFIX = "netsim-kernels-"
# Number of recently used folders that stay, so that undoing a change or switching branches compiles nothing.
_FOLDERS = 4
_CONFIG: Any = numba.config


def compiled_with(**options: Any) -> Any:
    """Return a decorator for loops that release the GIL, divide by zero like numpy, and are cached on disk.

    All options are set. numba would take others from the loop that happens to call a function first, and cache that
    code for all, so that rounding would depend on which network was compiled first.
    """
    options = {"fastmath": False, "forceinline": False, "_nrt": True, **options}

    def decorate(function: Callable[..., Any]) -> Any:
        folder = _folder() if Path(function.__code__.co_filename).is_file() else None
        with _caching_in(folder):
            return numba.njit(nogil=True, error_model="numpy", cache=folder is not None, **options)(function)

    return decorate


compiled: Any = compiled_with()
"""Decorator for loops with default options."""

compiled_in_place: Any = compiled_with(_nrt=False)
"""Decorator for functions that neither create nor return arrays, and that other loops call often.

At each call, numba counts the references to all arrays of a tuple. This took three quarters of the time of event loops.
With this decorator it counts none.
"""

FORWARDED: Any = {"nogil": True, "error_model": "numpy", "fastmath": False, "_nrt": False, "forceinline": True}
"""Options for `numba.extending.overload` of a function that only calls another one, chosen by a type.

In numba 0.68, ``inline="always"`` gave wrong spikes for functions that do not count references.
"""


def is_compiled_for(dtype: np.dtype) -> bool:
    """Return whether loops support a float dtype: single or double precision in native byte order."""
    return dtype.char in "fd" and dtype.isnative  # comparing dtypes takes several times as long


@contextlib.contextmanager
def _caching_in(folder: Path | None) -> Iterator[None]:
    """Let numba cache the functions that it decorates meanwhile in a folder. Other functions keep its default."""
    before = _CONFIG.CACHE_DIR
    _CONFIG.CACHE_DIR = "" if folder is None else str(folder)
    try:
        yield
    finally:
        _CONFIG.CACHE_DIR = before


@cache
def _folder() -> Path | None:
    """Return the cache folder: NUMBA_CACHE_DIR, in the package or in the user's cache. None if none is writable."""
    places = [_PACKAGE / "__pycache__"]
    if _CONFIG.CACHE_DIR:
        places.insert(0, Path(_CONFIG.CACHE_DIR).absolute())
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        places.append(platformdirs.user_cache_path("netsim") / "compiled")
    for base in places:
        with contextlib.suppress(OSError):
            folder = base / _name()
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # also marks it as used last
            _remove_older(base)
            return folder
    return None


@cache
def compiled_sources() -> list[Path]:
    """Return the modules of netsim with compiled code: modules that import numba or this module."""
    sources = sorted(_PACKAGE.rglob("*.py"))
    return [path for path in sources if any(word in path.read_bytes() for word in (b"numba", b"compilation"))]


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
