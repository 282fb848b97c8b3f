"""The registry entry of an analysis of spikes. Heavy modules are imported only when an analysis runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from netsim.analysis.shape import Axes, DataFrame, document, tabulated
from netsim.analysis.style import COLUMN_WIDTH, inches, theme
from netsim.errors import SpecificationError, nearest
from netsim.reprs import short_repr
from netsim.seams import analyses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsim.analysis.style import Palette

_TEXTS = {
    "spikes": "spikes : Spikes",
    "against": "against : Spikes\n    Spikes to compare with.",
    "model": "model : Model",
    "stimuli": "stimuli : Stimuli",
    "layers": "layers : sequence of str, optional\n    Names of layers; by default all.",
    "engine": "engine : Engine, optional\n    By default the engine of the network's ``training``.",
    "workers": "workers : int, str or Distribution, optional\n    As in `netsim.present`.",
    "shuffles": "shuffles : int\n    Number of shuffles of the labels.",
    "seed": "seed : int\n    Seed of all draws, such as samples, shuffles and the bootstrap.",
    "progress": "progress : callable\n    Called with (done, total).",
}
"""Texts of the parameters that many analyses have."""
_EXAMPLE = """>>> import netsim
>>> table = netsim.analyse("digits", "{name}", limit=40).table
>>> ax = netsim.analysis.{draw}(table)
>>> table.empty or not ax.has_data()
False"""
_SUPPLIED = tuple(name for name in _TEXTS if name != "shuffles")
"""Parameters that netsim supplies; all others are settings of the user."""
_WANTED = {
    int: "a whole number",
    float: "a number",
    str: "a word",
    bool: "true or false",
    tuple: "a list such as [1, 2]",
}


@dataclass(frozen=True)
class Analysis:
    """An analysis of spikes. Used as a decorator, it registers the function that makes its table.

    netsim passes these arguments if the function has parameters of their names:

    - ``spikes`` and ``against``, both `netsim.Spikes`: the spikes to analyse, and others to compare with.
    - ``model``, ``stimuli``, ``layers``, ``engine`` and ``workers``, for a function that presents stimuli itself. The
      last three may be None.
    - ``seed``, the seed of all draws.
    - ``progress``, called with (done, total).

    Every other parameter is a setting of the user. It needs a default, which is a number or a word. The function
    returns a table, or yields its rows as dicts of columns. If it yields, it needs ``spikes`` and the column ``layer``.

    Parameters
    ----------
    name : str
        Name in the registry `netsim.seams.analyses`.
    summary : str
        One line for help texts, without a capital and a full stop.
    draw : callable
        Function of the table, ``ax`` and ``palette`` that draws the table and returns the Axes, as from `draws`. It may
        also take ``classes``, the names of the labels.
    order : int
        Sort key of lists.
    presentations : int
        Default number of stimuli to present.
    width, height : float
        Size of the figure (inches).
    measure : callable, optional
        Function that makes the table; the decorator sets it.

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
    measure: Callable[..., DataFrame] | None = None

    __repr__ = short_repr

    def __call__(self, measure: Callable[..., Any]) -> Callable[..., DataFrame]:
        """Register the analysis with the function that makes its table. Complete the docstrings of both functions.

        Raise SpecificationError if the other function, which draws the table, does not accept `ax`.
        """
        try:
            inspect.signature(self.draw).bind(None, ax=None)
        except TypeError as error:
            draws = f"needs a function that draws, with the parameters frame, ax=None and palette=None ({error})"
            raise SpecificationError(f"analysis {self.name!r}", draws) from error
        for name, each in inspect.signature(measure).parameters.items():
            if name not in _SUPPLIED and each.default is each.empty:
                raise SpecificationError(f"analysis {self.name!r}", f"needs a default for its setting {name}")
        table_of = tabulated(measure) if inspect.isgeneratorfunction(measure) else measure
        if measure.__doc__ and self.draw.__doc__ and measure.__module__.startswith(f"{analyses.package}."):
            example = _EXAMPLE.format(name=self.name, draw=self.draw.__name__)
            self.draw.__doc__ = document(self.draw, {}, {"Examples": example})
            table_of.__doc__ = document(measure, _TEXTS, {})
        analyses.add(self.name, replace(self, measure=table_of), measure.__module__)
        return table_of

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        assert self.measure is not None
        return inspect.signature(self.measure).parameters

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the user with their defaults."""
        return {name: each.default for name, each in self._parameters.items() if name not in _SUPPLIED}

    def takes(self, parameter: str) -> bool:
        """Return whether the function has this parameter."""
        return parameter in self._parameters

    @property
    def needs_other(self) -> bool:
        """True if the analysis requires spikes to compare with."""
        return self.takes("against") and self._parameters["against"].default is inspect.Parameter.empty

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings, converted to the types of their defaults.

        Parameters
        ----------
        given : dict
            Settings of the user.

        Returns
        -------
        dict

        Raises
        ------
        SpecificationError
            If a setting does not exist or has the wrong type, or ``sample`` is below 1.
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
            if name == "sample" and value < 1:
                raise SpecificationError(f"{self.name}: setting sample", f"must be at least 1, not {value}")
            settings[name] = value
        return settings


@dataclass(frozen=True, eq=False)  # comparing tables yields no truth value
class Analysed:
    """The result of an analysis.

    Parameters
    ----------
    name : str
        Name of the analysis.
    table : pandas.DataFrame
        The docstring of the analysis describes its columns.
    classes : sequence of str
        Names of the labels.

    Examples
    --------
    >>> import netsim
    >>> result = netsim.analyse("digits", "psth", limit=40)
    >>> result.name, "layer" in result.table
    ('psth', True)
    """

    name: str
    table: DataFrame
    classes: Sequence[str] = ()

    __repr__ = short_repr

    def figure(self, width: float | str = 0.0, palette: Palette = None) -> Figure:
        """Draw the table into a new figure, and return the figure. Close it when it is no longer needed.

        Of several networks, means over networks are drawn (see `netsim.analysis.networks_figure`).

        Parameters
        ----------
        width : float or str
            Width in inches, ``"column"`` (85 mm) or ``"page"`` (180 mm); 0 is the default of the analysis.
        palette : str or sequence of colours, optional
            Palette, as for `netsim.analysis.theme`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        import matplotlib.pyplot as plt

        width = inches(width)
        if "network" in self.table:
            from netsim.analysis.networks import networks_figure, over_networks

            with theme(palette):
                return cast("Figure", networks_figure(over_networks(self.table), None, palette, width).figure)
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
