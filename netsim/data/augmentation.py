"""Augmentation: mirror, shift and occlude stimuli at random, by their latencies."""

import numpy as np


def augment(
    latencies: np.ndarray, generator: np.random.Generator, flips: bool = False, shift: int = 0, occlusion: int = 0
) -> np.ndarray:
    """Mirror, shift and occlude each stimulus at random. Without any of these, return `latencies` itself.

    Latencies (ms) have the shape (presentations, height, width, channels). With `flips`, a stimulus is mirrored from
    left to right with probability 1/2. It shifts by up to `shift` pixels in each direction, and new pixels are silent.
    A square of `occlusion` pixels per side around a random pixel is silent too: DeVries and Taylor (2017), Improved
    regularization of convolutional neural networks with cutout, arXiv:1708.04552.
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


def jitter(latencies: np.ndarray, generator: np.random.Generator, deviation: float, duration: float) -> np.ndarray:
    """Shift each spike by a normal draw with a standard deviation (ms). Without deviation, return `latencies` itself.

    Spikes are clipped at 0 ms. Spikes at or after `duration` (ms) are removed.
    """
    if not deviation:
        return latencies
    moved = np.maximum(latencies + generator.normal(0.0, deviation, latencies.shape), 0.0)
    return np.where(moved < duration, moved, np.inf)
