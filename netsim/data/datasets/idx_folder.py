"""A folder of IDX files, the format of MNIST."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.datasets._idx import find_files, missing_files, read_folder
from netsim.data.places import Place, user_folder
from netsim.data.source import OnProgress, Source
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder


class IdxFolder(Source):
    """A folder with training and test images and labels as unsigned bytes, with intensities up to 255.

    The files are ``train-images-idx3-ubyte`` (or ``idx4`` with the channels last), ``train-labels-idx1-ubyte``,
    ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each gzip or not.
    """

    notation = "a folder of IDX files"
    summary = "your own images"
    order = 3
    family = True

    def claims(self, name: str) -> bool:
        """True if the name is a folder."""
        return os.path.isdir(user_folder(name))

    def lasting_name(self, name: str) -> str:
        """Return the absolute path."""
        return str(user_folder(name).resolve())

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the files. The folder names the data set, and numbers name its classes."""
        folder = user_folder(name)
        return read_folder(folder.resolve().name, folder, None)

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the folder."""
        missing = missing_files(find_files(user_folder(name)))
        return [Place("folder", user_folder(name), not missing, f"lacks {missing}" if missing else "")]

    def remedy(self, name: str) -> str:
        """Name the files that the folder needs."""
        return "put the four IDX files into the folder"


datasets.add("idx-folder", IdxFolder(), __name__)
