"""The most confident errors with their stimuli."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netsim.analysis.frames import class_name, require
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import documented
from netsim.analysis.style import FULL_WIDTH, INK, drawing, outline
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from netsim.specification import Network


_HEADING, _LINE, _NARROWEST = 0.5, 0.135, 0.6  # inches: title, line of a caption, narrowest picture with a caption
_LONGEST = 4  # largest aspect ratio with square pixels


def confident_errors(decisions: pd.DataFrame, count: int = 12) -> pd.DataFrame:
    """Select the wrong decisions with the longest gap between first and second output spike, longest first.

    Parameters
    ----------
    decisions : pandas.DataFrame
        As from `decision_table`. Ties and silence are left out, because they are not confident errors.
    count : int
        Largest number of errors.

    Returns
    -------
    pandas.DataFrame
        Rows of `decisions`.

    Raises
    ------
    DataError
        If the table is not a decision table.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> table = netsim.analysis.decision_table(spikes.network, spikes["output"], spikes.labels)
    >>> len(netsim.analysis.confident_errors(table, count=3))
    3
    """
    require(decisions, ("presentation", "label", "decision", "tied", "gap_ms"), "decision")
    decided = decisions[decisions["decision"].notna() & ~decisions["tied"].astype(bool)]
    wrong = decided[decided["decision"] != decided["label"]]
    return wrong.sort_values(["gap_ms", "presentation"], ascending=[False, True]).head(count)


@documented
def error_gallery(
    decisions: pd.DataFrame,
    spikes: pd.DataFrame,
    network: Network,
    classes: Sequence[str] = (),
    count: int = 12,
    columns: int = 6,
    ax: Axes | None = None,
) -> Axes:
    """Draw the stimuli of the most confident errors, each with label, decision and confidence.

    The confidence is the time from the first to the second output spike. A stimulus is drawn as it was presented. The
    darker a pixel, the earlier its spike. White pixels stay silent.

    Parameters
    ----------
    decisions : pandas.DataFrame
        As from `decision_table`.
    spikes : pandas.DataFrame
        As from `spike_table`, with at least the stimuli of the errors.
    network : Network
    classes : sequence of str, optional
        Names of the labels.
    count, columns : int
        Largest number of errors, and pictures per row.

    Raises
    ------
    DataError
        If a table has the wrong kind, or the spikes lack the stimulus of an error.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> decisions = netsim.analysis.decision_table(spikes.network, spikes["output"], spikes.labels)
    >>> ax = netsim.analysis.error_gallery(decisions, spikes.table(), spikes.network, count=4)
    >>> type(ax).__name__
    'Axes'
    """
    from netsim.measuring.metrics import latency_text

    errors = confident_errors(decisions, count)
    width, height = _drawn_size(network)
    pictures = _stimuli(spikes, errors["presentation"].to_list(), network)
    lines = _lines(errors, classes)
    columns = max(1, min(columns, len(errors) or 1))
    across, down = _cell(network, lines, columns, FULL_WIDTH if ax is None else ax.figure.bbox.width / ax.figure.dpi)
    rows = math.ceil(len(errors) / columns) or 1
    between = " → " if lines == 2 else "\n→ "
    with drawing(ax, FULL_WIDTH, _high(network, len(errors), lines, columns, FULL_WIDTH)) as axes:
        captions = errors[["label", "decision", "gap_ms"]].to_numpy(dtype=object)
        for position, (picture, (label, decision, gap)) in enumerate(zip(pictures, captions, strict=True)):
            left, top = position % columns * across, position // columns * down
            extent = (left, left + width, top + height, top)
            axes.imshow(picture, cmap="Greys", vmin=0, vmax=1, extent=extent, interpolation="nearest")
            axes.add_patch(outline(left, top, width, height))
            names = f"{class_name(label, classes)}{between}{class_name(decision, classes)}"
            look: dict[str, Any] = {"fontsize": 6.5, "color": INK, "verticalalignment": "bottom", "linespacing": 1.1}
            axes.text(left, top - 0.03 * height, f"{names}\n{latency_text(gap, 1)}", **look)
        axes.set_xlim(-0.02 * width, columns * across - 0.1 * width)
        axes.set_ylim((rows - 1) * down + height * 1.02, height - down)
        axes.set_aspect("equal")
        axes.set_axis_off()
        wrong = len(confident_errors(decisions, len(decisions)))
        axes.set_title(
            f"{len(errors)} of {wrong} confident errors\nlabel → decision, time to the second output spike"
            if len(errors)
            else f"no confident errors in {len(decisions):,} presentations"
        )
    return axes


def _lines(errors: pd.DataFrame, classes: Sequence[str]) -> int:
    """Lines of a caption. Label and decision share a line if their names are short."""
    return 2 if all(len(class_name(label, classes)) <= 2 for label in errors["label"]) else 3


def _drawn_size(network: Network) -> tuple[float, float]:
    """Width and height of a stimulus's picture (pixels of its longer side)."""
    height, width, channels = network.encoder.shape
    if height == width == 1:  # channels side by side
        width = channels
    return max(width, height / _LONGEST), max(height, width / _LONGEST)


