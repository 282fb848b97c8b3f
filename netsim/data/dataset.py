"""Data sets: samples and labels, split into training and test."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from netsim.data.stored import chunks
from netsim.errors import DataError
from netsim.seams import encoders
from netsim.specification import Encoder, Network, Shape

VALIDATION_SEED = 2021
MEMORY = "memory"
"""Origin of samples given in Python."""


Part = tuple[Any, np.ndarray]
"""Samples, an array or any `netsim.data.stored.Samples`, and their labels."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with labels, split into training and test.

    Build a data set with `netsim.make_dataset` or `netsim.load_dataset`.

    Parameters
    ----------
    name : str
    origin : str
        Source of the data, such as a folder or ``scikit-learn``.
    train_images, test_images : ndarray or netsim.data.stored.Samples, shape (samples, height, width, channels)
        Intensities from 0 to `intensity_max` (images), first event times in µs as int32 (recordings, see
        `EventEncoder.first_events`), waveforms, or latencies in ms. Samples may stay in a file.
    train_labels, test_labels : ndarray of int, shape (samples,)
        Class numbers from 0, or -1 throughout for a data set without labels.
    intensity_max : float or None
        Intensity of the earliest spike. None unless the samples are images.
    classes : tuple of str
        Names of the labels 0, 1, ... Empty for a data set without labels.
    samples : str
        Kind of samples, as in `Encoder.samples`.
    validation : tuple, optional
        Samples and labels for choosing the epoch. By default, some training samples are set aside.
    reference : str
        Name that `load_dataset` accepts for this data set. Empty for data in memory.
    coding : mapping
        `Encoder.coding` of the encoder that prepared the samples.

    Raises
    ------
    DataError
        If samples, labels and classes do not fit together.

    Examples
    --------
    >>> import netsim
    >>> netsim.load_dataset("digits")
    Dataset('digits': 1437 training and 360 test images of 8x8x1, 10 classes, from scikit-learn)
    """

    name: str
    origin: str
    train_images: Any
    train_labels: np.ndarray
    test_images: Any
    test_labels: np.ndarray
    intensity_max: float | None
    classes: tuple[str, ...]
    samples: str = "images"
    validation: Part | None = None
    reference: str = ""
    coding: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = self.name if self.origin == MEMORY else self.origin
        for split, (images, labels) in self.parts.items():
            if len(images.shape) != 4 or images.dtype.kind not in "uif" or 0 in images.shape:
                raise DataError(
                    f"{where}: {split} {self.samples} must be numbers of shape (samples, height, width,"
                    f" channels), not {images.dtype} of shape {images.shape}"
                )
            if labels.ndim != 1 or len(labels) != len(images):
                raise DataError(
                    f"{where}: contains {len(images)} {split} {self.samples} but {labels.size} {split} labels;"
                    f" give one label for each"
                )
            if self.has_labels and labels.max() < 0:
                raise DataError(
                    f"{where}: {split} {self.samples} have no labels, but there are classes; give labels for all"
                    " samples, or for none and no classes"
                )
            if self.has_labels and (labels.min() < 0 or labels.max() >= len(self.classes)):
                raise DataError(
                    f"{where}: {split} labels range from {labels.min()} to {labels.max()},"
                    f" but there are only {len(self.classes)} classes, counted from 0; correct labels or classes"
                )
            if not self.has_labels and labels.max() >= 0:
                raise DataError(
                    f"{where}: {split} labels range up to {labels.max()}, but there are no classes; name them"
                )
            # the encoder checks samples in a file when they are presented
            if isinstance(images, np.ndarray) and images.max() > (self.intensity_max or np.inf):
                raise DataError(
                    f"{where}: {split} images have intensities above {self.intensity_max:g}; raise intensity_max"
                )
            if images.shape[1:] != self.shape:
                raise DataError(
                    f"{where}: training {self.samples} have shape {self.shape},"
                    f" {split} {self.samples} {images.shape[1:]}; both must have the same shape"
                )

    def __repr__(self) -> str:
        height, width, channels = self.shape
        return (
            f"Dataset({self.name!r}: {len(self.train_images)} training and {len(self.test_images)} test {self.noun}"
            f" of {height}x{width}x{channels}, {len(self.classes)} classes, from {self.origin})"
        )

    @property
    def shape(self) -> Shape:
        """Shape (height, width, channels) of one sample."""
        shape: Shape = self.train_images.shape[1:]
        return shape

    @property
    def noun(self) -> str:
        """Word for the samples in messages."""
        return next((entry.noun for entry in encoders.values() if entry.samples == self.samples), "") or self.samples

    @property
    def is_whole(self) -> bool:
        """True if all samples exist already, so that the checksum is available at once."""
        return not any(hasattr(samples, "prepare") for samples, _ in self.parts.values())

    @property
    def has_labels(self) -> bool:
        """True if the samples have labels."""
        return bool(self.classes)

    @property
    def parts(self) -> dict[str, Part]:
        """Samples and labels of each split, by name."""
        parts = {"train": (self.train_images, self.train_labels), "test": (self.test_images, self.test_labels)}
        return parts if self.validation is None else parts | {"validation": self.validation}

    def split(self, name: str) -> Part:
        """Return samples and labels of a split: ``train``, ``test``, or ``validation`` if the data set includes it."""
        if name not in self.parts:
            raise DataError(f"split {name!r}: must be {' or '.join(self.parts)}")
        return self.parts[name]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 checksum of all samples and labels."""
        digest = hashlib.sha256()
        for samples, labels in self.parts.values():
            for array in (samples, labels):
                digest.update(f"{array.dtype.str} {array.shape};".encode())
                for rows in chunks(array):
                    digest.update(np.ascontiguousarray(rows).data)
        return digest.hexdigest()


