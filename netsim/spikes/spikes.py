"""First spikes of many presentations, by population."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from netsim.deprecation import warn
from netsim.engines import Latencies, Potential
from netsim.errors import DataError, SpecificationError
from netsim.reprs import short_repr
from netsim.runs.model import Model
from netsim.specification import Network, Shape
from netsim.specification.checks import names_in
from netsim.spikes.columns import LayerSpikes, joined

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
_Stream = Callable[[Sequence[str], Progress], Iterator[tuple[int, LayerSpikes]]]


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Conditions:
    """How spikes were made.

    Attributes
    ----------
    engine : str
        What the engine calls itself.
    dt : float
        Time grid (ms); 0 for exact times.
    disturbance : tuple of str and float, optional
        Name of a study and its level, such as ``("lesion-neurons", 0.5)``.
    seed : int
        Seed of the disturbance.
    solves_equation : bool
        Whether the engine says that its neurons are those of the specification.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=5, disturbance=("lesion-neurons", 0.5), seed=3)
    >>> spikes.conditions.disturbance, spikes.conditions.dt
    (('lesion-neurons', 0.5), 1.0)
    """

    engine: str
    dt: float
    disturbance: tuple[str, float] | None = None
    seed: int = 0
    solves_equation: bool = False

    __repr__ = short_repr


@dataclass(frozen=True, eq=False, repr=False)
class Spikes(Mapping[str, np.ndarray]):
    """First spikes of many presentations: a mapping from the name of a population to latencies (ms).

    ``spikes["hidden"]`` is a new float array of shape (presentations, \\*population); ``inf`` means silent. The
    stimulus is called ``stimulus``. Spikes are kept as columns, and those of a file are read when they are needed, so
    that only one population has to fit into memory.

    Parameters
    ----------
    shapes : mapping
        Shape of each population by name, from first to last.
    load : callable
        Returns the `LayerSpikes` of a population.
    indices : ndarray of int64, shape (presentations,)
        What the presentations are called, for example their index in the data set.
    labels : ndarray of int64, shape (presentations,), optional
    classes : sequence of str
        What the labels 0, 1, ... stand for.
    complete : bool
        Whether silent neurons and silent presentations are known; a table of spikes lists only spikes.
    stream : callable, optional
        Returns the layers of some names in parts, as `parts` does.
    model : Model, optional
        The network and the weights that fired; unknown for a file.
    conditions : Conditions, optional
        Engine, time grid and disturbance; unknown for a file.
    potentials : sequence of Potential
        Potentials of the recorded neurons.

    See Also
    --------
    netsim.present : present stimuli to a model.
    netsim.read_spikes : read a file.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", index=range(20))
    >>> spikes
    Spikes(20 presentations: stimulus (8, 8, 1), hidden (200,), output (10,))
    >>> spikes["hidden"].shape
    (20, 200)
    """

    shapes: Mapping[str, Shape]
    load: Callable[[str], LayerSpikes]
    indices: np.ndarray
    labels: np.ndarray | None = None
    classes: Sequence[str] = ()
    complete: bool = True
    stream: _Stream | None = None
    model: Model | None = None
    conditions: Conditions | None = None
    potentials: Sequence[Potential] = ()
    _cut: np.ndarray | None = field(default=None)

    __eq__ = object.__eq__  # a comparison of arrays has no truth value
    __hash__ = object.__hash__

    @classmethod
    def of_layers(
        cls,
        layers: Iterable[LayerSpikes],
        labels: np.ndarray | None = None,
        indices: np.ndarray | None = None,
        classes: Sequence[str] = (),
        shapes: Mapping[str, Shape] | None = None,
        **more: object,
    ) -> Spikes:
        """Return spikes of layers that are all in memory.

        Parameters
        ----------
        layers : iterable of LayerSpikes
        labels, indices : ndarray of int, shape (presentations,), optional
            By default there are no labels, and presentations are counted from 0.
        classes : sequence of str
        shapes : mapping, optional
            By default (neurons,) for each layer.
        **more
            Further parameters of `Spikes`.

        Raises
        ------
        DataError
            If the layers, labels or indices have different numbers of presentations.

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.spikes import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> Spikes.of_layers([layer], labels=np.array([0, 1])).presentations
        2
        """
        named = {layer.name: layer for layer in layers}
        counts = {layer.presentations for layer in named.values()}
        if len(counts) != 1:
            raise DataError(f"layers: have {sorted(counts)} presentations; all need the same number, and one layer")
        (count,) = counts
        for what, given in (("labels", labels), ("indices", indices)):
            if given is not None and len(given) != count:
                raise DataError(f"{what}: {len(given)} given, but there are {count} presentations")
        own = {name: (layer.size,) if shapes is None else shapes[name] for name, layer in named.items()}
        names = np.arange(count) if indices is None else np.asarray(indices, np.int64)
        tags = None if labels is None else np.asarray(labels, np.int64)
        return cls(own, named.__getitem__, names, tags, classes, **more)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        layers = ", ".join(f"{name} {tuple(shape)}" for name, shape in self.shapes.items())
        return f"Spikes({self.presentations:,} presentations: {layers})"

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the latencies of a population (ms), shape (presentations, \\*population); ``inf`` means silent."""
        if name not in self.shapes:
            raise KeyError(name)
        return self.layer(name).dense().reshape(self.presentations, *self.shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def presentations(self) -> int:
        """Number of presentations."""
        return len(self.indices)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of neurons of each population."""
        return {name: int(np.prod(shape)) for name, shape in self.shapes.items()}

    @property
    def windows(self) -> dict[str, tuple[float, float]]:
        """When the neurons of each population can fire (ms): onset and end."""
        return {name: self.layer(name).window for name in self.shapes}

    @property
    def known_model(self) -> Model:
        """The model that fired; a DataError for spikes of a file, which does not describe it."""
        if self.model is None:
            raise DataError("spikes: come from a file, which does not hold their network; present stimuli to a model")
        return self.model

    @property
    def network(self) -> Network:
        """The network that fired; a DataError for spikes of a file, which does not describe it."""
        return self.known_model.network

    @property
    def dt(self) -> float:
        """Time grid (ms); 0 for exact times, and for spikes of a file."""
        return self.conditions.dt if self.conditions else 0.0

    @property
    def outputs(self) -> np.ndarray:
        """Latencies of the output population (ms), shape (presentations, neurons)."""
        self._check([self.network.output.name])
        return self[self.network.output.name]

    @property
    def numbers(self) -> np.ndarray:
        """A former name of `indices`."""
        warn("Spikes.numbers", "Spikes.indices")
        return self.indices

    @property
    def latencies(self) -> Latencies:
        """All latencies (ms), by a former name."""
        warn("Spikes.latencies", "the spikes themselves, a mapping: spikes[name]")
        return Latencies(self)

    def table(self) -> pd.DataFrame:
        """Return one row per spike, sorted by presentation, layer, latency and neuron.

        Columns are those of `netsim.analysis.spike_table`.

        Examples
        --------
        >>> import netsim
        >>> list(netsim.present("digits", index=[0, 3]).table().columns)
        ['presentation', 'label', 'layer', 'channel', 'y', 'x', 'neuron', 'latency_ms']
        """
        from netsim.spikes.table import table_of

        return table_of(self.shapes, self, self.labels, self.indices)

    def layer(self, name: str) -> LayerSpikes:
        """Return the spikes of one population as columns.

        Raises
        ------
        DataError
            If there is no such population.
        """
        self._check([name])
        if self._cut is None:
            return self.load(name)
        if self._streams is None:
            return self.load(name).pick(self._cut)
        return joined(self.presentations, self.only([name]).parts())

    def layers(self) -> Iterator[LayerSpikes]:
        """Yield the populations as columns, from first to last; those of a file are read one after another."""
        return map(self.layer, self.shapes)

    @property
    def _streams(self) -> _Stream | None:
        """The stream of a file, unless the presentations were put into another order."""
        return None if self._cut is not None and (np.diff(self._cut) <= 0).any() else self.stream

    def parts(self, progress: Progress = no_progress) -> Iterator[tuple[int, LayerSpikes]]:
        """Yield all populations in parts: consecutive presentations, with the position of the first one.

        The parts of a population come in order; there is at least one. Parts of different populations may come in any
        order. Where a presentation has no part, the population is silent. If presentations follow each other in each
        layer of a file, as `netsim.export` writes it, only one part is in memory; otherwise a whole layer is.

        Parameters
        ----------
        progress : callable
            Called with (done, total).

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.spikes import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> [(first, part.counts.tolist()) for first, part in Spikes.of_layers([layer]).parts()]
        [(0, [1, 2])]
        """
        for first, whole in self._whole_parts(progress):
            for further, part in whole.parts():
                yield first + further, part

    def _whole_parts(self, progress: Progress) -> Iterator[tuple[int, LayerSpikes]]:
        stream, cut = self._streams, self._cut
        if stream is None:
            for done, layer in enumerate(self.layers()):
                progress(done, len(self.shapes))
                yield 0, layer
            progress(len(self.shapes), len(self.shapes))
            return
        for first, part in stream(list(self.shapes), progress):
            if cut is None:
                yield first, part
            else:
                low, high = np.searchsorted(cut, [first, first + part.presentations])
                yield int(low), part.pick(cut[low:high] - first)

    def only(self, populations: Sequence[str]) -> Spikes:
        """Return some populations, in the order of the network."""
        chosen = names_in(populations, "populations")
        self._check(chosen)
        return replace(self, shapes={name: shape for name, shape in self.shapes.items() if name in chosen})

    def pick(self, chosen: np.ndarray) -> Spikes:
        """Return the presentations at these positions, in this order."""
        labels = None if self.labels is None else self.labels[chosen]
        cut = chosen if self._cut is None else self._cut[chosen]
        kept = {int(position): number for number, position in enumerate(chosen)} if self.potentials else {}
        potentials = [
            each._replace(presentation=kept[each.presentation]) for each in self.potentials if each.presentation in kept
        ]
        return replace(self, indices=self.indices[chosen], labels=labels, potentials=potentials, _cut=cut)

    def head(self, count: int) -> Spikes:
        """Return the first presentations, all if there are no more."""
        return self if count >= self.presentations else self.pick(np.arange(count))

    def sample(self, most: int, seed: int = 0) -> Spikes:
        """Return at most `most` presentations, drawn without replacement and as evenly over labels as possible."""
        if most >= self.presentations:
            return self
        labels = np.zeros(self.presentations) if self.labels is None else self.labels
        return self.pick(even_sample(labels, most, seed))

    def require_all(self) -> None:
        """Raise a DataError unless there are the spikes of all populations of the network."""
        if missing := [name for name in self.network.shapes if name not in self.shapes]:
            raise DataError(f"spikes: lack {' and '.join(missing)}; present all populations, which are needed here")

    def require_labels(self, least: int = 2) -> np.ndarray:
        """Return the labels; a DataError if there are none, or fewer than `least` different ones."""
        if self.labels is None:
            raise DataError("spikes: have no labels, which this analysis is about; give the presentations labels")
        if len(np.unique(self.labels)) < least:
            raise DataError(f"spikes: have {len(np.unique(self.labels))} labels; at least {least} are needed")
        return self.labels

    def _check(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.shapes:
                raise DataError(f"layer {name}: is not there; choose one of {', '.join(self.shapes)}")


def refuse_for_spikes(**given: object) -> None:
    """Refuse arguments that say how to present; spikes exist already."""
    for name, value in given.items():
        if value is not None:
            has, it = ("have", "them") if name.endswith(("i", "s")) else ("has", "it")
            raise SpecificationError(name, f"{has} no meaning for spikes, which there are already; leave {it} out")


def even_sample(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return positions of at most `most` presentations, drawn as evenly over labels as possible."""
    order = np.random.default_rng(seed).permutation(len(labels))
    # the first ones of each label, then the second ones, and so on
    tags = labels[order]
    turn = np.empty(len(tags), np.int64)
    by_label = np.argsort(tags, kind="stable")
    _, begin, counts = np.unique(tags[by_label], return_index=True, return_counts=True)
    turn[by_label] = np.arange(len(tags)) - np.repeat(begin, counts)
    return np.sort(order[np.argsort(turn, kind="stable")][:most])
