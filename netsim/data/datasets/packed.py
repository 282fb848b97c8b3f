"""A file that `netsim.write_dataset` wrote."""

from __future__ import annotations

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
    """One ``.npz`` with all splits of a data set of your own.

    It is looked for in the data folder, if one is given, by its name there; else where the name says. So a run that
    keeps its data can be moved.
    """

    notation = "FILE.npz"
    summary = "data of your own, from Python"
    order = 2
    family = True

    def claims(self, name: str) -> bool:
        """Whether it ends in ``.npz``."""
        return name.endswith(".npz")

    def lasting_name(self, name: str) -> str:
        """The whole path."""
        return str(user_folder(name).resolve())

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Open it; samples stay in the file."""
        from netsim.data.packed import read_dataset

        check_folder(data_dir, name)
        places = _unopened(name, data_dir)
        for place in places:
            if place.path.is_file():
                return read_dataset(place.path)
        looked = " or ".join(str(place.path) for place in places)
        where = "" if looked == name else f" (looked for {looked})"
        raise DataError(f"{name}: no such file{where}; {self.remedy(name)}")

    def remedy(self, name: str) -> str:
        """It may have been moved or renamed."""
        return "point --data-dir to its folder, or if it is called otherwise now, give --dataset OTHER.npz"

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """The data folder, then the path itself; the one that would be loaded is opened."""
        places = _unopened(name, data_dir)
        loaded = next((place for place in places if place.path.is_file()), None)
        return [_checked(place) if place is loaded else place for place in places]


def _unopened(name: str, data_dir: str | Path | None) -> list[Place]:
    """Where a file is looked for, none of them opened."""
    path = user_folder(name)
    folder = [Place(DATA_FOLDER, user_folder(data_dir) / path.name, False)] if data_dir is not None else []
    return [*folder, Place("file", path, False)]


def _checked(place: Place) -> Place:
    """Whether a file is a data set, and what is wrong with it if it is none."""
    from netsim.data.packed import read_dataset

    try:
        read_dataset(place.path)
    except NetsimError as error:
        return place._replace(note=str(error).removeprefix(f"{place.path}: "))
    return place._replace(found=True)


datasets.add("packed", Packed(), __name__)
