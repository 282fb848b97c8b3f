"""Spikes of many presentations, a layer at a time: what every analysis reads.

They come from an engine or from a file; layers of a file can be read when they are asked for, so that no more than one
need be in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.layer_spikes import LayerSpikes, joined
from netsim.errors import DataError
from netsim.reprs import short_repr

if TYPE_CHECKING:
    from netsim.data.stimuli import Stimuli
    from netsim.engines import Batch, Engine
    from netsim.runs.model import Model
    from netsim.weights.layout import Weights

Progress = Callable[[int, int], None]
"""Is told how much of how much is done."""
_BATCH = 200


def no_progress(done: int, of: int) -> None:
    """Tells nobody."""


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
    stream : callable, optional
        Gives the layers of some names in parts, as `parts` does, so that no whole layer need be in memory, and is told
        by `progress` how much of how much is done.

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
    stream: Callable[[Sequence[str], Progress], Iterator[tuple[int, LayerSpikes]]] | None = field(
        default=None, repr=False
    )
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
            By default the test stimuli of its data set, with a warning if a run learned from others.
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
        RunError
            If no engine is given, and the model was trained with one that was handed in as an object.

        Examples
        --------
        >>> import netsim
        >>> model = netsim.load_model("digits")
        >>> spikes = netsim.analysis.Spikes.of(model, netsim.load_splits(model.network).test.first(20))
        >>> dict(spikes.sizes)
        {'stimulus': 64, 'hidden': 200, 'output': 10}
        """
        from netsim.data.stimuli import UNLABELLED
        from netsim.specification.checks import names_in

        network = model.network
        layers = None if layers is None else names_in(layers)
        for name in layers or ():
            network.position(name)
        shown = model.splits().test if stimuli is None else stimuli
        simulator = engine or model.make_engine()
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
        if self._cut is None:
            return self.load(name)
        if self._streams is None:
            return self.load(name).pick(self._cut)
        return joined(len(self), self.only([name]).parts())

    @property
    def _streams(self) -> Callable[[Sequence[str], Progress], Iterator[tuple[int, LayerSpikes]]] | None:
        """What gives parts of a file; nothing does in another order than that of the file."""
        return None if self._cut is not None and (np.diff(self._cut) <= 0).any() else self.stream

    def parts(self, progress: Progress = no_progress) -> Iterator[tuple[int, LayerSpikes]]:
        """All layers in parts: presentations that follow each other, with the position of the first one.

        Those of a layer come in their order, at least one part, parts of different layers in any; in presentations
        without a part the layer is silent. Of a file in which presentations follow each other in each layer, as
        `netsim.export` writes it, no more is in memory than that; of others a layer is.

        Parameters
        ----------
        progress : callable
            Is told how much of how much is done.

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.analysis import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> [(first, part.counts.tolist()) for first, part in Spikes.of_layers([layer]).parts()]
        [(0, [1, 2])]
        """
        for first, whole in self._own_parts(progress):
            for further, part in whole.parts():
                yield first + further, part

    def _own_parts(self, progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        stream, cut = self._streams, self._cut
        if stream is None:
            for done, layer in enumerate(self):
                progress(done, len(self.sizes))
                yield 0, layer
            progress(len(self.sizes), len(self.sizes))
            return
        for first, part in stream(list(self.sizes), progress):
            if cut is None:
                yield first, part
            else:
                low, high = np.searchsorted(cut, [first, first + part.presentations])
                yield int(low), part.pick(cut[low:high] - first)

    def only(self, layers: Sequence[str]) -> Spikes:
        """Some layers, in their order."""
        from netsim.specification.checks import names_in

        layers = names_in(layers)
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
        own = parts.pop(name)
        begin = np.cumsum([0, *(part.presentations for part in own)]).tolist()
        yield joined(done, zip(begin, own, strict=False))


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
