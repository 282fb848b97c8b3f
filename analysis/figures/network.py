"""The network as a diagram: populations as boxes, projections as arrows, from the stimulus on top to the output."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from netsim.analysis.frames import require
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.style import COLUMN_WIDTH, FAINT, FULL_WIDTH, INK, Palette, colours, drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.path import Path

_NUMBERS = ("source_level", "target_level", "synapses")
_WORDS = ("source", "target", "source_shape", "target_shape", "rule", "sign", "delay")
_APART, _HALF_WIDTH, _HALF_HEIGHT = 1.7, 0.5, 0.2
"""How far boxes of one level are apart, and half the size of a box; levels are 1 apart."""
_ASIDE = 0.85
_LETTERS = {"center": 14, "left": 26, "right": 14, "beside": 18}
"""Of a line of a label, about, by where it stands."""


class _Arrow(NamedTuple):
    """The way of an arrow, and where its label stands."""

    way: Path
    point: tuple[float, float]
    horizontal: str = "left"
    vertical: str = "center"


def network_diagram(frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None) -> Axes:
    """Draw the populations of a network and the projections between them.

    Populations that a loop joins are side by side. A projection that excites or has no sign ends in a point, one that
    inhibits in a dot. Beside it stand its rule, the number of its synapses, and what delays it has, if any.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `projection_table`.
    ax : matplotlib Axes, optional
        What is drawn into and returned; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As of `netsim.analysis.theme`; the first colour stands for excitation, the fourth for inhibition.

    Raises
    ------
    DataError
        If the table is no table of projections.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> ax = analysis.network_diagram(analysis.projection_table(netsim.load_preset("ei-mnist")))
    >>> [text.get_text() for text in ax.texts][:2]
    ['stimulus\\n28×28×1', 'excitatory\\n300']
    """
    require(frame, _NUMBERS, "projection", words=_WORDS)
    shapes, levels = (
        dict(frame[["target", f"target_{what}"]].to_numpy()) | dict(frame[["source", f"source_{what}"]].to_numpy())
        for what in ("shape", "level")
    )
    places = _places(levels)
    left, first, out = _extent(frame)
    with drawing(ax, _width_of(frame), _height_of(frame), palette) as axes:
        for name, (x, y) in places.items():
            _draw_box(axes, x, y, f"{name}\n{shapes[name]}")
        span = frame["target_level"] - frame["source_level"]
        for row in frame[span <= 1].itertuples():
            source, target = places[str(row.source)], places[str(row.target)]
            _draw_arrow(axes, _near(source, target), row)
        inside_out = frame[span > 1].iloc[span[span > 1].argsort(kind="stable")]
        for number, row in enumerate(inside_out.itertuples()):
            source, target = places[str(row.source)], places[str(row.target)]
            _draw_arrow(axes, _aside(source, target, first + _ASIDE * number, number), row)
        axes.set(xlim=(left, out), ylim=(-max(levels.values()) - 0.5, 0.3))
        axes.set_axis_off()
    return axes


def _extent(frame: pd.DataFrame) -> tuple[float, float, float]:
    """Where the drawing begins on the left, where on the right its first skip is, and where it ends there."""
    levels = frame[["target", "target_level"]].drop_duplicates()["target_level"]
    right = _APART * (int(levels.value_counts().max()) - 1) / 2 + _HALF_WIDTH
    aside = int((frame["target_level"] - frame["source_level"] > 1).sum())
    margin = 0.1 if right == _HALF_WIDTH else 0.4
    first = right + (0.75 if (frame["source"] == frame["target"]).any() else 0.2)
    return -right - margin, first, first + _ASIDE * aside + 0.2


def _width_of(frame: pd.DataFrame) -> float:
    """The width (inches) in which texts have room: that of a column, or of the page."""
    left, _, out = _extent(frame)
    return COLUMN_WIDTH if 0.75 * (out - left) < COLUMN_WIDTH else FULL_WIDTH


def _height_of(frame: pd.DataFrame) -> float:
    """The height (inches) in which texts have room."""
    return 0.75 * (float(frame["target_level"].max()) + 0.8)


def _places(levels: dict[str, int]) -> dict[str, tuple[float, float]]:
    """The middle of each box: level below level, those of one level side by side around 0."""
    places = {}
    for level in sorted(set(levels.values())):
        own = [name for name in levels if levels[name] == level]
        for position, name in enumerate(own):
            places[name] = (_APART * (position - (len(own) - 1) / 2), -float(level))
    return places


def _near(source: tuple[float, float], target: tuple[float, float]) -> _Arrow:
    """To the next level, or within one."""
    if source == target:
        return _back(source)
    if source[1] != target[1]:
        return _down(source, target)
    return _over(source, target) if abs(source[0] - target[0]) > 1.5 * _APART else _across(source, target)


def _down(source: tuple[float, float], target: tuple[float, float]) -> _Arrow:
    """From one level to the next."""
    from matplotlib.path import Path

    # arrows from several boxes end beside each other
    begin = (source[0] + 0.2 * (target[0] - source[0]), source[1] - _HALF_HEIGHT)
    end = (target[0] + 0.2 * (source[0] - target[0]), target[1] + _HALF_HEIGHT)
    out = 1 if begin[0] + end[0] >= 0 else -1  # the label stands on the outer side
    room = 0.06 if begin[0] == end[0] else 0.2
    middle = ((begin[0] + end[0]) / 2 + room * out, (begin[1] + end[1]) / 2)
    return _Arrow(Path([begin, end]), middle, "left" if out > 0 else "right")


def _across(source: tuple[float, float], target: tuple[float, float]) -> _Arrow:
    """From a box to another one of its level: above to the right, below to the left."""
    from matplotlib.path import Path

    way = 1 if target[0] > source[0] else -1
    height = source[1] + 0.08 * way
    begin, end = (source[0] + way * _HALF_WIDTH, height), (target[0] - way * _HALF_WIDTH, height)
    middle = ((begin[0] + end[0]) / 2, height + 0.04 * way)
    return _Arrow(Path([begin, end]), middle, "center", "bottom" if way > 0 else "top")


def _over(source: tuple[float, float], target: tuple[float, float]) -> _Arrow:
    """Past boxes of the same level: over them to the right, under them to the left."""
    from matplotlib.path import Path

    way = 1 if target[0] > source[0] else -1
    begin, end, edge = source[0] + 0.15 * way, target[0] - 0.15 * way, source[1] + _HALF_HEIGHT * way
    out = edge + 0.14 * way
    corners = [(begin, edge), (begin, out), (end, out), (end, edge)]
    point = (begin + 0.7 * (end - begin), out + 0.04 * way)  # in the middle arrows come from another level
    return _Arrow(Path(corners), point, "center", "bottom" if way > 0 else "top")


def _back(own: tuple[float, float]) -> _Arrow:
    """From a box to itself."""
    from matplotlib.path import Path

    left, right, edge = own[0] + 0.3, own[0] + 0.45, own[1] - _HALF_HEIGHT
    corners = [(right, edge), (right, edge - 0.12), (left, edge - 0.12), (left, edge)]
    return _Arrow(Path(corners), (right + 0.04, edge - 0.04), "left", "top")


def _aside(source: tuple[float, float], target: tuple[float, float], out: float, number: int) -> _Arrow:
    """To a lower level than the next one, to the right of all boxes; the `number` is how many are inside of it."""
    from matplotlib.path import Path

    apart = 0.17 - 0.03 * min(number, 2)
    begin, end = source[1] - apart, target[1] + apart
    corners = [(source[0] + _HALF_WIDTH, begin), (out, begin), (out, end), (target[0] + _HALF_WIDTH, end)]
    return _Arrow(Path(corners), (out + 0.05, (begin + end) / 2), "beside")


def _draw_box(axes: Axes, x: float, y: float, text: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner, size = (x - _HALF_WIDTH, y - _HALF_HEIGHT), (2 * _HALF_WIDTH, 2 * _HALF_HEIGHT)
    look = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch(corner, *size, look, facecolor="0.96", edgecolor=INK, linewidth=0.8, zorder=2))
    axes.text(x, y, text, ha="center", va="center", fontsize="small", linespacing=1.3, zorder=3)


def _draw_arrow(axes: Axes, arrow: _Arrow, row: Any) -> None:
    import numpy as np
    from matplotlib.patches import FancyArrowPatch

    palette = colours(4)
    colour = {"any": INK, "both": INK, "excitatory": palette[0]}.get(row.sign, palette[3])
    head = "-" if row.sign == "inhibitory" else "-|>,head_length=3.5,head_width=1.8"
    look: dict[str, Any] = {"color": colour, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 1, "mutation_scale": 1}
    axes.add_patch(FancyArrowPatch(path=arrow.way, arrowstyle=head, zorder=1, **look))
    if row.sign == "inhibitory":
        end = np.asarray(arrow.way.vertices)[-1]
        axes.plot(end[0], end[1], "o", color=colour, markersize=4, zorder=3)
    lines = textwrap.wrap(_in_few_letters(row.rule), _LETTERS[arrow.horizontal], break_on_hyphens=False)
    lines.append(f"{row.synapses:,}")
    if row.delay != "none":
        lines.append(f"{row.delay} delays")
    axes.text(
        *arrow.point,
        "\n".join(lines),
        horizontalalignment=arrow.horizontal.replace("beside", "left"),
        verticalalignment=arrow.vertical,
        fontsize="x-small",
        color=FAINT if colour == INK else colour,
        linespacing=1.1,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        zorder=4,
    )


def _in_few_letters(rule: str) -> str:
    """A rule without TeX and seed, which are in the table."""
    signs = {"$": "", r"\times": "×", r"\sigma": "σ", " × ": "×", " = ": "="}
    for tex, sign in signs.items():
        rule = rule.replace(tex, sign)
    return re.sub(r", seed \d+", "", rule)


@Plot(
    "network",
    "populations and projections as a diagram",
    order=5,
    width=0.0,
    section="Network",
    rank=5,
    title="The network",
    caption=(
        "Populations with their shapes, projections with their rules and numbers of synapses. A dot at the end of a"
        " projection stands for inhibition."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.analysis.network_tables import projection_table

    table = projection_table(source.network)
    return replace(choice, width=choice.width or _width_of(table)).drawn(table, network_diagram, _height_of(table))
