"""Labelled stimuli of a network: images kept small, encoded into latencies as they are presented."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from netsim.data import check_dataset, load_dataset, split_validation
from netsim.encoding import encode
from netsim.specification import Encoder, Network


@dataclass(frozen=True)
class Stimuli:
    """Images with labels, and the encoder that turns them into latencies.

    Parameters
    ----------
    images : ndarray, shape (stimuli, height, width, channels)
    labels : ndarray of int, shape (stimuli,)
    intensity_max : float
        The intensity that fires at 0 ms.
    encoder : Encoder
    classes : tuple of str
        What the labels 0, 1, ... stand for.
    """

    images: np.ndarray
    labels: np.ndarray
    intensity_max: float
    encoder: Encoder
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def latencies(self, chosen: np.ndarray) -> np.ndarray:
        """Latencies (ms) of the chosen stimuli, shape (chosen, height, width, channels)."""
        return encode(self.images[chosen], self.encoder, self.intensity_max)

    def pick(self, chosen: np.ndarray) -> Stimuli:
        """Only the chosen stimuli, in the order given."""
        return dataclasses.replace(self, images=self.images[chosen], labels=self.labels[chosen])

    def first(self, count: int | None) -> Stimuli:
        """The first `count` stimuli, or all."""
        if count is None or count >= len(self):
            return self
        return self.pick(np.arange(count))


@dataclass(frozen=True)
class Splits:
    """Stimuli to learn from, to choose a model with, and to test it on once."""

    training: Stimuli
    validation: Stimuli
    test: Stimuli


def load_splits(network: Network, dataset: str | None = None, data_dir: str | None = None) -> Splits:
    """Load a data set and split it for a network.

    The validation stimuli are drawn from the training images by a fixed seed of their own, so that no
    training seed ever sees them.

    Parameters
    ----------
    network : Network
    dataset : str, optional
        By default the network's own.
    data_dir : str, optional
        Where to look first.

    Raises
    ------
    DataError
        If the data set is not found, is damaged, or does not fit the network.
    """
    data = load_dataset(dataset or network.training.dataset, data_dir)
    check_dataset(data, network)
    training, validation = split_validation(len(data.train_images), network.training.validation)

    def stimuli(images: np.ndarray, labels: np.ndarray) -> Stimuli:
        return Stimuli(images, labels, data.intensity_max, network.encoder, data.classes)

    return Splits(
        stimuli(data.train_images[training], data.train_labels[training]),
        stimuli(data.train_images[validation], data.train_labels[validation]),
        stimuli(data.test_images, data.test_labels),
    )
