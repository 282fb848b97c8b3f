"""The folder of machine code that Brian2 compiles with Cython. Without a folder Brian2 uses numpy."""

import os
import tempfile
from functools import cache
from pathlib import Path

from brian2 import prefs
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

from netsim.files import make_private

_ENOUGH = 2**16  # bytes; a full disk has less


@cache
def machine_code_has_place() -> bool:
    """Return whether Brian2's and the compiler's folder are writable. If not, make Brian2 use numpy.

    Without a home folder Brian2 would write to the current folder, and load code from it. The compiler uses the folder
    of temporary files, and prints a long error if it is full.

    Raises
    ------
    NetsimError
        If others may write to Brian2's folder, because Brian2 runs machine code from it.
    """
    folder = get_cython_cache_dir()
    if folder is None or (_is_private(os.path.expanduser(folder)) and _can_be_written(_compilers_folder())):
        return True
    prefs.codegen.target = "numpy"
    return False


def _compilers_folder() -> str:
    """Return the folder of temporary files, or an empty text."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return ""


def _is_private(folder: str) -> bool:
    """Return whether a folder is writable. Raise NetsimError if others may write to it."""
    if not os.path.isabs(folder):
        return False
    try:
        make_private(Path(folder), "CYTHON_CACHE_DIR")
    except OSError:
        return False
    return _can_be_written(folder)


def _can_be_written(folder: str) -> bool:
    if not os.path.isabs(folder):
        return False
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ENOUGH))
    except OSError:
        return False
    return True
