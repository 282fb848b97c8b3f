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

PARTS: dict[str, str] = {"train-images": "34", "train-labels": "1", "t10k-images": "34", "t10k-labels": "1"}
"""The four files, and how many dimensions their arrays may have."""


def find_files(folder: Path) -> dict[str, Path]:
    """Paths of the IDX files in a folder, by part; of several files for a part, the first by name counts.

    Names are those of MNIST, with a dash or a dot before ``idx`` and with or without ``.gz``.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    patterns = {part: rf"{part}[-.]idx[{dimensions}]-ubyte(\.gz)?" for part, dimensions in PARTS.items()}
    matches = {part: [name for name in names if re.fullmatch(pattern, name)] for part, pattern in patterns.items()}
    return {part: folder / found[0] for part, found in matches.items() if found}


def missing_files(files: dict[str, Path]) -> str:
    """The names of the files that a folder lacks, for a message."""
    return ", ".join(f"{part}-idx{dimensions[0]}-ubyte" for part, dimensions in PARTS.items() if part not in files)


def read_folder(name: str, folder: Path, classes: tuple[str, ...] | None) -> Dataset:
    """The data set that a folder holds; by default its classes are called by their numbers."""
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
