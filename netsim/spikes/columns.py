"""Spikes of one population over many presentations, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.numerics.groups import starts_of
from netsim.reprs import short_repr
from netsim.specification.checks import check_array, require

if TYPE_CHECKING:
    from scipy import sparse

_MOST_DENSE = 2**28  # latencies per array, 2 GiB
_PART = 2**20  # spikes per block
_MOST_GROUPS = 2**10  # presentations or neurons per block


@dataclass(frozen=True, eq=False)
class LayerSpikes:
    """The first spikes of one population, sorted by presentation and then by neuron.

    Parameters
    ----------
    name : str
    size : int
        Number of neurons, including silent neurons.
    window : tuple of float
        Onset and end (ms) of the firing window. Silence counts as a spike at the end where a number is needed.
    starts : ndarray of int64, shape (presentations + 1,)
        Presentation ``p`` has the spikes ``starts[p]`` to ``starts[p + 1] - 1``.
    neurons : ndarray of int32, shape (spikes,)
        Neuron of each spike.
    latencies : ndarray of float64, shape (spikes,)
        Time of each spike from the start of the presentation (ms).
    observed : bool
        Whether the window is estimated from the spikes, because the firing window is unknown.

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
        """Convert latencies (ms, ``inf`` = silent) of shape (presentations, ...). By default, observe the window.

        Raise a DataError for spikes outside a given window, and for windows that are not two finite times.
        """
        check_array(latencies, f"{name}: latencies")
        if not latencies.size or not latencies.ndim:
            raise DataError(
                f"{name}: latencies have shape {latencies.shape}; give at least one presentation and neuron"
            )
        flat = latencies.reshape(len(latencies), -1)
        fired = np.isfinite(flat)
        times = flat[fired].astype(np.float64)
        if not (flat[~fired] == np.inf).all() or times.min(initial=0.0) < 0:
            raise DataError(f"{name}: latencies contain NaN or negative times; inf is silence")
        if window is not None:
            window = _window(name, window)
            require(window[0] <= window[1], f"{name}: window", f"must not end before it begins, not {window}")
            earliest, latest = observed_window(times)
            if len(times) and not window[0] <= earliest <= latest <= window[1]:
                outside = (
                    f"spikes from {earliest:g} to {latest:g} ms are outside the window ({window[0]:g}, {window[1]:g})"
                )
                raise DataError(f"{name}: {outside}; give a window in ms that includes all spikes, or none")
        starts = starts_of(fired.sum(axis=1))
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
        """Convert one entry per spike, in any order. Only a neuron's first spike in a presentation counts.

        Presentations are indices below `count`, and latencies are finite (ms). The default window spans all entries.
        `observed` marks a given window as observed. Arrays that are in order are kept, not copied.
        """
        observed, window = observed or window is None, window or observed_window(latencies)
        key = presentations.astype(np.int64)
        key *= size  # in place, because each column of a large file takes gigabytes
        key += neurons
        if not (key[1:] > key[:-1]).all():
            if max(size, count) <= 2**16:  # two radix sorts
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
        starts = starts_of(np.bincount(presentations, minlength=count))
        times = latencies.astype(np.float64, copy=False)
        return cls(name, size, window, starts, neurons.astype(np.int32, copy=False), times, observed)

    @property
    def presentations(self) -> int:
        """Number of presentations."""
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of spikes of each presentation, int64."""
        return np.diff(self.starts)

    @property
    def rows(self) -> np.ndarray:
        """Presentation of each spike, counted from 0, int32."""
        return np.repeat(np.arange(self.presentations, dtype=np.int32), self.counts)

    def parts(self) -> Iterator[tuple[int, LayerSpikes]]:
        """Yield at most 1,024 consecutive presentations with about a million spikes, and the index of the first."""
        for first, last in blocks(self.starts):
            begin, end = self.starts[first], self.starts[last]
            part = slice(begin, end)
            starts = self.starts[first : last + 1] - begin
            yield first, replace(self, starts=starts, neurons=self.neurons[part], latencies=self.latencies[part])

    def by_neuron(self, values: np.ndarray) -> Iterator[tuple[int, sparse.csc_array]]:
        """Yield a value per spike as sparse columns of at most 1,024 neurons, and the number of the first neuron.

        A block has about a million spikes. Its ``data`` are the values of all neurons in sequence, ``indices`` their
        presentations.
        """
        columns = self.matrix(values).tocsc()
        for first, last in blocks(columns.indptr):
            yield first, columns[:, first:last]

    def ranks(self) -> np.ndarray:
        """Return the rank of each spike within its presentation, from 1. Ties share their mean rank, float64."""
        import pandas as pd

        return pd.Series(self.latencies).groupby(self.rows).rank().to_numpy(np.float64)

    def earliness(self) -> np.ndarray:
        """Return the earliness of each spike, from 1 at the onset of the window to 0 at its end, float64.

        In a window without a length, which equal latencies have if nothing else is known, each spike is at the onset.
        """
        start, end = self.window
        if end <= start:
            return np.ones(len(self.latencies))
        return np.clip((end - self.latencies) / (end - start), 0.0, 1.0)

    def mean_latencies(self) -> np.ndarray:
        """Return the mean latency of each presentation (ms), or NaN without spikes, float64."""
        total = np.bincount(self.rows, self.latencies, minlength=self.presentations)
        return np.divide(total, self.counts, out=np.full(self.presentations, np.nan), where=self.counts > 0)

    def matrix(self, values: np.ndarray) -> sparse.csr_array:
        """Return a value per spike as a sparse matrix, shape (presentations, neurons)."""
        from scipy import sparse

        # use the type of the neurons where possible, because scipy copies otherwise
        starts = self.starts.astype(np.int32) if self.starts[-1] < 2**31 else self.starts
        return sparse.csr_array((values, self.neurons, starts), shape=(self.presentations, self.size))

    def dense(self) -> np.ndarray:
        """Return latencies (ms, ``inf`` = silent), shape (presentations, neurons)."""
        if self.presentations * self.size > _MOST_DENSE:
            raise DataError(
                f"{self.name}: {self.presentations:,} presentations of {self.size:,} neurons are too many to compare"
                " at once; choose fewer"
            )
        latencies = np.full((self.presentations, self.size), np.inf)
        latencies[self.rows, self.neurons] = self.latencies
        return latencies

    def pick(self, chosen: np.ndarray) -> LayerSpikes:
        """Return the presentations at these indices, in this order."""
        counts = self.counts[chosen]
        starts = starts_of(counts)
        spikes = np.arange(starts[-1]) + np.repeat(self.starts[:-1][chosen] - starts[:-1], counts)
        return replace(self, starts=starts, neurons=self.neurons[spikes], latencies=self.latencies[spikes])


def blocks(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield blocks (first, end) of consecutive groups, which begin at these indices.

    A block has at most a million entries, unless a single group has more. Without groups, there is one empty block.
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
    """Return the order that sorts values within consecutive groups with these counts.

    Sorting each group separately uses the cache and is several times as fast as one sort.
    """
    order = np.empty(len(values), np.int64)
    begin = 0
    for end in np.cumsum(counts).tolist():
        np.add(values[begin:end].argsort(), begin, out=order[begin:end])
        begin = end
    return order


def _window(name: str, given: Any) -> tuple[float, float]:
    """Return the two times of a window (ms)."""
    try:
        begin, end = map(float, given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: window must be two times in ms, (begin, end), not {given!r}") from error
    if not (np.isfinite(begin) and np.isfinite(end)):
        raise DataError(f"{name}: window must be two finite times in ms, not {given!r}")
    return begin, end


def observed_window(latencies: np.ndarray) -> tuple[float, float]:
    """Return the earliest and the latest spike (ms), for an unknown firing window."""
    return (float(latencies.min()), float(latencies.max())) if len(latencies) else (0.0, 0.0)


def joined(presentations: int, parts: Iterable[tuple[int, LayerSpikes]]) -> LayerSpikes:
    """Join parts of one population. Each part comes with the index of its first presentation."""
    counts, pieces = np.zeros(presentations, np.int64), []
    for first, part in parts:
        counts[first : first + part.presentations] = part.counts
        pieces.append(part)
    return replace(
        pieces[0],
        starts=starts_of(counts),
        neurons=np.concatenate([part.neurons for part in pieces]),
        latencies=np.concatenate([part.latencies for part in pieces]),
    )
