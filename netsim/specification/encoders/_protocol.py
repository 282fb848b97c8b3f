"""The protocol of an encoder."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from netsim.errors import DataError
from netsim.seams import encoders
from netsim.specification.checks import (
    Shape,
    check_magnitudes,
    check_numbers,
    check_shape,
    check_types,
    check_unmasked,
    finite,
    require,
)


@dataclass(frozen=True)
class Encoder(ABC):
    """Turn samples of a data set into first-spike latencies of the stimulus.

    A subclass is a frozen dataclass with its own parameters, registered in `netsim.seams.encoders`.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of the stimulus.
    t_max : float
        Length of the encoding window (ms).
    constant : tuple of float
        Fixed firing times (ms) of extra channels of the stimulus, one channel each. They are the last channels of
        `shape`.

    Attributes
    ----------
    samples : {"images", "recordings", "latencies", "tables"}, or another word
        Kind of samples: images, times of first events in recordings, latencies, or rows of a table.
    order : int
        Position in lists. Encoders with equal numbers are sorted by name.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> encoder = netsim.IntensityEncoder(shape=(1, 3, 1), t_max=16.0)
    >>> isinstance(encoder, netsim.Encoder)
    True
    >>> encoder.latencies(np.array([255, 51, 0], np.uint8).reshape(1, 1, 3, 1), 255).ravel()
    array([ 0. , 12.8,  inf])
    """

    samples: ClassVar[str] = "images"
    order: ClassVar[int] = 100
    noun: ClassVar[str] = ""  # word for samples in messages, by default `samples`
    unit: ClassVar[str] = ""  # unit of times in samples, if they contain times
    shape: Shape
    t_max: float = 64.0
    constant: tuple[float, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_types(self, "encoder")
        check_shape(self.shape, [3], "encoder.shape", "three positive integers (height, width, channels)")
        check_numbers(self, "encoder", ["t_max"], "a positive time in ms")
        check_magnitudes(self, "encoder", ["t_max"])
        for time in self.constant:
            late = f"must be times from 0 to t_max ({self.t_max} ms), not {time}"
            require(finite(time) and 0 <= time <= self.t_max, "encoder.constant", late)
        few = f"has {self.shape[2]} channels, all taken by the {len(self.constant)} of encoder.constant; add to them"
        require(self.shape[2] > len(self.constant), "encoder.shape", few)

    @property
    def kind(self) -> str:
        """The name in the registry."""
        return encoders.name_of(type(self))

    @property
    def sample_shape(self) -> Shape:
        """Shape (height, width, channels) of the samples, by default the `coded_shape`."""
        return self.coded_shape

    @property
    def coded_shape(self) -> Shape:
        """Shape of the stimulus without the channels with fixed firing times."""
        height, width, channels = self.shape
        return (height, width, channels - len(self.constant))

    def with_constant(self, latencies: np.ndarray) -> np.ndarray:
        """Append the channels with fixed firing times to latencies of the `coded_shape`."""
        if not self.constant:
            return latencies
        same = np.broadcast_to(self.constant, (*latencies.shape[:3], len(self.constant)))
        return np.concatenate([latencies, same.astype(latencies.dtype)], axis=3)

    def change_coded(self, latencies: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Change the latencies of a whole stimulus except for the channels with fixed firing times."""
        if not self.constant:
            return change(latencies)
        return self.with_constant(change(latencies[..., : -len(self.constant)]))

    def prepare(self, given: Any) -> np.ndarray:
        """Convert a user's samples to the array that this encoder reads and a data set stores.

        Parameters
        ----------
        given : array_like or sequence
            Samples of shape `sample_shape`. Rows of a table, flattened images, images with the channels first (as in
            torch) and samples without axes of length 1 are accepted too.

        Returns
        -------
        ndarray, shape ``(samples, *sample_shape)``

        Raises
        ------
        DataError
            If the samples are not numbers, or their shape does not fit.
        """
        return fitted(given, self.sample_shape, self.samples)

    def prepare_and_late(self, given: Any) -> tuple[np.ndarray, np.ndarray]:
        """Prepare samples and count their events.

        Returns
        -------
        samples : ndarray
            As from `prepare`.
        counts : ndarray of int, shape (samples, 2)
            Events of each sample, and events too late to be encoded. 0 unless samples are recordings.
        """
        samples = self.prepare(given)
        return samples, np.zeros((len(samples), 2), dtype=np.int64)

    def largest(self, samples: np.ndarray) -> float | None:
        """Return the default intensity with latency 0, or None if samples are not images."""
        return None

    def coding(self) -> dict[str, Any]:
        """Return the parameters that `prepare` depends on. Encoders with other parameters cannot read the samples."""
        return {}

    @abstractmethod
    def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        """Encode samples as latencies.

        Parameters
        ----------
        samples : ndarray, shape ``(presentations, *sample_shape)``
        intensity_max : float, optional
            The largest possible intensity of an image. None for recordings.

        Returns
        -------
        ndarray of float64, shape ``(presentations, *coded_shape)``
            In ms. ``inf`` stands for silence.

        Raises
        ------
        DataError
            If the samples cannot be encoded.
        """

    def window_text(self) -> str:
        """Return the window of encoded events, for messages. Empty unless samples are recordings of events."""
        return ""

    @abstractmethod
    def stimuli_text(self) -> str:
        """Return the samples in words, for the model description after the name of the data set."""

    @abstractmethod
    def code_text(self) -> str:
        """Return the definition of the latencies for the model description, with mathematics in LaTeX."""


def fitted(given: Any, shape: Shape, samples: str) -> np.ndarray:
    """Return numbers as an array of shape (samples, *shape), without a copy if possible. See `Encoder.prepare`."""
    check_unmasked(given, f"{samples}:")
    try:
        array = np.asarray(given)
        if array.dtype == object and array.ndim > 1:  # a table whose columns have several types
            array = _as_numbers(array, samples)
        elif array.dtype == object:
            array = np.stack([np.asarray(sample) for sample in given])
    except (ValueError, TypeError) as error:
        raise DataError(f"{samples}: are not of one shape ({error})") from error
    if array.dtype == bool:
        array = array.astype(np.float32)
    if array.dtype.kind not in "uif":
        raise DataError(f"{samples}: must be numbers; {_no_number(array)}")
    height, width, channels = shape
    if array.shape[1:] == (channels, height, width) != shape:
        array = np.moveaxis(array, 1, -1)
    given_axes, axes = _longer_than_one(array.shape[1:]), _longer_than_one(shape)
    if array.ndim < 2 or given_axes not in (axes, _longer_than_one((height * width * channels,))):
        raise DataError(
            f"{samples}: have shape {array.shape[1:]}, the encoder needs {shape}, or the same flattened; change"
            " encoder.shape, or transpose or reshape them"
        )
    return array.reshape(len(array), *shape)


def _as_numbers(array: np.ndarray, samples: str) -> np.ndarray:
    """Return an array of objects as floats. Raise DataError for words, which NumPy would convert too."""
    if words := any(isinstance(value, str | bytes) for value in array.flat):
        array = array.astype(str)
    try:
        return array if words else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{samples}: must be numbers; {_no_number(array)}") from error


def _no_number(array: np.ndarray) -> str:
    """Return the first sample that contains no number, in words."""
    for (sample, *_), value in np.ndenumerate(np.atleast_1d(array)):
        try:
            float(value)
        except (TypeError, ValueError):
            return f"sample {sample} contains {str(value)!r}"
    return f"they have the type {array.dtype}; convert them, as with samples.astype(float)"


def _longer_than_one(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
