"""The protocol of feedback weights."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.specification.checks import Shape, plain_numbers


@dataclass(frozen=True)
class Feedback(ABC):
    """Weights for the backward pass that replace the forward weights.

    A subclass is a frozen dataclass of its parameters, registered in `netsim.seams.feedbacks`.

    Attributes
    ----------
    direct : bool
        Whether the displacement comes directly from the output neurons instead of the target of the projection.
    summary : str
        The feedback weights in words, for the model description.

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
        """Return the weights of the backward pass.

        Parameters
        ----------
        kernel : ndarray
            Weights of the forward pass.
        shape : tuple of int
            Shape of the result: the shape of the kernel or, if `direct`, (neurons of the source, output neurons).
        deviation : float
            Standard deviation of the initial weights of the projection, before signs are imposed.
        position : int
            Index of the projection in its network, which makes its draws unique.

        Returns
        -------
        ndarray of float, shape `shape`
        """
