"""Images with natural statistics, and on and off cells that respond to them with a latency and a count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIDE = 36
"""Pixels along a side."""
_CENTRE, _SURROUND = 1.5, 4.0
"""Standard deviations of the receptive field (pixels)."""


def drawn_images(generator: np.random.Generator, count: int) -> np.ndarray:
    """Return images whose amplitudes fall with spatial frequency as 1/f, with mean 0 and SD 1."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(generator.standard_normal((count, SIDE, SIDE)))
    images = np.fft.irfft2(noise / frequency, s=(SIDE, SIDE))
    images -= images.mean(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = images / images.std(axis=(1, 2), keepdims=True)
    return scaled


def drives(images: np.ndarray, side: int) -> np.ndarray:
    """Return the drive of on cells, then of off cells, shape (images, cells): centre minus surround, rectified.

    Cells of each kind lie on a square grid with `side` cells along a side.
    """
    from scipy.ndimage import gaussian_filter

    local = gaussian_filter(images, (0, _CENTRE, _CENTRE), mode="wrap")
    local -= gaussian_filter(images, (0, _SURROUND, _SURROUND), mode="wrap")
    step = SIDE // side
    seen = local[:, step // 2 :: step, step // 2 :: step].reshape(len(images), -1)
    return np.concatenate([np.maximum(seen, 0), np.maximum(-seen, 0)], axis=1)


class Retina(NamedTuple):
    """On and off cells behind a cascade of low-pass filters.

    A step of light drives a cell by contrast times drive times the step response of the cascade. The cell fires when
    this reaches its threshold.
    """

    stages: int
    tau: float  # of a stage (ms)
    on_delay: float  # of on cells (ms)
    threshold: float
    most: float  # expected spikes at a drive of 1 above threshold

    def latencies(self, drive: np.ndarray) -> np.ndarray:
        """Return the times of the first spikes (ms), ``inf`` where the drive stays below threshold."""
        from scipy.special import gammaincinv

        share = self.threshold / np.maximum(drive, self.threshold)
        times = self.tau * gammaincinv(self.stages, np.minimum(share, 1.0))  # infinite at threshold
        times[:, : times.shape[1] // 2] += self.on_delay
        return np.where(drive > self.threshold, times, np.inf)

    def counts(self, drive: np.ndarray) -> np.ndarray:
        """Return the expected number of spikes."""
        return self.most * np.maximum(drive - self.threshold, 0.0)


def relative(latencies: np.ndarray, silent: float) -> np.ndarray:
    """Return latencies minus the median of the cells that fired in the trial; `silent` for others."""
    fired, responses = np.isfinite(latencies), np.full(latencies.shape, silent)
    some = fired.any(axis=1)
    times = np.where(fired[some], latencies[some], np.nan)
    responses[some] = np.where(fired[some], times - np.nanmedian(times, axis=1, keepdims=True), silent)
    return responses


def ranks(latencies: np.ndarray) -> np.ndarray:
    """Return the rank of each cell in the order of firing; silent cells share the last rank."""
    from scipy.stats import rankdata

    ranked: np.ndarray = rankdata(latencies, axis=1)
    return ranked
