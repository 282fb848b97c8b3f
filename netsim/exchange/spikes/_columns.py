"""Read spikes of all layers from the spike table in parts, so that neither table nor layer has to fit in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, DataWarning, warn_user
from netsim.exchange import presentations
from netsim.exchange.spikes._rows import AXES, Rows, check_columns, check_one_label
from netsim.numerics.groups import starts_of
from netsim.spikes.labels import class_numbers, in_order

if TYPE_CHECKING:
    import pandas as pd

    from netsim.spikes import LayerSpikes, Progress, Spikes

PartsOf = tuple[Sequence[str], Callable[[list[str]], Iterator[Any]]]
"""The columns of a table, and a function that yields some of them in consecutive blocks of rows."""
_MANY = 1000  # neurons of a layer from which on a gap in their numbers is noticed
_ONLY_LAYER = "spikes"  # name of the layer in a table without layers


def read_columns(path: Path, parts_of: Callable[[Path], PartsOf]) -> Spikes:
    """Read a table of spikes with the columns of `netsim.exchange.read_layer`.

    A layer has the neurons up to the highest number that fires, and the presentations that have a row. If there is a
    column ``neuron``, other coordinates are ignored, because their numbering depends on an unknown shape.
    """
    from netsim.spikes import Spikes

    with presentations.reading(path, "a table of spikes"):
        columns, parts = parts_of(path)
        check_columns(path, columns)
        axes = ["neuron"] if "neuron" in columns else [name for name in AXES if name in columns]
        if axes != ["neuron"] and "channel" not in axes and ("y" not in axes or "x" not in axes):
            raise DataError(f"{path}: does not identify the neurons; it needs neuron, or y, x and channel")
        wanted = [*(["layer"] if "layer" in columns else []), "presentation", *axes, "latency_ms"]
        labels = ["label"] if "label" in columns else []
        survey = _survey(path, parts([*labels, *wanted]), axes)
    _warn_of_mistakes(path, survey.layers)
    table = _Table(path, axes, lambda: parts(wanted), survey)

    def stream(names: Sequence[str], progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        parts = table.parts(names, progress)
        while True:
            with presentations.reading(path, "a table of spikes"):  # does not cover the use of the part
                part = next(parts, None)
            if part is None:
                table.warn_of_later()
                return
            yield part

    def load(name: str) -> LayerSpikes:
        with presentations.reading(path, "a table of spikes"):
            whole = table.whole(name)
        table.warn_of_later()
        return whole

    shapes = {name: (layer.size,) for name, layer in survey.layers.items()}
    return Spikes(shapes, load, survey.numbers, survey.labels, survey.classes, complete=False, stream=stream)


def _warn_of_mistakes(path: Path, layers: Mapping[str, _Layer]) -> None:
    """Warn of identifiers instead of numbers of neurons, and of seconds instead of ms."""
    for name, layer in layers.items():
        if layer.size > _MANY and layer.spikes < layer.size / 10:
            few = f"{name} has the neurons 0 to {layer.size - 1:,}, but only {layer.spikes:,} spikes"
            warn_user(f"{path}: {few}; if the numbers are identifiers, number the neurons from 0", DataWarning)
    presentations.warn_of_seconds(str(path), max((layer.window[1] for layer in layers.values()), default=0.0))


@dataclass
class _Layer:
    """Summary of a layer in a table."""

    extent: np.ndarray
    """Largest number in each coordinate column, plus one."""
    spikes: int = 0
    window: tuple[float, float] = (np.inf, -np.inf)
    last: int = -(2**63)
    """Last presentation so far."""
    is_sorted: bool = True
    """Presentations are in order."""

    @property
    def size(self) -> int:
        return math.prod(self.extent.tolist())


@dataclass
class _Survey:
    """Summary of the layers and presentations of a table."""

    numbers: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...]
    """Names of the labels, if they are words."""
    layers: dict[str, _Layer]
    rows: int


def _survey(path: Path, parts: Iterable[pd.DataFrame], axes: list[str]) -> _Survey:
    """Scan a table once."""
    layers: dict[str, _Layer] = {}
    names, tags = [np.empty(0, np.int64)], list[np.ndarray]()
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
            new[1:] |= tag[1:] != tag[:-1]  # keeps all labels of a presentation
            tags.append(tag[new])
        if unlabelled not in (0, seen):
            raise DataError(f"{path}: has rows with and without a label; give one to each, or to none")
        names.append(numbers[new])
        latencies = rows.latencies()
        columns = [latencies, *rows.coordinates(axes, np.isfinite(latencies))]
        for name in _in_fullest(table):
            order.setdefault(name, len(order))
        for name, chosen in _by_layer(table, order):
            latencies, *coordinates = (column[chosen] for column in columns)
            layer = layers.setdefault(name, _Layer(np.ones(len(axes), np.int64)))
            _note(layer, numbers[chosen], latencies, coordinates)
    every = np.concatenate(names)
    unique, first = np.unique(every, return_index=True)
    labels, classes = None, tuple[str, ...]()
    if not unlabelled and seen:
        if len({tag.dtype.kind for tag in tags if tag.size}) > 1:
            raise DataError(f"{path}: has words and numbers as labels; give all as words, or all as numbers from 0")
        tag = np.concatenate(tags)
        labels = tag[first]
        check_one_label(path, tag, labels[np.searchsorted(unique, every)])
        if labels.dtype.kind == "U":
            classes = in_order(labels.tolist())
            labels = class_numbers(labels.tolist(), classes, f"{path}: the label")
    for name, layer in layers.items():
        presentations.check_size(path, name, layer.size)
        if not layer.spikes:
            layer.window = (0.0, 0.0)
    return _Survey(
        unique, labels, classes, {name: layers[name] for name in sorted(layers, key=order.__getitem__)}, seen
    )


def _note(layer: _Layer, numbers: np.ndarray, latencies: np.ndarray, coordinates: Sequence[np.ndarray]) -> None:
    """Add rows, at least one, to the summary of their layer."""
    layer.extent = np.maximum(layer.extent, [values.max() + 1 for values in coordinates])
    fired = np.isfinite(latencies)
    layer.spikes += int(np.count_nonzero(fired))
    first = latencies.min()
    if np.isfinite(first):
        last = latencies.max(where=fired, initial=first)
        layer.window = (min(layer.window[0], float(first)), max(layer.window[1], float(last)))
    layer.is_sorted &= bool(numbers[0] >= layer.last and (numbers[1:] >= numbers[:-1]).all())
    layer.last = int(numbers[-1])


def _by_layer(table: pd.DataFrame, order: dict[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each layer with rows, and a mask of its rows. `order` is updated."""
    if "layer" not in table:
        order.setdefault(_ONLY_LAYER, 0)
        if len(table):
            yield _ONLY_LAYER, np.ones(len(table), dtype=bool)
        return
    code, names = _layers(table["layer"])
    for position, name in enumerate(names):
        order.setdefault(name, len(order))
        chosen = code == position
        if chosen.any():
            yield name, chosen


