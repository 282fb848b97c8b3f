"""Protection against code in the current folder: stop libraries from loading settings that run code."""

import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from netsim.errors import DataError, NetsimError

_LARGEST_SETTINGS = 10_000_000  # bytes


def guard() -> None:
    """Block later imports of libraries that would run code from the current folder or fail over its files.

    Brian2 evaluates ``brian_preferences``, and ``.numba_config.yaml`` can make numba unpickle machine code. Libraries
    that are already imported are not affected.
    """
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


class _Guard(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Find nothing, so that the import continues, or raise NetsimError."""
        if fullname == "brian2":
            remedy = "move it to ~/.brian/user_preferences if you trust it"
            _refuse(fullname, "brian_preferences", remedy)
            if not os.path.isabs(home := os.path.expanduser("~")):  # a user without a home folder
                _refuse(fullname, os.path.join(home, ".brian", "user_preferences"), remedy)
        elif fullname == "numba":
            _refuse(fullname, ".numba_config.yaml", "set the environment variables NUMBA_... instead")
        elif fullname == "matplotlib":
            _check_settings(Path("matplotlibrc"))


def _refuse(library: str, file: str, remedy: str) -> None:
    if os.path.lexists(file):
        raise NetsimError(
            f"{file}: {library} would run code from this file of the current folder; {remedy}, or change the folder"
        )


def _check_settings(file: Path) -> None:
    """Raise DataError for settings that block or break matplotlib. Valid settings do not change figures."""
    if not file.exists() or file.is_dir():
        return
    from netsim.files import read_text  # imports numpy, which help texts do not need

    try:
        read_text(file, _LARGEST_SETTINGS)
    except (OSError, ValueError, DataError) as error:
        reason = error if isinstance(error, DataError) else f"{file}: is not text"
        raise DataError(f"{reason}; matplotlib would read it: remove it, or change the folder") from error
