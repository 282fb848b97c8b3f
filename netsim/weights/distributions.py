"""Distributions of initial weights and delays."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from netsim.specification import Shape


@dataclass(frozen=True)
class Distribution:
    """A distribution with a given mean and standard deviation.

    Attributes
    ----------
    draw : callable
        Takes a generator, a mean, a standard deviation and a shape.
    kept_mean, kept_variance : float
        Moments of a standardised draw whose negative values are replaced by 0.
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
"""Distributions by their names in specifications."""
