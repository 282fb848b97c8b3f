"""The images that all rows are given."""

from __future__ import annotations

import numpy as np

from netsim.data.loading import load_dataset
from netsim.errors import DataError
from netsim.specification import Encoder

SHAPE = (28, 28, 1)
PIXELS = 28 * 28
# Fashion-MNIST has so many pixels that are not 0, about
_ACTIVE = 0.5


def random_images(count: int, active: int, seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Images with so many pixels that are not 0, of any intensity, anywhere.

    Returns
    -------
    ndarray of uint8, shape (count, *shape)
    """
    generator = np.random.default_rng([seed, active])
    images = np.zeros((count, int(np.prod(shape))), dtype=np.uint8)
    for image in images:
        image[generator.permutation(image.size)[:active]] = generator.integers(1, 256, active)
    return images.reshape(count, *shape)


def benchmark_images(
    count: int, seed: int, data_dir: str | None, at_random: bool
) -> tuple[np.ndarray, np.ndarray, str]:
    """The first Fashion-MNIST training images if they are found, else random ones, with labels and what they are."""
    if not at_random:
        try:
            data = load_dataset("fashion-mnist", data_dir)
        except DataError:
            if data_dir is not None:
                raise
        else:
            images, labels = data.train_images[:count].copy(), data.train_labels[:count].copy()
            return images, labels, f"the first {count} Fashion-MNIST images"
    active = int(_ACTIVE * PIXELS)
    labels = np.random.default_rng(seed).integers(0, 10, count)
    what = f"{count} random images, {active} of {PIXELS} pixels active, seed {seed}"
    return random_images(count, active, seed), labels, what


def latencies(images: np.ndarray, encoder: Encoder) -> np.ndarray:
    """Latencies (ms) of images of bytes."""
    return encoder.latencies(images, 255)
