"""Data sets: samples that an encoder takes, and labels."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from netsim.data.stored import chunks
from netsim.errors import DataError, nearest
from netsim.seams import encoders
from netsim.specification import Encoder, Network, Shape

VALIDATION_SEED = 2021
MEMORY = "memory"
"""The origin of samples that were handed over in Python."""


Part = tuple[Any, np.ndarray]
"""Samples, an array or any `netsim.data.stored.Samples`, and labels that belong together."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with labels, split into training and test; `DataError` if they do not fit together.

    Samples are what the encoder of the same `samples` takes, of shape (samples, height, width, channels): numbers from
    0 to `intensity_max` (images); int32, times (µs) as from `EventEncoder.first_events` (recordings); latencies (ms).
    They may lie in a file. Labels are -1 where there are none, of all samples or of no one.

    Examples
    --------
    >>> import netsim
    >>> netsim.load_dataset("digits")
    Dataset('digits': 1437 training and 360 test images of 8x8x1, 10 classes, from scikit-learn)
    """

    name: str
    origin: str  # where the data came from: a folder, or scikit-learn
    train_images: Any  # an array, or any `netsim.data.stored.Samples`
    train_labels: np.ndarray
    test_images: Any
    test_labels: np.ndarray
    intensity_max: float | None  # the intensity that gives the earliest spike; others than images have none
    classes: tuple[str, ...]  # what the labels 0, 1, ... stand for
    samples: str = "images"  # what `Encoder.samples` says
    validation: Part | None = None  # to choose the epoch by; else some of the training samples are
    reference: str = ""  # the name by which `load_dataset` finds it again; of what is only in memory none
    coding: Mapping[str, Any] = field(default_factory=dict)  # what `Encoder.coding` says of the one that made samples

    def __post_init__(self) -> None:
        for split, (images, labels) in self.parts.items():
            if len(images.shape) != 4 or images.dtype.kind not in "uif" or 0 in images.shape:
                raise DataError(
                    f"{self.origin}: {split} {self.samples} must be numbers of shape (samples, height, width,"
                    f" channels), not {images.dtype} of shape {images.shape}"
                )
            if labels.ndim != 1 or len(labels) != len(images):
                raise DataError(
                    f"{self.origin}: holds {len(images)} {split} {self.samples} but {labels.size} {split} labels;"
                    f" {self.samples} and labels must belong together"
                )
            if self.has_labels and (labels.min() < 0 or labels.max() >= len(self.classes)):
                raise DataError(
                    f"{self.origin}: {split} labels go from {labels.min()} to {labels.max()},"
                    f" but there are only {len(self.classes)} classes, counted from 0"
                )
            if not self.has_labels and labels.max() >= 0:
                raise DataError(f"{self.origin}: {split} labels go up to {labels.max()}, but there are no classes")
            # what lies in a file is checked by the encoder, as it is presented
            if isinstance(images, np.ndarray) and images.max() > (self.intensity_max or np.inf):
                raise DataError(f"{self.origin}: {split} images have intensities above {self.intensity_max:g}")
            if images.shape[1:] != self.shape:
                raise DataError(
                    f"{self.origin}: training {self.samples} have shape {self.shape},"
                    f" {split} {self.samples} {images.shape[1:]}; they must be the same"
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
        """What messages call its samples."""
        return next((entry.noun for entry in encoders.values() if entry.samples == self.samples), "") or self.samples

    @property
    def is_whole(self) -> bool:
        """Whether all samples are there, so that their checksum is known at once."""
        return not any(hasattr(samples, "prepare") for samples, _ in self.parts.values())

    @property
    def has_labels(self) -> bool:
        """Whether it can be learned from."""
        return bool(self.classes)

    @property
    def parts(self) -> dict[str, Part]:
        """Samples and labels by the name of their split."""
        parts = {"train": (self.train_images, self.train_labels), "test": (self.test_images, self.test_labels)}
        return parts if self.validation is None else parts | {"validation": self.validation}

    def split(self, name: str) -> Part:
        """Samples and labels of a split: ``train``, ``test``, or ``validation`` if it has one of its own."""
        if name not in self.parts:
            raise DataError(f"split {name!r}: must be {' or '.join(self.parts)}")
        return self.parts[name]

    @cached_property
    def sha256(self) -> str:
        """Checksum of all samples and labels, to say exactly what was simulated."""
        digest = hashlib.sha256()
        for samples, labels in self.parts.values():
            for array in (samples, labels):
                digest.update(f"{array.dtype.str} {array.shape};".encode())
                for rows in chunks(array):
                    digest.update(np.ascontiguousarray(rows).data)
        return digest.hexdigest()


def check_name(name: str, where: str) -> None:
    """Refuse a name by which a file would lie outside its folder; it may have come from a file."""
    if not name or not name.isprintable() or set(name) & set("/\\"):
        raise DataError(
            f"{where}: {name!r} cannot be the name of a data set that is kept; take letters, digits and dashes"
        )


def described(dataset: Dataset) -> dict[str, Any]:
    """What a run records of its data set, ready for JSON; another one differs in `IDENTITY`."""
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
"""By which of what is `described` two data sets are the same."""


def class_names(given: Any) -> tuple[str, ...]:
    """Return what labels stand for, as words; a DataError unless they are words or numbers in an order, once each."""
    need = "classes: must be a sequence of words, one for each of the labels 0, 1, ..."
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise DataError(f"{need}, not {type(given).__name__}")
    if odd := [word for word in given if not isinstance(word, str | int | float | np.generic)]:
        raise DataError(f"{need}, not of {odd[0]!r}")
    return tuple(map(str, given))


def class_numbers(words: Sequence[str], classes: Sequence[str], what: str) -> np.ndarray:
    """Labels as numbers of classes, of words; `what` is what a message calls one that is no class."""
    numbers = {word: number for number, word in enumerate(classes)}
    if unknown := set(words) - numbers.keys():
        raise DataError(f"{what} {min(unknown)!r} is no class{nearest(min(unknown), numbers)}")
    return np.array([numbers[word] for word in words], dtype=np.int64)


def split_validation(
    n_train: int, count: int, seed: int = VALIDATION_SEED, samples: str = "images"
) -> tuple[np.ndarray, np.ndarray]:
    """Ascending indices of the training samples to learn from, and of the `count` to validate with.

    The seed is not the training's: runs with different seeds are compared on the same validation samples.
    """
    if not 0 <= count < n_train:
        raise DataError(
            f"validation: {count} of {n_train} training {samples} cannot be set aside; choose at most {n_train - 1}"
        )
    order = np.random.default_rng(seed).permutation(n_train)
    return np.sort(order[count:]), np.sort(order[:count])


def check_dataset(dataset: Dataset, network: Network) -> None:
    """Refuse a data set that the network cannot see or has too few output neurons for."""
    check_samples(dataset.name, dataset.samples, network.encoder, network.name)
    if dataset.shape != network.encoder.sample_shape:
        raise DataError(
            f"{dataset.name}: has {dataset.noun} of shape {dataset.shape},"
            f" {network.name} needs {network.encoder.sample_shape};"
            " choose another data set or change encoder.shape"
        )
    now = network.encoder.coding()
    if changed := [name for name, value in dataset.coding.items() if name in now and now[name] != value]:
        made = " and ".join(f"encoder.{name} = {dataset.coding[name]!r}" for name in changed)
        raise DataError(
            f"{dataset.name}: was made with {made}, which differs in {network.name}; make it anew, or take that"
        )
    if len(dataset.classes) > network.outputs:
        raise DataError(
            f"{dataset.name}: has {len(dataset.classes)} classes, {network.name} only {network.outputs} output neurons"
        )


def check_samples(name: str, samples: str, encoder: Encoder, reader: str) -> None:
    """Refuse samples, such as ``images`` or ``recordings``, that the encoder of `reader` does not take."""
    if samples != encoder.samples:
        fitting = " or ".join(f'"{known}"' for known, entry in encoders.items() if entry.samples == samples)
        raise DataError(
            f"{name}: holds {samples}; {reader} needs encoder.kind = {fitting} for them,"
            " or another data set (training.dataset, --dataset)"
        )
