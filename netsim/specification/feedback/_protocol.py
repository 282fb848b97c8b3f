"""What a kind of feedback has to say of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.specification.checks import Shape, plain_numbers


@dataclass(frozen=True)
class Feedback(ABC):
    """Weights that displacements pass back through, in place of those that spikes pass.

    A subclass is a frozen dataclass of its parameters, registered in `netsim.seams.feedbacks`.

    Attributes
    ----------
    direct : bool
        Whether the displacement comes from the output neurons, past the target of the projection.
    summary : str
        What stands for the weights, as the model description says it.

    Examples
    --------
    >>> import netsim
    >>> isinstance(netsim.SignFeedback(), netsim.Feedback)
    True
    """

    direct: ClassVar[bool] = False
    summary: ClassVar[str]

    def __post_init__(self) -> None:
        plain_numbers(self)

    @abstractmethod
    def weights(self, kernel: np.ndarray, shape: Shape, deviation: float, position: int) -> np.ndarray:
        """The weights that displacements pass back through.

        Parameters
        ----------
        kernel : ndarray
            Weights that fed forward.
        shape : tuple of int
            The result's: the kernel's or, if `direct`, (neurons of the source, output neurons).
        deviation : float
            Standard deviation of the initial weights of the projection, apart from signs.
        position : int
            Of the projection in its network, so that no two draw the same.
        """


def drawn(seed: int, position: int, shape: Shape, deviation: float) -> np.ndarray:
    """Normal weights with a mean of zero, the same in every batch."""
    return generator_for(Purpose.FEEDBACK, seed, position).normal(0.0, deviation, shape)
