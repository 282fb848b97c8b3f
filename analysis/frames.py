"""What every figure asks of its table: that it has the columns, and what its labels stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from netsim.errors import DataError


def require(frame: pd.DataFrame, columns: Iterable[str], kind: str) -> None:
    """Refuse a table without these columns, or without a row.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : iterable of str
    kind : str
        What the table should be, for the message, for example ``spike``.

    Raises
    ------
    DataError
    """
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise DataError(f"table: lacks the column {', '.join(missing)}; a {kind} table is needed")
    if frame.empty:
        raise DataError(f"table: holds no rows; a {kind} table with at least one is needed")


def class_name(label: int, classes: Sequence[str]) -> str:
    """What a label stands for; the label itself if nobody says."""
    return classes[label] if 0 <= label < len(classes) else str(label)
