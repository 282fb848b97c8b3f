"""Direct feedback alignment."""

from dataclasses import dataclass
from typing import ClassVar

from netsim.seams import feedbacks
from netsim.specification.feedback.random import RandomFeedback


@feedbacks.register("direct")
@dataclass(frozen=True)
class DirectFeedback(RandomFeedback):
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
