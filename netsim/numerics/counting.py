"""Counts of numbers of a long array, in vectors and on several threads."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements

# So many numbers are counted at a time.
_COUNTED = 4096


@compiled
def count_nonzero(numbers: np.ndarray) -> int:
    """How many numbers are not zero."""
    return _count_others(numbers, numbers.dtype.type(0))


def finite_share(latencies: np.ndarray) -> float:
    """The share of latencies, floats of single or double precision, that are not ``inf``; NaN if there are none."""
    values = np.ascontiguousarray(latencies).reshape(-1)
    silent = values.dtype.type(np.inf)
    spikes = sum(over_elements(values.size, lambda part: _count_others(values[part], silent)))
    return spikes / values.size if values.size else float("nan")


@compiled
def _count_others(numbers: np.ndarray, value: float) -> int:
    """How many numbers are not a value."""
    found = 0
    for first in range(0, len(numbers), _COUNTED):
        part = numbers[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most numbers: the compiler then finds vectors
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != value))
        found += int(count)
    return found
