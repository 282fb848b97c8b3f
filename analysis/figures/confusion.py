"""Confusion matrix: labels against decisions, silence included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netsim.analysis.frames import class_name
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import COLUMN_WIDTH, INK, colour_bar
from netsim.errors import DataError

_MOST_NAMES = {"short": 22, "long": 12}  # more of these beside an axis overlap


@draws(
    "decision",
    ("label", "decision", "correct"),
    of="decision_table",
    height=lambda frame, classes=(): COLUMN_WIDTH * _high(_size(frame, classes)),
    palette=False,
)
def confusion_matrix(axes: Axes, frame: DataFrame, classes: Sequence[str] = ()) -> None:
    """Draw how often each label led to each decision. The last column counts presentations without a decision.

    Colours are fractions of the label's presentations, numbers are presentations. In a tie the neuron with the lowest
    number decides, as in the accuracy. The strict accuracy counts ties as errors.

    Parameters
    ----------
    classes : sequence of str, optional
        Names of the labels. The figure has a row for each name, and for each number in the table.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = analysis.confusion_matrix(analysis.decision_table(spikes.network, spikes["output"], spikes.labels))
    >>> ax.get_xlabel()
    'decision'
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    from netsim.specification.phrases import counted

    labels = frame["label"].to_numpy(dtype=np.int64)
    decisions = frame["decision"].astype("Int64").to_numpy(dtype=np.int64, na_value=-1)
    if labels.min() < 0 or decisions.min() < -1:
        raise DataError("table: has negative labels or decisions; count them from 0")
    size = _size(frame, classes)
    counts = np.zeros((size, size + 1), dtype=np.int64)
    np.add.at(counts, (labels, np.where(decisions < 0, size, decisions)), 1)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [class_name(label, classes) for label in range(size)]
    # a square-root scale makes rare errors visible
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, 0, 100), aspect="equal")
    if size <= 20:  # numbers in smaller cells are illegible
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 5 if size > 6 else 7}
        for row, column in np.argwhere(counts):
            colour = "white" if share[row, column] > 40 else INK
            axes.text(column, row, str(counts[row, column]), color=colour, **look)
    step = math.ceil(size / _MOST_NAMES["short" if max(map(len, names)) < 5 else "long"])
    long = max(map(len, names)) > 2 or size > 10
    shown = range(0, size - step + 1, step)  # the last is not next to "silent"
    axes.set_xticks([*shown, size], [*(names[label] for label in shown), "silent"], rotation=90 if long else 0)
    if not long:
        axes.get_xticklabels()[-1].set_rotation(90)
    axes.set_yticks(shown, [names[label] for label in shown])
    axes.tick_params(length=0)
    axes.axvline(size - 0.5, color=INK, linewidth=0.6)
    axes.spines[:].set(visible=True, linewidth=0.6)
    if size > 1:  # a single row is too low for a bar, and has its numbers
        ticks = [0, 1, 10, 25, 50, 100] if size > 4 else [0, 10, 50, 100]
        colour_bar(axes, image, 1.03, 0.035, "share of the label (%)", ticks=ticks)
    accuracy, strict = float((labels == decisions).mean()), float(frame["correct"].mean())
    between = ", " if max(map(len, names)) <= 12 else "\n"  # long names leave little width
    title = f"{counted(len(frame), 'presentation')}\naccuracy {accuracy:.2%}{between}strict {strict:.2%}"
    axes.set(xlabel="decision", ylabel="label", title=title)


def _size(frame: DataFrame, classes: Sequence[str]) -> int:
    """Return the number of labels."""
    return 1 + max(len(classes) - 1, int(frame["label"].max()), int(frame["decision"].fillna(-1).max()))


def _high(size: int) -> float:
    """Return height / width, so that the cells of a matrix of `size` rows are squares."""
    return 0.3 + 0.72 * size / (size + 1)


@Plot(
    "confusion",
    "labels against decisions, with silence",
    order=90,
    section="Decisions",
    rank=10,
    title="Confusion matrix",
    caption="Labels against decisions in {presentations}; the last column counts those without a decision.",
)
def _draw(source: Source, choice: Choice) -> Drawn:
    table = source.decisions(choice.limit)
    size = max(len(source.classes), source.network.outputs)
    return choice.drawn(table, confusion_matrix, min(choice.width, 5.0) * _high(size), classes=source.classes)
