"""First spikes of many presentations, by population."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.reprs import short_repr
from netsim.specification import Network, Shape
from netsim.specification.checks import names_in, positions, require, whole, whole_numbers
from netsim.specification.phrases import counted
from netsim.spikes.columns import LayerSpikes, joined
from netsim.spikes.labels import class_numbers, in_order
from netsim.spikes.latencies import Potential

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
_Stream = Callable[[Sequence[str], Progress], Iterator[tuple[int, LayerSpikes]]]


def no_progress(done: int, total: int) -> None:
    """No-op `Progress`."""


@dataclass(frozen=True)
class Conditions:
    """Conditions of a presentation.

    Attributes
    ----------
    engine : str
        Description of the engine.
    dt : float
        Time grid (ms), or 0 for exact times.
    disturbance : tuple of str and float, optional
        Name of a study and its level, such as ``("lesion-neurons", 0.5)``.
    seed : int
        Seed of the disturbance.
    solves_equation : bool
        Whether the engine simulates the neurons of the specification.

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
    """First spikes of many presentations: a mapping from population name to latencies (ms).

    ``spikes["hidden"]`` is a new float array of shape (presentations, \\*population), with ``inf`` for silence. The
    stimulus is called ``stimulus``. Spikes are stored as columns. Spikes of a file are read when they are needed, so
    that only one population must fit into memory.

    Parameters
    ----------
    shapes : mapping
        Shape of each population by name, from stimulus to output.
    load : callable
        Returns the `LayerSpikes` of a population.
    indices : ndarray of int64, shape (presentations,)
        Identifiers of the presentations, for example their index in the data set.
    labels : ndarray of int64, shape (presentations,), optional
    classes : sequence of str
        Names of the labels 0, 1, ...
    complete : bool
        Whether silent neurons and presentations are known. A table of spikes lists only spikes.
    stream : callable, optional
        Yields the columns of some populations in parts, like `parts`.
    model : netsim.Model, optional
        Network and weights. None for spikes of a file.
    conditions : Conditions, optional
        Engine, time grid and disturbance. None for spikes of a file.
    potentials : sequence of Potential
        Potentials of the recorded neurons.

    See Also
    --------
    netsim.present : Present stimuli to a model.
    netsim.read_spikes : Read a file.

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
    model: Any = None
    conditions: Conditions | None = None
    potentials: Sequence[Potential] = ()
    _cut: np.ndarray | None = field(default=None)

    __eq__ = object.__eq__  # comparing arrays yields no truth value
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
        """Return spikes of populations in memory.

        Parameters
        ----------
        layers : iterable of LayerSpikes
        labels : ndarray of int or str, shape (presentations,), optional
            Words, or whole numbers from 0. The default is no labels.
        indices : ndarray of int, shape (presentations,), optional
            The default counts from 0.
        classes : sequence of str
            Names of the labels 0, 1, ... The default for words is the sorted words, or numbers in words in their order.
        shapes : mapping, optional
            The default is (neurons,) for each population.
        **more
            Further parameters of `Spikes`.

        Returns
        -------
        Spikes

        Raises
        ------
        DataError
            If the populations, labels or indices have different numbers of presentations, or labels are neither whole
            numbers from 0 nor words.

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.spikes import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> Spikes.of_layers([layer], labels=np.array([0, 1])).presentations
        2
        """
        layers = list(layers)
        named = {layer.name: layer for layer in layers}
        if len(named) < len(layers):
            raise DataError("layers: two have one name; give each population once")
        counts = {layer.presentations for layer in named.values()}
        if len(counts) != 1:
            raise DataError(f"layers: have {sorted(counts)} presentations; give at least one, all with the same number")
        (count,) = counts
        for what, given in (("labels", labels), ("indices", indices)):
            if given is not None and np.shape(given) != (count,):
                raise DataError(f"{what}: have shape {np.shape(given)} for {count} presentations; give one each")
        shapes = {
            name: (layer.size,) if shapes is None else tuple(shapes.get(name, ())) for name, layer in named.items()
        }
        for name, layer in named.items():
            if math.prod(shapes[name]) != layer.size or not shapes[name]:
                raise DataError(f"shapes: {name} has {layer.size} neurons, not the shape {shapes[name]}")
        names = np.arange(count) if indices is None else _whole(np.asarray(indices), "indices")
        tags = None if labels is None else np.asarray(labels)
        if tags is not None and all(isinstance(label, str) for label in tags.tolist()):
            classes = tuple(classes if len(classes) else in_order(tags.tolist()))
            tags = class_numbers(tags.tolist(), classes, "labels:")
        elif tags is not None:
            tags = _whole(tags, "labels")
            if tags.min(initial=0) < 0:
                few = "leave out the presentations without a label, or give no labels"
                raise DataError(f"labels: must be numbers from 0, not {tags.min()}; {few}")
        return cls(shapes, named.__getitem__, names, tags, classes, **more)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        layers = ", ".join(f"{name} {tuple(shape)}" for name, shape in self.shapes.items())
        return f"Spikes({counted(self.presentations, 'presentation')}: {layers})"

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the latencies of a population (ms), shape (presentations, \\*population), ``inf`` = silent."""
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
        """Firing window of each population: onset and end (ms)."""
        return {name: self.layer(name).window for name in self.shapes}

    @property
    def known_model(self) -> Any:
        """The model of these spikes. Raises DataError for spikes of a file."""
        if self.model is None:
            raise DataError("spikes: come from a file without their network; present stimuli to a model instead")
        return self.model

    @property
    def network(self) -> Network:
        """The network of these spikes. Raises DataError for spikes of a file."""
        network: Network = self.known_model.network
        return network

    @property
    def dt(self) -> float:
        """Time grid (ms), or 0 for exact times and for spikes of a file."""
        return self.conditions.dt if self.conditions else 0.0

    @property
    def outputs(self) -> np.ndarray:
        """Latencies of the output population (ms), shape (presentations, neurons)."""
        self._check([self.network.output.name])
        return self[self.network.output.name]

    def table(self) -> pd.DataFrame:
        """Return one row per spike, sorted by presentation, layer, latency and neuron.

        The columns are the columns of `netsim.analysis.spike_table`.

        Returns
        -------
        pandas.DataFrame

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

        Returns
        -------
        LayerSpikes

        Raises
        ------
        DataError
            If the population does not exist.
        """
        self._check([name])
        if self._cut is None:
            return self.load(name)
        if self._streams is None:
            return self.load(name).pick(self._cut)
        return joined(self.presentations, self.only([name]).parts())

    def layers(self) -> Iterator[LayerSpikes]:
        """Yield the populations as columns, from stimulus to output. Only one population of a file is in memory."""
        return map(self.layer, self.shapes)

    @property
    def _streams(self) -> _Stream | None:
        """The stream of a file, unless presentations were reordered."""
        return None if self._cut is not None and (np.diff(self._cut) <= 0).any() else self.stream

    def parts(self, progress: Progress = no_progress) -> Iterator[tuple[int, LayerSpikes]]:
        """Yield all populations in parts: consecutive presentations, with the index of the first presentation.

        Each population has at least one part, and its parts are in order. Parts of different populations may alternate.
        Presentations without a part are silent. Only one part of a file is in memory if its presentations are in order,
        as in files from `netsim.export`. Otherwise, a whole population is in memory.

        Parameters
        ----------
        progress : callable
            Called with (done, total).

        Yields
        ------
        first : int
            Index of the first presentation.
        part : LayerSpikes

        Examples
        --------
        >>> import numpy as np
        >>> from netsim.spikes import LayerSpikes, Spikes
        >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
        >>> [(first, part.counts.tolist()) for first, part in Spikes.of_layers([layer]).parts()]
        [(0, [1, 2])]
        """
        for first, spikes in self._whole_parts(progress):
            for further, part in spikes.parts():
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
        """Return some populations, in the order of the network.

        Raise SpecificationError if none is named, and an error for unknown names.
        """
        chosen = names_in(populations, "populations")
        require(bool(chosen), "populations", "is empty; name one at least")
        self._check(chosen)
        return replace(self, shapes={name: shape for name, shape in self.shapes.items() if name in chosen})

    def pick(self, chosen: np.ndarray) -> Spikes:
        """Return only the chosen presentations, by indices in the given order or by a mask.

        Raise DataError for other values.
        """
        chosen = np.arange(self.presentations)[positions(chosen, self.presentations, "chosen")]
        labels = None if self.labels is None else self.labels[chosen]
        cut = chosen if self._cut is None else self._cut[chosen]
        places: dict[int, list[int]] = {}
        for number, presentation in enumerate(chosen.tolist() if self.potentials else ()):
            places.setdefault(presentation, []).append(number)
        potentials = [
            each._replace(presentation=number)
            for each in self.potentials
            for number in places.get(each.presentation, ())
        ]
        return replace(self, indices=self.indices[chosen], labels=labels, potentials=potentials, _cut=cut)

    def head(self, count: int) -> Spikes:
        """Return the first `count` presentations, or all."""
        return self if whole(count, "count", least=0) >= self.presentations else self.pick(np.arange(count))

    def sample(self, most: int, seed: int = 0) -> Spikes:
        """Return at most `most` presentations, drawn without replacement, with labels as balanced as possible.

        Raise SpecificationError unless `most` and `seed` are whole numbers from 0.
        """
        seed = whole(seed, "seed", least=0)
        if whole(most, "most", least=0) >= self.presentations:
            return self
        labels = np.zeros(self.presentations) if self.labels is None else self.labels
        return self.pick(even_sample(labels, most, seed))

    def require_all(self) -> None:
        """Raise DataError unless all populations of the network are included."""
        if missing := [name for name in self.network.shapes if name not in self.shapes]:
            raise DataError(f"spikes: lack {' and '.join(missing)}; present all populations for this analysis")

    def require_labels(self) -> np.ndarray:
        """Return the labels. Raise DataError without labels, or with fewer than two different labels."""
        if self.labels is None:
            raise DataError("spikes: have no labels, but this analysis needs them; present labelled stimuli")
        if len(np.unique(self.labels)) < 2:
            raise DataError(f"spikes: have {counted(len(np.unique(self.labels)), 'label')}; at least 2 are needed")
        return self.labels

    def _check(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.shapes:
                raise DataError(f"layer {name}: does not exist; choose one of {', '.join(self.shapes)}")


def _whole(given: np.ndarray, what: str) -> np.ndarray:
    """Return whole numbers as int64. Raise DataError for other values."""
    numbers = whole_numbers(given.astype(np.int64) if given.dtype == bool else given)
    if numbers is None:
        words = ", or words" if what == "labels" else ""
        raise DataError(f"{what}: must be whole numbers{words}, without missing values")
    return numbers


def refuse_for_spikes(**given: object) -> None:
    """Raise SpecificationError for presentation options, because the spikes exist already."""
    for name, value in given.items():
        if value is not None:
            have, them = ("have", "them") if name.endswith(("i", "s")) else ("has", "it")
            raise SpecificationError(name, f"{have} no effect, because the spikes exist already; leave {them} out")


def even_sample(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return indices of at most `most` presentations, with labels as balanced as possible."""
    import pandas as pd

    order = np.random.default_rng(seed).permutation(len(labels))
    # the first presentation of each label, then the second of each, and so on
    turn = pd.Series(order).groupby(labels[order]).cumcount()
    return np.sort(order[np.argsort(turn, kind="stable")][:most])
