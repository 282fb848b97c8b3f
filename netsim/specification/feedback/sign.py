"""Feedback by the signs of the weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import feedbacks
from netsim.specification.checks import Shape
from netsim.specification.feedback._protocol import Feedback


@feedbacks.register("sign")
@dataclass(frozen=True)
class SignFeedback(Feedback):
    """The signs of the forward weights times the standard deviation of the initial weights.

    References
    ----------
    Liao, Leibo and Poggio (2016), How important is weight symmetry in backpropagation?, AAAI.

    Examples
    --------
    >>> import netsim
    >>> projection = netsim.Projection("hidden", "output", netsim.Dense(), feedback=netsim.SignFeedback())
    >>> projection.feedback
    SignFeedback()
    """

    summary: ClassVar[str] = "the signs of the weights, times the standard deviation of the initial ones"

    def weights(self, kernel: np.ndarray, shape: Shape, deviation: float, position: int) -> np.ndarray:
        """See `Feedback`."""
        return deviation * np.sign(kernel)
