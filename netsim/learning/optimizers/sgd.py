"""Stochastic gradient descent."""

from collections.abc import Sequence

import numpy as np

from netsim.learning.gradients import Gradient, elementwise
from netsim.learning.optimizers._moments import MomentOptimizer, shrinkage
from netsim.numerics.compilation import compiled
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number


@optimizers.register("sgd")
class SGD(MomentOptimizer):
    """Stochastic gradient descent with momentum. See `MomentOptimizer` for the parameters."""

    moments = ("first",)

    def move(
        self, weight: np.ndarray, gradient: Gradient, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`. Without momentum and decay, weights without a gradient do not change."""
        if not isinstance(gradient, np.ndarray) and not self.momentum and not self.weight_decay:
            gradient.subtract_from(weight, rate)
            return
        slopes = np.ascontiguousarray(gradient, dtype=weight.dtype)
        if self.momentum:
            elementwise(_sgd_with_momentum, (weight, slopes, *moments), (rate, self.momentum, decay))
        else:
            elementwise(_sgd, (weight, slopes), (rate, decay))

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        term, decay = shrinkage(network)
        return (
            r"Stochastic gradient descent with momentum: $m \leftarrow \mu m + g$ and"
            rf" $x \leftarrow x - \eta m{term}$, $m = 0$ before; $\mu = {number(network.learning.momentum)}${decay}"
        )


@compiled
def _sgd(weight: np.ndarray, gradient: np.ndarray, rate: float, decay: float) -> None:
    for k in range(len(weight)):
        weight[k] -= rate * gradient[k] + decay * weight[k]


@compiled
def _sgd_with_momentum(
    weight: np.ndarray, gradient: np.ndarray, first: np.ndarray, rate: float, momentum: float, decay: float
) -> None:
    for k in range(len(weight)):
        first[k] = momentum * first[k] + gradient[k]
        weight[k] -= rate * first[k] + decay * weight[k]
