"""Spikes of one layer over many presentations, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr

if TYPE_CHECKING:
    from scipy import sparse

_MOST_DENSE = 2**28  # latencies of an array, 2 GiB
_PART = 2**20  # spikes that are looked at together
_MOST_GROUPS = 2**10  # presentations, or neurons, that are


@dataclass(frozen=True, eq=False)
class LayerSpikes:
    """The first spikes of one layer, sorted by presentation and then by neuron.

    Parameters
    ----------
    name : str
    size : int
        Neurons of the layer, those that never fire included.
    window : tuple of float
        When its neurons can fire (ms): what is silent counts as a spike at its end where a number is needed.
    starts : ndarray of int64, shape (presentations + 1,)
        Presentation ``p`` has the spikes ``starts[p]`` to ``starts[p + 1] - 1``.
    neurons : ndarray of int32, shape (spikes,)
        Which neuron fired.
    latencies : ndarray of float64, shape (spikes,)
        When, from the start of the presentation (ms).
    observed : bool
        Whether the window is only that of the spikes there are, for nobody says when neurons can fire.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [np.inf, np.inf], [5.0, 4.0]]))
    >>> layer.counts.tolist(), layer.neurons.tolist(), layer.latencies.tolist()
    ([1, 0, 2], [0, 0, 1], [3.0, 5.0, 4.0])
    """

    name: str
    size: int
    window: tuple[float, float]
    starts: np.ndarray
    neurons: np.ndarray
    latencies: np.ndarray
    observed: bool = False

    __repr__ = short_repr

    @classmethod
    def of_latencies(cls, name: str, latencies: np.ndarray, window: tuple[float, float] | None = None) -> LayerSpikes:
        """From latencies (ms, ``inf`` is silent) of shape (presentations, ...); by default the window is theirs."""
        flat = latencies.reshape(len(latencies), -1)
        fired = np.isfinite(flat)
        times = flat[fired].astype(np.float64)
        starts = np.concatenate([[0], np.cumsum(fired.sum(axis=1), dtype=np.int64)])
        neurons = np.nonzero(fired)[1].astype(np.int32)
        return cls(name, flat.shape[1], window or observed_window(times), starts, neurons, times, window is None)

    @classmethod
    def of_columns(
        cls,
        name: str,
        size: int,
        count: int,
        presentations: np.ndarray,
        neurons: np.ndarray,
        latencies: np.ndarray,
        window: tuple[float, float] | None = None,
        observed: bool = False,
    ) -> LayerSpikes:
        """From one entry per spike in any order; of several spikes of a neuron in a presentation the first counts.

        Presentations are positions from 0, of `count`; latencies are finite (ms). By default the window is that of all
        entries, or the one given is only `observed`.
        """
        observed, window = observed or window is None, window or observed_window(latencies)
        key = presentations.astype(np.int64)
        key *= size  # in place, as columns are sorted next: of a large file each is gigabytes
        key += neurons
        if not (key[1:] > key[:-1]).all():
            if max(size, count) <= 2**16:  # by radix, twice
                order = np.argsort(neurons.astype(np.uint16), kind="stable")
                order = order[np.argsort(presentations.astype(np.uint16)[order], kind="stable")]
            else:
                order = np.argsort(key)
            sorted_key = key[order]
            new = np.ones(len(key), dtype=bool)
            new[1:] = sorted_key[1:] > sorted_key[:-1]
            del sorted_key
            if not new.all():
                order = np.lexsort((latencies, key))[new]
            presentations, neurons, latencies = presentations[order], neurons[order], latencies[order]
        del key
        counts = np.bincount(presentations, minlength=count)
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        times = latencies.astype(np.float64, copy=False)
        return cls(name, size, window, starts, neurons.astype(np.int32, copy=False), times, observed)

    @property
    def presentations(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """Spikes of each presentation, int64."""
        return np.diff(self.starts)

    @property
    def rows(self) -> np.ndarray:
        """The presentation of each spike, counted from 0, int32."""
        return np.repeat(np.arange(self.presentations, dtype=np.int32), self.counts)

    def parts(self) -> Iterator[tuple[int, LayerSpikes]]:
        """Presentations that follow each other, about a million spikes at a time, with the position of the first."""
        for first, last in blocks(self.starts):
            begin, end = self.starts[first], self.starts[last]
            part = slice(begin, end)
            starts = self.starts[first : last + 1] - begin
            yield first, replace(self, starts=starts, neurons=self.neurons[part], latencies=self.latencies[part])

    def by_neuron(self, values: np.ndarray) -> Iterator[NeuronSpikes]:
        """A value per spike, those of a neuron together; neurons in turn, about a million spikes at a time."""
        columns = self.matrix(values).tocsc()
        for first, last in blocks(columns.indptr):
            part = slice(columns.indptr[first], columns.indptr[last])
            counts = np.diff(columns.indptr[first : last + 1]).astype(np.int64)
            # copies, as what is kept of one would keep all
            yield NeuronSpikes(first, counts, columns.indices[part].copy(), columns.data[part].copy())

    def ranks(self) -> np.ndarray:
        """The rank of each spike among those of its layer and presentation, from 1; ties share their mean, float64."""
        ranks = np.empty(len(self.latencies))
        for first, part in self.parts():
            begin = self.starts[first]
            ranks[begin : begin + len(part.latencies)] = part._own_ranks()
        return ranks

    def _own_ranks(self) -> np.ndarray:
        order = order_within(self.latencies, self.counts)
        rows, times = self.rows, self.latencies[order]
        first = np.ones(len(times), dtype=bool)
        first[1:] = (np.diff(rows) > 0) | (np.diff(times) > 0)
        group = np.cumsum(first) - 1
        begin = np.flatnonzero(first)
        last = np.append(begin[1:], len(times)) - 1
        ranks = np.empty(len(times))
        ranks[order] = ((begin + last) / 2)[group] - self.starts[rows] + 1
        return ranks

    def earliness(self) -> np.ndarray:
        """How early each spike is: 1 at the onset of the window, 0 at its end, as in silence; float64."""
        start, end = self.window
        return np.clip((end - self.latencies) / max(end - start, 1e-300), 0.0, 1.0)

    def mean_latencies(self) -> np.ndarray:
        """The mean latency of the spikes of each presentation (ms), NaN without one; float64."""
        total = np.bincount(self.rows, self.latencies, minlength=self.presentations)
        return np.divide(total, self.counts, out=np.full(self.presentations, np.nan), where=self.counts > 0)

    def matrix(self, values: np.ndarray) -> sparse.csr_array:
        """A value per spike as a sparse matrix, shape (presentations, neurons)."""
        from scipy import sparse

        # as narrow as neurons are, which are copied otherwise
        starts = self.starts.astype(np.int32) if self.starts[-1] < 2**31 else self.starts
        return sparse.csr_array((values, self.neurons, starts), shape=(self.presentations, self.size))

    def dense(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Latencies (ms, ``inf`` is silent) of chosen presentations, shape (presentations, neurons)."""
        part = self if chosen is None else self.pick(chosen)
        if part.presentations * self.size > _MOST_DENSE:
            raise DataError(
                f"{self.name}: {part.presentations:,} presentations of {self.size:,} neurons are too many to compare"
                " one by one; choose fewer"
            )
        latencies = np.full((part.presentations, self.size), np.inf)
        latencies[part.rows, part.neurons] = part.latencies
        return latencies

    def pick(self, chosen: np.ndarray) -> LayerSpikes:
        """The presentations at these positions, in this order."""
        counts = self.counts[chosen]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][chosen] - starts[:-1], counts)
        return replace(self, starts=starts, neurons=self.neurons[places], latencies=self.latencies[places])


