"""What ``netsim plot`` and reports draw. Nothing heavy is imported before that, so that a list of figures is quick."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.analysis.style import COLUMN_WIDTH, Palette, theme
from netsim.errors import DataError, SpecificationError
from netsim.reprs import short_repr
from netsim.seams import figures

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsim.data.stimuli import Stimuli
    from netsim.engines import Engine, Latencies, Recorded
    from netsim.runs.model import Model
    from netsim.specification import Network
    from netsim.weights.layout import Weights

_BATCH = 200

Make = Callable[["Latencies", "np.ndarray", "np.ndarray"], "pd.DataFrame"]


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
        Is told how many presentations of how many are done.

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
    progress: Callable[[int, int], None] = lambda done, of: None
    _decided: dict[int | None, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Decision tables by the number of stimuli: several figures show the same one."""

    __repr__ = short_repr

    @classmethod
    def of(
        cls,
        model: Model,
        load_stimuli: Callable[[], Stimuli] | None = None,
        seed: int = 0,
        progress: Callable[[int, int], None] = lambda done, of: None,
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
            Is told how many presentations of how many are done.
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
        """One table of the first stimuli, presented in batches.

        Parameters
        ----------
        make : callable
            Makes the table of a batch from its latencies (ms), labels and indices.
        limit : int, optional
            How many stimuli; by default all.
        weights : dict of ndarray, optional
            Other weights than those of the source.
        """
        import numpy as np
        import pandas as pd

        engine, tables = self.make_engine(()), []
        count = min(limit or len(self.stimuli), len(self.stimuli))
        for start in range(0, count, _BATCH):
            chosen = np.arange(start, min(start + _BATCH, count))
            latencies = self._present(engine, chosen, weights)
            tables.append(make(latencies, self.stimuli.labels[chosen], chosen))
            self.progress(int(chosen[-1]) + 1, count)
        return pd.concat(tables, ignore_index=True)

    def _present(self, engine: Engine, chosen: np.ndarray, weights: Weights | None = None) -> Latencies:
        from netsim.engines import Batch

        return engine.present(Batch(self.stimuli.latencies(chosen), weights or self.weights))

    def spikes(self, limit: int | None = None, layers: Sequence[str] = ()) -> pd.DataFrame:
        """The spike table of the first stimuli, of some layers or of all; see `netsim.analysis.spike_table`."""
        from netsim.analysis.tables import spike_table
        from netsim.specification.checks import names_in

        layers = names_in(layers)

        def make(latencies: Latencies, labels: np.ndarray, chosen: np.ndarray) -> pd.DataFrame:
            named = zip(self.network.shapes, latencies, strict=True)
            kept = [times if not layers or name in layers else times + math.inf for name, times in named]
            return spike_table(self.network, kept, labels, chosen)

        return self.table(make, limit)

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
                lambda latencies, labels, chosen: decision_table(self.network, latencies[-1], labels, chosen), limit
            )
        return self._decided[limit]

    def check_labels(self, limit: int | None = None) -> None:
        """Refuse, by a DataError, to make of the first stimuli what needs labels, if they have none."""
        from netsim.data.stimuli import UNLABELLED

        if (self.stimuli.labels[:limit] == UNLABELLED).any():
            raise DataError("stimuli: have no labels; this figure needs labels")

    def presentation(self, index: int, neurons: Sequence[Recorded] = ()) -> tuple[pd.DataFrame, Engine]:
        """The spike table of one stimulus, and the engine that recorded the potentials of some neurons.

        Raises
        ------
        DataError
            If there is no such stimulus.
        """
        import numpy as np

        from netsim.analysis.tables import spike_table

        if not 0 <= index < len(self.stimuli):
            raise DataError(f"stimulus {index}: does not exist; there are 0 to {len(self.stimuli) - 1}")
        chosen, engine = np.array([index]), self.make_engine(neurons)
        latencies = self._present(engine, chosen)
        return spike_table(self.network, latencies, self.stimuli.labels[chosen], chosen), engine


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


def draw(name: str, source: Source | Model, choice: Choice | None = None) -> Drawn:
    """Make a figure by its name.

    Parameters
    ----------
    name : str
        One of `netsim.seams.figures`.
    source : Source or Model
        A model stands for ``Source.of(model)``.
    choice : Choice, optional

    Returns
    -------
    Drawn
        Close the figure when it is no longer needed.

    Raises
    ------
    DataError
        If the source lacks what it needs.
    SpecificationError
        If there is no such figure, or a chosen layer or neuron does not exist.
    RunError
        If the model was trained with an engine that was handed in as an object.

    Examples
    --------
    >>> import netsim
    >>> drawn = netsim.draw("raster", netsim.load_model("digits"))
    >>> netsim.analysis.save_figure(drawn.figure, "raster.svg")
    """
    import matplotlib.pyplot as plt

    plot = figures.require(name)
    if not isinstance(source, Source):
        if not hasattr(source, "network"):
            raise SpecificationError("source", f"must be a model, as of netsim.load_model, not {source!r}")
        source = Source.of(source)
    choice = choice or Choice()
    limit = choice.limit if choice.limit is not None else plot.presentations
    before = set(plt.get_fignums())
    assert plot.draw is not None
    try:
        with theme(choice.palette):
            return plot.draw(source, replace(choice, limit=limit, width=choice.width or plot.width))
    except BaseException:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
        raise
