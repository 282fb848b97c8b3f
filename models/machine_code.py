"""Code generation of Brian2: its target, and the folder of machine code that it compiles with Cython."""

import os
import tempfile
from functools import cache
from typing import Literal

from brian2 import prefs
from brian2.codegen.codeobject import CodeObject
from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir
from brian2.codegen.targets import codegen_targets

from netsim.errors import SpecificationError

Target = Literal["cython", "numpy"]

# Synapses up to which numpy is at most a fifth slower than machine code (measured).
_NOT_WORTH_COMPILING = 1_000_000
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


def code_object_class(target: Target | None) -> type[CodeObject] | None:
    """Return Brian2's class of code objects for a target. None leaves the choice to Brian2.

    Raises
    ------
    SpecificationError
        If the target is unknown or does not work on this machine.
    """
    has_place = machine_code_has_place()
    if target is None:
        return None
    classes = {known.class_name: known for known in codegen_targets if known.class_name}
    if target not in classes:
        raise SpecificationError("target", f"must be one of {', '.join(sorted(classes))}, not {target!r}")
    if target == "cython" and not has_place:
        raise SpecificationError("target", "cython has no folder for machine code; set CYTHON_CACHE_DIR, or use numpy")
    if not classes[target].is_available():
        raise SpecificationError("target", f"{target} does not work here (is there a C++ compiler?); use numpy")
    return classes[target]


def default_target(synapses: int) -> Target | None:
    """Return numpy for few synapses, unless Brian2's preferences name a target. None leaves the choice to Brian2."""
    return "numpy" if prefs.codegen.target == "auto" and synapses <= _NOT_WORTH_COMPILING else None