@dataclass(frozen=True, eq=False)
class NeuronSpikes:
    """Spikes of some neurons of a layer that follow each other, those of a neuron together."""

    first: int
    """The number of the first neuron."""
    counts: np.ndarray
    """Spikes of each neuron, int64."""
    rows: np.ndarray
    """The presentation of each spike, counted from 0, int32."""
    values: np.ndarray
    """What there is of each spike."""

    __repr__ = short_repr

    @property
    def neurons(self) -> np.ndarray:
        """Which of them fired, counted from 0, for each spike; int64."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def blocks(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Groups that begin at these places, with the end, some at a time: the first, and the one behind the last.

    They have a million entries at most, more only if one group has; if there are no groups, they are one block too.
    """
    first, groups = 0, len(starts) - 1
    while True:
        last = int(np.searchsorted(starts, int(starts[first]) + _PART, side="right")) - 1
        last = min(max(last, first + 1), first + _MOST_GROUPS, groups)
        yield first, last
        if last >= groups:
            return
        first = last


def order_within(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What sorts values within groups, which follow each other and have these counts.

    Group by group, each of which fits into the cache: several times as fast as sorting all.
    """
    order = np.empty(len(values), np.int64)
    begin = 0
    for end in np.cumsum(counts).tolist():
        np.add(values[begin:end].argsort(), begin, out=order[begin:end])
        begin = end
    return order


def observed_window(latencies: np.ndarray) -> tuple[float, float]:
    """The earliest and the latest spike (ms), where nobody says when neurons can fire."""
    return (float(latencies.min()), float(latencies.max())) if len(latencies) else (0.0, 0.0)


def joined(presentations: int, parts: Iterable[tuple[int, LayerSpikes]]) -> LayerSpikes:
    """The parts of one layer as a whole, each given with the position of its first presentation."""
    counts, own = np.zeros(presentations, np.int64), []
    for first, part in parts:
        counts[first : first + part.presentations] = part.counts
        own.append(part)
    return replace(
        own[0],
        starts=np.concatenate([[0], np.cumsum(counts)]),
        neurons=np.concatenate([part.neurons for part in own]),
        latencies=np.concatenate([part.latencies for part in own]),
    )
