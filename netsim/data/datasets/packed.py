"""A file from `netsim.write_dataset`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import DATA_FOLDER, Place, check_folder, user_folder
from netsim.data.source import OnProgress, Source
from netsim.errors import DataError, NetsimError
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder


class Packed(Source):
    """One ``.npz`` with all splits of a data set.

    A given data folder is searched first, by the file's name. Then the path itself is used. A run that includes its
    data can therefore be moved.
    """

    notation = "FILE.npz"
    summary = "your own data, from Python"
    order = 2
    family = True

    def claims(self, name: str) -> bool:
        """True if the name ends in ``.npz``."""
        return name.endswith(".npz")

    def lasting_name(self, name: str | Path) -> str:
        """Return the absolute path."""
        return str(user_folder(name).resolve())

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Open the file. Samples stay in the file."""
        from netsim.data.packed import read_dataset

        check_folder(data_dir, name)
        places = _unopened(name, data_dir)
        for location in places:
            if location.path.is_file():
                return dataclasses.replace(read_dataset(location.path), reference=self.lasting_name(location.path))
        looked = " or ".join(str(location.path) for location in places)
        where = "" if looked == name else f" (looked for {looked})"
        raise DataError(f"{name}: no such file{where}; {self.remedy(name)}")

    def remedy(self, name: str) -> str:
        """Suggest the folder or the new name of the file."""
        return "point --data-dir to its folder, or give its new name with --dataset OTHER.npz"

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the path in the data folder, then the path itself. The file to load is checked."""
        places = _unopened(name, data_dir)
        loaded = next((location for location in places if location.path.is_file()), None)
        return [_checked(location) if location is loaded else location for location in places]


def _unopened(name: str, data_dir: str | Path | None) -> list[Place]:
    """Return the possible paths without opening them."""
    path = user_folder(name)
    folder = [Place(DATA_FOLDER, user_folder(data_dir) / path.name, False)] if data_dir is not None else []
    return [*folder, Place("file", path, False)]


def _checked(location: Place) -> Place:
    """Add whether the file is a data set, or the error if it is not."""
    from netsim.data.packed import read_dataset

    try:
        read_dataset(location.path)
    except NetsimError as error:
        return location._replace(note=str(error).removeprefix(f"{location.path}: "))
    return location._replace(found=True)


datasets.add("packed", Packed(), __name__)
