"""What an encoder has to say of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import encoders
from netsim.specification.checks import Shape, check_numbers, check_shape


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

    Attributes
    ----------
    samples : {"images", "recordings"}
        What is encoded: images, or the times of first events in recordings.
    order : int
        Where it stands in lists; those of the same number are sorted by name.
    """

    samples: ClassVar[str] = "images"
    order: ClassVar[int] = 100
    shape: Shape
    t_max: float = 64.0

    def __post_init__(self) -> None:
        check_shape(self.shape, [3], "encoder.shape", "three positive integers (height, width, channels)")
        check_numbers(self, "encoder", ["t_max"], "a positive time in ms")

    @property
    def kind(self) -> str:
        """The name that it is registered under."""
        return encoders.name_of(type(self))

    @property
    def sample_shape(self) -> Shape:
        """Shape (height, width, channels) of the samples; by default that of the stimulus."""
        return self.shape

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
        ndarray of float64, shape ``(presentations, *shape)``
            In ms; ``inf`` is silent.

        Raises
        ------
        DataError
            If the samples cannot be encoded.
        """

    @abstractmethod
    def stimuli_text(self) -> str:
        """What the model description says of the samples, behind the name of the data set."""

    @abstractmethod
    def code_text(self) -> str:
        """The definition of the latencies in the model description, with mathematics as in LaTeX."""
