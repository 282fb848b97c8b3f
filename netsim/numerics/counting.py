"""Count elements of a long array, vectorised and on several threads."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_elements

# Elements per block.
_COUNTED = 4096


@compiled
def count_nonzero(numbers: np.ndarray) -> int:
    """Return the number of nonzero elements."""
    return _count_others(numbers, numbers.dtype.type(0))


def finite_share(latencies: np.ndarray) -> float:
    """Return the fraction of latencies (single or double precision) that are not ``inf``, or NaN for empty arrays."""
    values = np.ascontiguousarray(latencies).reshape(-1)
    silent = values.dtype.type(np.inf)
    spikes = sum(over_elements(values.size, lambda part: _count_others(values[part], silent)))
    return spikes / values.size if values.size else float("nan")


@compiled
def _count_others(numbers: np.ndarray, value: float) -> int:
    """Return the number of elements that differ from a value."""
    total = 0
    for first in range(0, len(numbers), _COUNTED):
        part = numbers[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most elements, which allows vectorisation
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != value))
        total += int(count)
    return total
