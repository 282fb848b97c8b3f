"""Spikes of all layers from the tidy spike table, in parts, so that neither the table nor a layer need be in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange import presentations
from netsim.exchange.spikes._rows import PLACE, Rows, check_columns, check_one_label

if TYPE_CHECKING:
    import pandas as pd

    from netsim.spikes import LayerSpikes, Progress, Spikes

PartsOf = tuple[Sequence[str], Callable[[list[str]], Iterator[Any]]]
"""The columns that a table has, and a function that gives some of them, as tables of some rows after each other."""
_ONLY_LAYER = "spikes"  # what the layer is called if the table names none


def read_columns(path: Path, parts_of: Callable[[Path], PartsOf]) -> Spikes:
    """Read a table of spikes; columns are those of `netsim.exchange.read_layer`.

    The neurons of a layer are those up to the last one that fires anywhere, its presentations those with a row. Where
    there is ``neuron``, other columns do not place a neuron: how they are numbered says the shape, which nobody tells.
    """
    from netsim.spikes import Spikes

    with presentations.reading(path, "a table of spikes"):
        columns, parts = parts_of(path)
        check_columns(path, columns)
        place = ["neuron"] if "neuron" in columns else [name for name in PLACE if name in columns]
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

    shapes = {name: (layer.size,) for name, layer in found.layers.items()}
    return Spikes(shapes, load, found.numbers, found.labels, complete=False, stream=stream)


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
    names, tags = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    order: dict[str, int] = {}
    seen, unlabelled = 0, 0
    for table in parts:
        rows = Rows(path, table, seen)
        seen += len(table)
        numbers, tag = rows.presentations(), rows.labels()
        new = np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]
        if tag is None:
            unlabelled += len(table)
        else:
            new[1:] |= tag[1:] != tag[:-1]  # of a presentation with several labels all are kept
            tags.append(tag[new])
        if unlabelled not in (0, seen):
            raise DataError(f"{path}: has rows with and without a label; give one to each, or to none")
        names.append(numbers[new])
        latencies = rows.latencies()
        columns = [latencies, *rows.places(place, np.isfinite(latencies))]
        for name, own in _by_layer(table, order):
            latencies, *places = (column[own] for column in columns)
            layer = layers.setdefault(name, _Layer(np.ones(len(place), np.int64)))
            _note(layer, numbers[own], latencies, places)
    every = np.concatenate(names)
    unique, first = np.unique(every, return_index=True)
    labels = None
    if not unlabelled and seen:
        tag = np.concatenate(tags)
        labels = tag[first]
        check_one_label(path, tag, labels[np.searchsorted(unique, every)])
    for name, layer in layers.items():
        presentations.check_size(path, name, layer.size)
        if not layer.spikes:
            layer.window = (0.0, 0.0)
    return _Survey(unique, labels, {name: layers[name] for name in sorted(layers, key=order.__getitem__)}, seen)


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
        from netsim.spikes import LayerSpikes

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
        return LayerSpikes.of_columns(name, layer.size, count, rows, neurons, latencies, layer.window, observed=True)

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
        from netsim.spikes import LayerSpikes

        rows, neurons, latencies = columns
        layer = self.survey.layers[name]
        first, count = (int(rows[0]), int(rows[-1] - rows[0]) + 1) if len(rows) else (0, 0)
        rows = rows - first
        part = LayerSpikes.of_columns(name, layer.size, count, rows, neurons, latencies, layer.window, observed=True)
        return first, part

    def _columns(
        self, names: Collection[str], progress: Progress | None = None
    ) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Of layers, presentations as positions from 0, neurons and latencies of the spikes of some rows."""
        done = 0
        for table in self.tables():
            if progress is not None:
                progress(done, self.survey.rows)
            done += len(table)
            rows = Rows(self.path, table, done - len(table))
            latencies, numbers = rows.latencies(), rows.presentations()
            fired = np.isfinite(latencies)
            places = rows.places(self.place, fired)
            for name, own in _by_layer(table, {}):
                if name in names:
                    chosen = own & fired
                    at = [column[chosen] for column in places]
                    extent = tuple(self.survey.layers[name].extent)
                    neurons = np.ravel_multi_index(at, extent) if len(at) > 1 else at[0]
                    positions = np.searchsorted(self.survey.numbers, numbers[chosen])
                    yield name, [positions.astype(np.int32), neurons.astype(np.int32), latencies[chosen]]
        if progress is not None:
            progress(done, self.survey.rows)


def _layers(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """The layer of each row, as a position in a list of names; those of a categorical, else as they come."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), [str(name) for name in column.cat.categories]
    codes, names = pd.factorize(column)
    return codes, [str(name) for name in names]
