"""Figures of running times, drawn from the tables of docs/results/speed.md or of a benchmark."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator

from netsim.analysis import save_figure, theme

BLUE, ORANGE, GREEN, GREY, INK = "#0173b2", "#d55e00", "#029e73", "0.5", "0.15"
FULL = 180 / 25.4
"""Width of a page (inches)."""

_LOOKS = {
    "phased": ("phased", BLUE, "o"),
    "phased, training step": ("phased, training", BLUE, "s"),
    "free": ("free", ORANGE, "D"),
    "free, training step": ("free, training", ORANGE, "^"),
    "free, one dense layer": ("free, one layer", ORANGE, "v"),
    "dense network (torch)": ("torch", GREY, "x"),
    "dense layer (torch, channels last)": ("torch", GREY, "x"),
    "event engine, on the grid": ("event, grid", BLUE, "o"),
    "event engine, exact times": ("event, exact", ORANGE, "D"),
    "Brian2 engine": ("Brian2", GREEN, "P"),
}
"""Label, colour and marker of each row of the table of growth."""
_PROGRAMS = {"event": (BLUE, "o"), "torch": (GREY, "x")}
"""Colour and marker of the rows of netsim and torch. Other simulators share one look."""


class Timed(NamedTuple):
    """Median, least and most time of a row (ms)."""

    row: str
    median: float
    least: float
    most: float


def draw_growth(page: Path, path: Path) -> None:
    """Draw the table of what the cost grows with: a panel for each quantity, and lines with label and final slope."""
    import matplotlib.pyplot as plt

    rows = re.findall(
        r"^\| ([^|`]+) \| ([^|]+) \| ([\d,; .]+) \| ([\d; .]+) \|$", page.read_text("utf-8"), re.MULTILINE
    )
    titles = [title for title in dict.fromkeys(title for title, *_ in rows) if title != "threads"]
    with theme():
        figure, panels = plt.subplots(2, 3, figsize=(FULL, 4.4), layout="constrained")
        for axes, title in zip(panels.flat, titles, strict=True):
            ends = []
            for _, of, values, times in (row for row in rows if row[0] == title):
                label, colour, marker = _LOOKS[of]
                x, y = ([float(each.replace(",", "")) for each in some.split(";")] for some in (values, times))
                axes.plot(x, y, marker=marker, color=colour, markersize=3.5, linewidth=1.2)
                slope = math.log(y[-1] / y[-3]) / math.log(x[-1] / x[-3])
                ends.append((y[-1], f"{label}, {slope:.1f}".replace("-0.0", "0.0"), colour, x[-1]))
            axes.set(xscale="log", yscale="log", xlabel=title)
            for axis, numbers in ((axes.xaxis, EngFormatter(sep="")), (axes.yaxis, "{x:g}")):
                axis.set_major_locator(LogLocator(10, numticks=6))
                axis.set_major_formatter(numbers)
                axis.set_minor_formatter(NullFormatter())
            _label_ends(axes, ends)
        for axes in panels[:, 0]:
            axes.set_ylabel("ms per presentation")
        save_figure(figure, path, dpi=200)
        plt.close(figure)


def _label_ends(axes: Axes, ends: Sequence[tuple[float, str, str, float]]) -> None:
    """Write the labels to the right of the lines, apart from each other."""
    low, high = (math.log(limit) for limit in axes.get_ylim())
    apart, at = 0.09 * (high - low), -math.inf
    for value, label, colour, x in sorted(ends):
        at = max(math.log(value), at + apart)
        axes.annotate(
            label,
            (x, math.exp(at)),
            xytext=(5, 0),
            textcoords="offset points",
            color=colour if colour != GREY else INK,
            fontsize="small",
            va="center",
            annotation_clip=False,
        )


def read_rows(page: Path) -> tuple[list[Timed], dict[str, str]]:
    """Return the times of the table of rows, and what each row is."""
    rows = re.findall(
        r"^\| `([\w-]+)` \| ([^|]+) \| ([\d.,]+) \| ([\d.,]+)–([\d.,]+) \|", page.read_text("utf-8"), re.M
    )
    times = [Timed(name, *(float(each.replace(",", "")) for each in values)) for name, _, *values in rows]
    return times, {name: what for name, what, *_ in rows}


def draw_rows(times: Iterable[Timed], what: dict[str, str], path: Path) -> None:
    """Draw the time of a presentation by row, a panel for each kind of call."""
    import matplotlib.pyplot as plt

    kinds: dict[str, list[Timed]] = {"forward": [], "training step": [], "one image at a time": []}
    for each in times:
        alone = each.row.endswith(("-one", "-one-channels-last")) or "online" in each.row
        kind = "one image at a time" if alone else "training step" if "training" in each.row else "forward"
        kinds[kind].append(each)
    kinds = {kind: sorted(timed, key=lambda each: -each.median) for kind, timed in kinds.items() if timed}
    heights = [len(timed) + 1 for timed in kinds.values()]
    with theme():
        figure, panels = plt.subplots(
            len(kinds),
            figsize=(FULL, 0.17 * sum(heights) + 0.6),
            layout="constrained",
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
        )
        for axes, (kind, timed) in zip(panels[:, 0], kinds.items(), strict=True):
            for position, each in enumerate(timed):
                colour, marker = _PROGRAMS.get(each.row.partition("-")[0], (GREEN, "D"))
                axes.hlines(position, each.least, each.most, color=colour, linewidth=1.2)
                axes.plot(each.median, position, marker, color=colour, markersize=4)
            axes.set_yticks(range(len(timed)), [_named(each.row, what.get(each.row, "")) for each in timed])
            axes.set_ylim(-0.7, len(timed) - 0.3)
            axes.set_title(kind)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color="0.9", linewidth=0.5)
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter("{x:g}")
        panels[-1, 0].set_xlabel("time of a presentation (ms): median and range of blocks")
        save_figure(figure, path, dpi=200)
        plt.close(figure)


def _named(row: str, what: str) -> str:
    """Return the name of a row for readers."""
    program = {"event": "netsim", "torch": "torch", "brian2": "Brian2", "snntorch": "snnTorch"}
    first = program.get(row.partition("-")[0], "SpikingJelly")
    what = what.replace("the same, taken", "phased, binary weights, taken").replace("the same", "free, trained weights")
    return f"{first}: {what or row}" if first != "Brian2" else f"Brian2: {'by hand' if 'hand' in row else 'engine'}"
