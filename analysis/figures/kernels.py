"""Learned kernels of a convolution, or receptive fields of dense neurons on the stimulus."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netsim.analysis.frames import require
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.style import COLUMN_WIDTH, colour_bar, drawing, outline, plain
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes


def kernels(
    frame: pd.DataFrame,
    layer: str | None = None,
    channel: int = 0,
    count: int = 64,
    columns: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw the incoming weights of maps or neurons as pictures on one scale of colours.

    Where two neurons have several synapses, the sum of their weights is drawn.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `weight_table`.
    layer : str, optional
        By default the first one of the table; its source must have rows and columns.
    channel : int
        Which channel of the source.
    count : int
        Draw the first maps or neurons only, at most this many.
    columns : int
        Pictures in a row.
    ax : matplotlib Axes, optional
        What is drawn into and returned; by default Axes of a new figure.

    Raises
    ------
    DataError
        If the table is no weight table, or the layer has no kernels with rows and columns, or no such channel.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> ax = analysis.kernels(analysis.weight_table(model.network, model.weights), layer="hidden", count=4)
    >>> type(ax).__name__
    'Axes'
    """
    import numpy as np

    require(frame, ("layer", "kind", "map", "neuron", "channel", "y", "x", "weight"), "weight")
    name = layer or str(frame["layer"].iloc[0])
    rows = frame[(frame["layer"] == name) & (frame["kind"] == "kernel")]
    if rows.empty:
        raise DataError(f"layer {name}: has no kernels in the table")
    if rows["y"].isna().any():
        raise DataError(f"layer {name}: reads a population without rows and columns, so its weights have none to draw")
    if not 0 <= channel <= (last := int(rows["channel"].max())):
        raise DataError(f"channel {channel}: does not exist; the input of {name} has 0 to {last}")
    rows = rows[rows["channel"] == channel]
    convolution = bool(rows["map"].notna().all())
    index = rows[["map" if convolution else "neuron", "y", "x"]].to_numpy(dtype=np.int64).T
    pictures = np.full(tuple(index.max(axis=1) + 1), np.nan)
    pictures[tuple(index)] = 0
    np.add.at(pictures, tuple(index), rows["weight"].to_numpy())
    everything = len(pictures)
    pictures = pictures[: max(1, count)]
    number, height, width = pictures.shape
    mosaic, places = _mosaic(pictures, _columns(number, height, width, max(1, columns)))
    limit = float(np.nan_to_num(np.abs(pictures)).max()) or 1.0
    with drawing(ax, COLUMN_WIDTH, 0.45 + COLUMN_WIDTH * 0.88 * mosaic.shape[0] / mosaic.shape[1]) as axes:
        # the colours are diverging, and safe for people who are colour-blind
        image = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        for top, left in places:
            axes.add_patch(outline(left - 0.5, top - 0.5, width, height))
        axes.set_axis_off()
        colour_bar(axes, image, 1.02, 0.025, "weight")
        shown = f"{number}" if number == everything else f"first {number} of {everything}"
        what = "kernels" if convolution else "receptive fields"
        depth = f", channel {channel}" if frame.loc[frame["layer"] == name, "channel"].nunique() > 1 else ""
        axes.set_title(f"{plain(name)}: {shown} {what} of {height}×{width}{depth}")
    return axes


def _columns(count: int, height: int, width: int, most: int) -> int:
    """Pictures in a row: at most `most`, and fewer of flat pictures, so that all are not much wider than high."""
    if 4 * height > width:
        return most
    return next((some for some in range(most, 1, -1) if 4 * math.ceil(count / some) * height >= some * width), 1)


def _mosaic(pictures: np.ndarray, columns: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """All pictures in one with gaps between, and the upper left corner of each."""
    import numpy as np

    count, height, width = pictures.shape
    columns = min(columns, count)
    gap = max(1, round(width / 8))
    mosaic = np.full((math.ceil(count / columns) * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    places = [(k // columns * (height + gap), k % columns * (width + gap)) for k in range(count)]
    for picture, (top, left) in zip(pictures, places, strict=True):
        mosaic[top : top + height, left : left + width] = picture
    return mosaic, places


@Plot(
    "kernels",
    "learned kernels, or receptive fields of dense neurons",
    order=70,
    presentations=0,
    choices=("layer", "channel", "count"),
    section="Learning",
    rank=110,
    title="{weights}",
    caption="The weights onto {layer} that feed forward.",
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.analysis.learning_tables import weight_table

    layer = choice.layer or source.network.weighted[0].name
    table = weight_table(source.network, source.weights, [layer])
    count = choice.count or 64
    columns = 8 if choice.width < 5 else 16
    shown = min(count, int(table["map"].fillna(table["neuron"]).max()) + 1)
    high, wide = (int(table[axis].max()) + 1 if table[axis].notna().any() else 1 for axis in ("y", "x"))
    columns = _columns(shown, high, wide, columns)
    rows = math.ceil(shown / columns) * min(1.0, (high + wide / 8) / (wide + wide / 8))  # flat fields are no squares
    height = 0.5 + 0.86 * choice.width * rows / min(columns, max(shown, columns // 2))
    return choice.drawn(table, kernels, height, layer=layer, channel=choice.channel, count=count, columns=columns)