def check_name(name: str, where: str) -> None:
    """Raise DataError for a name that would place a file outside its folder. The name may come from a file."""
    if not name or not name.isprintable() or set(name) & set("/\\"):
        raise DataError(f"{where}: {name!r} is not a valid name for a stored data set; use letters, digits and dashes")


def described(dataset: Dataset) -> dict[str, Any]:
    """Return the run record of a data set, ready for JSON. `IDENTITY` lists the keys that identify the data set."""
    return {
        "name": dataset.name,
        "origin": dataset.origin,
        "samples": dataset.samples,
        "sha256": dataset.sha256,
        "intensity_max": dataset.intensity_max,
        "classes": list(dataset.classes),
        "sizes": {split: len(labels) for split, (_, labels) in dataset.parts.items()},
    }


IDENTITY = ("samples", "sha256", "intensity_max", "classes")
"""Keys of `described` that are equal if and only if two data sets are the same."""


def class_names(given: Any) -> tuple[str, ...]:
    """Return the class names as strings, or raise DataError unless they are a sequence of words or numbers."""
    need = "classes: must be a sequence of words, one for each of the labels 0, 1, ..."
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise DataError(f"{need}, not {type(given).__name__}")
    if odd := [word for word in given if not isinstance(word, str | int | float | np.generic)]:
        raise DataError(f"{need}, not of {odd[0]!r}")
    return tuple(map(str, given))


def split_validation(n_train: int, count: int, samples: str = "images") -> tuple[np.ndarray, np.ndarray]:
    """Return ascending indices of the training samples and of the `count` validation samples.

    The seed is fixed and not the training seed, so that runs with different seeds share their validation samples.
    """
    if not 0 <= count < n_train:
        remedy = f"choose at most {n_train - 1}"
        raise DataError(f"training.validation: cannot set aside {count} of {n_train} training {samples}; {remedy}")
    order = np.random.default_rng(VALIDATION_SEED).permutation(n_train)
    return np.sort(order[count:]), np.sort(order[:count])


def check_dataset(dataset: Dataset, network: Network) -> None:
    """Raise DataError for a data set that does not fit the network's encoder or output neurons."""
    check_samples(dataset.name, dataset.samples, network.encoder, network.name)
    if dataset.shape != network.encoder.sample_shape:
        raise DataError(
            f"{dataset.name}: has {dataset.noun} of shape {dataset.shape},"
            f" {network.name} needs {network.encoder.sample_shape};"
            " choose other data (training.dataset; in Python data=...) or change encoder.shape"
        )
    now = network.encoder.coding()
    if changed := [name for name, value in dataset.coding.items() if name in now and now[name] != value]:
        made = " and ".join(f"encoder.{name} = {dataset.coding[name]!r}" for name in changed)
        raise DataError(
            f"{dataset.name}: was made with {made}, which differs in {network.name};"
            " make the data set again, or use these settings in the network"
        )
    classes, outputs = len(dataset.classes), network.outputs
    if classes == outputs + 1 and min(labels.min(initial=classes) for _, labels in dataset.parts.values()) > 0:
        raise DataError(
            f"{dataset.name}: labels begin with 1, but {network.name} has the outputs 0 to {outputs - 1};"
            " number labels from 0"
        )
    if classes > outputs:
        raise DataError(
            f"{dataset.name}: has {classes} classes, {network.name} only {outputs} output neurons;"
            " give the output population one neuron per class"
        )


def check_samples(name: str, samples: str, encoder: Encoder, reader: str) -> None:
    """Raise DataError unless the encoder of `reader` accepts these samples, such as ``images`` or ``recordings``."""
    if samples != encoder.samples:
        fitting = " or ".join(f'"{known}"' for known, entry in encoders.items() if entry.samples == samples)
        raise DataError(
            f"{name}: contains {samples}; {reader} needs encoder.kind = {fitting} for them,"
            " or another data set (training.dataset, --dataset, data=)"
        )
