"""Latency code: from intensities to the first-spike latencies of the stimulus, and their augmentation."""

from __future__ import annotations

import numpy as np

from netsim.errors import DataError
from netsim.specification import Encoder


def encode(images: np.ndarray, encoder: Encoder, intensity_max: float) -> np.ndarray:
    """Latencies of images: ``(intensity_max - intensity)/intensity_max·t_max``, ``inf`` for intensity 0.

    Parameters
    ----------
    images : ndarray of int or float, shape (presentations, height, width, channels)
        Intensities from 0 to `intensity_max`. Unsigned bytes are quickest and smallest.
    encoder : Encoder
    intensity_max : float
        The intensity that gives the latency 0.

    Returns
    -------
    ndarray of float64, shape (presentations, height, width, channels)
        Latencies in ms.

    Raises
    ------
    DataError
        If the shape is not the encoder's, or an intensity is NaN or out of range.
    """
    images = np.asarray(images)
    if images.dtype.kind not in "uif":
        raise DataError(f"images: must be integers or floats, not {images.dtype}")
    if images.shape[1:] != encoder.shape:
        raise DataError(f"images: have shape {images.shape[1:]}, the encoder needs {encoder.shape}")
    if not (np.isfinite(intensity_max) and intensity_max > 0):
        raise DataError(f"intensity_max: must be positive, not {intensity_max}")
    if images.size and not (images.min() >= 0 and images.max() <= intensity_max):  # NaN fails as well
        if np.isnan(images).any():
            raise DataError("images: hold NaN; an intensity must be a number")
        raise DataError(
            f"images: have intensities from {images.min()} to {images.max()}; they must lie in 0 to {intensity_max}"
        )
    if images.dtype == np.uint8:
        return _latencies(np.arange(256), encoder.t_max, intensity_max)[images]
    return _latencies(images, encoder.t_max, intensity_max)


def _latencies(intensities: np.ndarray, t_max: float, intensity_max: float) -> np.ndarray:
    intensities = intensities.astype(np.float64)
    return np.where(intensities > 0, (intensity_max - intensities) / intensity_max * t_max, np.inf)


def augment(
    latencies: np.ndarray, generator: np.random.Generator, flips: bool = False, shift: int = 0, occlusion: int = 0
) -> np.ndarray:
    """Mirror, move and partly cover stimuli at random, each for itself.

    Parameters
    ----------
    latencies : ndarray of float, shape (presentations, height, width, channels)
        Latencies of the stimuli (ms).
    generator : numpy.random.Generator
    flips : bool
        Mirror a stimulus from left to right with probability 1/2.
    shift : int
        Move a stimulus by up to this many pixels up or down and left or right; what comes in is silent.
    occlusion : int
        Silence a square of so many pixels a side, whose middle lies anywhere in the stimulus.

    Returns
    -------
    ndarray of float
        Of the same shape and type; where nothing is asked for, `latencies` itself.

    References
    ----------
    Squares that are covered: DeVries and Taylor (2017), Improved regularization of convolutional neural networks
    with cutout, arXiv:1708.04552.
    """
    if not flips and not shift and not occlusion:
        return latencies
    count, height, width, channels = latencies.shape
    mirrored = np.less(generator.random(count), 0.5 if flips else 0.0)
    down, right = generator.integers(-shift, shift + 1, (2, count)).tolist()
    framed = np.full((count, height + 2 * shift, width + 2 * shift, channels), np.inf, dtype=latencies.dtype)
    framed[:, shift : shift + height, shift : shift + width] = latencies
    moved = np.empty_like(latencies)
    for presentation in range(count):
        top, left = shift - down[presentation], shift - right[presentation]
        window = framed[presentation, top : top + height, left : left + width]
        moved[presentation] = window[:, ::-1] if mirrored[presentation] else window
    if occlusion:
        middles = generator.integers(0, (height, width), (count, 2)).tolist()
        for stimulus, (row, column) in zip(moved, middles, strict=True):
            top, left = row - occlusion // 2, column - occlusion // 2
            stimulus[max(top, 0) : max(top + occlusion, 0), max(left, 0) : max(left + occlusion, 0)] = np.inf
    return moved
