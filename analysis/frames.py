"""What every figure asks of its table: that it has the columns with numbers, and what its labels stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from netsim.analysis.style import plain
from netsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_WORDS = ("layer", "kind", "condition")  # columns that hold no numbers


def require(
    frame: pd.DataFrame, columns: Iterable[str], what: str, rows: bool = True, words: Sequence[str] = ()
) -> None:
    """Refuse a table without these columns, with anything but finite or missing numbers in them, or without a row.

    The message says `what` table it should be, for example a ``spike`` table; `rows` is whether it needs a row, and
    columns of `words` hold no numbers.
    """
    import numpy as np
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"table: is a {type(frame).__name__}; a {what} table of pandas is needed")
    missing = sorted({*columns, *words} - set(frame.columns))
    if missing:
        raise DataError(f"table: lacks the column {', '.join(missing)}; a {what} table is needed")
    if rows and frame.empty:
        raise DataError(f"table: holds no rows; a {what} table with at least one is needed")
    for name in sorted(set(columns) - set(_WORDS)):
        values = frame[name]
        if len(frame) and not (is_numeric_dtype(values) or is_bool_dtype(values)):
            raise DataError(f"table: the column {name} does not hold numbers; a {what} table is needed")
        if np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan)).any():
            raise DataError(f"table: the column {name} holds infinite values; finite or missing ones are needed")


def one_presentation(frame: pd.DataFrame, presentation: int | None) -> tuple[pd.DataFrame, int]:
    """The rows of one presentation, by default of the only one, and which one it is."""
    present = frame["presentation"].unique()
    if presentation is None:
        if len(present) != 1:
            raise DataError(f"table: holds {len(present)} presentations; say which one to draw")
        presentation = int(present[0])
    return frame[frame["presentation"] == presentation], presentation


def class_name(label: int, classes: Sequence[str]) -> str:
    """What a label stands for, in a figure; the label itself if nobody says."""
    return plain(classes[label] if 0 <= label < len(classes) else label)
