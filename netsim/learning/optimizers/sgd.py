"""Stochastic gradient descent."""

from collections.abc import Sequence

import numpy as np

from netsim.learning.optimizers._moments import MomentOptimizer, shrinkage
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number


@optimizers.register("sgd")
class SGD(MomentOptimizer):
    """Stochastic gradient descent with momentum; parameters are those of `MomentOptimizer`."""

    moments = ("first",)

    def move(
        self, weight: np.ndarray, gradient: np.ndarray, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`."""
        (first,) = moments
        dtype = weight.dtype.type
        first *= dtype(self.momentum)
        first += gradient
        weight -= dtype(rate) * first + dtype(decay) * weight

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        term, decay = shrinkage(network)
        return (
            r"Stochastic gradient descent with momentum: $m \leftarrow \mu m + g$ and"
            rf" $x \leftarrow x - \eta m{term}$, $m = 0$ before; $\mu = {number(network.learning.momentum)}${decay}"
        )
