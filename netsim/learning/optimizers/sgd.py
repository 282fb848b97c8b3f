"""Stochastic gradient descent."""

from collections.abc import Mapping, Sequence

import numpy as np

from netsim.learning.elementwise import elementwise
from netsim.learning.gradients import OuterProduct
from netsim.learning.optimizers._moments import MomentOptimizer, shrinkage
from netsim.numerics.compilation import compiled
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number
from netsim.weights.layout import Weights


@optimizers.register("sgd")
class SGD(MomentOptimizer):
    """Stochastic gradient descent with momentum; parameters are those of `MomentOptimizer`."""

    moments = ("first",)

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """See `Optimizer`; without momentum and decay, a single presentation moves the synapses that learn alone."""
        whole = dict(gradients)
        if not self.momentum and not self.weight_decay:
            for name, gradient in gradients.items():
                if isinstance(gradient, OuterProduct):
                    gradient.subtract_from(weights[name], rate * (factors or {}).get(name, 1.0))
                    del whole[name]
        super().step(weights, whole, rate, factors)

    def move(
        self, weight: np.ndarray, gradient: np.ndarray, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`."""
        if self.momentum:
            elementwise(_sgd_with_momentum, (weight, gradient, *moments), (rate, self.momentum, decay))
        else:
            elementwise(_sgd, (weight, gradient), (rate, decay))

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
