"""Direct feedback alignment."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import feedbacks
from netsim.specification.checks import Shape, check_size
from netsim.specification.feedback._protocol import Feedback, drawn


@feedbacks.register("direct")
@dataclass(frozen=True)
class DirectFeedback(Feedback):
    """Fixed random weights directly from the output neurons (direct feedback alignment).

    Source neuron ``i`` receives ``Σ_k B_ik δ_k`` from the signals ``δ_k`` of the output neurons if its spike arrived.

    Parameters
    ----------
    seed : int

    References
    ----------
    Nøkland (2016), Direct feedback alignment provides learning in deep neural networks, NeurIPS.

    Examples
    --------
    >>> import netsim
    >>> projection = netsim.Projection("stimulus", "hidden", netsim.Dense(), feedback=netsim.DirectFeedback(seed=1))
    >>> projection.feedback.direct
    True
    """

    direct: ClassVar[bool] = True
    summary: ClassVar[str] = "fixed random weights straight from the output, drawn normally with the same deviation"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.seed, "feedback.seed", least=0)

    def weights(self, kernel: np.ndarray, shape: Shape, deviation: float, position: int) -> np.ndarray:
        """See `Feedback`."""
        return drawn(self.seed, position, shape, deviation)
