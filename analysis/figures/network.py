"""Diagram of a network: populations as boxes, projections as arrows, from the stimulus at the top to the output."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import COLUMN_WIDTH, FULL_WIDTH, INK, colours, plain

_NUMBERS = ("source_level", "target_level", "synapses")
_WORDS = ("source", "target", "source_shape", "target_shape", "rule", "sign", "delay")
_LETTER, _SMALL_LETTER, _LINE = 0.065, 0.043, 0.115
"""Sizes in inches: width of a letter in boxes, width of a letter in the list, height of a line in the list."""
_HALF_HEIGHT, _LEVEL, _APART, _GAP, _MARGIN, _ROOM = 0.17, 0.8, 0.5, 0.3, 0.12, 0.18
"""Sizes in inches: half the height of a box, distance of levels, distance of boxes, width of a gap that an arrow
passes, margin, room for a number."""

_CHAIN_LEVEL = 0.66
"""Distance of levels of a chain in inches."""
_LABELS = textwrap.TextWrapper(50, break_on_hyphens=False)
"""Wraps the labels of a chain's arrows."""

_Point = tuple[float, float]
_Node = str | tuple[int, int]
"""A population, or a gap that an arrow passes: number of the projection, and level."""


class _Box(NamedTuple):
    """Centre and half width of a box or a gap."""

    x: float
    y: float
    half: float


class _Arrow(NamedTuple):
    """Corners of an arrow, and position of its number."""

    corners: list[_Point]
    point: _Point


@draws(
    "projection",
    _NUMBERS,
    of="projection_table",
    width=lambda frame: _size_of(frame)[0],
    height=lambda frame: _size_of(frame)[1],
    words=_WORDS,
)
def network_diagram(axes: Axes, frame: DataFrame) -> None:
    r"""Draw the populations of a network and the projections between them.

    The populations of a loop are side by side. Excitatory projections and projections without a sign end in a point,
    inhibitory projections in a dot. Projections are numbered. A list below the diagram gives their rules, numbers of
    synapses, and delays. In a chain, the arrows have these labels, and there is no list.

    Raises
    ------
    DataError
        If the table is not a table of projections.

    Examples
    --------
    >>> import netsim
    >>> ax = netsim.analysis.network_diagram(netsim.analysis.projection_table(netsim.load_preset("ei-mnist")))
    >>> [text.get_text() for text in ax.texts][:2]
    ['stimulus\n28×28×1', 'excitatory\n300']
    """
    boxes = _positions(frame)
    width = axes.figure.get_figwidth()  # type: ignore[union-attr]
    scale = _scale(boxes, width)
    shapes = dict(frame[["source", "source_shape"]].to_numpy()) | dict(frame[["target", "target_shape"]].to_numpy())
    for name, box in boxes.items():
        if isinstance(name, str):
            _draw_box(axes, box, plain(f"{name}\n{shapes[name]}"), scale)
    chain = _is_chain(frame)
    for number, (row, arrow) in enumerate(zip(frame.itertuples(), _arrows(frame, boxes), strict=True), start=1):
        _draw_arrow(axes, arrow, row, "" if chain else str(number), scale)
        if chain:
            text = "\n".join(_LABELS.wrap(_described(row)))
            look: dict[str, Any] = {"va": "center", "fontsize": "small", "color": _colour(row.sign)}
            axes.text(arrow.corners[0][0] + _MARGIN, sum(y for _, y in arrow.corners) / 2, text, **look)
    left, line = -width / scale / 2, _LINE / scale
    columns, lists = _listed(frame, width)
    if chain:
        left = -max(box.half for box in boxes.values()) - _MARGIN
        axes.set(xlim=(left, left + width / scale))
    top = -_height_of(boxes) + 2 * _HALF_HEIGHT
    for column, listed in enumerate(lists):
        for number, (text, sign) in enumerate(listed):
            position = left * (1 - 2 * column / columns), top - line * number
            axes.text(*position, text, va="top", fontsize="x-small", color=_colour(sign))
    if not chain:
        axes.set(xlim=(left, -left))
    axes.set(ylim=(top - line * len(lists[0]), 2 * _HALF_HEIGHT - _MARGIN))
    axes.set_axis_off()


def _size_of(frame: DataFrame, width: float = 0.0) -> tuple[float, float]:
    """Return the size (inches) of the diagram. The default width is the column's, or the page's if needed."""
    boxes = _positions(frame)
    width = width or (COLUMN_WIDTH if _scale(boxes, COLUMN_WIDTH) == 1.0 else FULL_WIDTH)
    _, lists = _listed(frame, width)
    return width, _height_of(boxes) * _scale(boxes, width) + _LINE * len(lists[0])


def _height_of(boxes: dict[_Node, _Box]) -> float:
    """Height (inches) from above the boxes to the list below them."""
    return -min(box.y for box in boxes.values()) + 4 * _HALF_HEIGHT


def _scale(boxes: dict[_Node, _Box], width: float) -> float:
    """Scale of boxes and names, at most 1, so that boxes and the arrows at the sides fit the width."""
    return min(1.0, width / (2 * max(abs(box.x) + box.half for box in boxes.values()) + 4 * _MARGIN))