@dataclass(frozen=True)
class _Table:
    """A table of spikes that is read repeatedly in parts."""

    path: Path
    axes: list[str]
    tables: Callable[[], Iterator[pd.DataFrame]]
    survey: _Survey
    later: Counter[str] = field(default_factory=Counter)
    """Spikes of each layer in the last pass that are not the first of their neuron in a presentation."""

    def whole(self, name: str) -> LayerSpikes:
        """Read a whole layer into memory."""
        from netsim.spikes import LayerSpikes

        layer, count = self.survey.layers[name], len(self.survey.numbers)
        # spikes are written in place, so that none is in memory twice
        neurons, latencies = np.empty(layer.spikes, np.int32), np.empty(layer.spikes)
        end = 0
        if layer.is_sorted:
            counts = np.zeros(count, np.int64)
            for first, part in self._sorted_parts({name}):
                begin, end = end, end + len(part.latencies)
                counts[first : first + part.presentations] = part.counts
                neurons[begin:end], latencies[begin:end] = part.neurons, part.latencies
            kept = starts_of(counts), neurons[:end], latencies[:end]
            return LayerSpikes(name, layer.size, layer.window, *kept, observed=True)
        rows = np.empty(layer.spikes, np.int32)
        for _, columns in self._columns({name}):
            begin, end = end, end + len(columns[0])
            rows[begin:end], neurons[begin:end], latencies[begin:end] = columns
        whole = LayerSpikes.of_columns(name, layer.size, count, rows, neurons, latencies, layer.window, observed=True)
        self.later[name] = layer.spikes - len(whole.latencies)
        return whole

    def parts(self, names: Sequence[str], progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        """Yield layers in parts, see `netsim.Spikes.parts`. Layers with unordered presentations are one part."""
        in_order = [name for name in names if self.survey.layers[name].is_sorted]
        if in_order:
            yield from self._sorted_parts(in_order, progress)
        for name in names:
            if name not in in_order:
                yield 0, self.whole(name)

    def _sorted_parts(
        self, names: Collection[str], progress: Progress | None = None
    ) -> Iterator[tuple[int, LayerSpikes]]:
        """Yield parts of layers with ordered presentations, in a single pass."""
        kept: dict[str, list[np.ndarray]] = {}  # spikes of the last presentation, which may continue
        self.later.clear()
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

    def warn_of_later(self) -> None:
        """Warn of layers with spikes that are not the first of their neuron in a presentation."""
        for name, number in self.later.items():
            if number:
                count = f"{number:,} of {self.survey.layers[name].spikes:,} spikes of {name}"
                warn_user(f"{self.path}: {count} {presentations.REPEATED}", DataWarning)

    def _part(self, name: str, columns: Sequence[np.ndarray]) -> tuple[int, LayerSpikes]:
        from netsim.spikes import LayerSpikes

        rows, neurons, latencies = columns
        layer = self.survey.layers[name]
        first, count = (int(rows[0]), int(rows[-1] - rows[0]) + 1) if len(rows) else (0, 0)
        rows = rows - first
        part = LayerSpikes.of_columns(name, layer.size, count, rows, neurons, latencies, layer.window, observed=True)
        self.later[name] += len(rows) - len(part.latencies)
        return first, part

    def _columns(
        self, names: Collection[str], progress: Progress | None = None
    ) -> Iterator[tuple[str, list[np.ndarray]]]:
        """Yield positions of presentations, neurons and latencies of the spikes of a layer in a block of rows."""
        done = 0
        for table in self.tables():
            if progress is not None:
                progress(done, self.survey.rows)
            done += len(table)
            rows = Rows(self.path, table, done - len(table))
            latencies, numbers = rows.latencies(), rows.presentations()
            fired = np.isfinite(latencies)
            coordinates = rows.coordinates(self.axes, fired)
            for name, of_layer in _by_layer(table, {}):
                if name in names:
                    chosen = of_layer & fired
                    at = [column[chosen] for column in coordinates]
                    extent = tuple(self.survey.layers[name].extent)
                    neurons = np.ravel_multi_index(at, extent) if len(at) > 1 else at[0]
                    positions = np.searchsorted(self.survey.numbers, numbers[chosen])
                    yield name, [positions.astype(np.int32), neurons.astype(np.int32), latencies[chosen]]
        if progress is not None:
            progress(done, self.survey.rows)


def _layers(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the layer of each row as a position in a list of names. A categorical keeps its order."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), [str(name) for name in column.cat.categories]
    codes, names = pd.factorize(column)
    return codes, [str(name) for name in names]


def _in_fullest(table: pd.DataFrame) -> list[str]:
    """Return the layers of the presentation with most layers, because layers may be silent in the first one.

    Return none for a categorical, which has an order of its own.
    """
    import pandas as pd

    if "layer" not in table or isinstance(table["layer"].dtype, pd.CategoricalDtype):
        return []
    pairs = table[["presentation", "layer"]].dropna().drop_duplicates()
    if pairs.empty:
        return []
    fullest = pairs.groupby("presentation", sort=False).size().idxmax()
    return [str(name) for name in pairs.loc[pairs["presentation"] == fullest, "layer"]]
