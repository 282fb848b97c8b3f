"""Checks of the tables that figures draw, and names of their labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from netsim.analysis.style import plain
from netsim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_NAME = 24  # letters that fit beside an axis
_WORDS = ("layer", "kind", "condition")  # columns that hold no numbers


def require(
    frame: pd.DataFrame, columns: Iterable[str], what: str, rows: bool = True, words: Sequence[str] = ()
) -> None:
    """Raise DataError unless the table has these columns with finite or missing numbers, and at least one row.

    `what` names the expected table in messages, for example ``spike``. Without `rows` the table may be empty. Columns
    in `words` need not contain numbers.
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
        why = ", because no neuron fires or all rows are filtered out" if what == "spike" else ""
        raise DataError(f"table: has no rows{why}; a {what} table with at least one row is needed")
    for name in sorted(set(columns) - set(_WORDS)):
        values = frame[name]
        if len(frame) and not (is_numeric_dtype(values) or is_bool_dtype(values)):
            raise DataError(f"table: the column {name} does not contain numbers; a {what} table is needed")
        if np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan)).any():
            raise DataError(f"table: the column {name} contains infinite values; finite or missing values are needed")


def one_presentation(frame: pd.DataFrame, presentation: int | None) -> tuple[pd.DataFrame, int]:
    """Return the rows of one presentation and its index. The default is the only presentation."""
    present = frame["presentation"].unique()
    if presentation is None:
        if len(present) != 1:
            raise DataError(f"table: has {len(present)} presentations; choose the one to draw (presentation)")
        presentation = int(present[0])
    return frame[frame["presentation"] == presentation], presentation


def class_name(label: int, classes: Sequence[str]) -> str:
    """Return the name of a label for a figure, or the label itself if it has no name. Long names lose their middle."""
    name = str(classes[label]) if 0 <= label < len(classes) else str(label)
    return plain(name if len(name) <= _LONGEST_NAME else f"{name[:11]}…{name[-12:]}")
