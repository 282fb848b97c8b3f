"""The shape of functions that draw a table, and the parts of docstrings that many functions share."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from netsim.analysis.frames import require
from netsim.analysis.style import COLUMN_WIDTH, drawing
from netsim.errors import DataError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
    from pandas import DataFrame as DataFrame
    from pandas import Series as Series
else:  # they take long to import, and annotations alone need them
    Axes = DataFrame = Figure = Series = Any

_AX = inspect.Parameter("ax", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation="Axes | None")
_PALETTE = inspect.Parameter("palette", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation="Palette")
_FIGURE = {
    "ax": "ax : matplotlib Axes, optional\n    Axes to draw into; by default Axes of a new figure.",
    "palette": "palette : str or sequence of colours, optional\n    As for `netsim.analysis.theme`.",
}
_SECTIONS = ("Parameters", "Returns", "Raises", "Notes", "References", "Examples")
_SECTION = re.compile(rf"\n\n({'|'.join(_SECTIONS)})\n-+\n")
Drawer = TypeVar("Drawer", bound=Callable[..., Any])
Size = float | Callable[..., float]
Rows = Iterator[Mapping[str, Any]]
"""Rows of a table one by one, as scalars by column, or several at once, as arrays by column."""
SILENT = "spikes: are empty, because no layer fires; give other stimuli or weights"


def draws(
    what: str,
    columns: Sequence[str],
    of: str = "",
    width: Size = COLUMN_WIDTH,
    height: Size = 2.4,
    *,
    words: Sequence[str] = (),
    rows: bool = True,
    palette: bool = True,
) -> Callable[[Callable[..., None]], Callable[..., Axes]]:
    """Return a decorator of a function that draws a table: it checks the table and supplies Axes in netsim's style.

    The decorated function has the parameters ``ax`` and ``palette`` instead of Axes, and returns the Axes. Its
    docstring describes them.

    Parameters
    ----------
    what : str
        Name of the table in messages, such as ``spike``.
    columns : sequence of str
        Columns that the table needs, with finite or missing numbers.
    of : str
        Name of the function that makes the table, for the docstring.
    width, height : float
        Size of a new figure (inches), or functions of the table and the options.
    words : sequence of str
        Columns that the table needs, and that need not contain numbers.
    rows : bool
        Whether the table needs a row.
    palette : bool
        Whether the figure has colours of a palette.

    Returns
    -------
    callable
        Decorator of a function of Axes, a table and options.

    Examples
    --------
    >>> import pandas as pd
    >>> from netsim.analysis import draws
    >>> @draws("weight", ["weight"])
    ... def points(axes, frame, marker="o"):
    ...     "Draw a point for each weight."
    ...     axes.plot(frame["weight"], marker)
    >>> points(pd.DataFrame({"weight": [2.0, 1.0]}), marker="x").lines[0].get_ydata().tolist()
    [2.0, 1.0]
    """

    def decorate(draw: Callable[..., None]) -> Callable[..., Axes]:
        _, *own = inspect.signature(draw).parameters.values()
        shared = [_AX, _PALETTE] if palette else [_AX]
        options = [each for each in own if each.kind is each.KEYWORD_ONLY]
        signature = inspect.Signature([*own[: len(own) - len(options)], *shared, *options], return_annotation="Axes")

        @functools.wraps(draw)
        def draw_table(*args: Any, **options: Any) -> Axes:
            given = signature.bind(*args, **options).arguments
            ax, colours = given.pop("ax", None), given.pop("palette", None)
            frame = next(iter(given.values()))
            require(frame, columns, what, rows, words)
            wide, high = (size(**given) if callable(size) else size for size in (width, height))
            with drawing(ax, wide, high, colours) as axes:
                draw(axes, **given)
            return axes

        vars(draw_table)["__signature__"] = signature
        frame_text = f"{own[0].name} : pandas.DataFrame\n    As from `{of}`." if of else ""
        texts = {own[0].name: frame_text, **_FIGURE}
        raised = f"DataError\n    If the table is not a {what} table."
        draw_table.__doc__ = document(draw_table, texts, {"Returns": "matplotlib.axes.Axes", "Raises": raised})
        return draw_table

    return decorate


def documented(draw: Drawer) -> Drawer:
    """Complete the docstring of a function that draws and opens its Axes by itself."""
    draw.__doc__ = document(draw, _FIGURE, {"Returns": "matplotlib.axes.Axes"})
    return draw


def tabulated(measure: Callable[..., Rows]) -> Callable[..., DataFrame]:
    """Return a function that collects the rows of `measure` in a table, whose layers have the order of the spikes."""
    signature = inspect.signature(measure)

    @functools.wraps(measure)
    def measure_table(*args: Any, **options: Any) -> DataFrame:
        import pandas as pd

        given = signature.bind(*args, **options)
        parts = list(measure(*given.args, **given.kwargs))
        if not parts:
            raise DataError(SILENT)
        several = any(hasattr(value, "__len__") and not isinstance(value, str) for value in parts[0].values())
        table = pd.concat(map(pd.DataFrame, parts), ignore_index=True) if several else pd.DataFrame(parts)
        table = table.astype({name: "Int64" for name in ("label", "other") if name in table})
        known = list(given.arguments["spikes"].sizes)
        if unknown := sorted({*table["layer"].unique()} - {*known}):
            raise DataError(f"{measure.__name__}: yields the layer {unknown[0]!r}{nearest(unknown[0], known)}")
        layers = pd.Categorical(table["layer"], known, ordered=True)
        return table.assign(layer=layers)

    vars(measure_table)["__signature__"] = signature.replace(return_annotation="DataFrame")
    return measure_table


def document(function: Callable[..., Any], parameters: Mapping[str, str], sections: Mapping[str, str]) -> str:
    """Return a docstring with the texts of parameters and the sections that it lacks, in the order of numpydoc."""
    head, *parts = _SECTION.split(f"{inspect.getdoc(function) or ''}\n")
    given = dict(zip(parts[::2], (part.rstrip() for part in parts[1::2]), strict=True))
    texts = dict(parameters)
    for own in filter(None, re.split(r"\n(?=\S)", given.get("Parameters", ""))):
        name, *others = own.partition("\n")[0].partition(" :")[0].split(", ")
        texts |= {name: own, **dict.fromkeys(others, "")}
    names = inspect.signature(function).parameters
    given["Parameters"] = "\n".join(texts[name] for name in names if texts.get(name))
    written = {**sections, **{title: text for title, text in given.items() if text}}
    ordered = [f"{title}\n{'-' * len(title)}\n{written[title]}" for title in _SECTIONS if title in written]
    return "\n\n".join([head.rstrip(), *ordered]) + "\n"
