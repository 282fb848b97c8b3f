"""Folders of four IDX files, named as those of MNIST are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.dataset import Dataset

PARTS: tuple[str, ...] = ("train-images", "train-labels", "t10k-images", "t10k-labels")
_PATTERN = {
    "images": r"{part}[-.]idx[34]-ubyte(\.gz)?",
    "labels": r"{part}[-.]idx1-ubyte(\.gz)?",
}


def find_files(folder: Path) -> dict[str, Path]:
    """Paths of the IDX files in a folder, by part (see `PARTS`).

    Names are those of MNIST, with a dash or a dot before ``idx`` and with or without ``.gz``; of several
    files for a part, the first by name counts.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return {}
    found = {}
    for part in PARTS:
        pattern = _PATTERN[part.rsplit("-", 1)[1]].format(part=part)
        matches = [name for name in names if re.fullmatch(pattern, name)]
        if matches:
            found[part] = folder / matches[0]
    return found


def missing_files(files: dict[str, Path]) -> str:
    """The names of the files that a folder lacks, for a message."""
    return ", ".join(f"{part}-idx{3 if part.endswith('images') else 1}-ubyte" for part in PARTS if part not in files)


def read_folder(name: str, folder: Path, classes: tuple[str, ...] | None) -> Dataset:
    """The data set that a folder holds.

    Parameters
    ----------
    name : str
    folder : Path
    classes : tuple of str, optional
        What the labels stand for; by default their numbers.

    Raises
    ------
    DataError
        If a file is not there or is damaged, or they do not fit together.
    """
    from netsim.data.dataset import Dataset

    files = find_files(folder)
    if len(files) < len(PARTS):
        raise DataError(f"{folder}: lacks {missing_files(files)} (with or without .gz)")
    train_images, train_labels, test_images, test_labels = (_read(files[part], part) for part in PARTS)
    if classes is None:
        classes = tuple(str(label) for label in range(int(train_labels.max()) + 1))
    return Dataset(name, str(folder), train_images, train_labels, test_images, test_labels, 255, classes)


def _read(path: Path, part: str) -> np.ndarray:
    from netsim.data.idx import read_idx

    labels = part.endswith("labels")
    array = read_idx(path, dimensions=1 if labels else None)
    if not labels and array.ndim not in (3, 4):
        raise DataError(f"{path}: images need 3 or 4 dimensions, not {array.ndim}")
    if not array.size:
        raise DataError(f"{path}: is empty")
    return array.astype("int64") if labels else array.reshape(*array.shape[:3], -1)
