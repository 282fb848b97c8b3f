"""Folders of four IDX files with the names of MNIST, and data sets that are downloaded as such files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place, data_folders
from netsim.data.source import OnProgress, Source
from netsim.errors import DataError
from netsim.seams import datasets

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder

PARTS = {"train-images": "34", "train-labels": "1", "t10k-images": "34", "t10k-labels": "1"}  # allowed dimensions
_LABELS = "t10k-labels-idx1-ubyte"
_MNIST_SIZES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    _LABELS: 10_008,
}


@dataclass(frozen=True, kw_only=True)
class IdxDownload(Source):
    """A data set that can be downloaded as IDX files. Attributes without a comment are explained in `Source`.

    The files lie in a sub-folder with the data set's name, or in a folder itself. MNIST and Fashion-MNIST have the same
    file names, so the checksum of the test labels tells them apart. Unknown files count only in a folder with the data
    set's name.
    """

    notation: str
    summary: str
    order: int
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]  # URLs of folders with the four gzip files
    sha256: Mapping[str, str]  # of the unzipped files, by file name
    sizes: Mapping[str, int] = field(default_factory=lambda: _MNIST_SIZES)  # bytes of the unzipped files
    packages: tuple[tuple[str, Path], ...] = ()  # names and folders of system packages with the data set
    fetched: bool = field(default=True, init=False)

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the files from the first folder that contains them."""
        other = ", or set NETSIM_DATA to the folder with the data" if data_dir is None else " or name another folder"
        folder = self.find(name, data_dir, f"run 'netsim data {name} --fetch'{other}")
        return read_folder(name, folder, self.classes)

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the usual folders, then the folders of packages."""
        packages = self.packages if data_dir is None else ()
        return [self._location(origin, base) for origin, base in [*data_folders(data_dir), *packages]]

    def fetch(self, name: str, folder: Path, mirrors: Sequence[str] | None, on_progress: OnProgress) -> None:
        """Download the files. For each file, the mirrors are tried in order."""
        from netsim.data.download import download

        chosen = self.mirrors if mirrors is None else mirrors
        for file, checksum in self.sha256.items():
            download(name, folder / file, self.sizes[file], checksum, chosen, on_progress)

    def _location(self, origin: str, base: Path) -> Place:
        name, note = self.notation, ""
        for folder in (base / name, base):
            files = find_files(folder)
            if not files:
                continue
            if len(files) < len(PARTS):
                note = note or f"lacks {missing_files(files)}"
                continue
            try:
                owner = _owner(files)
            except DataError as error:
                note = note or str(error)
                continue
            if owner == name or (owner is None and name in (folder.name, folder.resolve().name)):
                return Place(origin, folder, True)
            note = note or f"contains {owner or 'another data set'}"
        return Place(origin, base / name if (base / name).is_dir() or not note else base, False, note)


def _owner(files: dict[str, Path]) -> str | None:
    """Return the known data set with these test labels, or None."""
    from netsim.data.idx import read_idx

    labels = read_idx(files["t10k-labels"], dimensions=1)
    header = b"\0\0\x08\x01" + len(labels).to_bytes(4, "big")
    checksum = hashlib.sha256(header + labels.tobytes()).hexdigest()
    known = (source for source in datasets.values() if isinstance(source, IdxDownload))
    return next((source.notation for source in known if source.sha256.get(_LABELS) == checksum), None)


def find_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the IDX files in a folder, by part. If several files fit a part, the first by name counts.

    Names are the names of MNIST's files, with a dash or a dot before ``idx`` and with or without ``.gz``.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    patterns = {part: rf"{part}[-.]idx[{dimensions}]-ubyte(\.gz)?" for part, dimensions in PARTS.items()}
    matches = {part: [name for name in names if re.fullmatch(pattern, name)] for part, pattern in patterns.items()}
    return {part: folder / matching[0] for part, matching in matches.items() if matching}


def missing_files(files: dict[str, Path]) -> str:
    """Return the names of the missing files, for a message."""
    return ", ".join(f"{part}-idx{dimensions[0]}-ubyte" for part, dimensions in PARTS.items() if part not in files)


def read_folder(name: str, folder: Path, classes: tuple[str, ...] | None) -> Dataset:
    """Read the data set in a folder. The default names of its classes are their numbers."""
    from netsim.data.dataset import Dataset
    from netsim.data.tally import warn_of_gaps

    files = find_files(folder)
    if len(files) < len(PARTS):
        raise DataError(
            f"{folder}: lacks {missing_files(files)} (with or without .gz); add them, or choose another folder"
        )
    train_images, train_labels, test_images, test_labels = (_read(files[part], part) for part in PARTS)
    if classes is None:
        classes = tuple(str(label) for label in range(int(train_labels.max()) + 1))
        warn_of_gaps(name, train_labels)
    return Dataset(name, str(folder), train_images, train_labels, test_images, test_labels, 255, classes)


def _read(path: Path, part: str) -> np.ndarray:
    from netsim.data.idx import read_idx

    labels = part.endswith("labels")
    array = read_idx(path, dimensions=1 if labels else None)
    if not labels and array.ndim not in (3, 4):
        raise DataError(
            f"{path}: images need 3 or 4 dimensions, not {array.ndim}; give samples, height, width (, channels)"
        )
    if not array.size:
        raise DataError(f"{path}: is empty; add samples, or choose another file")
    return array.astype("int64") if labels else array.reshape(*array.shape[:3], -1)
