"""Data sets as arrays of intensities, or of the times of first events, and labels."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netsim.errors import DataError
from netsim.seams import encoders
from netsim.specification import Encoder, Network, Shape

VALIDATION_SEED = 2021


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images or recordings with labels, split into training and test; `DataError` if they do not fit together.

    Images are uint8 of shape (images, height, width, channels), with intensities from 0 to `intensity_max`; recordings
    are int32, times (µs) as from `EventEncoder.first_events`.
    """

    name: str
    origin: str  # where the data came from: a folder, or scikit-learn
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    intensity_max: int | None  # the intensity that gives the earliest spike; recordings have none
    classes: tuple[str, ...]  # what the labels 0, 1, ... stand for

    def __post_init__(self) -> None:
        dtype = np.dtype(np.int32 if self.intensity_max is None else np.uint8)
        for split in ("train", "test"):
            images, labels = self.split(split)
            if images.ndim != 4 or images.dtype != dtype or 0 in images.shape:
                raise DataError(
                    f"{self.origin}: {split} images must be {dtype} of shape (images, height, width, channels),"
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
        return (
            f"Dataset({self.name!r}: {len(self.train_images)} training and {len(self.test_images)} test {self.samples}"
            f" of {height}x{width}x{channels}, {len(self.classes)} classes, from {self.origin})"
        )

    @property
    def shape(self) -> Shape:
        """Shape (height, width, channels) of one image."""
        return self.train_images.shape[1:]

    @property
    def samples(self) -> str:
        """What it holds, ``images`` or ``recordings``: those with intensities, or with times."""
        return "recordings" if self.intensity_max is None else "images"

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the split ``train`` or ``test``."""
        splits = {"train": (self.train_images, self.train_labels), "test": (self.test_images, self.test_labels)}
        if name not in splits:
            raise DataError(f"split {name!r}: must be train or test")
        return splits[name]

    @cached_property
    def sha256(self) -> str:
        """Checksum of all images and labels, to say exactly what was simulated."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def split_validation(n_train: int, count: int, seed: int = VALIDATION_SEED) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of the training images to learn from, and of the `count` to validate with.

    The seed is not the training's: runs with different seeds are compared on the same validation images.
    """
    if not 0 <= count < n_train:
        raise DataError(
            f"validation: {count} of {n_train} training images cannot be set aside; choose at most {n_train - 1}"
        )
    order = np.random.default_rng(seed).permutation(n_train)
    return np.sort(order[count:]), np.sort(order[:count])


def check_dataset(dataset: Dataset, network: Network) -> None:
    """Refuse a data set that the network cannot see or has too few output neurons for."""
    check_samples(dataset.name, dataset.samples, network.encoder, network.name)
    if dataset.shape != network.encoder.sample_shape:
        raise DataError(
            f"{dataset.name}: has images of shape {dataset.shape}, {network.name} needs {network.encoder.sample_shape};"
            " choose another data set or change encoder.shape"
        )
    if len(dataset.classes) > network.outputs:
        raise DataError(
            f"{dataset.name}: has {len(dataset.classes)} classes, {network.name} only {network.outputs} output neurons"
        )


def check_samples(name: str, samples: str, encoder: Encoder, reader: str) -> None:
    """Refuse samples, ``images`` or ``recordings``, that the encoder of `reader` does not take."""
    if samples != encoder.samples:
        fitting = " or ".join(f'"{known}"' for known, entry in encoders.items() if entry.samples == samples)
        raise DataError(f"{name}: holds {samples}; {reader} needs encoder.kind = {fitting} for them")
