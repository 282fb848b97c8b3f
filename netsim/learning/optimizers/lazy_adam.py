"""Adam whose work follows the spikes: synapses that learn nothing from a batch are not visited."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from netsim.errors import SpecificationError
from netsim.learning.gradients import Gradient, SinglePresentation
from netsim.learning.optimizers._moments import MomentOptimizer
from netsim.learning.optimizers.adam import EPSILON, SECOND
from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.phrases import number
from netsim.weights.layout import Weights

_REMEMBERED = 4096
"""So many updates ago a rate is known, a power of 2; before, the earliest known one is taken."""
_LARGEST_MOMENTUM = 0.99


class _Update(NamedTuple):
    """What an update is for all weights of an array.

    Its number, the rates and corrections of the updates before (2, remembered), what updates without a gradient leave
    (see `_left`), the rate and the correction of now, and the momentum.
    """

    number: int
    recent: np.ndarray
    left: np.ndarray
    rate: np.floating
    correction: np.floating
    momentum: np.floating


@optimizers.register("lazy-adam")
class LazyAdam(MomentOptimizer):
    """Adam that visits only synapses with a gradient, and makes up there for the updates that it left out.

    At each visit the moments are Adam's, and the weight first takes the steps that Adam would have taken since the last
    visit, as a geometric series with the rate and the corrections of its centre. Meanwhile it lags behind Adam's, by
    about nine of its last steps with a momentum of 0.9 and a constant rate, by more while the rate rises; so do weights
    that are written to a file. Where every weight has a gradient in every update, all are Adam's to the bit. It pays
    where few have one: in dense and listed synapses that learn from single presentations.

    Parameters
    ----------
    momentum : float
        Decay of the first moment, at most 0.99.
    weight_decay : float
        Must be 0: what is not visited cannot decay.

    Raises
    ------
    SpecificationError
        For another momentum or weight decay.

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

    def __post_init__(self) -> None:
        if self.weight_decay:
            raise SpecificationError("learning.weight_decay", "must be 0 with lazy-adam, which visits few synapses")
        if self.momentum > _LARGEST_MOMENTUM:
            wrong = f"must be at most {_LARGEST_MOMENTUM} with lazy-adam, not {self.momentum}"
            raise SpecificationError("learning.momentum", wrong)

    def begin(self, weights: Weights) -> None:
        """See `Optimizer`."""
        super().begin(weights)
        self.state |= {f"last.{name}": np.zeros(array.shape, np.int32) for name, array in weights.items()}
        self.state["recent"] = np.zeros((2, _REMEMBERED))

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """See `Optimizer`."""
        update = int(self.state["steps"]) + 1
        self.state["recent"][:, update % _REMEMBERED] = self._corrected(rate, update)
        super().step(weights, gradients, rate, factors)

    def _corrected(self, rate: float, update: int) -> tuple[float, float]:
        """The rate over the correction of the first moment, and one over the root of that of the second."""
        return rate / (1 - self.momentum**update), 1 / math.sqrt(1 - SECOND**update)

    def move(
        self, weight: np.ndarray, gradient: Gradient, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """See `MomentOptimizer`."""
        update = int(self.state["steps"])
        corrected, correction = self._corrected(rate, update)
        recent = self.state["recent"].astype(weight.dtype)
        if usual := self.state["recent"][0, update % _REMEMBERED]:
            recent[0] *= corrected / usual  # a factor of this array on all rates
        left = _left(self.momentum, weight.dtype)
        now = _Update(update, recent, left, *map(weight.dtype.type, (corrected, correction, self.momentum)))
        if isinstance(gradient, SinglePresentation):
            inputs, rows = gradient.rows()
            _visit_rows(inputs, rows.astype(weight.dtype, copy=False), weight, *moments, now)
            return
        slopes = np.ascontiguousarray(gradient, dtype=weight.dtype)
        flat = [array.reshape(-1) for array in (slopes, weight, *moments)]

        def visit(part: slice) -> None:
            _visit(np.flatnonzero(flat[0][part]), *(array[part] for array in flat), now)

        over_elements(weight.size, visit)

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        return (
            r"Adam in the synapses whose gradient $g$ is not 0, $l$ updates after they last had one:"
            r" $m \leftarrow \mu^l m + (1 - \mu) g$, $s \leftarrow \nu^l s + (1 - \nu) g^2$ and"
            r" $\displaystyle x \leftarrow x - \eta \frac{m / (1 - \mu^r)}{\sqrt{s / (1 - \nu^r)} + \epsilon}$"
            r" in update $r$ (from 1), $m = s = 0$ before; the same steps of the $l - 1$ updates between, with $g = 0$,"
            r" come first, as a geometric series of the ratio $\mu / \sqrt{\nu}$, with $\eta$ and $r$ of its centre;"
            rf" $\mu = {number(network.learning.momentum)}$, $\nu = {number(SECOND)}$,"
            rf" $\epsilon = {number(EPSILON)}$"
        )


@cache
def _left(momentum: float, dtype: np.dtype) -> np.ndarray:
    """What 0, 1, ... updates without a gradient leave of both moments, and their steps in units of the one before."""
    count = np.arange(_REMEMBERED)
    ratio = momentum / math.sqrt(SECOND)
    first, second = np.power([[momentum], [SECOND]], count)
    return np.array([first, second, ratio * (1 - ratio**count) / (1 - ratio)], dtype)


@compiled
def _visit_rows(
    inputs: np.ndarray,
    gradient: np.ndarray,
    weight: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    last: np.ndarray,
    now: _Update,
) -> None:
    for k in range(len(inputs)):
        i, own = inputs[k], gradient[k]
        _visit(np.flatnonzero(own), own, weight[i], first[i], second[i], last[i], now)


@compiled
def _visit(
    places: np.ndarray,
    gradient: np.ndarray,
    weight: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    last: np.ndarray,
    now: _Update,
) -> None:
    """Update the weights at some places; `last` is the update in which each last was."""
    update, recent, left, rate, correction, momentum = now
    dtype = weight.dtype.type
    keep, epsilon, one = dtype(SECOND), dtype(EPSILON), dtype(1)
    for k in places:
        slope = gradient[k]
        if slope == 0:  # a product of small numbers
            continue
        left_out = update - last[k] - 1
        if left_out > 0 and first[k] != 0:
            many = min(left_out, left.shape[1] - 1)  # more of them leave nothing of the first moment
            # the steps fall as a geometric series, whose centre is its sum
            then = update - left_out + min(many // 2, int(left[2, many]))
            at = max(then, update + 1 - recent.shape[1]) & (recent.shape[1] - 1)
            weight[k] -= recent[0, at] * first[k] / (np.sqrt(second[k]) * recent[1, at] + epsilon) * left[2, many]
            first[k] *= left[0, many]
            second[k] *= left[1, many] if many == left_out else keep**left_out
        last[k] = update
        first[k] = momentum * first[k] + (one - momentum) * slope
        second[k] = keep * second[k] + (one - keep) * slope * slope
        weight[k] -= rate * first[k] / (np.sqrt(second[k]) * correction + epsilon)
