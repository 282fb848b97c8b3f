"""Spikes of all layers from the tidy spike table, a layer at a time, so that the table need not be in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange import presentations

if TYPE_CHECKING:
    import pandas as pd

    from netsim.analysis.spikes import Spikes

PartsOf = tuple[Sequence[str], Callable[[list[str]], Iterator[Any]]]
"""The columns that a table has, and a function that gives some of them, as tables of some rows after each other."""
_ONLY_LAYER = "spikes"  # what the layer is called if the table names none
_PLACE = ("y", "x", "channel")


def read_columns(path: Path, parts_of: Callable[[Path], PartsOf]) -> Spikes:
    """Read a table of spikes; columns are those of `netsim.exchange.read_layer`.

    The neurons of a layer are those up to the last one that fires anywhere, its presentations those with a row.
    """
    from netsim.analysis.spikes import LayerSpikes, Spikes

    with presentations.reading(path, "a table of spikes"):
        columns, parts = parts_of(path)
        missing = [name for name in ("presentation", "latency_ms") if name not in columns]
        if missing:
            raise DataError(f"{path}: lacks the column {' and '.join(missing)}")
        place = ["neuron"] if "neuron" in columns else [name for name in _PLACE if name in columns]
        if place != ["neuron"] and "channel" not in place and ("y" not in place or "x" not in place):
            raise DataError(f"{path}: does not say which neuron fired; it needs neuron, or y, x and channel")
        has_layers = "layer" in columns
        chosen = [*(["layer"] if has_layers else []), *(["label"] if "label" in columns else []), "presentation"]
        found = _survey(path, parts([*chosen, *place]), place)

    def load(name: str) -> LayerSpikes:
        with presentations.reading(path, "a table of spikes"):
            wanted = [*(["layer"] if has_layers else []), "presentation", *place, "latency_ms"]
            rows, neurons, times = _columns(path, parts(wanted), name if has_layers else None, place, found)
            return LayerSpikes.of_columns(name, found.sizes[name], len(found.numbers), rows, neurons, times)

    return Spikes(found.numbers, found.labels, found.sizes, load, complete=False)


class _Survey:
    """What a table tells of layers and presentations."""

    def __init__(self) -> None:
        self.numbers = np.empty(0, np.int64)
        self.labels: np.ndarray | None = None
        self.extents: dict[str, np.ndarray] = {}
        """The largest number in each column of the place, by layer."""

    @property
    def sizes(self) -> dict[str, int]:
        return {name: int(np.prod(extent + 1)) for name, extent in self.extents.items()}


def _survey(path: Path, parts: Iterable[pd.DataFrame], place: list[str]) -> _Survey:
    """Look through a table once."""
    found = _Survey()
    names, tags, labelled = [], [], True
    order: dict[str, int] = {}
    for table in parts:
        numbers = _whole(path, table, "presentation")
        labelled &= "label" in table and bool(table["label"].notna().all())
        tag = _whole(path, table, "label") if labelled else np.zeros(len(table), np.int64)
        unique, first = np.unique(numbers, return_index=True)
        if labelled and (tag != tag[first][np.searchsorted(unique, numbers)]).any():
            raise DataError(f"{path}: has several labels in one presentation")
        names.append(unique)
        tags.append(tag[first])
        if "layer" in table:
            code, categories = _layers(table["layer"])
            for known in categories:
                order.setdefault(known, len(order))
        else:
            code, categories = np.zeros(len(table), np.int8), [_ONLY_LAYER]
            order.setdefault(_ONLY_LAYER, 0)
        places = np.array([_whole(path, table, name, missing=0) for name in place])
        for position, name in enumerate(categories):
            own = places[:, code == position]
            if own.shape[1]:
                largest = own.max(axis=1)
                found.extents[name] = np.maximum(found.extents.get(name, largest), largest)
    if names:
        every, tag = np.concatenate(names), np.concatenate(tags)
        found.numbers, first = np.unique(every, return_index=True)
        if labelled:
            found.labels = tag[first]
            if (tag != found.labels[np.searchsorted(found.numbers, every)]).any():
                raise DataError(f"{path}: has several labels in one presentation")
    found.extents = {name: found.extents[name] for name in sorted(found.extents, key=order.__getitem__)}
    return found


def _columns(
    path: Path, parts: Iterable[pd.DataFrame], layer: str | None, place: list[str], found: _Survey
) -> list[np.ndarray]:
    """Presentations, as positions from 0, neurons and latencies of the spikes of a layer."""
    extent = tuple(found.extents[layer or _ONLY_LAYER] + 1)
    columns: tuple[list[np.ndarray], ...] = ([], [], [])
    for table in parts:
        rows = table
        if layer is not None:
            code, categories = _layers(table["layer"])
            rows = table[code == (categories.index(layer) if layer in categories else len(categories))]
        latencies = _latencies(path, rows)
        fired = np.isfinite(latencies)
        at = [_whole(path, rows, name, missing=0)[fired] for name in place]
        columns[0].append(np.searchsorted(found.numbers, _whole(path, rows, "presentation")[fired]).astype(np.int32))
        columns[1].append((np.ravel_multi_index(at, extent) if len(at) > 1 else at[0]).astype(np.int32))
        columns[2].append(latencies[fired])
    joined = []
    for column in columns:  # one after the other, as they can take much of the memory
        joined.append(np.concatenate(column))
        column.clear()
    return joined


def _layers(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The layer of each row, as a position in a list of names; those of a categorical, else as they come."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), [str(name) for name in column.cat.categories]
    codes, names = pd.factorize(column)
    return codes, [str(name) for name in names]


def _latencies(path: Path, table: pd.DataFrame) -> np.ndarray:
    import pandas as pd

    latencies = pd.to_numeric(table["latency_ms"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if np.isnan(latencies).any():
        raise DataError(f"{path}: latency_ms is no number in some rows; a silent neuron has no row, or inf")
    if (latencies < 0).any():
        raise DataError(f"{path}: holds negative times; time starts at 0 with the presentation")
    return latencies


def _whole(path: Path, table: pd.DataFrame, name: str, missing: int | None = None) -> np.ndarray:
    """A column of whole numbers; `missing` stands for what is not there, which is refused by default."""
    import pandas as pd

    values = table[name]
    if values.dtype.kind in "iu" and not values.hasnans:
        return presentations.whole_numbers(path, name, values.to_numpy(), None if name == "presentation" else 0)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if missing is not None:
        numbers = np.where(np.isnan(numbers) & values.isna().to_numpy(), missing, numbers)
    return presentations.whole_numbers(path, name, numbers, None if name == "presentation" else 0)
