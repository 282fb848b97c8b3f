"""The figures of ``netsim plot`` and of reports. Heavy modules are imported only when a figure is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.style import COLUMN_WIDTH, Palette, inches, theme
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
    from netsim.presenting.batches import Distribution, Presented
    from netsim.presenting.workers import Workers
    from netsim.runs.model import Model, Subject
    from netsim.specification import Network
    from netsim.spikes import Progress, Spikes
    from netsim.weights.layout import Weights

Make = Callable[["Mapping[str, np.ndarray]", "np.ndarray", "np.ndarray"], "pd.DataFrame"]


def no_progress(done: int, total: int) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Source:
    """The data of a figure: a network with its weights and stimuli, or existing spikes.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Feedforward weights.
    load_stimuli : callable
        Function that returns the stimuli. Some figures never call it.
    make_engine : callable
        Function that returns an engine, which records the potentials of the given neurons.
    initial : callable, optional
        Function that returns the forward weights before learning, for comparison, or None.
    metrics : Path, optional
        File with the metrics of the training.
    progress : callable
        Called with (done, total).
    distribution : Distribution, optional
        Worker processes for presentations; by default this process presents.
    recorded : Spikes, optional
        Existing spikes, which replace presentations.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> source = netsim.analysis.Source.of(model)
    >>> len(source.decisions(limit=10))
    10
    """

    network: Network
    weights: Weights
    load_stimuli: Callable[[], Stimuli]
    make_engine: Callable[[Sequence[Recorded]], Engine]
    initial: Callable[[], Weights | None] | None = None
    metrics: Path | None = None
    progress: Progress = no_progress
    distribution: Distribution | None = None
    recorded: Spikes | None = None
    _decided: dict[int | None, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Decision tables by number of stimuli; several figures share a table."""

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
        """Make the source of a model.

        Parameters
        ----------
        model : Model
        load_stimuli : callable, optional
            Function that returns the stimuli; the default loads the test stimuli of the network's data set.
        seed : int
            Seed of the initial weights of a preset. They are drawn again for comparison.
        progress : callable
            Called with (done, total).
        make_engine : callable, optional
            Function from recorded neurons to an engine; by default the engine of ``network.training``.

        Returns
        -------
        Source
        """
        from netsim.training.checking import weights_before_learning

        return cls(
            model.network,
            model.weights,
            load_stimuli or (lambda: model.splits().test),
            make_engine or model.make_engine,
            lambda: weights_before_learning(model, seed),
            model.run.metrics if model.run else None,
            progress,
        )

    @cached_property
    def stimuli(self) -> Stimuli:
        """The stimuli, loaded on first use."""
        return self.load_stimuli()

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of the stimuli, or None."""
        return self.stimuli.labels if self.recorded is None else self.recorded.labels

    @property
    def classes(self) -> Sequence[str]:
        """Names of the labels."""
        return self.stimuli.classes if self.recorded is None else self.recorded.classes

    @property
    def count(self) -> int:
        """Number of stimuli, or of presentations in existing spikes."""
        return len(self.stimuli) if self.recorded is None else self.recorded.presentations

    @cached_property
    def learning(self) -> pd.DataFrame:
        """The metrics of the training. They are read once, because a running training adds rows.

        Raises
        ------
        DataError
            If there are no metrics, or the file is damaged.
        """
        from netsim.analysis.learning_tables import metrics_table

        if self.metrics is None:
            raise DataError(f"{self.network.name}: has no metrics; give a run folder, which has learning curves")
        return metrics_table(self.metrics)

    def table(self, make: Make, limit: int | None = None, weights: Weights | None = None) -> pd.DataFrame:
        """Make one table of the first stimuli.

        Parameters
        ----------
        make : callable
            Function from latencies by population (ms), labels and indices of a batch to the batch's table.
        limit : int, optional
            Number of stimuli; by default all.
        weights : dict of ndarray, optional
            Weights to use instead of the weights of the source.

        Returns
        -------
        pandas.DataFrame
        """
        import numpy as np
        import pandas as pd

        from netsim.presenting.batches import as_they_are, present_parts, serial
        from netsim.spikes.labels import UNLABELLED

        if self.recorded is not None:
            if weights is not None:
                raise DataError("spikes: belong to other weights; draw this figure of a model")
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
        """Return the spike table of the first stimuli, of all layers or some. See `netsim.analysis.spike_table`."""
        return self.present(range(min(limit or self.count, self.count)), layers).table()

    def present(self, index: Sequence[int], layers: Sequence[str] = (), neurons: Sequence[Recorded] = ()) -> Spikes:
        """Return the spikes of some stimuli and the potentials of some neurons."""
        import numpy as np

        from netsim.presenting.present import present
        from netsim.runs.model import Model

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
        """Return some of the existing spikes."""
        assert self.recorded is not None
        for name, neuron in neurons:
            if not any((each.layer, each.neuron) == (name, neuron) for each in self.recorded.potentials):
                need = f'netsim.present(..., record=[netsim.Recorded("{name}", {neuron})])'
                raise DataError(f"spikes: have no potential of {name}:{neuron}; record it: {need}")
        shown = self.recorded.pick(index)
        return shown.only(layers) if layers else shown

    def decisions(self, limit: int | None = None) -> pd.DataFrame:
        """The decision table of the first stimuli. See `netsim.analysis.decision_table`.

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
        """Raise DataError if one of the first stimuli has no label."""
        from netsim.spikes.labels import UNLABELLED

        labels = self.labels
        if labels is None or (labels[:limit] == UNLABELLED).any():
            raise DataError("stimuli: have no labels, but this figure needs them; give labelled stimuli")

    def presentation(self, index: int, neurons: Sequence[Recorded] = ()) -> Spikes:
        """Return the spikes of one stimulus and the potentials of some neurons.

        Raises
        ------
        DataError
            If the stimulus does not exist.
        """
        if not 0 <= index < self.count:
            raise DataError(f"stimulus {index}: does not exist; there are 0 to {self.count - 1}")
        return self.present([index], neurons=neurons)


