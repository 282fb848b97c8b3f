"""What an analysis of spikes is. Nothing heavy is imported before one is made, so that a list of them is quick."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netsim.analysis.style import COLUMN_WIDTH, theme
from netsim.errors import SpecificationError, nearest
from netsim.reprs import short_repr
from netsim.seams import analyses

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsim.analysis.style import Palette

_SUPPLIED = ("spikes", "against", "model", "stimuli", "layers", "engine", "workers", "seed", "progress")
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
    `netsim.Spikes`; or ``model``, ``stimuli``, ``layers``, ``engine`` and ``workers``, the last three of which may be
    None, if it presents by itself; ``seed`` of its draws; and ``progress``, which is called with (done, total). Others
    have a default and are settings of the user's, numbers or words.

    Parameters
    ----------
    name : str
    summary : str
        One line for help texts, without a capital and a full stop.
    draw : callable
        Draws the table: takes it, ``ax`` and ``palette``, and returns the Axes. It may take ``classes``, the names of
        labels.
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
    >>> found = netsim.analyse("digits", "psth", limit=40)
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
                named = {"classes": self.classes} if "classes" in inspect.signature(entry.draw).parameters else {}
                entry.draw(self.table, ax=axes, **named)
            except BaseException:
                plt.close(figure)
                raise
        return figure
