"""The 1,797 handwritten digits of 8x8 pixels that come with scikit-learn."""

from __future__ import annotations

import numpy as np

INTENSITY_MAX = 16
TEST_IMAGES = 360
SPLIT_SEED = 1797


def load_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and labels of a fixed split into 1,437 for training and 360 for the test.

    Returns
    -------
    train_images : ndarray of uint8, shape (1437, 8, 8, 1)
        Intensities 0 to 16.
    train_labels : ndarray of int64, shape (1437,)
    test_images : ndarray of uint8, shape (360, 8, 8, 1)
    test_labels : ndarray of int64, shape (360,)
    """
    from sklearn.datasets import load_digits as load

    images, labels = load(return_X_y=True)
    images = images.astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = labels.astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    test, train = np.sort(order[:TEST_IMAGES]), np.sort(order[TEST_IMAGES:])
    return images[train], labels[train], images[test], labels[test]
