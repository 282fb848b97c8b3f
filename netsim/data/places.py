"""Folders of data sets on this machine."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import platformdirs

from netsim.errors import DataError, RunError

_LONGEST_PATH = 100_000
DATA_FOLDER = "data folder"
"""Origin of a folder given by the user."""


class Place(NamedTuple):
    """A folder that was searched for a data set."""

    origin: str  # reason for the search, for example NETSIM_DATA
    path: Path
    found: bool  # whether all files of the data set are there
    note: str = ""  # problem, if the folder contains other files


def data_folders(data_dir: str | Path | None) -> list[tuple[str, Path]]:
    """Return the folders to search, each with its origin. A folder given by the user is the only one."""
    if data_dir is not None:
        return [(DATA_FOLDER, user_folder(data_dir))]
    folders = []
    with contextlib.suppress(DataError):
        folders.append(("cache", cache_folder()))
    if (remembered := remembered_folder()) is not None:
        folders.insert(0, ("remembered", remembered))
    if os.environ.get("NETSIM_DATA"):
        folders.insert(0, ("NETSIM_DATA", user_folder(os.environ["NETSIM_DATA"])))
    return folders


def check_folder(data_dir: str | Path | None, name: str) -> None:
    """Raise DataError if a given data folder does not exist."""
    if data_dir is not None and not os.path.isdir(user_folder(data_dir)):
        raise DataError(f"{data_dir}: no such folder; name the folder with the files of {name}")


def user_folder(name: str | Path) -> Path:
    """Expand ``~`` in a user's path. ``~name`` of an unknown user stays as it is."""
    return Path(os.path.expanduser(name))


def cache_folder() -> Path:
    """Return the user's cache for downloads, or raise DataError if the user has no home folder."""
    with contextlib.suppress(RuntimeError):  # no home folder; earlier versions return a relative path
        folder = platformdirs.user_cache_path("netsim")
        if folder.is_absolute():
            return folder
    raise DataError("cache: this user has no home folder; set XDG_CACHE_HOME to a folder for data")


def remembered_folder() -> Path | None:
    """Return the folder from the last call of `remember_folder`."""
    from netsim.files import read_text  # imports numpy, which help texts do not need

    try:
        return Path(read_text(_memory(), _LONGEST_PATH).strip())
    except (OSError, UnicodeDecodeError, DataError, RuntimeError):
        return None


def remember_folder(folder: str | Path) -> Path:
    """Search a folder from now on, after ``NETSIM_DATA`` and before the cache. Return the settings file."""
    from netsim.files import write_text

    try:
        file = _memory()
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise RunError(f"{folder}: cannot be remembered ({error}); set NETSIM_DATA instead") from error
    write_text(file, f"{user_folder(folder).resolve()}\n")
    return file


def _memory() -> Path:
    """Return the settings file, or raise RuntimeError for a user without a home folder."""
    file = platformdirs.user_config_path("netsim") / "data-dir"
    if not file.is_absolute():
        raise RuntimeError("this user has no home folder")
    return file