def _listed(frame: DataFrame, width: float) -> tuple[int, list[list[tuple[str, str]]]]:
    """Return the number of columns of the list, and the lines of each column with the projection's sign.

    A chain has no list, because its arrows have labels.
    """
    if _is_chain(frame):
        return 1, [[]]
    texts = [(f"{number}  {_described(row)}", str(row.sign)) for number, row in enumerate(frame.itertuples(), start=1)]
    letters = int(width / _SMALL_LETTER)
    columns = max(1, letters // (max(len(text) for text, _ in texts) + 2))
    wrapping = textwrap.TextWrapper(letters, subsequent_indent="    ", break_on_hyphens=False)
    lines = [(line, sign) for text, sign in texts for line in wrapping.wrap(text)]
    rows = math.ceil(len(lines) / columns)
    return columns, [lines[begin : begin + rows] for begin in range(0, len(lines), rows)]


def _described(row: Any) -> str:
    """Return rule, synapses and delays of a projection."""
    delays = "" if row.delay == "none" else f", {row.delay} delays"
    return f"{_in_few_letters(str(row.rule))}: {row.synapses:,} synapses{delays}"


def _is_chain(frame: DataFrame) -> bool:
    """Return whether each projection leads from one level to the next, and each level has one population."""
    steps = list(zip(frame["source_level"], frame["target_level"], strict=True))
    return sorted(steps) == [(level, level + 1) for level in range(len(steps))]


def _chains(frame: DataFrame) -> list[list[_Node]]:
    """Return the nodes of each projection: its source, gaps in the levels between, its target."""
    ends = frame[["source", "source_level", "target_level", "target"]].to_numpy().tolist()
    return [
        [source, *((number, level) for level in range(above + 1, below)), target]
        for number, (source, above, below, target) in enumerate(ends)
    ]


def _levels(frame: DataFrame) -> list[list[_Node]]:
    """Return populations and gaps by level."""
    levels: dict[_Node, int] = dict(frame[["target", "target_level"]].to_numpy())
    levels |= dict(frame[["source", "source_level"]].to_numpy())
    levels |= {node: node[1] for chain in _chains(frame) for node in chain if isinstance(node, tuple)}
    return [[node for node in levels if levels[node] == level] for level in sorted(set(levels.values()))]


def _positions(frame: DataFrame) -> dict[_Node, _Box]:
    """Position boxes and gaps level by level, each roughly below its sources."""
    half = {
        str(name): _LETTER * max(len(f"{name}"), len(f"{shape}"), 8) / 2 + 0.08
        for end in ("source", "target")
        for name, shape in frame[[end, f"{end}_shape"]].to_numpy()
    }
    above: dict[_Node, list[_Node]] = {}
    for chain in _chains(frame):
        for before, node in pairwise(chain):
            above.setdefault(node, []).append(before)
    boxes: dict[_Node, _Box] = {}
    distance = _CHAIN_LEVEL if _is_chain(frame) else _LEVEL

    def middle(node: _Node) -> float:
        known = [boxes[other].x for other in above.get(node, ()) if other in boxes]
        return sum(known) / len(known) if known else 0.0

    for number, level in enumerate(_levels(frame)):
        right = 0.0
        extents: dict[_Node, tuple[float, float]] = {}  # middle, and half the width
        for node in sorted(level, key=middle):
            if isinstance(node, tuple):
                extents[node] = (right - _APART / 2 + _GAP / 2, 0.0)
                right += _GAP
            else:
                extents[node] = (right + half[node], half[node])
                right += 2 * half[node] + _APART
        for node, (x, reach) in extents.items():
            boxes[node] = _Box(x - (right - _APART) / 2, -distance * number, reach)
    return boxes


def _arrows(frame: DataFrame, boxes: dict[_Node, _Box]) -> list[_Arrow]:
    """Route the projections, so that they pass behind no box and overlap only where they cross."""
    chains, seen = _chains(frame), Counter[Any]()
    ends: dict[tuple[_Node, int], list[tuple[float, int]]] = {}
    for number, chain in enumerate(chains):
        if boxes[chain[0]].y != boxes[chain[-1]].y:
            ends.setdefault((chain[0], -1), []).append((boxes[chain[1]].x, number))
            ends.setdefault((chain[-1], 1), []).append((boxes[chain[-2]].x, number))

    def at_edge(node: _Node, edge: int, number: int) -> _Point:
        """Return an end of an arrow. Arrows at the same edge are ordered by their other ends."""
        order, box = [each for _, each in sorted(ends[node, edge])], boxes[node]
        share = (order.index(number) + 1) / (len(order) + 1) - 0.5
        return box.x + 1.4 * box.half * share, box.y + edge * _HALF_HEIGHT

    arrows: list[_Arrow] = []
    for number, (first, *gaps, last) in enumerate(chains):
        source, target = boxes[first], boxes[last]
        if source.y != target.y:
            passed = [(boxes[gap].x, boxes[gap].y + edge * _HALF_HEIGHT) for gap in gaps for edge in (1, -1)]
            corners, part = [at_edge(first, -1, number), *passed, at_edge(last, 1, number)], 0
        else:
            low, high = sorted((source.x, target.x))
            level = [box for node, box in boxes.items() if isinstance(node, str) and box.y == source.y]
            between = any(low < box.x < high for box in level)
            # arrows that would overlap: of the same pair, or past other boxes of the level
            alike = (source.y, source.x < target.x) if between else (first, last)
            way = _over if between else _across if first != last else _back
            corners, part = way(source, target, seen[alike])
            seen[alike] += 1
        arrows.append(_Arrow(corners, _with_room(corners[part], corners[part + 1], [other.point for other in arrows])))
    return arrows


def _across(source: _Box, target: _Box, number: int) -> tuple[list[_Point], int]:
    """Route to the adjacent box of a level, above to the right, below to the left. The number is on part 0."""
    way = 1 if target.x > source.x else -1
    height = source.y + (0.04 + 0.05 * number) * way
    return [(source.x + way * source.half, height), (target.x - way * target.half, height)], 0


def _over(source: _Box, target: _Box, number: int) -> tuple[list[_Point], int]:
    """Route past boxes of the same level, above to the right, below to the left."""
    way = 1 if target.x > source.x else -1
    inward = 0.7 + 0.1 * min(number, 2)
    begin, end = source.x + way * inward * source.half, target.x - way * inward * target.half
    edge = source.y + _HALF_HEIGHT * way
    out = edge + (0.1 + 0.06 * number) * way
    return [(begin, edge), (begin, out), (end, out), (end, edge)], 1


def _back(box: _Box, _: _Box, number: int) -> tuple[list[_Point], int]:
    """Route from a box to itself, around its lower right corner."""
    right, bottom, out = box.x + box.half, box.y - _HALF_HEIGHT, 0.12 + 0.1 * number
    begin = box.y - 0.1 + 0.04 * number
    corners = [(right, begin), (right + out, begin), (right + out, bottom - out), (right - out, bottom - out)]
    return [*corners, (right - out, bottom)], 1


def _with_room(begin: _Point, end: _Point, taken: list[_Point]) -> _Point:
    """Return a point on a line with enough distance from `taken` for a number, or with the largest distance."""
    across, down = end[0] - begin[0], end[1] - begin[1]
    points = [(begin[0] + share * across, begin[1] + share * down) for share in (0.4, 0.3, 0.5, 0.6, 0.2, 0.7, 0.8)]
    return max(points, key=lambda point: min([_ROOM, *(math.dist(point, other) for other in taken)]))


def _draw_box(axes: Axes, box: _Box, text: str, scale: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = (box.x - box.half, box.y - _HALF_HEIGHT)
    look = "round,pad=0,rounding_size=0.05"
    patch = FancyBboxPatch(corner, 2 * box.half, 2 * _HALF_HEIGHT, look, facecolor="0.96", edgecolor=INK, linewidth=0.8)
    axes.add_patch(patch)
    name = axes.text(box.x, box.y, text, ha="center", va="center", fontsize="small", linespacing=1.2)
    name.set_fontsize(scale * float(name.get_fontsize()))


def _draw_arrow(axes: Axes, arrow: _Arrow, row: Any, number: str, scale: float) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    colour = _colour(row.sign)
    head = "-" if row.sign == "inhibitory" else "-|>,head_length=3.5,head_width=1.8"
    look: dict[str, Any] = {"color": colour, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 1, "mutation_scale": 1}
    axes.add_patch(FancyArrowPatch(path=Path(arrow.corners), arrowstyle=head, zorder=2, **look))
    if row.sign == "inhibitory":
        axes.plot(*arrow.corners[-1], "o", color=colour, markersize=4, zorder=3)
    ground = {"facecolor": "white", "edgecolor": "none", "boxstyle": "circle,pad=0.1"}
    middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": "x-small"}
    if number:
        text = axes.text(*arrow.point, number, color=colour, bbox=ground, zorder=4, **middle)
        text.set_fontsize(scale * float(text.get_fontsize()))


def _colour(sign: Any) -> Any:
    return {"excitatory": colours(4)[0], "inhibitory": colours(4)[3]}.get(sign, INK)


def _in_few_letters(rule: str) -> str:
    """Shorten a rule: without TeX and seed, which are in the table."""
    for signs, letters in {"$": "", "`": "", r"\times": "×", r"\sigma": "σ", " × ": "×", " = ": "="}.items():
        rule = rule.replace(signs, letters)
    return re.sub(r", seed \d+|, SHA-256 \w+\.\.\.", "", rule)


@Plot(
    "network",
    "populations and projections as a diagram",
    order=5,
    width=0.0,
    presentations=0,
    of_structure=True,
    section="Network",
    rank=5,
    title="The network",
    caption=(
        "Populations with their shapes, and projections with their rules and synapses. Numbers, if any, refer to the"
        " list. Projections that end in a dot are inhibitory."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.analysis.network_tables import projection_table

    table = projection_table(source.network)
    width, height = _size_of(table, choice.width)
    return replace(choice, width=width).drawn(table, network_diagram, height)
