"""Data sets as arrays of intensities, or of the times of first events, and labels."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from netsim.data.digits import INTENSITY_MAX, load_digits
from netsim.data.idx import read_idx
from netsim.data.recordings import Tell, tell_nobody
from netsim.data.sources import (
    DIGITS,
    KNOWN,
    PARTS,
    SOURCES,
    TONIC,
    check_folder,
    find_files,
    missing_files,
    user_folder,
    where,
)
from netsim.data.tonic_data import load_events, tonic_names
from netsim.errors import DataError, nearest
from netsim.specification import Encoder, Network, Shape

VALIDATION_SEED = 2021


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images or recordings with labels, split into training and test.

    Attributes
    ----------
    name : str
    origin : str
        Where the data came from: a folder, or ``scikit-learn``.
    train_images, test_images : ndarray of uint8 or int32, shape (images, height, width, channels)
        Intensities from 0 to `intensity_max`; of recordings, times (µs) as from `netsim.data.events.first_events`.
    train_labels, test_labels : ndarray of int64, shape (images,)
    intensity_max : int, optional
        The intensity that gives the earliest spike; recordings have none.
    classes : tuple of str
        What the labels 0, 1, ... stand for.

    Raises
    ------
    DataError
        If shapes, counts, intensities or labels do not fit together.
    """

    name: str
    origin: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    intensity_max: int | None
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        kind = np.dtype(np.int32 if self.intensity_max is None else np.uint8)
        for split in ("train", "test"):
            images, labels = self.split(split)
            if images.ndim != 4 or images.dtype != kind or 0 in images.shape:
                raise DataError(
                    f"{self.origin}: {split} images must be {kind} of shape (images, height, width, channels),"
                    f" not {images.dtype} of shape {images.shape}"
                )
            if labels.ndim != 1 or len(labels) != len(images):
                raise DataError(
                    f"{self.origin}: holds {len(images)} {split} images but {labels.size} {split} labels;"
                    " images and labels must belong together"
                )
            if labels.min() < 0 or labels.max() >= len(self.classes):
                raise DataError(
                    f"{self.origin}: {split} labels go from {labels.min()} to {labels.max()},"
                    f" but there are only {len(self.classes)} classes, counted from 0"
                )
            if self.intensity_max is not None and images.max() > self.intensity_max:
                raise DataError(f"{self.origin}: {split} images have intensities above {self.intensity_max}")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"{self.origin}: training images have shape {self.train_images.shape[1:]},"
                f" test images {self.test_images.shape[1:]}; they must be the same"
            )

    def __repr__(self) -> str:
        height, width, channels = self.shape
        what = "recordings" if self.intensity_max is None else "images"
        return (
            f"Dataset({self.name!r}: {len(self.train_images)} training and {len(self.test_images)} test {what} of"
            f" {height}x{width}x{channels}, {len(self.classes)} classes, from {self.origin})"
        )

    @property
    def shape(self) -> Shape:
        """Shape (height, width, channels) of one image."""
        return self.train_images.shape[1:]

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the split ``train`` or ``test``."""
        if name == "train":
            return self.train_images, self.train_labels
        if name == "test":
            return self.test_images, self.test_labels
        raise DataError(f"split {name!r}: must be train or test")

    @cached_property
    def sha256(self) -> str:
        """Checksum of all images and labels, to say exactly what was simulated."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def load_dataset(
    name_or_path: str | Path,
    data_dir: str | Path | None = None,
    encoder: Encoder | None = None,
    tell: Tell = tell_nobody,
) -> Dataset:
    """Load a data set by its name, or from a folder of IDX files.

    Parameters
    ----------
    name_or_path : str or Path
        ``digits``, ``mnist``, ``fashion-mnist``, ``tonic:`` and the name of an event data set of tonic, or
        the path of a folder; a folder of the same name as a known data set is written with a slash, as
        ``./mnist``. A folder holds ``train-images-idx3-ubyte``
        (or ``idx4`` with the channels last), ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each gzip or not, of unsigned bytes; intensities go up to 255.
    data_dir : str or Path, optional
        Where to look for a known data set, and nowhere else; see `netsim.data.where`.
    encoder : Encoder, optional
        Says how recordings become times of first events; images need none.
    tell : callable
        Is told how the conversion of recordings goes: what, how many are done, of how many.

    Raises
    ------
    DataError
        If the data set cannot be found or used.
    """
    name = str(name_or_path)
    if name == DIGITS:
        return Dataset(DIGITS, "scikit-learn", *load_digits(), INTENSITY_MAX, tuple("0123456789"))
    if name.startswith(TONIC):
        if encoder is None:
            raise DataError(f"{name}: holds recordings; give the encoder that turns them into latencies")
        events = load_events(name, encoder, data_dir, tell)
        return Dataset(
            name,
            events.origin,
            events.train_times,
            events.train_labels,
            events.test_times,
            events.test_labels,
            None,
            events.classes,
        )
    if name in SOURCES:
        return _read_folder(name, _find(name, data_dir), SOURCES[name].classes)
    folder = user_folder(name)
    if not os.path.exists(folder) and folder.name == name:
        raise DataError(f"{name}: is neither a known data set nor a folder{nearest(name, [*KNOWN, *tonic_names()])}")
    _check_is_folder(folder)
    return _read_folder(folder.resolve().name, folder, None)


