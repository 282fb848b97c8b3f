"""What ``netsim plot`` and reports draw. Nothing heavy is imported before that, so that a list of figures is quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.style import COLUMN_WIDTH, Palette, theme
from netsim.errors import DataError, SpecificationError, nearest
from netsim.reprs import short_repr
from netsim.seams import figures

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsim.data.stimuli import Stimuli
    from netsim.engines import Engine, Recorded
    from netsim.runs.model import Model, Subject
    from netsim.specification import Network
    from netsim.spikes import Progress, Spikes
    from netsim.spikes.batches import Distribution, Presented
    from netsim.spikes.workers import Workers
    from netsim.weights.layout import Weights

Make = Callable[["Mapping[str, np.ndarray]", "np.ndarray", "np.ndarray"], "pd.DataFrame"]


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Source:
    """What figures are made from.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    load_stimuli : callable
        Gives the stimuli; not every figure needs them.
    make_engine : callable
        Gives an engine that records the potentials of some neurons.
    initial : dict of ndarray, optional
        The weights that fed forward before learning, to compare with.
    metrics : Path, optional
        The metrics of the training.
    progress : callable
        Called with (done, total).
    distribution : Distribution, optional
        Where stimuli are presented; by default in this process.
    recorded : Spikes, optional
        Spikes that exist already; then nothing is presented.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> source = analysis.Source.of(model)
    >>> len(source.decisions(limit=10))
    10
    """

    network: Network
    weights: Weights
    load_stimuli: Callable[[], Stimuli]
    make_engine: Callable[[Sequence[Recorded]], Engine]
    initial: Weights | None = None
    metrics: Path | None = None
    progress: Progress = no_progress
    distribution: Distribution | None = None
    recorded: Spikes | None = None
    _decided: dict[int | None, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Decision tables by the number of stimuli: several figures show the same one."""

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        model: Model,
        load_stimuli: Callable[[], Stimuli] | None = None,
        seed: int = 0,
        progress: Progress = no_progress,
        make_engine: Callable[[Sequence[Recorded]], Engine] | None = None,
    ) -> Source:
        """What figures of a model are made from.

        Parameters
        ----------
        model : Model
        load_stimuli : callable, optional
            By default gives the test stimuli of the network's data set.
        seed : int
            Of the initial weights of a preset, which are drawn again to compare with.
        progress : callable
            Called with (done, total).
        make_engine : callable, optional
            Gives an engine that records some neurons; by default that of the model's ``network.training``.
        """
        from netsim.runs.model import weights_before_learning

        return cls(
            model.network,
            model.weights,
            load_stimuli or (lambda: model.splits().test),
            make_engine or model.make_engine,
            weights_before_learning(model, seed),
            model.run.metrics if model.run else None,
            progress,
        )

    @cached_property
    def stimuli(self) -> Stimuli:
        """What is presented, loaded when it is first needed."""
        return self.load_stimuli()

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of the stimuli; None if there are none."""
        return self.stimuli.labels if self.recorded is None else self.recorded.labels

    @property
    def classes(self) -> Sequence[str]:
        """What the labels stand for."""
        return self.stimuli.classes if self.recorded is None else self.recorded.classes

    @property
    def count(self) -> int:
        """Number of stimuli, or of presentations that exist already."""
        return len(self.stimuli) if self.recorded is None else self.recorded.presentations

    @cached_property
    def learning(self) -> pd.DataFrame:
        """The metrics of the training, read once: they may grow meanwhile.

        Raises DataError if there are none, or they are damaged.
        """
        from netsim.analysis.learning_tables import metrics_table

        if self.metrics is None:
            raise DataError(f"{self.network.name}: has no metrics; only a run folder has learning curves")
        return metrics_table(self.metrics)

    def table(self, make: Make, limit: int | None = None, weights: Weights | None = None) -> pd.DataFrame:
        """Return one table of the first stimuli.

        Parameters
        ----------
        make : callable
            Makes the table of a batch from latencies by population (ms), labels and indices.
        limit : int, optional
            How many stimuli; by default all.
        weights : dict of ndarray, optional
            Other weights than those of the source.
        """
        import numpy as np
        import pandas as pd

        from netsim.data.stimuli import UNLABELLED
        from netsim.spikes.batches import as_they_are, present_parts, serial

        if self.recorded is not None:
            if weights is not None:
                raise DataError("spikes: are of other weights; draw this figure of a model")
            self.recorded.require_all()
            shown = self.present(range(min(limit or self.count, self.count)))
            labels = np.full(shown.presentations, UNLABELLED) if shown.labels is None else shown.labels
            return make(dict(shown), labels, shown.indices)

        def read(engine: Engine, presented: Presented) -> pd.DataFrame:
            chosen = presented.first + np.arange(len(presented.stimuli))
            return make(presented.latencies, presented.stimuli.labels, chosen)

        batch, stimuli = as_they_are(weights or self.weights), self.stimuli.first(limit)
        distribution = self.distribution or serial
        return pd.concat(
            present_parts(self.make_engine(()), stimuli, batch, read, self.progress, distribution), ignore_index=True
        )

    def spikes(self, limit: int | None = None, layers: Sequence[str] = ()) -> pd.DataFrame:
        """Return the spike table of the first stimuli, of some layers or of all; see `netsim.analysis.spike_table`."""
        return self.present(range(min(limit or self.count, self.count)), layers).table()

    def present(self, index: Sequence[int], layers: Sequence[str] = (), neurons: Sequence[Recorded] = ()) -> Spikes:
        """Return the spikes of some stimuli, and the potentials of some neurons."""
        import numpy as np

        from netsim.runs.model import Model
        from netsim.spikes.presenting import present

        if self.recorded is not None:
            return self.recorded_of(np.array(index), layers, neurons)
        return present(
            Model(self.network, self.weights),
            self.stimuli,
            index=index,
            populations=list(layers) or None,
            engine=self.make_engine(neurons),
            workers=self.distribution,
            progress=self.progress,
        )

    def recorded_of(self, index: np.ndarray, layers: Sequence[str], neurons: Sequence[Recorded]) -> Spikes:
        """Return some of the spikes that exist already."""
        assert self.recorded is not None
        for name, neuron in neurons:
            if not any((each.layer, each.neuron) == (name, neuron) for each in self.recorded.potentials):
                need = f'netsim.present(..., record=[netsim.Recorded("{name}", {neuron})])'
                raise DataError(f"spikes: have no potential of {name}:{neuron}; record it: {need}")
        shown = self.recorded.pick(index)
        return shown.only(layers) if layers else shown

    def decisions(self, limit: int | None = None) -> pd.DataFrame:
        """The decision table of the first stimuli; see `netsim.analysis.decision_table`.

        Raises
        ------
        DataError
            If a stimulus has no label.
        """
        from netsim.analysis.decision_tables import decision_table

        self.check_labels(limit)
        if limit not in self._decided:
            self._decided[limit] = self.table(
                lambda latencies, labels, chosen: decision_table(
                    self.network, latencies[self.network.output.name], labels, chosen
                ),
                limit,
            )
        return self._decided[limit]

    def check_labels(self, limit: int | None = None) -> None:
        """Refuse, by a DataError, to make of the first stimuli what needs labels, if they have none."""
        from netsim.data.stimuli import UNLABELLED

        labels = self.labels
        if labels is None or (labels[:limit] == UNLABELLED).any():
            raise DataError("stimuli: have no labels; this figure needs labels")

    def presentation(self, index: int, neurons: Sequence[Recorded] = ()) -> Spikes:
        """Return the spikes of one stimulus, and the potentials of some neurons.

        Raises
        ------
        DataError
            If there is no such stimulus.
        """
        if not 0 <= index < self.count:
            raise DataError(f"stimulus {index}: does not exist; there are 0 to {self.count - 1}")
        return self.present([index], neurons=neurons)


@dataclass(frozen=True)
class Choice:
    """What a figure shows, where it leaves a choice.

    Parameters
    ----------
    index : int
        The stimulus of a figure of one presentation.
    limit : int, optional
        Of a figure of many, use the first stimuli only; by default as many as the figure needs.
    layer : str, optional
        The layer of a figure of one.
    channel : int
        The channel of kernels.
    neurons : sequence of Recorded
        Chosen neurons.
    count : int, optional
        How many pictures a figure of many holds at most.
    width : float
        Of the figure (inches); 0 is the figure's own.
    palette : str or sequence of colours, optional
        As of `netsim.analysis.theme`.

    Examples
    --------
    >>> from netsim import analysis
    >>> analysis.Choice(index=3, layer="hidden").layer
    'hidden'
    """

    index: int = 0
    limit: int | None = None
    layer: str | None = None
    channel: int = 0
    neurons: Sequence[Recorded] = ()
    count: int | None = None
    width: float = 0.0
    palette: Palette = None

    __repr__ = short_repr

    def new_figure(self, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
        """A new figure of the chosen width and of this height (inches), with Axes above one another."""
        import matplotlib.pyplot as plt

        with theme(self.palette):
            figure, axes = plt.subplots(
                rows, figsize=(self.width, height), layout="constrained", sharex=True, squeeze=False
            )
        return figure, list(axes[:, 0])

    def drawn(self, table: pd.DataFrame, draw: Callable[..., Axes], height: float, **options: Any) -> Drawn:
        """A table, and a new figure of this height (inches) into whose Axes `draw` puts it."""
        with theme(self.palette):
            figure, (axes,) = self.new_figure(height)
            draw(table, ax=axes, **options)
        return Drawn(figure, table)


@dataclass(frozen=True)
class Drawn:
    """A figure, and the table that it shows.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from netsim import analysis
    >>> analysis.Drawn(plt.figure(), pd.DataFrame({"latency_ms": [3.0, 1.5]})).table.shape
    (2, 1)
    """

    figure: Figure
    table: pd.DataFrame

    __repr__ = short_repr


Draw = Callable[[Source, Choice], Drawn]


@dataclass(frozen=True)
class Plot:
    """A figure; as a decorator it registers what draws it, a function from a `Source` and a `Choice` to `Drawn`.

    Parameters
    ----------
    name : str
    summary : str
        One line for help texts, without a capital and a full stop.
    order : int
        Lists are sorted by it.
    width : float
        By default (inches); 0 if the figure itself says how wide it has to be.
    presentations : int, optional
        How many stimuli it presents by default; None is all of them, 0 is none at all.
    choices : tuple of str
        What of a `Choice` has a meaning: ``index``, ``layer``, ``channel``, ``neuron``, ``count``.
    of_training : bool
        Whether it shows the metrics of a training, and nothing else.
    of_structure : bool
        Whether it shows populations and projections, and nothing that depends on weights.
    section : str
        Of a report; by default it is in none.
    rank : int
        Sections and figures of a report are sorted by it.
    title, caption : str
        In a report. They can name the `index` of a stimulus, the `count` of presentations, and the first `layer` with
        its `weights`.

    Examples
    --------
    >>> from netsim.seams import figures
    >>> figures["raster"].summary
    'all spikes of one presentation'
    """

    name: str
    summary: str
    order: int = 1000
    width: float = COLUMN_WIDTH
    presentations: int | None = None
    choices: tuple[str, ...] = ()
    of_training: bool = False
    of_structure: bool = False
    section: str = ""
    rank: int = 1000
    title: str = ""
    caption: str = ""
    draw: Draw | None = None

    __repr__ = short_repr

    def __call__(self, draw: Draw) -> Draw:
        """Register the figure with what draws it."""
        figures.add(self.name, replace(self, draw=draw), draw.__module__)
        return draw


@contextmanager
def _source_of(
    subject: Subject | Source | Spikes,
    stimuli: Stimuli | None,
    workers: Workers,
    progress: Progress,
) -> Iterator[Source]:
    """What a figure of the subject is made from."""
    from netsim.runs.model import open_model
    from netsim.spikes import Spikes
    from netsim.spikes.spikes import refuse_for_spikes
    from netsim.spikes.workers import distribution_of

    if isinstance(subject, Source):
        for what, given in {"stimuli": stimuli, "workers": workers}.items():
            if given is not None:
                raise SpecificationError(f"plot: {what}", "have no meaning for a Source, which has its own")
        yield subject
    elif isinstance(subject, Spikes):
        refuse_for_spikes(stimuli=stimuli, workers=workers)
        none = "spikes: do not hold the stimuli, which this figure shows; draw it of a model"
        source = Source.of(subject.known_model, lambda: _refuse(none), progress=progress)
        yield replace(source, recorded=subject)
    else:
        with distribution_of(workers) as distribution:
            load = None if stimuli is None else lambda: stimuli
            yield replace(Source.of(open_model(subject), load, progress=progress), distribution=distribution)


def _refuse(reason: str) -> Any:
    raise DataError(reason)


def plot(
    subject: Subject | Source | Spikes,
    name: str,
    *,
    presentation: int = 0,
    stimuli: Stimuli | None = None,
    workers: Workers = None,
    progress: Progress = no_progress,
    **choices: Any,
) -> Drawn:
    """Draw a figure.

    Parameters
    ----------
    subject : Model, Network, str, Path, Spikes or Source
        A model, the name of a run, preset or TOML file, spikes of a model, or a `Source`.
    name : str
        One of `netsim.seams.figures`.
    presentation : int
        The stimulus of a figure of one presentation.
    stimuli : Stimuli, optional
        By default the test stimuli of the model's data set.
    workers : int, str or Distribution, optional
        As in `netsim.present`.
    progress : callable
        Called with (done, total).
    **choices
        Further fields of `Choice`.

    Returns
    -------
    Drawn
        The figure and the table that it shows. Close the figure when it is no longer needed.

    Raises
    ------
    DataError
        If the subject lacks what the figure needs.
    SpecificationError
        If there is no such figure or choice, or a chosen layer or neuron does not exist.
    RunError
        If the model was trained with an engine that was handed in as an object.

    Examples
    --------
    >>> import netsim
    >>> drawn = netsim.plot("digits", "raster", presentation=3)
    >>> netsim.analysis.save_figure(drawn.figure, "raster.svg")
    """
    known = {one.name for one in fields(Choice)} - {"index"}
    for choice in choices:
        if choice not in known:
            raise SpecificationError(f"plot: {choice}", f"is not known{nearest(choice, known)}")
    figures.require(name)
    with _source_of(subject, stimuli, workers, progress) as source:
        return draw_figure(name, source, Choice(index=presentation, **choices))


def draw_figure(name: str, source: Source, choice: Choice) -> Drawn:
    """Draw a figure from a source; see `plot`."""
    import matplotlib.pyplot as plt

    entry = figures.require(name)
    limit = choice.limit if choice.limit is not None else entry.presentations
    before = set(plt.get_fignums())
    assert entry.draw is not None
    try:
        with theme(choice.palette):
            return entry.draw(source, replace(choice, limit=limit, width=choice.width or entry.width))
    except BaseException:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
        raise
