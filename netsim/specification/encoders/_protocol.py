"""What an encoder has to say of itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from netsim.errors import DataError
from netsim.seams import encoders
from netsim.specification.checks import (
    Shape,
    check_numbers,
    check_shape,
    check_types,
    check_unmasked,
    finite,
    require,
)


@dataclass(frozen=True)
class Encoder(ABC):
    """How samples of a data set become first-spike latencies of the stimulus.

    A subclass is a frozen dataclass with parameters of its own, registered in `netsim.seams.encoders`.

    Parameters
    ----------
    shape : (height, width, channels)
        Shape of the stimulus.
    t_max : float
        Length of the encoding window (ms).
    constant : tuple of float
        Times (ms) at which stimulus neurons fire whatever is presented: a channel for each, the last ones of `shape`.

    Attributes
    ----------
    samples : {"images", "recordings", "latencies", "tables"}, or another word
        What is encoded: images, the times of first events in recordings, latencies themselves, or rows of columns.
    order : int
        Where it stands in lists; those of the same number are sorted by name.

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
    noun: ClassVar[str] = ""  # what messages call samples, by default `samples`
    unit: ClassVar[str] = ""  # of the times that samples hold, if they do
    shape: Shape
    t_max: float = 64.0
    constant: tuple[float, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        check_types(self, "encoder")
        check_shape(self.shape, [3], "encoder.shape", "three positive integers (height, width, channels)")
        check_numbers(self, "encoder", ["t_max"], "a positive time in ms")
        for time in self.constant:
            late = f"must be times from 0 to t_max ({self.t_max} ms), not {time}"
            require(finite(time) and 0 <= time <= self.t_max, "encoder.constant", late)
        few = f"has {self.shape[2]} channels, all taken by the {len(self.constant)} of encoder.constant; add to them"
        require(self.shape[2] > len(self.constant), "encoder.shape", few)

    @property
    def kind(self) -> str:
        """The name that it is registered under."""
        return encoders.name_of(type(self))

    @property
    def sample_shape(self) -> Shape:
        """Shape (height, width, channels) of the samples; by default the `coded_shape`."""
        return self.coded_shape

    @property
    def coded_shape(self) -> Shape:
        """Shape of the stimulus without the channels that fire at constant times."""
        height, width, channels = self.shape
        return (height, width, channels - len(self.constant))

    def with_constant(self, latencies: np.ndarray) -> np.ndarray:
        """Latencies of the `coded_shape` with the channels that fire at constant times behind them."""
        if not self.constant:
            return latencies
        same = np.broadcast_to(self.constant, (*latencies.shape[:3], len(self.constant)))
        return np.concatenate([latencies, same.astype(latencies.dtype)], axis=3)

    def change_coded(self, latencies: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Latencies of the whole stimulus, changed but for the channels that fire at constant times."""
        if not self.constant:
            return change(latencies)
        return self.with_constant(change(latencies[..., : -len(self.constant)]))

    def prepare(self, given: Any) -> np.ndarray:
        """Samples of a user's own, as this encoder takes them and a data set keeps them.

        Parameters
        ----------
        given : array_like or sequence
            Some samples. Beside those of `sample_shape`, rows of a table or of flattened images are taken, those with
            the channels first, as torch has them, and any without axes of length 1, such as images without channels.

        Returns
        -------
        ndarray, shape ``(samples, *sample_shape)``

        Raises
        ------
        DataError
            If they are no numbers, or do not fit.
        """
        return fitted(given, self.sample_shape, self.samples)

    def prepare_and_late(self, given: Any) -> tuple[np.ndarray, np.ndarray]:
        """As `prepare`; and how many events each sample has, and how many of them come too late to be encoded.

        Counts are of shape (samples, 2), and 0 where samples are no recordings.
        """
        samples = self.prepare(given)
        return samples, np.zeros((len(samples), 2), dtype=np.int64)

    def largest(self, samples: np.ndarray) -> float | None:
        """The intensity that fires first, if the user does not say it; of others than images None."""
        return None

    def coding(self) -> dict[str, Any]:
        """The parameters that `prepare` makes samples by, numbers and words; one with others cannot take them."""
        return {}

    @abstractmethod
    def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        """Latencies of samples.

        Parameters
        ----------
        samples : ndarray, shape ``(presentations, *sample_shape)``
        intensity_max : float, optional
            The largest intensity that an image can have; recordings have none.

        Returns
        -------
        ndarray of float64, shape ``(presentations, *coded_shape)``
            In ms; ``inf`` is silent.

        Raises
        ------
        DataError
            If the samples cannot be encoded.
        """

    def window_text(self) -> str:
        """Where events must lie to count, as messages call it; empty where samples are no recordings of events."""
        return ""

    @abstractmethod
    def stimuli_text(self) -> str:
        """What the model description says of the samples, behind the name of the data set."""

    @abstractmethod
    def code_text(self) -> str:
        """The definition of the latencies in the model description, with mathematics as in LaTeX."""


def fitted(given: Any, shape: Shape, samples: str) -> np.ndarray:
    """Numbers as an array of shape (samples, *shape), see `Encoder.prepare`; no copy is made of what fits."""
    check_unmasked(given, f"{samples}:")
    try:
        array = np.asarray(given)
        if array.dtype == object:
            array = np.stack([np.asarray(one) for one in given])
    except (ValueError, TypeError) as error:
        raise DataError(f"{samples}: are not of one shape ({error})") from error
    if array.dtype == bool:
        array = array.astype(np.float32)
    if array.dtype.kind not in "uif":
        raise DataError(f"{samples}: must be numbers, not {array.dtype}")
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


def _longer_than_one(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