def split_validation(n_train: int, count: int, seed: int = VALIDATION_SEED) -> tuple[np.ndarray, np.ndarray]:
    """Set training images aside for validation, the same ones for every training.

    Parameters
    ----------
    n_train : int
        Number of training images.
    count : int
        How many to set aside.
    seed : int
        Not the training's seed: runs with different seeds are compared on the same validation images.

    Returns
    -------
    train, validation : ndarray of int64
        Ascending indices of the training images, disjoint, together all of them.

    Raises
    ------
    DataError
        If nothing would be left to train on.
    """
    if not 0 <= count < n_train:
        raise DataError(
            f"validation: {count} of {n_train} training images cannot be set aside; choose at most {n_train - 1}"
        )
    order = np.random.default_rng(seed).permutation(n_train)
    return np.sort(order[count:]), np.sort(order[:count])


def check_dataset(dataset: Dataset, network: Network) -> None:
    """Refuse a data set that the network cannot see or has too few output neurons for.

    Raises
    ------
    DataError
    """
    if dataset.intensity_max is not None and network.encoder.kind == "events":
        raise DataError(f'{dataset.name}: holds images; {network.name} needs encoder.kind = "intensity" for them')
    if dataset.shape != network.encoder.shape:
        raise DataError(
            f"{dataset.name}: has images of shape {dataset.shape}, {network.name} needs {network.encoder.shape};"
            " choose another data set or change encoder.shape"
        )
    outputs = network.outputs
    if len(dataset.classes) > outputs:
        raise DataError(
            f"{dataset.name}: has {len(dataset.classes)} classes, {network.name} only {outputs} output neurons"
        )


def _find(name: str, data_dir: str | Path | None) -> Path:
    """The folder of a known data set."""
    if data_dir is not None:
        check_folder(data_dir, name)
    places = where(name, data_dir)
    for place in places:
        if place.found:
            return place.path
    looked = ", ".join(f"{place.path} ({place.note})" if place.note else str(place.path) for place in places)
    remedy = f"run 'netsim data {name} --fetch'" + (
        ", or set NETSIM_DATA to the folder that holds it" if data_dir is None else " or name another folder"
    )
    raise DataError(f"{name}: not found in {looked}; {remedy}")


def _check_is_folder(folder: Path) -> None:
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: {'is no folder' if os.path.exists(folder) else 'no such folder'}")


def _read_folder(name: str, folder: Path, classes: tuple[str, ...] | None) -> Dataset:
    files = find_files(folder)
    if len(files) < len(PARTS):
        raise DataError(f"{folder}: lacks {missing_files(files)} (with or without .gz)")
    train_images, test_images = _read_images(files["train-images"]), _read_images(files["t10k-images"])
    train_labels, test_labels = _read_labels(files["train-labels"]), _read_labels(files["t10k-labels"])
    if classes is None:
        classes = tuple(str(label) for label in range(int(train_labels.max()) + 1))
    return Dataset(name, str(folder), train_images, train_labels, test_images, test_labels, 255, classes)


def _read_images(path: Path) -> np.ndarray:
    images = read_idx(path)
    if images.ndim not in (3, 4):
        raise DataError(f"{path}: images need 3 or 4 dimensions, not {images.ndim}")
    if not images.size:
        raise DataError(f"{path}: is empty")
    return images.reshape(*images.shape[:3], -1)


def _read_labels(path: Path) -> np.ndarray:
    labels = read_idx(path, dimensions=1)
    if not labels.size:
        raise DataError(f"{path}: is empty")
    return labels.astype(np.int64)
