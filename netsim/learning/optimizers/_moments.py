"""The base class of optimizers with moments of the gradient and decoupled weight decay."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from netsim.errors import DataError
from netsim.learning.gradients import Gradient
from netsim.learning.protocol import Optimizer
from netsim.specification import Network
from netsim.specification.phrases import number
from netsim.specification.traits import has_bias
from netsim.weights.layout import Weights, projections_with_learned_scales


@dataclass(eq=False)
class MomentOptimizer(Optimizer):
    """An optimizer with moments of the gradient. `weight_decay` applies to kernels, per unit of rate."""

    moments: ClassVar[tuple[str, ...]]
    """Names of the moments of each weight."""

    momentum: float = 0.9
    weight_decay: float = 0.0
    state: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse settings that the optimizer does not support."""

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Optimizer`."""
        return cls(network.learning.momentum, network.learning.weight_decay)

    def begin(self, weights: Weights) -> None:
        """See `Optimizer`. Raise DataError for weights in another order than C, which a step could not change."""
        for name, array in weights.items():
            if not array.flags.c_contiguous:
                raise DataError(f"{name}: is not in C order; use numpy.ascontiguousarray")
        kept = ((moment, name) for moment in self.moments for name in weights)
        self.state = {f"{moment}.{name}": np.zeros_like(weights[name]) for moment, name in kept}
        self.state["steps"] = np.zeros((), dtype=np.int64)

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """See `Optimizer`. Raise DataError for gradients of other shapes, or before `begin`."""
        self.check_step(weights, gradients)
        self.state["steps"] += 1
        for name, gradient in gradients.items():
            weight = weights[name]
            own_rate = rate * (factors or {}).get(name, 1.0)
            decay = own_rate * self.weight_decay if name.endswith(".kernel") else 0.0
            self.move(weight, gradient, [self.state[f"{moment}.{name}"] for moment in self.moments], own_rate, decay)

    def check_step(self, weights: Weights, gradients: Weights) -> None:
        """Raise DataError before `begin`, or for gradients of other shapes: compiled loops do not check bounds."""
        if not self.state:
            raise DataError(f"{type(self).__name__}: has no moments yet; call begin(weights) before the first step")
        for name, gradient in gradients.items():
            if name not in weights or np.shape(gradient) != weights[name].shape:
                needed = f"the weights have {weights[name].shape}" if name in weights else "there is no such weight"
                raise DataError(f"gradients: {name} has the shape {np.shape(gradient)}, but {needed}")

    @abstractmethod
    def move(
        self, weight: np.ndarray, gradient: Gradient, moments: Sequence[np.ndarray], rate: float, decay: float
    ) -> None:
        """Move one array of weights, and its moments, in place."""


def shrinkage(network: Network) -> tuple[str, str]:
    """Return the term of decoupled weight decay in an update, and its value."""
    decay = network.learning.weight_decay
    if not decay:
        return "", ""
    others = [
        *(["biases"] if has_bias(network) else []),
        *([r"$\ln \alpha$"] if projections_with_learned_scales(network) else []),
    ]
    exempt = f" for weights, 0 for {' and '.join(others)}" if others else ""
    return r" - \eta \lambda x", rf"; weight decay $\lambda = {number(decay)}${exempt}"