@dataclass(frozen=True)
class Choice:
    """The choices that figures offer.

    Parameters
    ----------
    index : int
        Stimulus, for a figure of one presentation.
    limit : int, optional
        Number of stimuli, for a figure of many presentations; by default as many as the figure needs.
    layer : str, optional
        Layer, for a figure of one layer.
    channel : int
        Channel of kernels.
    neurons : sequence of Recorded
        Neurons, for a figure of chosen neurons.
    count : int, optional
        Largest number of pictures in a figure of many pictures.
    width : float
        Width of the figure (inches); 0 is the default of the figure. `netsim.plot` also accepts ``"column"`` (85 mm)
        and ``"page"`` (180 mm).
    palette : str or sequence of colours, optional
        A palette of seaborn, such as ``Set2``; the default suits colour-blind readers.

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
        """Return a new figure of the chosen width and this height (inches), and its Axes, stacked in `rows`."""
        import matplotlib.pyplot as plt

        with theme(self.palette):
            figure, axes = plt.subplots(
                rows, figsize=(self.width, height), layout="constrained", sharex=True, squeeze=False
            )
        return figure, list(axes[:, 0])

    def drawn(self, table: pd.DataFrame, draw: Callable[..., Axes], height: float, **options: Any) -> Drawn:
        """Draw the table with `draw` into a new figure of this height (inches)."""
        with theme(self.palette):
            figure, (axes,) = self.new_figure(height)
            draw(table, ax=axes, **options)
        return Drawn(figure, table)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and the table that it shows.

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
    """A figure. Used as a decorator, it registers the function that draws it, from `Source` and `Choice` to `Drawn`.

    Parameters
    ----------
    name : str
        Name in the registry `netsim.seams.figures`.
    summary : str
        One line for help texts, without a capital and a full stop.
    order : int
        Sort key of lists.
    width : float
        Default width (inches); 0 if the figure computes its width.
    presentations : int, optional
        Default number of stimuli; None is all, 0 is none.
    choices : tuple of str
        Choices that have an effect: ``index``, ``layer``, ``channel``, ``neuron``, ``count``.
    of_training : bool
        The figure shows only the metrics of a training.
    of_structure : bool
        The figure shows populations and projections, and does not depend on weights.
    samples : str
        Kind of samples that the figure shows, as in `Encoder.samples`; by default all. Reports leave the figure out for
        other samples.
    section : str
        Section of the report; by default the report leaves the figure out.
    rank : int
        Sort key of the sections and figures of a report.
    title, caption : str
        Texts of the report. They may contain the fields ``index`` (stimulus), ``count`` (of presentations),
        ``presentations`` (such as "1,000 presentations"), ``layer`` (first layer with weights) and ``weights`` (the
        word "Kernels" or "Receptive fields").
    draw : callable, optional
        Function that draws the figure; the decorator sets it.

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
    samples: str = ""
    section: str = ""
    rank: int = 1000
    title: str = ""
    caption: str = ""
    draw: Draw | None = None

    __repr__ = short_repr

    def __call__(self, draw: Draw) -> Draw:
        """Register the figure with the function that draws it."""
        figures.add(self.name, replace(self, draw=draw), draw.__module__)
        return draw


