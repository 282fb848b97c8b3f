"""What the current folder must not decide: libraries look there for files that say what code they run."""

import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from netsim.errors import DataError, NetsimError

_LARGEST_SETTINGS = 10_000_000


def guard() -> None:
    """From now on, refuse the import of a library that would take code from the current folder, or fail over a file.

    Brian2 evaluates what ``brian_preferences`` says, and numba unpickles machine code where ``.numba_config.yaml``
    has it. A library that was imported before has done so already, as Python's user had it.
    """
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


class _Guard(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Find nothing: the import goes on as without this, or is refused with a NetsimError."""
        if fullname == "brian2":
            remedy = "move it to ~/.brian/user_preferences if you trust it"
            _refuse(fullname, "brian_preferences", remedy)
            if not os.path.isabs(home := os.path.expanduser("~")):  # of a user who has no home
                _refuse(fullname, os.path.join(home, ".brian", "user_preferences"), remedy)
        elif fullname == "numba":
            _refuse(fullname, ".numba_config.yaml", "set the environment variables NUMBA_... in its place")
        elif fullname == "matplotlib":
            _check_settings(Path("matplotlibrc"))


def _refuse(library: str, file: str, remedy: str) -> None:
    if os.path.lexists(file):
        raise NetsimError(
            f"{file}: {library} would run what this file of the current folder says; {remedy}, or go to another folder"
        )


def _check_settings(file: Path) -> None:
    """Refuse settings that matplotlib would wait for or fail over; what they say changes no figure."""
    if not file.exists() or file.is_dir():
        return
    from netsim.files import read_text  # imports numpy, which help does without

    try:
        read_text(file, _LARGEST_SETTINGS)
    except (OSError, ValueError, DataError) as error:
        reason = error if isinstance(error, DataError) else f"{file}: is no text"
        raise DataError(f"{reason}; matplotlib would read it: remove it, or go to another folder") from error
