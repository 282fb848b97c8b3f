"""The distributions that weights and delays are drawn from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from netsim.specification import Shape


@dataclass(frozen=True)
class Distribution:
    """How values of a mean and a standard deviation are drawn.

    Attributes
    ----------
    draw : callable
        Of a generator, a mean, a standard deviation and a shape.
    kept_mean, kept_variance : float
        Of a draw with mean 0 and a standard deviation of 1, whose negative values are replaced by 0.
    """

    draw: Callable[[np.random.Generator, float, float, Shape], np.ndarray]
    kept_mean: float
    kept_variance: float


def _uniform(generator: np.random.Generator, mean: float, deviation: float, shape: Shape) -> np.ndarray:
    reach = math.sqrt(3) * deviation
    return generator.uniform(mean - reach, mean + reach, shape)


DISTRIBUTIONS: Mapping[str, Distribution] = MappingProxyType({
    "normal": Distribution(np.random.Generator.normal, 1 / math.sqrt(2 * math.pi), 1 / 2 - 1 / (2 * math.pi)),
    "uniform": Distribution(_uniform, math.sqrt(3) / 4, 1 / 2 - 3 / 16),
})  # fmt: skip
"""By the name that specifications have them under."""
