"""Labels of presentations, and the names of their classes."""

from collections.abc import Iterable, Sequence

import numpy as np

from netsim.errors import DataError, nearest

UNLABELLED = -1
"""Label of a presentation without a class."""


def in_order(words: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct words as names of classes: in the order of numbers if all are numbers, else alphabetically.

    Examples
    --------
    >>> in_order(["90", "112.5", "22.5", "90"]), in_order(["b", "a10", "a9"])
    (('22.5', '90', '112.5'), ('a10', 'a9', 'b'))
    """
    distinct = sorted(set(words))
    try:
        numbers = np.array(distinct, dtype=float)
    except ValueError:
        return tuple(distinct)
    # NaN has no place among numbers
    return tuple(distinct) if np.isnan(numbers).any() else tuple(sorted(distinct, key=float))


def class_numbers(words: Sequence[str], classes: Sequence[str], what: str) -> np.ndarray:
    """Convert class names to class numbers. `what` names the label in the error message."""
    numbers = {word: number for number, word in enumerate(classes)}
    if unknown := set(words) - numbers.keys():
        raise DataError(f"{what} {min(unknown)!r} is not a class{nearest(min(unknown), numbers)}")
    return np.array([numbers[word] for word in words], dtype=np.int64)
