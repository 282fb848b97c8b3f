"""CIFAR-10: 60,000 colour images of 32x32 pixels in ten classes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place, data_folders
from netsim.data.source import OnProgress, Source
from netsim.seams import datasets

if TYPE_CHECKING:
    from netsim.data.cifar import Part
    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder

_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_FOLDERS = ("cifar10", "cifar-10", "cifar-10-batches-bin", "cifar-10-batches-py", "cifar-10-jpeg", "")
_PICTURES = (".jpg", ".jpeg", ".png")
_COPIES = "JPEG or PNG copies, not the original pixels"
_URL = "https://www.cs.toronto.edu/~kriz/cifar.html"


class Cifar10(Source):
    """The images of Krizhevsky (2009), Learning multiple layers of features from tiny images.

    Three forms are read, from a folder ``cifar10``, ``cifar-10`` or with the original name, or from the data folder:

    - the original binary version: ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``;
    - the original Python version: ``data_batch_1`` to ``data_batch_5`` and ``test_batch``, without executing pickles;
    - copies as pictures: folders ``train`` and ``test``, or ``train.tar.gz`` and ``test.tar.gz``, with a sub-folder
      for each class. They need Pillow, which matplotlib requires. The origin of the data set says that they are
      copies.
    """

    notation = "cifar10"
    summary = "colour images of ten classes; the original batches, or copies as pictures"
    order = 2

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Read the images from the first folder that contains them."""
        from netsim.data.cifar import CLASSES
        from netsim.data.dataset import Dataset

        train, test, origin = _parts(self.find(name, data_dir), name, on_progress)
        return Dataset(name, origin, *train, *test, 255, CLASSES)

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the usual folders."""
        return [_place(origin, base) for origin, base in data_folders(data_dir)]

    def remedy(self, name: str) -> str:
        """Name the source of the images."""
        return f"download the binary version from {_URL}, unpack it, and name its folder with --data-dir or NETSIM_DATA"

    def not_fetched(self, name: str) -> str:
        """Name the source of the images."""
        return f"cannot be fetched; {self.remedy(name)}"


def _place(origin: str, base: Path) -> Place:
    """Return the folder of the images below a folder."""
    note = ""
    for inner in _FOLDERS:
        folder = base / inner
        if _form(folder):
            return Place(origin, folder, True)
        if lacking := [each for each in (*_TRAIN, _TEST) if not _batch(folder, each)]:
            note = note or (f"lacks {lacking[0]}" if len(lacking) <= len(_TRAIN) else "")
    return Place(origin, base / "cifar10", False, note)


def _batch(folder: Path, name: str) -> Path | None:
    """Return the file of a batch in either original version."""
    return next((path for path in (folder / f"{name}.bin", folder / name) if path.is_file()), None)


def _form(folder: Path) -> str:
    """Return the form of the images in a folder: binary, python, archives or folders. Empty if there are none."""
    for form, suffix in (("binary", ".bin"), ("python", "")):
        if all((folder / f"{name}{suffix}").is_file() for name in (*_TRAIN, _TEST)):
            return form
    if all((folder / f"{part}.tar.gz").is_file() for part in ("train", "test")):
        return "archives"
    return "folders" if all((folder / part / "airplane").is_dir() for part in ("train", "test")) else ""


def _parts(folder: Path, name: str, on_progress: OnProgress) -> tuple[Part, Part, str]:
    """Return training part, test part, and origin of the images in a folder."""
    from netsim.data.archives import archived, read_file
    from netsim.data.cifar import binary_part, picture_part, python_part

    form = _form(folder)
    if form in ("binary", "python"):
        read, suffix = (binary_part, ".bin") if form == "binary" else (python_part, "")
        train, test = (
            read({str(path): read_file(path) for path in (folder / f"{batch}{suffix}" for batch in batches)})
            for batches in (_TRAIN, (_TEST,))
        )
        return train, test, str(folder)
    parts = []
    for part, count in (("train", 50_000), ("test", 10_000)):
        if form == "archives":
            archive = folder / f"{part}.tar.gz"
            contents = archived(archive, lambda inner: inner.lower().endswith(_PICTURES))
            files = ((f"{archive}/{inner}", content) for inner, content in contents)
        else:
            paths = sorted(path for path in (folder / part).glob("*/*") if path.suffix.lower() in _PICTURES)
            files = ((os.fspath(path), read_file(path)) for path in paths)
        parts.append(picture_part(files, count, f"{name} {part}", on_progress))
    return parts[0], parts[1], f"{folder} ({_COPIES})"


datasets.add("cifar10", Cifar10(), __name__)
