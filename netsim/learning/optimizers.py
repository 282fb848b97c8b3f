"""From gradients to weights: stochastic gradient descent with momentum, Adam, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements
from netsim.specification import Learning
from netsim.weights.layout import Weights

ADAM_SECOND = 0.999
ADAM_EPSILON = 1e-8
WARM_UP = 0.25
"""Share of a one-cycle training in which the learning rate rises."""
FIRST_RATE = 0.04
"""Share of its peak at which it begins."""


def learning_rate(settings: Learning, progress: float) -> float:
    """Learning rate at a point of the training.

    Parameters
    ----------
    settings : Learning
    progress : float
        Share of the training that is done, 0 to 1.
    """
    if settings.schedule == "constant":
        return settings.rate
    if settings.schedule == "one-cycle":
        if progress < WARM_UP:
            return settings.rate * (FIRST_RATE + (1 - FIRST_RATE) * progress / WARM_UP)
        progress = (progress - WARM_UP) / (1 - WARM_UP)
    return settings.rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Optimizer:
    """Adam or stochastic gradient descent, with decoupled weight decay; changes weights in place.

    Parameters
    ----------
    settings : Learning
    weights : dict of ndarray
        Gives the shapes and the arithmetic of the moments.

    Attributes
    ----------
    state : dict of ndarray
        Moments by name, and the number of ``steps``: all that a resumed training needs.
    """

    def __init__(self, settings: Learning, weights: Weights) -> None:
        self.settings = settings
        moments = ("first", "second") if settings.optimizer == "adam" else ("first",)
        self.state: dict[str, np.ndarray] = {
            f"{moment}.{name}": np.zeros_like(array) for moment in moments for name, array in weights.items()
        }
        self.state["steps"] = np.zeros((), dtype=np.int64)

    def __repr__(self) -> str:
        return f"Optimizer({self.settings.optimizer!r}, steps={int(self.state['steps'])})"

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """Move the weights against the gradients.

        Parameters
        ----------
        weights : dict of ndarray
        gradients : dict of ndarray
            Of the weights that are to move.
        rate : float
            Learning rate of this step.
        factors : mapping, optional
            By name, on the rate of some weights.
        """
        self.state["steps"] += 1
        steps = int(self.state["steps"])
        settings = self.settings
        for name, slope in gradients.items():
            weight = weights[name]
            own_rate = rate * (factors or {}).get(name, 1.0)
            decay = own_rate * settings.weight_decay if name.endswith(".kernel") else 0.0
            first = self.state[f"first.{name}"].reshape(-1)
            gradient = np.ascontiguousarray(slope, dtype=weight.dtype).reshape(-1)
            if settings.optimizer == "adam":
                arrays = (weight.reshape(-1), gradient, first, self.state[f"second.{name}"].reshape(-1))
                constants = (
                    own_rate / (1 - settings.momentum**steps),
                    1 / math.sqrt(1 - ADAM_SECOND**steps),
                    settings.momentum,
                    decay,
                )
                _in_parts(_adam, arrays, constants)
            else:
                first *= weight.dtype.type(settings.momentum)
                first += gradient
                flat = weight.reshape(-1)
                flat -= weight.dtype.type(own_rate) * first + weight.dtype.type(decay) * flat


def move_mean(mean: Weights, weights: Weights, keep: float) -> None:
    """Move a running mean of weights towards the weights, in place.

    Parameters
    ----------
    mean, weights : dict of ndarray
    keep : float
        Share of the mean that stays, 0 to 1.
    """
    for name, array in weights.items():
        _in_parts(_move, (mean[name].reshape(-1), array.reshape(-1)), (1.0 - keep,))


def _in_parts(kernel: Callable[..., None], arrays: Sequence[np.ndarray], constants: Sequence[float]) -> None:
    """Let a compiled loop go over flat arrays of one length, on several threads."""
    kind = arrays[0].dtype.type
    typed = [kind(constant) for constant in constants]
    over_elements(arrays[0].size, lambda part: kernel(*(array[part] for array in arrays), *typed))


@compiled
def _move(mean: np.ndarray, array: np.ndarray, share: float) -> None:
    for k in range(len(mean)):
        mean[k] += share * (array[k] - mean[k])


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
    kind = weight.dtype.type
    keep = kind(ADAM_SECOND)
    epsilon = kind(ADAM_EPSILON)
    one = kind(1)
    for k in range(len(weight)):
        slope = gradient[k]
        first[k] = momentum * first[k] + (one - momentum) * slope
        second[k] = keep * second[k] + (one - keep) * slope * slope
        step = rate * first[k] / (np.sqrt(second[k]) * correction + epsilon)
        weight[k] -= step + decay * weight[k]
