"""Adam whose work follows the spikes: synapses that learn nothing from a batch are not visited."""

import math
from collections.abc import Sequence

import numpy as np

from netsim.learning.gradients import Gradient, OuterProduct, factors_of
from netsim.learning.optimizers._moments import MomentOptimizer, shrinkage
from netsim.learning.optimizers.adam import EPSILON, SECOND
from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number
from netsim.weights.layout import Weights


@optimizers.register("lazy-adam")
class LazyAdam(MomentOptimizer):
    """Adam that visits only synapses with a gradient, and makes up there for the updates that it left out.

    Parameters are those of `MomentOptimizer`. At each visit the moments are Adam's, and the weight moves by what Adam
    would have moved it by since the last visit, with the rate and the corrections of this update for those of all.
    Meanwhile it is behind by less than q / (1 - q) of its last steps, q = momentum / sqrt(0.999): by 9.04 of them
    with 0.9. Where every weight has a gradient in every update, all are Adam's to the bit. It pays where few have one:
    in dense and listed synapses that learn from single presentations.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.learning.optimizers.lazy_adam import LazyAdam
    >>> weights = {"output.kernel": np.zeros((2, 2))}
    >>> optimizer = LazyAdam()
    >>> optimizer.begin(weights)
    >>> optimizer.step(weights, {"output.kernel": np.array([[1.0, 0.0], [0.0, -1.0]])}, rate=0.01)
    >>> weights["output.kernel"].round(4)
    array([[-0.01,  0.  ],
           [ 0.  ,  0.01]])
    """

    moments = ("first", "second", "last")

    def begin(self, weights: Weights) -> None:
        """See `Optimizer`."""
        super().begin(weights)
        self.state |= {f"last.{name}": np.zeros(array.shape, np.int32) for name, array in weights.items()}

    def move(
        self, weight: np.ndarray, gradient: Gradient, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`."""
        update = int(self.state["steps"])
        corrected, correction = rate / (1 - self.momentum**update), 1 / math.sqrt(1 - SECOND**update)
        constants = (update, *map(weight.dtype.type, (corrected, correction, self.momentum, decay)))
        if isinstance(gradient, OuterProduct):
            inputs, signal = (each.astype(weight.dtype, copy=False) for each in factors_of(gradient))
            _visit_product(weight, inputs, signal, np.flatnonzero(signal), *moments, *constants)
            return
        slopes = np.ascontiguousarray(gradient, dtype=weight.dtype)
        flat = [array.reshape(-1) for array in (weight, slopes, *moments)]
        over_elements(weight.size, lambda part: _visit_array(*(array[part] for array in flat), *constants))

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        term, decay = shrinkage(network)
        return (
            r"Adam in the synapses whose gradient $g$ is not 0, $l$ updates after they last had one:"
            r" $m \leftarrow \mu^l m + (1 - \mu) g$, $s \leftarrow \nu^l s + (1 - \nu) g^2$ and"
            r" $\displaystyle x \leftarrow x - \eta \frac{m / (1 - \mu^r)}{\sqrt{s / (1 - \nu^r)} + \epsilon}"
            rf"{term}$ in update $r$ (from 1), $m = s = 0$ before; what the $l - 1$ updates between would have moved"
            r" $x$ by, with $g = 0$ and the $\eta$ and $r$ of this one, comes first;"
            rf" $\mu = {number(network.learning.momentum)}$, $\nu = {number(SECOND)}$,"
            rf" $\epsilon = {number(EPSILON)}${decay}"
        )


@compiled
def _visit_product(
    weight: np.ndarray,
    inputs: np.ndarray,
    signal: np.ndarray,
    carrying: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    last: np.ndarray,
    update: int,
    rate: float,
    correction: float,
    momentum: float,
    decay: float,
) -> None:
    for i in np.flatnonzero(inputs):
        for j in carrying:
            slope = inputs[i] * signal[j]
            if slope != 0:
                _learn(slope, j, weight[i], first[i], second[i], last[i], update, rate, correction, momentum, decay)


@compiled
def _visit_array(
    weight: np.ndarray,
    gradient: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    last: np.ndarray,
    update: int,
    rate: float,
    correction: float,
    momentum: float,
    decay: float,
) -> None:
    for k in range(len(gradient)):
        if gradient[k] != 0:
            _learn(gradient[k], k, weight, first, second, last, update, rate, correction, momentum, decay)


@compiled
def _learn(
    slope: float,
    k: int,
    weight: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    last: np.ndarray,
    update: int,
    rate: float,
    correction: float,
    momentum: float,
    decay: float,
) -> None:
    """Update one weight; `last` is the update in which it last was."""
    dtype = weight.dtype.type
    keep, epsilon, one = dtype(SECOND), dtype(EPSILON), dtype(1)
    passed = update - last[k] - 1
    last[k] = update
    if passed > 0 and first[k] != 0:
        ratio = momentum / np.sqrt(keep)  # of a step without a gradient to the one before it
        steps = dtype(passed) if ratio == one else ratio * (one - ratio**passed) / (one - ratio)
        tail = rate * first[k] / (np.sqrt(second[k]) * correction + epsilon) * steps
        weight[k] = weight[k] * (one - decay) ** passed - tail
        first[k] *= momentum**passed
        second[k] *= keep**passed
    first[k] = momentum * first[k] + (one - momentum) * slope
    second[k] = keep * second[k] + (one - keep) * slope * slope
    step = rate * first[k] / (np.sqrt(second[k]) * correction + epsilon)
    weight[k] -= step + decay * weight[k]
