"""Counts of numbers of a long array, in vectors and on several threads."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements

# So many numbers are counted at a time.
_COUNTED = 4096


@compiled
def count_nonzero(numbers: np.ndarray) -> int:
    """How many numbers are not zero."""
    found = 0
    for first in range(0, len(numbers), _COUNTED):
        part = numbers[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most numbers: the compiler then finds vectors
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != 0))
        found += int(count)
    return found


def finite_share(latencies: np.ndarray) -> float:
    """The share of latencies that are spikes, not ``inf``; NaN if there are none at all."""
    values = np.ascontiguousarray(latencies).reshape(-1)
    spikes = sum(over_elements(values.size, lambda part: _count_spikes(values[part])))
    return spikes / values.size if values.size else float("nan")


@compiled
def _count_spikes(latencies: np.ndarray) -> int:
    found = 0
    for first in range(0, len(latencies), _COUNTED):
        part = latencies[first : first + _COUNTED]
        count = np.int32(0)
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] < np.inf))
        found += int(count)
    return found
