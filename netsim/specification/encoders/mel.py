"""Latency code of sound: mel bands whose drive is integrated to threshold in successive time windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.seams import encoders
from netsim.specification.checks import check_numbers, check_size, check_unmasked, require
from netsim.specification.encoders._protocol import Encoder, Shape
from netsim.specification.phrases import GAP, T_MAX, counted, in_ms, number

FLOOR = -120.0
"""Level (dB) of digital silence, which drives no neuron."""
_MILLISECONDS = 1000.0  # ms per s
_SOUNDS = 16  # sounds per spectrum; bounds memory


@encoders.register("mel")
@dataclass(frozen=True)
class MelEncoder(Encoder):
    """Latency code of sounds by mel bands and temporal summation.

    A filter bank with triangular filters, equally spaced on the mel scale, splits a sound into bands. The level ``L``
    of a band (dB) becomes the drive ``x = 1 + (L - reference)/dynamic_range``, clipped to 0 and 1. In each time window,
    a neuron integrates the drive of its band. It fires when the integral reaches its threshold. Its latency counts from
    the start of the window. Loud bands and early onsets therefore fire early. Neurons with higher thresholds need
    louder or longer sounds. All windows are presented side by side.

    The drive is constant within a hop, so latencies are not restricted to a grid.

    Parameters
    ----------
    shape : (windows, bands, thresholds)
        Consecutive time windows from the start of the sound, mel bands, and neurons for each band and window. Later
        sound is ignored, and shorter sounds continue with silence.
    t_max : float
        Length of a time window (ms), a multiple of `hop`.
    thresholds : tuple of float
        Integral of the drive at which a neuron fires (ms of full drive), one for each neuron of a band and window,
        ascending.
    rate : int
        Sampling rate of the sounds (Hz).
    low, high : float
        Edges of the filter bank (Hz).
    frame, hop : float
        Length of a Hann window for the spectrum, and time between two spectra (ms).
    dynamic_range : float
        A band drives its neurons above the level that lies this far below the reference (dB).
    reference : {"sound", "full-scale"}
        Level with drive 1: the loudest band and frame of the sound, or a sine of the largest amplitude. With
        ``"sound"``, latencies are independent of the volume.

    References
    ----------
    Mel scale: Stevens, Volkmann and Newman (1937), A scale for the measurement of the psychological magnitude pitch,
    doi:10.1121/1.1915893. Triangular filters: Davis and Mermelstein (1980), Comparison of parametric representations
    for monosyllabic word recognition, doi:10.1109/TASSP.1980.1163420. First spikes by temporal summation: Heil and
    Neubauer (2003), A unifying basis of auditory thresholds based on temporal summation, doi:10.1073/pnas.1030017100.

    Examples
    --------
    A tone of 1 kHz from 20 ms to 40 ms drives two of four bands, and only in the second of two windows.

    >>> import numpy as np
    >>> import netsim
    >>> encoder = netsim.MelEncoder((2, 4, 1), t_max=20.0, thresholds=(5.0,), frame=8.0, dynamic_range=20.0)
    >>> time = np.arange(320) / 8000
    >>> tone = np.where(time >= 0.02, np.sin(2 * np.pi * 1000 * time), 0.0)
    >>> encoder.latencies(encoder.prepare([tone])).round(1)[0, :, :, 0]
    array([[inf, inf, inf, inf],
           [inf, 5. , 7.5, inf]])
    """

    samples: ClassVar[str] = "sounds"
    order: ClassVar[int] = 4
    thresholds: tuple[float, ...] = (8.0,)
    rate: int = 8000
    low: float = 60.0
    high: float = 4000.0
    frame: float = 32.0
    hop: float = 4.0
    dynamic_range: float = 60.0
    reference: Literal["sound", "full-scale"] = "sound"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.rate, "encoder.rate")
        check_numbers(self, "encoder", ("low", "high", "frame", "hop", "dynamic_range"), "positive")
        half = self.rate / 2
        edges = f"must lie between encoder.low ({self.low:g} Hz) and half the sampling rate ({half:g} Hz)"
        require(self.low < self.high <= half, "encoder.high", f"{edges}, not at {self.high:g} Hz")
        for name in ("hop", "frame"):
            length = getattr(self, name) * self.rate / _MILLISECONDS
            least = 1 if name == "hop" else 2
            whole = f"must be a whole number of samples at {self.rate} Hz, at least {least}, not {length:g}"
            require(length >= least and _is_whole(length), f"encoder.{name}", whole)
        multiple = f"must be a multiple of encoder.hop ({self.hop:g} ms), not {self.t_max:g} ms"
        require(self.t_max >= self.hop and _is_whole(self.t_max / self.hop), "encoder.t_max", multiple)
        ascending = all(first < second for first, second in pairwise((0.0, *self.thresholds)))
        within = bool(self.thresholds) and ascending and self.thresholds[-1] <= self.t_max
        need = f"must be ascending times above 0 and up to t_max ({self.t_max:g} ms)"
        require(within, "encoder.thresholds", f"{need}, not {list(self.thresholds)}")
        channels = self.coded_shape[2]
        few = f"has {counted(channels, 'neuron')} for each band, and encoder.thresholds has {len(self.thresholds)}"
        require(channels == len(self.thresholds), "encoder.shape", few)
        most = f"must be at most {-FLOOR:g} dB, not {self.dynamic_range:g}"
        require(self.dynamic_range <= -FLOOR, "encoder.dynamic_range", most)
        empty = np.flatnonzero(~self.filters().any(axis=0))
        which = f"band {empty[0]} is" if empty.size else ""
        narrow = f"{which} narrower than the resolution of the spectrum; use fewer bands or a longer frame"
        require(not empty.size, "encoder.shape", narrow)

    @property
    def sample_shape(self) -> Shape:
        """Shape (1, samples, 1) of the waveform of a sound."""
        return (1, self.coded_shape[0] * self._samples(self.t_max), 1)

    def centres(self) -> np.ndarray:
        """Return the centre frequencies of the bands (Hz)."""
        return self._edges()[1:-1]

    def filters(self) -> np.ndarray:
        """Return the weights of the filter bank, shape (frequencies, bands). Weights at a centre are 1."""
        edges, size = self._edges(), self._samples(self.frame)
        frequencies = np.arange(size // 2 + 1)[:, None] * self.rate / size
        rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
        return np.maximum(np.minimum(rising, falling), 0.0)

    def prepare(self, given: Any) -> np.ndarray:
        """Return the waveforms of sounds, cut or continued with silence to the length of all time windows.

        Parameters
        ----------
        given : sequence of ndarray
            Waveforms of any length at the sampling rate `rate`. Integers range over their type, floats from -1 to 1.

        Returns
        -------
        ndarray of float32, shape (sounds, 1, samples, 1)

        Raises
        ------
        DataError
            If a sound is not a sequence of finite numbers.
        """
        waves = np.zeros((len(given), *self.sample_shape), dtype=np.float32)
        for index, sound in enumerate(given):
            wave = _waveform(sound, f"sound {index}")[: waves.shape[2]]
            waves[index, 0, : len(wave), 0] = wave
        return waves

    def coding(self) -> dict[str, Any]:
        """Return the sampling rate."""
        return {"rate": self.rate}

    def levels(self, samples: np.ndarray) -> np.ndarray:
        """Return the levels of waveforms from `prepare`.

        Returns
        -------
        ndarray of float32, shape (sounds, hops, bands)
            In dB. 0 dB is a sine of amplitude 1. `FLOOR` is the lowest level.
        """
        from scipy import fft
        from scipy.signal import get_window

        waves = np.asarray(samples, dtype=np.float32)
        if waves.shape[1:] != self.sample_shape:
            raise DataError(f"sounds: have waveforms of shape {waves.shape[1:]}, the encoder needs {self.sample_shape}")
        if not np.isfinite(waves).all():
            raise DataError("sounds: contain NaN or infinity; repair or leave them out")
        size, hop = self._samples(self.frame), self._samples(self.hop)
        window, filters = get_window("hann", size), self.filters().astype(np.float32)
        window = np.float32(2 / window.sum()) * window.astype(np.float32)  # a sine of amplitude 1 has the power 1
        count = waves.shape[2] // hop
        levels = np.empty((len(waves), count, filters.shape[1]), dtype=np.float32)
        before = (size - hop) // 2  # a spectrum is centred on its hop
        padded = np.pad(waves[:, 0, :, 0], ((0, 0), (before, size)))
        for first in range(0, len(waves), _SOUNDS):
            some = slice(first, first + _SOUNDS)
            frames = np.lib.stride_tricks.sliding_window_view(padded[some], size, axis=1)[:, ::hop][:, :count]
            spectra = fft.rfft(frames * window)
            power = (spectra.real**2 + spectra.imag**2) @ filters
            levels[some] = 10 * np.log10(np.maximum(power, np.float32(10 ** (FLOOR / 10))))
        return levels

    def drive(self, levels: np.ndarray) -> np.ndarray:
        """Return the drive of levels: 0 at or below the dynamic range, 1 at the reference.

        Returns
        -------
        ndarray of float64, shape (sounds, hops, bands)
        """
        levels = levels.astype(np.float64)
        loudest = levels.max(axis=(1, 2), keepdims=True) if self.reference == "sound" else 0.0
        drive = np.clip(1.0 + (levels - loudest) / self.dynamic_range, 0.0, 1.0)
        return np.where(levels > FLOOR, drive, 0.0)

    def latencies(self, samples: np.ndarray, intensity_max: float | None = None) -> np.ndarray:
        """Return the latencies of waveforms, shape ``(presentations, windows, bands, thresholds)``."""
        if intensity_max is not None:
            raise DataError("images: the encoder takes sounds, which have no intensities; leave out intensity_max")
        windows, bands, _ = self.coded_shape
        drive = self.drive(self.levels(samples)).reshape(len(samples), windows, -1, bands)
        integral = np.cumsum(drive, axis=2) * self.hop
        coded = np.empty((len(drive), windows, bands, len(self.thresholds)))
        for number_of, threshold in enumerate(self.thresholds):
            reached = integral >= threshold
            first = reached.argmax(axis=2)[:, :, None]
            before, slope = (np.take_along_axis(array, first, axis=2)[:, :, 0] for array in (integral, drive))
            # the drive is constant until the end of the hop, where the integral is above threshold
            overshoot = np.divide(before - threshold, slope, out=np.zeros_like(slope), where=slope > 0)
            times = np.clip((first[:, :, 0] + 1) * self.hop - overshoot, 0.0, self.t_max)
            coded[..., number_of] = np.where(reached.any(axis=2), times, np.inf)
        return coded

    def stimuli_text(self) -> str:
        """Return windows, bands and thresholds."""
        windows, bands, neurons = self.coded_shape
        return (
            f"sounds at {self.rate} Hz in {counted(windows, 'time window')} and {counted(bands, 'mel band')};"
            f" {counted(neurons, 'stimulus neuron')} for each band and window"
        )

    def code_text(self) -> str:
        """Return filter bank, drive and threshold."""
        levels = "the loudest band and frame of the sound" if self.reference == "sound" else "a sine of full scale"
        limits = ", ".join(f"${in_ms(each)}$" for each in self.thresholds)
        return (
            rf"Power in triangular mel bands from {self.low:g} to {self.high:g} Hz (Hann windows of {self.frame:g} ms,"
            rf" every {self.hop:g} ms) gives levels $L$ in dB re {levels}, and the drive"
            rf" $x = \min(\max(1 + L / {number(self.dynamic_range)}, 0), 1)$. $t_i$ is the time since the start of the"
            rf" time window at which $\int x{GAP}\mathrm{{d}}t$ reaches the threshold of the neuron ({limits}), silent"
            rf" otherwise. Time windows last ${T_MAX} = {in_ms(self.t_max)}$ and are presented side by side"
        )

    def _samples(self, duration: float) -> int:
        """Return a duration (ms) in samples."""
        return round(duration * self.rate / _MILLISECONDS)

    def _edges(self) -> np.ndarray:
        """Return the edges of the bands (Hz): band k rises from edge k to k + 1 and falls to k + 2."""
        low, high = (2595 * np.log10(1 + edge / 700) for edge in (self.low, self.high))
        return np.asarray(700 * (10 ** (np.linspace(low, high, self.coded_shape[1] + 2) / 2595) - 1))


def _is_whole(ratio: float) -> bool:
    """Return whether a ratio of two decimals is a whole number, up to rounding."""
    return math.isclose(ratio, round(ratio), rel_tol=1e-12)


def _waveform(sound: Any, name: str) -> np.ndarray:
    """Return a sound as floats from -1 to 1, or raise DataError."""
    check_unmasked(sound, f"{name}:")
    try:
        wave = np.asarray(sound).squeeze()
    except ValueError as error:
        raise DataError(f"{name}: is not a sequence of numbers ({error})") from error
    if wave.dtype.kind not in "uif" or wave.ndim != 1 or not wave.size:
        raise DataError(f"{name}: must be numbers of shape (samples,), not {wave.dtype} of shape {wave.shape}")
    if wave.dtype.kind == "f":
        if not np.isfinite(wave).all():
            raise DataError(f"{name}: contains NaN or infinity; repair or leave it out")
        return wave.astype(np.float32)
    limits = np.iinfo(wave.dtype)
    middle = (float(limits.max) + float(limits.min) + 1) / 2
    return ((wave.astype(np.float64) - middle) / (float(limits.max) + 1 - middle)).astype(np.float32)