def _high(network: Network, errors: int, lines: int, columns: int, inches: float) -> float:
    """Height (inches) of a figure with this number of errors and this width (inches)."""
    across, down = _cell(network, lines, columns, inches)
    return _HEADING + inches * (math.ceil(errors / columns) or 1) * down / (max(columns, 4) * across)


def _cell(network: Network, lines: int, columns: int, inches: float) -> tuple[float, float]:
    """Width and height of a picture with its caption, whose letters have a fixed size."""
    width, height = _drawn_size(network)
    across = width * 1.15
    line = _LINE * columns * across / inches
    return across, height * 1.04 + max(0.16 * height, line) * lines


def _stimuli(spikes: pd.DataFrame, presentations: Sequence[int], network: Network) -> list[np.ndarray]:
    """Pictures of stimuli, from 1 for the earliest spike to 0 for silence.

    They are averaged over channels. Channels of a stimulus without space are side by side.
    """
    if not presentations:
        return []
    require(spikes, ("presentation", "layer", "channel", "y", "x", "latency_ms"), "spike")
    import numpy as np

    from netsim.specification import STIMULUS

    pictures = []
    for presentation in presentations:
        stimulus = spikes[(spikes["presentation"] == presentation) & (spikes["layer"] == STIMULUS)]
        if stimulus.empty:
            raise DataError(f"presentation {presentation}: has no stimulus in the spike table; choose another one")
        picture = np.zeros(network.encoder.shape)
        index = tuple(stimulus[axis].to_numpy(dtype=np.int64) for axis in ("y", "x", "channel"))
        # the latest spikes must differ from silence
        picture[index] = 1 - 0.95 * stimulus["latency_ms"].to_numpy() / network.encoder.t_max
        pictures.append(picture[0] if picture.shape[:2] == (1, 1) else picture.mean(axis=2))
    return pictures


@Plot(
    "errors",
    "the most confident errors with their stimuli",
    order=110,
    width=FULL_WIDTH,
    choices=("count",),
    section="Decisions",
    rank=30,
    title="The most confident errors",
    caption=(
        "The confidence is the time from the first to the second output spike. A stimulus is drawn as it was"
        " presented: the darker, the earlier, on average over channels. {presentations}."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    import numpy as np

    from netsim.specification import STIMULUS
    from netsim.spikes.table import spike_table

    decisions = source.decisions(choice.limit)
    count = choice.count or 12
    table = confident_errors(decisions, count)
    chosen = table["presentation"].to_numpy()
    silent = {name: np.full((len(chosen), *shape), np.inf) for name, shape in source.network.shapes.items()}
    stimuli = spike_table(source.network, silent | {STIMULUS: source.stimuli.latencies(chosen)}, indices=chosen)
    columns = (
        4 if choice.width < 5 else min((6, 5), key=lambda number: -len(table) % number)
    )  # avoid a nearly empty row
    width, height = _drawn_size(source.network)
    if height > 2 * width:  # narrow pictures: the captions limit the number per row
        columns = int(choice.width / _NARROWEST)
    high = _high(source.network, len(table), _lines(table, source.classes), columns, choice.width)
    figure, (axes,) = choice.new_figure(min(high, 1.3 * choice.width))
    error_gallery(decisions, stimuli, source.network, source.classes, count, columns, ax=axes)
    return Drawn(figure, table)
