"""Where data sets lie on this machine."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import platformdirs

from netsim.errors import DataError, RunError

_LONGEST_PATH = 100_000
DATA_FOLDER = "data folder"
"""The origin of a folder that the user has given."""


class Place(NamedTuple):
    """A folder where a data set was looked for."""

    origin: str  # why there, for example NETSIM_DATA
    path: Path
    found: bool  # whether all files of the data set are there
    note: str = ""  # what is wrong, if the folder holds files but not those of the data set


def data_folders(data_dir: str | Path | None) -> list[tuple[str, Path]]:
    """The folders that may hold a data set, each with the reason; a folder given by the user is the only one."""
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
    """Refuse a folder for a data set that is none."""
    if data_dir is not None and not os.path.isdir(user_folder(data_dir)):
        raise DataError(f"{data_dir}: no such folder; name the folder that holds the files of {name}")


def user_folder(name: str | Path) -> Path:
    """A folder as a user may write it, with ``~``; of a user who does not exist it stays as it is."""
    return Path(os.path.expanduser(name))


def cache_folder() -> Path:
    """The user's cache, where downloads go; a DataError, if there is none, as for a user without a home folder."""
    with contextlib.suppress(RuntimeError):  # a user without a home; earlier versions give a relative path
        folder = platformdirs.user_cache_path("netsim")
        if folder.is_absolute():
            return folder
    raise DataError("cache: this user has no home folder; set XDG_CACHE_HOME to a folder where data can be kept")


def remembered_folder() -> Path | None:
    """The data folder that `remember_folder` was given last."""
    from netsim.files import read_text  # imports numpy, which no help text needs

    try:
        return Path(read_text(_memory(), _LONGEST_PATH).strip())
    except (OSError, UnicodeDecodeError, DataError, RuntimeError):
        return None


def remember_folder(folder: str | Path) -> Path:
    """Look in a folder from now on, after ``NETSIM_DATA`` and before the cache; returns the file that says so."""
    from netsim.files import write_text

    try:
        file = _memory()
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise RunError(f"{folder}: cannot be remembered ({error}); set NETSIM_DATA instead") from error
    write_text(file, f"{user_folder(folder).resolve()}\n")
    return file


def _memory() -> Path:
    """The file that says it; a RuntimeError for a user without a home."""
    file = platformdirs.user_config_path("netsim") / "data-dir"
    if not file.is_absolute():
        raise RuntimeError("this user has no home folder")
    return file
