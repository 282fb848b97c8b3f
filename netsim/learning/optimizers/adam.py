"""Adam."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from netsim.learning.gradients import Gradient, elementwise
from netsim.learning.optimizers._moments import MomentOptimizer, shrinkage
from netsim.numerics.compilation import compiled
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number

SECOND = 0.999
"""Decay factor of the second moment."""
EPSILON = 1e-8


@optimizers.register("adam")
class Adam(MomentOptimizer):
    """Adam (Kingma and Ba 2015) with decoupled weight decay. See `MomentOptimizer` for the parameters."""

    moments = ("first", "second")
    normalises: ClassVar[bool] = True

    def move(
        self, weight: np.ndarray, gradient: Gradient, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`."""
        steps = int(self.state["steps"])
        corrected, correction = rate / (1 - self.momentum**steps), 1 / math.sqrt(1 - SECOND**steps)
        slopes = np.ascontiguousarray(gradient, dtype=weight.dtype)
        elementwise(_adam, (weight, slopes, *moments), (corrected, correction, self.momentum, decay))

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        term, decay = shrinkage(network)
        return (
            r"Adam: $m \leftarrow \mu m + (1 - \mu) g$, $s \leftarrow \nu s + (1 - \nu) g^2$ and"
            r" $\displaystyle x \leftarrow x - \eta \frac{m / (1 - \mu^r)}{\sqrt{s / (1 - \nu^r)} + \epsilon}"
            rf"{term}$ in update $r$ (from 1), $m = s = 0$ before; $\mu = {number(network.learning.momentum)}$,"
            rf" $\nu = {number(SECOND)}$, $\epsilon = {number(EPSILON)}${decay}"
        )


@compiled
def _adam(
    weight: np.ndarray,
    gradient: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rate: float,
    correction: float,
    momentum: float,
    decay: float,
) -> None:
    dtype = weight.dtype.type
    keep, epsilon, unit = dtype(SECOND), dtype(EPSILON), dtype(1)
    for k in range(len(weight)):
        slope = gradient[k]
        first[k] = momentum * first[k] + (unit - momentum) * slope
        second[k] = keep * second[k] + (unit - keep) * slope * slope
        step = rate * first[k] / (np.sqrt(second[k]) * correction + epsilon)
        weight[k] -= step + decay * weight[k]
