"""Checks of the columns of the spike table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import DataError
from netsim.exchange import presentations

if TYPE_CHECKING:
    import pandas as pd

AXES = ("y", "x", "channel")


def check_columns(path: Path, names: Collection[str]) -> None:
    """Raise DataError if a required column is missing."""
    missing = [name for name in ("presentation", "latency_ms") if name not in names]
    if missing and any(mark in name for name in names for mark in ";\t"):
        raise DataError(f"{path}: has columns that other marks than commas separate; separate them by commas")
    if missing:
        lacks = "the column" if len(missing) == 1 else "the columns"
        raise DataError(f"{path}: lacks {lacks} {' and '.join(missing)}; add what is missing, or correct the heading")


@dataclass(frozen=True)
class Rows:
    """Some rows of a table of spikes."""

    path: Path
    table: pd.DataFrame
    before: int = 0
    """Number of rows before these rows."""

    def numbers(self, name: str, needed: np.ndarray | None = None) -> np.ndarray:
        """Return a numeric column, with NaN for empty cells. Cells of `needed` rows must not be empty."""
        import pandas as pd

        values = self.table[name]
        if values.dtype.kind in "iu" and not values.hasnans:
            return values.to_numpy()
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = np.isnan(numbers)
        if needed is not None:
            wrong &= needed | values.notna().to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            self._require_value(name, row)
            raise DataError(f"{self._at(name, 'not a number', row)}: {str(values.iloc[row])!r}; correct it")
        return numbers

    def _at(self, name: str, fault: str, row: int) -> str:
        return f"{self.path}: {name} is {fault} in row {self.before + row + 1} below the heading"

    def _require_value(self, name: str, row: int) -> None:
        if self.table[name].isna().iloc[row]:
            raise DataError(f"{self._at(name, 'missing', row)}; give it, or leave out the row")

    def whole(self, name: str, least: int | None = 0, needed: np.ndarray | None = None) -> np.ndarray:
        """Return a column of integers of at least `least`. Empty cells become 0."""
        numbers = self.numbers(name, needed)
        if needed is not None:
            numbers = np.where(np.isnan(numbers), 0, numbers)
        return presentations.whole_numbers(self.path, name, numbers, least)

    def presentations(self) -> np.ndarray:
        """Return the numbers of the presentations."""
        return self.whole("presentation", None)

    def latencies(self) -> np.ndarray:
        """Return latencies (ms). ``inf`` is no spike."""
        latencies = self.numbers("latency_ms").astype(np.float64, copy=False)
        presentations.check_latencies(self.path, latencies)
        if "layer" in self.table and (nameless := self.table["layer"].isna().to_numpy() & np.isfinite(latencies)).any():
            self._require_value("layer", int(nameless.argmax()))
        return latencies

    def labels(self) -> np.ndarray | None:
        """Return the labels as numbers, or as words if no label is a number. None without labels.

        Some empty cells are an error.
        """
        import pandas as pd

        if "label" not in self.table or (len(self.table) and self.table["label"].isna().all()):
            return None
        values = self.table["label"]
        if len(values):
            self._require_value("label", int(values.isna().argmax()))
            if pd.to_numeric(values, errors="coerce").isna().all():
                return values.astype(str).to_numpy(str)
        return self.whole("label")

    def coordinates(self, names: Sequence[str], fired: np.ndarray) -> list[np.ndarray]:
        """Return the coordinate columns of neurons. Spikes need ``y`` and ``x`` together, or ``channel``.

        Neurons of a dense layer have no ``y`` and ``x``, and neurons of a layer with one map need no ``channel``.
        """
        empty = {name: self.table[name].isna().to_numpy() for name in names}
        y, x, channel = (empty.get(name, np.ones(len(fired), dtype=bool)) for name in AXES)
        needed = {"y": ~x | channel, "x": ~y | channel, "channel": y | x, "neuron": True}
        return [self.whole(name, needed=fired & needed[name]) for name in names]


def check_one_label(path: Path, tags: np.ndarray, labels: np.ndarray) -> None:
    """Raise DataError if a presentation has several labels."""
    if (tags != labels).any():
        raise DataError(f"{path}: has several labels in one presentation; give the same label to all its rows")
