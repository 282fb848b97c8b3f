"""What an analysis of spikes is, and how one is made by its name. Nothing heavy is imported before that."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netsim.analysis.style import COLUMN_WIDTH, theme
from netsim.errors import DataError, SpecificationError, nearest
from netsim.reprs import short_repr
from netsim.seams import analyses

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsim.analysis.spikes import Progress, Spikes
    from netsim.analysis.style import Palette
    from netsim.data.stimuli import Stimuli
    from netsim.engines import Engine
    from netsim.runs.model import Model

_SUPPLIED = ("spikes", "against", "model", "stimuli", "layers", "engine", "seed", "progress")
"""Parameters of an analysis that are no settings."""
_WANTED = {
    int: "a whole number",
    float: "a number",
    str: "a word",
    bool: "true or false",
    tuple: "a list such as [1, 2]",
}


@dataclass(frozen=True)
class Analysis:
    """An analysis of spikes; as a decorator it registers the function that makes its table.

    The parameters of the function are what it needs: ``spikes``, and ``against``, others to compare them with, both
    `netsim.analysis.Spikes`; or ``model``, ``stimuli``, ``layers`` and ``engine``, the last two of which may be None,
    if it presents by itself; ``seed`` of its draws; and ``progress``, which is told how much of how much is done.
    Others have a default and are settings of the user's, numbers or words.

    Parameters
    ----------
    name : str
    summary : str
        One line for help texts, without a capital and a full stop.
    draw : callable
        Draws the table: takes it, and ``classes``, ``ax`` and ``palette``, and returns the Axes.
    order : int
        Lists are sorted by it.
    presentations : int
        How many stimuli are presented by default.
    width, height : float
        Of the figure (inches).

    Examples
    --------
    >>> from netsim.seams import analyses
    >>> analyses["latencies"].summary
    'when each neuron fires, how reliably, and how often it is silent'
    """

    name: str
    summary: str
    draw: Callable[..., Axes]
    order: int = 1000
    presentations: int = 1000
    width: float = COLUMN_WIDTH
    height: float = 2.4
    measure: Callable[..., pd.DataFrame] | None = None

    __repr__ = short_repr

    def __call__(self, measure: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        """Register the analysis with what makes its table."""
        analyses.add(self.name, replace(self, measure=measure), measure.__module__)
        return measure

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        assert self.measure is not None
        return inspect.signature(self.measure).parameters

    @property
    def settings(self) -> dict[str, Any]:
        """What the user can choose, and what is chosen by default."""
        return {name: one.default for name, one in self._parameters.items() if name not in _SUPPLIED}

    def takes(self, parameter: str) -> bool:
        """Whether the function has a parameter."""
        return parameter in self._parameters

    @property
    def needs_other(self) -> bool:
        """Whether there is nothing to tell without spikes to compare with."""
        return self.takes("against") and self._parameters["against"].default is inspect.Parameter.empty

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the user's, of the types that the defaults have.

        Raises
        ------
        SpecificationError
            If one does not exist, or is no number or word as it should be.
        """
        known, settings = self.settings, {}
        for name, value in given.items():
            if name not in known:
                hint = nearest(name, known) if known else "; it has none"
                raise SpecificationError(f"{self.name}: setting {name}", f"is not known{hint}")
            kind = type(known[name])
            if kind is float and type(value) is int:
                value = float(value)
            if kind is tuple and type(value) is list:
                value = tuple(value)
            if type(value) is not kind:
                wanted = _WANTED.get(kind, f"a {kind.__name__}")
                raise SpecificationError(f"{self.name}: setting {name}", f"must be {wanted}, not {value!r}")
            settings[name] = value
        return settings


@dataclass(frozen=True)
class Analysed:
    """What an analysis found.

    Parameters
    ----------
    name : str
    table : pandas.DataFrame
        Its columns stand in the docstring of the analysis.
    classes : sequence of str
        What the labels stand for.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> spikes = analysis.Spikes.of(model, test)
    >>> found = netsim.analyse("psth", spikes)
    >>> found.name, "layer" in found.table
    ('psth', True)
    """

    name: str
    table: pd.DataFrame
    classes: Sequence[str] = ()

    __repr__ = short_repr

    def figure(self, width: float = 0.0, palette: Palette = None) -> Figure:
        """A new figure of the table, `width` inches wide; close it when it is no longer needed."""
        import matplotlib.pyplot as plt

        entry = analyses[self.name]
        with theme(palette):
            figure, axes = plt.subplots(figsize=(width or entry.width, entry.height), layout="constrained")
            try:
                entry.draw(self.table, classes=self.classes, ax=axes)
            except BaseException:
                plt.close(figure)
                raise
        return figure