@contextmanager
def _source_of(
    subject: Subject | Source | Spikes, stimuli: Stimuli | None, workers: Workers, progress: Progress
) -> Iterator[Source]:
    """The data of a figure of the subject."""
    from netsim.presenting.workers import distribution_of
    from netsim.runs.model import open_model, stimuli_for
    from netsim.spikes import Spikes
    from netsim.spikes.spikes import refuse_for_spikes

    if isinstance(subject, Source):
        for what, given in {"stimuli": stimuli, "workers": workers}.items():
            if given is not None:
                raise SpecificationError(f"plot: {what}", "have no effect on a Source; leave them out")
        yield subject
    elif isinstance(subject, Spikes):
        refuse_for_spikes(stimuli=stimuli, workers=workers)
        none = "spikes: do not contain the stimuli that this figure shows; draw it of a model"
        source = Source.of(subject.known_model, lambda: _refuse(none), progress=progress)
        yield replace(source, recorded=subject)
    else:
        with distribution_of(workers) as distribution:
            model = open_model(subject)
            given = None if stimuli is None else stimuli_for(model, stimuli)
            source = Source.of(model, None if given is None else lambda: given, progress=progress)
            yield replace(source, distribution=distribution)


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
    """Draw a figure of a model or of spikes.

    Parameters
    ----------
    subject : Model, Network, str, Path, Spikes or Source
        A model, the name of a run, preset or TOML file, the spikes of a model, or a `Source`.
    name : str
        A name in `netsim.seams.figures`.
    presentation : int
        Index of the stimulus, for a figure of one presentation.
    stimuli : Stimuli, optional
        By default the test stimuli of the model's data set.
    workers : int, str or Distribution, optional
        As in `netsim.present`.
    progress : callable
        Called with (done, total).
    **choices
        Other fields of `Choice`, such as ``width="column"``.

    Returns
    -------
    Drawn
        The figure and the table that it shows. Close the figure when it is no longer needed.

    Raises
    ------
    DataError
        If the subject lacks data that the figure needs.
    SpecificationError
        If the figure, a choice, a layer or a neuron does not exist, or the width is no width of a figure.
    RunError
        If the model was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> drawn = netsim.plot("digits", "raster", presentation=3)
    >>> netsim.analysis.save_figure(drawn.figure, "raster.svg")
    """
    from netsim.specification.checks import whole

    known = {each.name for each in fields(Choice)} - {"index"} | {"presentation"}
    for choice in choices:
        if choice not in known:
            hint = nearest("presentation" if choice == "index" else choice, known)  # index is its name in the command
            raise SpecificationError(f"plot: {choice}", f"is not known{hint}")
    presentation = whole(presentation, "presentation", least=0)
    for choice, least in {"limit": 1, "count": 1, "channel": 0}.items():
        if choices.get(choice) is not None:
            choices[choice] = whole(choices[choice], choice, least)
    _refuse_idle(figures.require(name), {"presentation": presentation, **choices})
    choices["width"] = inches(choices.get("width", 0.0))
    with _source_of(subject, stimuli, workers, progress) as source:
        return draw_figure(name, source, Choice(index=presentation, **choices))


def _refuse_idle(entry: Plot, given: Mapping[str, Any]) -> None:
    """Refuse choices that have no effect on a figure."""
    named = {"index": "presentation", "neuron": "neurons"}
    idle = {"presentation", "layer", "channel", "neurons", "count"} - {named.get(each, each) for each in entry.choices}
    idle |= {"limit"} if entry.presentations in (0, 1) else set()
    for choice in sorted(idle & set(given)):
        if given[choice]:  # a zero is the default of a number
            raise SpecificationError(f"plot: {choice}", f"has no effect on the figure {entry.name}; leave it out")


def draw_figure(name: str, source: Source, choice: Choice) -> Drawn:
    """Draw a figure from a source. See `plot`."""
    import matplotlib.pyplot as plt

    entry = figures.require(name)
    limit = choice.limit if choice.limit is not None else entry.presentations
    network = source.network
    if entry.samples and network.encoder.samples != entry.samples:
        raise DataError(
            f"{network.name}: presents {network.encoder.samples}, and the figure {name} shows {entry.samples}"
        )
    before = set(plt.get_fignums())
    assert entry.draw is not None
    try:
        with theme(choice.palette):
            drawn = entry.draw(source, replace(choice, limit=limit, width=choice.width or entry.width))
        if not isinstance(drawn, Drawn):
            must = "must return netsim.analysis.Drawn, a figure with its table"
            raise SpecificationError(f"figure {name!r}", f"{must}, not {type(drawn).__name__}")
        return drawn
    except BaseException:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
        raise
