"""Where Brian2 keeps the machine code that it makes by Cython; where it cannot, numpy does the work."""

import os
import tempfile
from functools import cache
from pathlib import Path

from brian2 import prefs
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

from netsim.files import make_private

_ENOUGH = 2**16  # bytes, which a full disk does not have


@cache
def machine_code_has_place() -> bool:
    """Whether Brian2's folder for machine code, and the compiler's, can be written; if not, Brian2 uses numpy.

    Without a home folder the former would be one of the current folder, from where Brian2 would also load. The latter
    is that of temporary files; if it is full, the compiler says so in many lines.

    Raises NetsimError if others may write to Brian2's folder: it runs the machine code that it finds there.
    """
    folder = get_cython_cache_dir()
    if folder is None or (_is_private(os.path.expanduser(folder)) and _can_be_written(_compilers_folder())):
        return True
    prefs.codegen.target = "numpy"
    return False


def _compilers_folder() -> str:
    """Where compilers keep what they are at; nowhere, if there is no such folder."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return ""


def _is_private(folder: str) -> bool:
    """Whether a folder can be written; one that others may write is refused."""
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
