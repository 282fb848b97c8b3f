"""Spikes of many presentations as columns, a layer at a time: what every analysis reads.

They come from an engine or from a file; layers of a file can be read when they are asked for, so that no more than one
need be in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr

if TYPE_CHECKING:
    from scipy import sparse

    from netsim.data.stimuli import Stimuli
    from netsim.engines import Batch, Engine
    from netsim.runs.model import Model
    from netsim.weights.layout import Weights

Progress = Callable[[int, int], None]
"""Is told how much of how much is done."""
_BATCH = 200
_MOST_DENSE = 2**28  # latencies of an array, 2 GiB


def no_progress(done: int, of: int) -> None:
    """Tells nobody."""


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

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.analysis import LayerSpikes
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

    __repr__ = short_repr

    @classmethod
    def of_latencies(cls, name: str, latencies: np.ndarray, window: tuple[float, float] | None = None) -> LayerSpikes:
        """From latencies (ms, ``inf`` is silent) of shape (presentations, ...); by default the window is theirs."""
        flat = latencies.reshape(len(latencies), -1)
        fired = np.isfinite(flat)
        times = flat[fired].astype(np.float64)
        starts = np.concatenate([[0], np.cumsum(fired.sum(axis=1), dtype=np.int64)])
        neurons = np.nonzero(fired)[1].astype(np.int32)
        return cls(name, flat.shape[1], window or observed_window(times), starts, neurons, times)

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
    ) -> LayerSpikes:
        """From one entry per spike in any order; of several spikes of a neuron in a presentation the first counts.

        Presentations are positions from 0, of `count`; latencies are finite (ms).
        """
        key = presentations.astype(np.int64)
        key *= size  # in place, as columns are sorted next: of a large file each is gigabytes
        key += neurons
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
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
        return cls(name, size, window or observed_window(times), starts, neurons.astype(np.int32, copy=False), times)

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

    def ranks(self) -> np.ndarray:
        """The rank of each spike among those of its layer and presentation, from 1; ties share their mean, float64."""
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

    def matrix(self, values: np.ndarray) -> sparse.csr_array:
        """A value per spike as a sparse matrix, shape (presentations, neurons)."""
        from scipy import sparse

        return sparse.csr_array((values, self.neurons, self.starts), shape=(self.presentations, self.size))

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


def even_sample(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Positions of at most so many presentations, drawn without replacement, as evenly over labels as they allow."""
    order = np.random.default_rng(seed).permutation(len(labels))
    # the first ones of each label, then the second ones, and so on
    tags = labels[order]
    turn = np.empty(len(tags), np.int64)
    by_label = np.argsort(tags, kind="stable")
    _, begin, counts = np.unique(tags[by_label], return_index=True, return_counts=True)
    turn[by_label] = np.arange(len(tags)) - np.repeat(begin, counts)
    return np.sort(order[np.argsort(turn, kind="stable")][:most])


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


