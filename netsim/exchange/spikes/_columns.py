"""Spikes of all layers from the tidy spike table, in parts, so that neither the table nor a layer need be in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange import presentations

if TYPE_CHECKING:
    import pandas as pd

    from netsim.analysis.layer_spikes import LayerSpikes
    from netsim.analysis.spikes import Progress, Spikes

PartsOf = tuple[Sequence[str], Callable[[list[str]], Iterator[Any]]]
"""The columns that a table has, and a function that gives some of them, as tables of some rows after each other."""
_ONLY_LAYER = "spikes"  # what the layer is called if the table names none
_PLACE = ("y", "x", "channel")


def read_columns(path: Path, parts_of: Callable[[Path], PartsOf]) -> Spikes:
    """Read a table of spikes; columns are those of `netsim.exchange.read_layer`.

    The neurons of a layer are those up to the last one that fires anywhere, its presentations those with a row.
    """
    from netsim.analysis.spikes import Spikes

    with presentations.reading(path, "a table of spikes"):
        columns, parts = parts_of(path)
        missing = [name for name in ("presentation", "latency_ms") if name not in columns]
        if missing:
            raise DataError(f"{path}: lacks the column {' and '.join(missing)}")
        place = ["neuron"] if "neuron" in columns else [name for name in _PLACE if name in columns]
        if place != ["neuron"] and "channel" not in place and ("y" not in place or "x" not in place):
            raise DataError(f"{path}: does not say which neuron fired; it needs neuron, or y, x and channel")
        wanted = [*(["layer"] if "layer" in columns else []), "presentation", *place, "latency_ms"]
        labels = ["label"] if "label" in columns else []
        found = _survey(path, parts([*labels, *wanted]), place)
    table = _Table(path, place, lambda: parts(wanted), found)

    def stream(names: Sequence[str], progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        parts = table.parts(names, progress)
        while True:
            with presentations.reading(path, "a table of spikes"):  # not while the part is used
                part = next(parts, None)
            if part is None:
                return
            yield part

    def load(name: str) -> LayerSpikes:
        with presentations.reading(path, "a table of spikes"):
            return table.whole(name)

    sizes = {name: layer.size for name, layer in found.layers.items()}
    return Spikes(found.numbers, found.labels, sizes, load, complete=False, stream=stream)


@dataclass
class _Layer:
    """What a table tells of a layer."""

    extent: np.ndarray
    """The largest number in each column of the place, and one more."""
    spikes: int = 0
    window: tuple[float, float] = (np.inf, -np.inf)
    last: int = -(2**63)
    """The last presentation so far."""
    is_sorted: bool = True
    """Whether its presentations follow each other in the table."""

    @property
    def size(self) -> int:
        return math.prod(self.extent.tolist())


@dataclass
class _Survey:
    """What a table tells of layers and presentations."""

    numbers: np.ndarray
    labels: np.ndarray | None
    layers: dict[str, _Layer]
    rows: int


def _survey(path: Path, parts: Iterable[pd.DataFrame], place: list[str]) -> _Survey:
    """Look through a table once."""
    layers: dict[str, _Layer] = {}
    names, tags, labelled = [np.empty(0, np.int64)], [np.empty(0, np.int64)], True
    order: dict[str, int] = {}
    rows = 0
    for table in parts:
        rows += len(table)
        numbers = _whole(path, table, "presentation")
        labelled &= "label" in table and bool(table["label"].notna().all())
        new = np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]
        if labelled:
            tag = _whole(path, table, "label")
            new[1:] |= tag[1:] != tag[:-1]  # of a presentation with several labels all are kept
            tags.append(tag[new])
        names.append(numbers[new])
        columns = [_latencies(path, table), *(_whole(path, table, name, missing=0) for name in place)]
        for name, own in _by_layer(table, order):
            latencies, *places = (column[own] for column in columns)
            layer = layers.setdefault(name, _Layer(np.ones(len(place), np.int64)))
            _note(layer, numbers[own], latencies, places)
    every = np.concatenate(names)
    unique, first = np.unique(every, return_index=True)
    labels = None
    if labelled and rows:
        tag = np.concatenate(tags)
        labels = tag[first]
        if (tag != labels[np.searchsorted(unique, every)]).any():
            raise DataError(f"{path}: has several labels in one presentation")
    for name, layer in layers.items():
        presentations.check_size(path, name, layer.size)
        if not layer.spikes:
            layer.window = (0.0, 0.0)
    return _Survey(unique, labels, {name: layers[name] for name in sorted(layers, key=order.__getitem__)}, rows)


def _note(layer: _Layer, numbers: np.ndarray, latencies: np.ndarray, places: Sequence[np.ndarray]) -> None:
    """What some rows tell of their layer; there is at least one."""
    layer.extent = np.maximum(layer.extent, [values.max() + 1 for values in places])
    fired = np.isfinite(latencies)
    layer.spikes += int(np.count_nonzero(fired))
    first = latencies.min()
    if np.isfinite(first):
        last = latencies.max(where=fired, initial=first)
        layer.window = (min(layer.window[0], float(first)), max(layer.window[1], float(last)))
    layer.is_sorted &= bool(numbers[0] >= layer.last and (numbers[1:] >= numbers[:-1]).all())
    layer.last = int(numbers[-1])


def _by_layer(table: pd.DataFrame, order: dict[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    """Each layer that has rows, and which rows; what is known of the order of layers is completed."""
    if "layer" not in table:
        order.setdefault(_ONLY_LAYER, 0)
        if len(table):
            yield _ONLY_LAYER, np.ones(len(table), dtype=bool)
        return
    code, names = _layers(table["layer"])
    for position, name in enumerate(names):
        order.setdefault(name, len(order))
        own = code == position
        if own.any():
            yield name, own


@dataclass(frozen=True)
class _Table:
    """A table of spikes that is read in parts, again and again."""

    path: Path
    place: list[str]
    tables: Callable[[], Iterator[pd.DataFrame]]
    survey: _Survey

    def whole(self, name: str) -> LayerSpikes:
        """A layer that is all in memory."""
        from netsim.analysis.layer_spikes import LayerSpikes

        layer, count = self.survey.layers[name], len(self.survey.numbers)
        # spikes into their place at once, so that none is twice in memory
        neurons, latencies = np.empty(layer.spikes, np.int32), np.empty(layer.spikes)
        end = 0
        if layer.is_sorted:
            counts = np.zeros(count, np.int64)
            for first, part in self._sorted_parts({name}):
                begin, end = end, end + len(part.latencies)
                counts[first : first + part.presentations] = part.counts
                neurons[begin:end], latencies[begin:end] = part.neurons, part.latencies
            starts = np.concatenate([[0], np.cumsum(counts)])
            return LayerSpikes(name, layer.size, layer.window, starts, neurons[:end], latencies[:end], observed=True)
        rows = np.empty(layer.spikes, np.int32)
        for _, columns in self._columns({name}):
            begin, end = end, end + len(columns[0])
            rows[begin:end], neurons[begin:end], latencies[begin:end] = columns
        of_file = LayerSpikes.of_columns(name, layer.size, count, rows, neurons, latencies, layer.window)
        return replace(of_file, observed=True)

    def parts(self, names: Sequence[str], progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        """Layers in parts, see `netsim.analysis.Spikes.parts`; one whose presentations are mixed is a single part."""
        in_order = [name for name in names if self.survey.layers[name].is_sorted]
        if in_order:
            yield from self._sorted_parts(in_order, progress)
        for name in names:
            if name not in in_order:
                yield 0, self.whole(name)

    def _sorted_parts(
        self, names: Collection[str], progress: Progress | None = None
    ) -> Iterator[tuple[int, LayerSpikes]]:
        """Layers whose presentations follow each other, read once."""
        kept: dict[str, list[np.ndarray]] = {}  # spikes of the last presentation, of which more may come
        for name, columns in self._columns(names, progress):
            if name in kept:
                columns = [np.concatenate(both) for both in zip(kept[name], columns, strict=True)]
            rows = columns[0]
            complete = int(np.searchsorted(rows, rows[-1])) if len(rows) else 0
            kept[name] = [column[complete:].copy() for column in columns]
            if complete:
                yield self._part(name, [column[:complete] for column in columns])
        for name, columns in kept.items():
            yield self._part(name, columns)

    def _part(self, name: str, columns: Sequence[np.ndarray]) -> tuple[int, LayerSpikes]:
        from netsim.analysis.layer_spikes import LayerSpikes

        rows, neurons, latencies = columns
        layer = self.survey.layers[name]
        first, count = (int(rows[0]), int(rows[-1] - rows[0]) + 1) if len(rows) else (0, 0)
        part = LayerSpikes.of_columns(name, layer.size, count, rows - first, neurons, latencies, layer.window)
        return first, replace(part, observed=True)

    def _columns(
        self, names: Collection[str], progress: Progress | None = None
    ) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Of layers, presentations as positions from 0, neurons and latencies of the spikes of some rows."""
        done = 0
        for table in self.tables():
            if progress is not None:
                progress(done, self.survey.rows)
            done += len(table)
            latencies = _latencies(self.path, table)
            fired = np.isfinite(latencies)
            numbers = _whole(self.path, table, "presentation")
            places = [_whole(self.path, table, name, missing=0) for name in self.place]
            for name, own in _by_layer(table, {}):
                if name in names:
                    chosen = own & fired
                    at = [column[chosen] for column in places]
                    extent = tuple(self.survey.layers[name].extent)
                    neurons = np.ravel_multi_index(at, extent) if len(at) > 1 else at[0]
                    rows = np.searchsorted(self.survey.numbers, numbers[chosen])
                    yield name, [rows.astype(np.int32), neurons.astype(np.int32), latencies[chosen]]
        if progress is not None:
            progress(done, self.survey.rows)


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