def analyse(
    name: str,
    subject: Model | Spikes,
    against: Model | Spikes | None = None,
    stimuli: Stimuli | None = None,
    layers: Sequence[str] | None = None,
    limit: int | None = None,
    engine: Engine | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Analysed:
    """Analyse the spikes of a model, or those of a file.

    Parameters
    ----------
    name : str
        One of `netsim.seams.analyses`.
    subject : Model or Spikes
        A model is presented its test stimuli; spikes may come from `netsim.read_spikes`.
    against : Model or Spikes, optional
        What the subject is compared with, where the analysis compares: the same presentations in the same order.
    stimuli : Stimuli, optional
        What a model is presented; by default the test stimuli of its data set, with a warning if a run learned from
        others.
    layers : sequence of str, optional
        Only these, ``stimulus`` among them; by default all.
    limit : int, optional
        The first presentations only; of a model, by default as many as the analysis needs.
    engine : Engine, optional
        Presents to `subject`, a model; by default that of its ``training``.
    seed : int
        Of all draws, if there are any.
    progress : callable, optional
        Is told how much of how much is done.
    **settings
        Of the analysis.

    Raises
    ------
    SpecificationError
        If there is no such analysis, setting or layer, or something is given that has no meaning for the analysis or
        its subject.
    DataError
        If the spikes lack what the analysis needs.
    RunError
        If no engine is given, and the model was trained with one that was handed in as an object.

    Examples
    --------
    >>> import netsim
    >>> found = netsim.analyse("latencies", netsim.load_model("digits"), limit=50)
    >>> list(found.table.columns[:4])
    ['layer', 'neuron', 'label', 'presentations']
    >>> netsim.analysis.save_figure(found.figure(), "latencies.png")
    """
    from netsim.analysis.spikes import Spikes, no_progress
    from netsim.data.stimuli import Stimuli
    from netsim.runs.model import Model
    from netsim.specification.checks import check_kind, names_in, whole

    for what, given_one in (("subject", subject), ("against", against)):
        if given_one is not None and not isinstance(given_one, Spikes):
            check_kind(given_one, Model, what, "such as netsim.load_model gives, or Spikes")
    if stimuli is not None:
        check_kind(stimuli, Stimuli, "stimuli", "such as model.splits().test")
    entry = analyses.require(name)
    layers = None if layers is None else names_in(layers)
    limit = None if limit is None else whole(limit, "limit")
    told = progress or no_progress
    given: dict[str, Any] = entry.checked(settings)
    if entry.needs_other and against is None:
        raise DataError(f"{name}: compares; say what with (against)")
    if against is not None and not entry.takes("against"):
        raise DataError(f"{name}: does not compare; leave out what to compare with (against)")
    _refuse_idle(entry, subject, against, stimuli, layers, engine)

    def shown(model: Model) -> Stimuli:
        chosen = model.splits().test if stimuli is None else stimuli
        return chosen.first(entry.presentations if limit is None else limit)

    def spikes_of(one: Model | Spikes, simulator: Engine | None = None) -> Spikes:
        if not isinstance(one, Spikes):
            # on one set of stimuli: what is compared is presented the same
            to_show = shown(one if stimuli is not None or isinstance(subject, Spikes) else subject)
            return Spikes.of(one, to_show, layers, simulator, told)
        chosen = one if layers is None else one.only(layers)
        return chosen if limit is None else chosen.head(limit)

    classes: Sequence[str]
    if entry.takes("model"):
        if isinstance(subject, Spikes):
            raise DataError(f"{name}: presents stimuli by itself; give it a run or a preset, not spikes")
        presented = shown(subject)
        supplied: dict[str, Any] = {"model": subject, "stimuli": presented, "layers": layers, "engine": engine}
        classes = presented.classes
    else:
        spikes = spikes_of(subject, engine)
        supplied = {"spikes": spikes}
        classes = spikes.classes
    if against is not None:
        supplied["against"] = spikes_of(against)
    supplied |= {"seed": seed, "progress": told}
    given |= {what: value for what, value in supplied.items() if entry.takes(what)}
    assert entry.measure is not None
    return Analysed(name, entry.measure(**given), classes)


def _refuse_idle(
    entry: Analysis,
    subject: Model | Spikes,
    against: Model | Spikes | None,
    stimuli: Stimuli | None,
    layers: Sequence[str] | None,
    engine: Engine | None,
) -> None:
    """Refuse what would be left aside."""
    from netsim.analysis.spikes import Spikes

    if entry.takes("model"):
        for what, value in (("layers", layers), ("engine", engine)):
            if value is not None and not entry.takes(what):
                raise SpecificationError(what, f"has no meaning for {entry.name}; leave it out")
    elif isinstance(subject, Spikes):
        if engine is not None:
            raise SpecificationError("engine", "has no meaning for spikes, which there are already; leave it out")
        if stimuli is not None and (against is None or isinstance(against, Spikes)):
            raise SpecificationError("stimuli", "have no meaning for spikes, which there are already; leave them out")