@dataclass(frozen=True, eq=False)
class Spikes:
    """First spikes of many presentations.

    Parameters
    ----------
    numbers : ndarray of int64, shape (presentations,)
        What the presentations are called, for example their index in the data set.
    labels : ndarray of int64, shape (presentations,), optional
    sizes : mapping
        Neurons of each layer, by name, from first to last; the stimulus is called ``stimulus``.
    load : callable
        Gives the `LayerSpikes` of a name.
    classes : sequence of str
        What the labels stand for.
    complete : bool
        Whether silent neurons and silent presentations are known; a table of spikes has only those that fire.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> spikes = analysis.Spikes.of(model, test)
    >>> list(spikes.sizes.items())
    [('stimulus', 64), ('hidden', 200), ('output', 10)]
    """

    numbers: np.ndarray
    labels: np.ndarray | None
    sizes: Mapping[str, int]
    load: Callable[[str], LayerSpikes] = field(repr=False)
    classes: Sequence[str] = ()
    complete: bool = True
    _cut: np.ndarray | None = field(default=None, repr=False)

    __repr__ = short_repr

    @classmethod
    def of_layers(
        cls,
        layers: Iterable[LayerSpikes],
        labels: np.ndarray | None = None,
        numbers: np.ndarray | None = None,
        classes: Sequence[str] = (),
    ) -> Spikes:
        """From layers that are all in memory.

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.analysis import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> len(Spikes.of_layers([layer], labels=np.array([0, 1])))
        2
        """
        named = {layer.name: layer for layer in layers}
        counts = {layer.presentations for layer in named.values()}
        if len(counts) != 1:
            raise DataError(f"layers: have {sorted(counts)} presentations; all need the same number, and one layer")
        (count,) = counts
        for what, given in (("labels", labels), ("numbers", numbers)):
            if given is not None and len(given) != count:
                raise DataError(f"{what}: {len(given)} given, but there are {count} presentations")
        names = np.arange(count) if numbers is None else np.asarray(numbers, np.int64)
        tags = None if labels is None else np.asarray(labels, np.int64)
        return cls(names, tags, {name: layer.size for name, layer in named.items()}, named.__getitem__, classes)

    @classmethod
    def of(
        cls,
        model: Model,
        stimuli: Stimuli | None = None,
        layers: Sequence[str] | None = None,
        engine: Engine | None = None,
        progress: Progress = no_progress,
        disturbance: tuple[str, float] | None = None,
        seed: int = 0,
    ) -> Spikes:
        """Present stimuli to a model.

        Parameters
        ----------
        model : Model
        stimuli : Stimuli, optional
            By default the test stimuli of its data set.
        layers : sequence of str, optional
            Only these, ``stimulus`` among them; by default all.
        engine : Engine, optional
            By default that of the network's ``training``.
        progress : callable
            Is told how many presentations of how many are done.
        disturbance : tuple of str and float, optional
            The name of a study and its level: what is presented is disturbed as in `netsim.study`, for example
            ``("lesion-neurons", 0.5)``.
        seed : int
            Of the disturbance.

        Raises
        ------
        SpecificationError
            If there is no such layer or study, or the level is out of bounds.

        Examples
        --------
        >>> import netsim
        >>> model = netsim.load_model("digits")
        >>> spikes = netsim.analysis.Spikes.of(model, netsim.load_splits(model.network).test.first(20))
        >>> dict(spikes.sizes)
        {'stimulus': 64, 'hidden': 200, 'output': 10}
        """
        from netsim.data.stimuli import UNLABELLED, load_splits
        from netsim.engines import make_engine

        network = model.network
        for name in layers or ():
            network.position(name)
        shown = load_splits(network, data_dir=model.data_dir).test if stimuli is None else stimuli
        simulator = engine or make_engine(network.training.engine, network, network.training.dt)
        labels = None if (shown.labels == UNLABELLED).any() else shown.labels
        chosen = [name for name in network.shapes if layers is None or name in layers]
        batch = _disturbed(model, *disturbance, seed) if disturbance else None
        found = _present(simulator, model.weights, shown, chosen, progress, batch)
        return cls.of_layers(found, labels, None, shown.classes)

    def __len__(self) -> int:
        """How many presentations there are."""
        return len(self.numbers)

    def __iter__(self) -> Iterator[LayerSpikes]:
        """The layers, from first to last; of a file, one after the other is read."""
        return map(self.layer, self.sizes)

    def layer(self, name: str) -> LayerSpikes:
        """The spikes of one layer.

        Raises
        ------
        DataError
            If there is no such layer.
        """
        if name not in self.sizes:
            raise DataError(f"layer {name}: is not there; choose one of {', '.join(self.sizes)}")
        layer = self.load(name)
        return layer if self._cut is None else layer.pick(self._cut)

    def only(self, layers: Sequence[str]) -> Spikes:
        """Some layers, in their order."""
        for name in layers:
            if name not in self.sizes:
                raise DataError(f"layer {name}: is not there; choose one of {', '.join(self.sizes)}")
        return replace(self, sizes={name: size for name, size in self.sizes.items() if name in layers})

    def pick(self, chosen: np.ndarray) -> Spikes:
        """The presentations at these positions, in this order."""
        labels = None if self.labels is None else self.labels[chosen]
        cut = chosen if self._cut is None else self._cut[chosen]
        return replace(self, numbers=self.numbers[chosen], labels=labels, _cut=cut)

    def head(self, count: int) -> Spikes:
        """The first presentations, all if there are no more."""
        return self if count >= len(self) else self.pick(np.arange(count))

    def sample(self, most: int, seed: int = 0) -> Spikes:
        """At most so many presentations, drawn without replacement and as evenly over the labels as they allow."""
        if most >= len(self):
            return self
        return self.pick(even_sample(np.zeros(len(self)) if self.labels is None else self.labels, most, seed))

    def require_labels(self, least: int = 2) -> np.ndarray:
        """The labels; refused where there are none, or fewer different ones than needed."""
        if self.labels is None:
            raise DataError("spikes: have no labels, which this analysis is about; give the presentations labels")
        if len(np.unique(self.labels)) < least:
            raise DataError(f"spikes: have {len(np.unique(self.labels))} labels; at least {least} are needed")
        return self.labels


def _present(
    engine: Engine,
    weights: Weights,
    stimuli: Stimuli,
    layers: Sequence[str],
    progress: Progress,
    batch: Callable[[np.ndarray, int], Batch] | None,
) -> Iterator[LayerSpikes]:
    """The chosen layers of the stimuli, presented in batches."""
    from netsim.analysis.figures._layers import firing_window
    from netsim.engines import Batch
    from netsim.measuring.distribution import in_parts

    network = engine.network
    parts: dict[str, list[LayerSpikes]] = {name: [] for name in layers}
    done = 0
    for part in in_parts(stimuli, _BATCH):
        latencies = part.latencies(np.arange(len(part)))
        shown = engine.present(batch(latencies, done) if batch else Batch(latencies, weights))
        for name, times in zip(network.shapes, shown, strict=True):
            if name in parts:
                parts[name].append(LayerSpikes.of_latencies(name, times, firing_window(network, name)))
        done += len(part)
        progress(done, len(stimuli))
    for name in layers:
        yield _joined(parts.pop(name))


def _disturbed(model: Model, study: str, level: float, seed: int) -> Callable[[np.ndarray, int], Batch]:
    """What makes the batches of a study at a level, of all that it disturbs by default."""
    from netsim.errors import SpecificationError
    from netsim.seams import studies
    from netsim.studies.plans import make_plan
    from netsim.studies.study import Condition, Study

    plan = make_plan(model.network, study, [level], [seed])
    entry: Study = studies[study]
    if entry.of_simulation:
        raise SpecificationError(study, "disturbs no presentation, but the simulation; take another study")
    (layers,) = plan.curves.values()
    batch: Callable[[np.ndarray, int], Batch] = entry.batch(
        Condition(model.network, model.weights, layers, level, seed), False
    )
    return batch


def _joined(parts: Sequence[LayerSpikes]) -> LayerSpikes:
    """Presentations one part after the other."""
    counts = np.concatenate([part.counts for part in parts])
    return replace(
        parts[0],
        starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
        neurons=np.concatenate([part.neurons for part in parts]),
        latencies=np.concatenate([part.latencies for part in parts]),
    )


def names_of(classes: Sequence[str], labels: Iterable[int]) -> list[str]:
    """What labels stand for; the label itself where nobody says."""
    return [classes[label] if 0 <= label < len(classes) else str(label) for label in labels]
