"""Feedback alignment."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.seams import feedbacks
from netsim.specification.checks import Shape, check_size
from netsim.specification.feedback._protocol import Feedback


@feedbacks.register("random")
@dataclass(frozen=True)
class RandomFeedback(Feedback):
    """Fixed normal random weights with the standard deviation of the initial weights (feedback alignment).

    Parameters
    ----------
    seed : int

    References
    ----------
    Lillicrap, Cownden, Tweed and Akerman (2016), Random synaptic feedback weights support error backpropagation for
    deep learning, Nature Communications 7:13276.

    Examples
    --------
    >>> import netsim
    >>> projection = netsim.Projection("hidden", "output", netsim.Dense(), feedback=netsim.RandomFeedback(seed=1))
    >>> projection.feedback
    RandomFeedback(seed=1)
    """

    summary: ClassVar[str] = "fixed random weights, drawn normally with the standard deviation of the initial ones"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.seed, "feedback.seed", least=0)

    def weights(self, kernel: np.ndarray, shape: Shape, deviation: float, position: int) -> np.ndarray:
        """Draw normal weights with mean zero, identical in every batch."""
        return generator_for(Purpose.FEEDBACK, self.seed, position).normal(0.0, deviation, shape)
