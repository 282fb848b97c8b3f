"""Data sets known by name: what they are, who offers them, and where their files lie on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import platformdirs

from netsim.data.idx import read_idx
from netsim.errors import DataError, nearest

DEBIAN_FOLDER = Path("/usr/share/datasets")
PARTS: tuple[str, ...] = ("train-images", "train-labels", "t10k-images", "t10k-labels")
DIGITS = "digits"
TONIC = "tonic:"
"""What the names of tonic's data sets begin with."""
_PATTERN = {
    "images": r"{part}[-.]idx[34]-ubyte(\.gz)?",
    "labels": r"{part}[-.]idx1-ubyte(\.gz)?",
}


@dataclass(frozen=True)
class Source:
    """A data set that can be downloaded as IDX files.

    Attributes
    ----------
    name : str
        As the user writes it.
    title : str
    classes : tuple of str
        What the labels 0, 1, ... stand for.
    mirrors : tuple of str
        Addresses of folders that hold the four gzip files.
    sha256 : dict of str
        By file name, the checksum of the unzipped file, so that any compression of the same content passes.
    sizes : dict of int
        By file name, bytes of the unzipped file.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    sizes: dict[str, int]


_SIZES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="mnist",
            title="MNIST, handwritten digits",
            classes=tuple("0123456789"),
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist",
                "https://storage.googleapis.com/cvdf-datasets/mnist",
            ),
            sha256={
                "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
            sizes=_SIZES,
        ),
        Source(
            name="fashion-mnist",
            title="Fashion-MNIST, articles of clothing",
            classes=(
                "T-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ),
            mirrors=(
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            ),
            sha256={
                "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            },
            sizes=_SIZES,
        ),
    )
}

KNOWN: tuple[str, ...] = (DIGITS, *SOURCES)


class Place(NamedTuple):
    """A folder where a data set was looked for.

    Attributes
    ----------
    origin : str
        Why there, for example ``NETSIM_DATA``.
    path : Path
    found : bool
        Whether all files of the data set are there.
    note : str
        What is wrong, if the folder holds files but not those of the data set.
    """

    origin: str
    path: Path
    found: bool
    note: str = ""


def check_folder(data_dir: str | Path, name: str) -> None:
    """Refuse a data folder that is none.

    Raises
    ------
    DataError
    """
    if not os.path.isdir(user_folder(data_dir)):
        raise DataError(f"{data_dir}: no such folder; name the folder that holds the files of {name}")


def user_folder(name: str | Path) -> Path:
    """A folder as a user may write it, with ``~``; of a user who does not exist it stays as it is."""
    return Path(os.path.expanduser(name))


def cache_folder() -> Path:
    """The user's cache, where downloads go."""
    return platformdirs.user_cache_path("netsim")


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


def identify(files: dict[str, Path]) -> str | None:
    """Which known data set the test labels belong to; None if to none of them."""
    labels = read_idx(files["t10k-labels"], dimensions=1)
    header = b"\0\0\x08\x01" + len(labels).to_bytes(4, "big")
    checksum = hashlib.sha256(header + labels.tobytes()).hexdigest()
    for source in SOURCES.values():
        if source.sha256["t10k-labels-idx1-ubyte"] == checksum:
            return source.name
    return None


def where(name: str, data_dir: str | Path | None = None) -> list[Place]:
    """Where a known data set is looked for, in order, and whether it is there.

    A folder given by the user is the only one that is looked at. Otherwise they are the environment
    variable ``NETSIM_DATA``, the user's cache, and the folder of Debian's package ``dataset-fashion-mnist``.
    In each, the files lie in a sub-folder of the data set's name or in the folder itself; in the latter
    case they count only if the folder has the data set's name or the test labels are its own, for MNIST
    and Fashion-MNIST have the same file names. Files that belong to another known data set never count.

    Parameters
    ----------
    name : str
        ``digits``, ``mnist``, ``fashion-mnist``, or ``tonic:`` and the name of an event data set of tonic.
    data_dir : str or Path, optional

    Raises
    ------
    DataError
        If no data set has this name.
    """
    if name.startswith(TONIC):
        from netsim.data.tonic_data import places

        return places(name, data_dir)
    if name not in KNOWN:
        raise DataError(f"{name}: is no known data set{nearest(name, KNOWN)}")
    if name == DIGITS:
        spec = importlib.util.find_spec("sklearn")
        folders = spec.submodule_search_locations if spec is not None else None
        return [Place("scikit-learn", Path(folders[0] if folders else "sklearn"), spec is not None)]
    return [_look(name, origin, base) for origin, base in bases(name, data_dir)]


def bases(name: str, data_dir: str | Path | None) -> list[tuple[str, Path]]:
    """The folders that may hold a data set, each with the reason; see `where`."""
    if data_dir is not None:
        return [("data folder", user_folder(data_dir))]
    folders = []
    if os.environ.get("NETSIM_DATA"):
        folders.append(("NETSIM_DATA", user_folder(os.environ["NETSIM_DATA"])))
    folders.append(("cache", cache_folder()))
    if name == "fashion-mnist":
        folders.append(("Debian package", DEBIAN_FOLDER))
    return folders


def _look(name: str, origin: str, base: Path) -> Place:
    note = ""
    for folder in (base / name, base):
        files = find_files(folder)
        if not files:
            continue
        if len(files) < len(PARTS):
            note = note or f"lacks {missing_files(files)}"
            continue
        try:
            holds = identify(files)
        except DataError as error:
            note = note or str(error)
            continue
        if holds == name or (holds is None and name in (folder.name, folder.resolve().name)):
            return Place(origin, folder, True)
        note = note or f"holds {holds or 'another data set'}"
    return Place(origin, base / name if (base / name).is_dir() or not note else base, False, note)
