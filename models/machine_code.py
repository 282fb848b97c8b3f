"""The folder of machine code that Brian2 compiles with Cython. Without a folder Brian2 uses numpy."""

import os
import tempfile
from functools import cache

from brian2 import prefs
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

_ENOUGH = 2**16  # bytes; a full disk has less


@cache
def machine_code_has_place() -> bool:
    """Return whether Brian2's and the compiler's folder are writable. If not, make Brian2 use numpy.

    Without a home folder Brian2 would write to the current folder, and load code from it. The compiler uses the folder
    of temporary files, and prints a long error if it is full.
    """
    folder = get_cython_cache_dir()
    if folder is None or (_can_be_written(os.path.expanduser(folder)) and _can_be_written(_compilers_folder())):
        return True
    prefs.codegen.target = "numpy"
    return False


def _compilers_folder() -> str:
    """Return the folder of temporary files, or an empty text."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return ""


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
