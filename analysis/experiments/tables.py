"""The table of an experiment, and means over seeds with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

TextRows = tuple[tuple[str, ...], ...]
"""Rows of text for the page of an experiment."""


class Interval(NamedTuple):
    """A mean, the bounds of its 95 % interval (Student's t), and the number of seeds. One seed has no bounds."""

    mean: float
    low: float
    high: float
    seeds: int

    def shown(self, number: str = "{:.2f}", unit: str = "", missing: str = "none") -> str:
        """Mean, bounds and unit as text; `missing` without values. Equal seeds have no interval, as one seed."""
        if self.seeds == 0:
            return missing
        shown = number.format(self.mean)
        if self.low < self.high:
            shown += f" [{number.format(self.low)}, {number.format(self.high)}]"
        return f"{shown} {unit}".rstrip()

    def of_fraction(self, scale: float = 1.0) -> Interval:
        """Return the interval without values that a fraction, times `scale`, cannot have."""
        return self._replace(low=max(self.low, 0.0), high=min(self.high, scale)) if self.seeds > 1 else self

    def lies_below(self, value: float) -> bool:
        """Return whether the whole interval, or the mean of a single seed, is below a value."""
        return bool((self.mean if self.seeds == 1 else self.high) < value)

    def lies_above(self, value: float) -> bool:
        """Return whether the whole interval, or the mean of a single seed, is above a value."""
        return bool((self.mean if self.seeds == 1 else self.low) > value)


def experiment_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of an experiment, one row per measurement. Missing values stay empty."""
    import pandas as pd

    return pd.DataFrame(list(rows))


def interval(values: Any, level: float = 0.95) -> Interval:
    """Return the mean of values and its confidence interval, without missing values.

    The interval of fractions may exceed 1, see `percentage`.
    """
    import numpy as np
    from scipy.special import stdtrit

    given = np.asarray(values, float)
    given = given[np.isfinite(given)]
    if not len(given):
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(given.mean())
    if len(given) < 2:
        return Interval(mean, np.nan, np.nan, 1)
    half = float(stdtrit(len(given) - 1, 0.5 + level / 2) * given.std(ddof=1) / np.sqrt(len(given)))
    return Interval(mean, mean - half, mean + half, len(given))


def rows_of_text(rows: Callable[[pd.DataFrame], Iterable[tuple[str, ...]]]) -> Callable[[pd.DataFrame], TextRows]:
    """Return a function that lists the rows of text that a generator yields for a table."""
    return wraps(rows)(lambda table: tuple(rows(table)))


def grouped(table: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield the values of columns, and the rows with these values, in the order of the table."""
    yield from table.groupby(list(columns), sort=False)


def percentage(fractions: pd.Series) -> Interval:
    """The mean of fractions and its interval, both within 0 and 100 %."""
    return interval(100 * fractions.astype(float)).of_fraction(100)


def by_seed(table: pd.DataFrame, **condition: Any) -> pd.DataFrame:
    """The first row of each seed, where columns have the values of a condition; indexed by seed."""
    rows = table
    for name, value in condition.items():
        rows = rows[rows[name] == value]
    return rows.drop_duplicates("seed").set_index("seed")


def of_seeds(table: pd.DataFrame, column: str, scale: float = 1.0, **condition: Any) -> pd.Series:
    """A column of `by_seed` as numbers, times `scale`."""
    return scale * by_seed(table, **condition)[column].astype(float)


def mean(table: pd.DataFrame, column: str, scale: float = 1.0, **condition: Any) -> Interval:
    """The mean of `of_seeds` over seeds. The interval of an accuracy is within 0 and 1, times `scale`."""
    found = interval(of_seeds(table, column, scale, **condition))
    return found.of_fraction(scale) if column == "accuracy" else found


def accuracy(table: pd.DataFrame, **condition: Any) -> Interval:
    """The accuracy (%) in a condition over seeds."""
    return mean(table, "accuracy", 100, **condition)


def gain(table: pd.DataFrame, over: Mapping[str, Any], **condition: Any) -> Interval:
    """Accuracy (points) in a condition minus that in the same condition changed by `over`, paired by seed."""
    ours, theirs = (of_seeds(table, "accuracy", 100, **{**condition, **changed}) for changed in ({}, over))
    return interval(ours - theirs)
