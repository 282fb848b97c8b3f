"""Learned kernels of a convolution, or receptive fields of dense neurons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netsim.analysis.frames import require
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import documented
from netsim.analysis.style import COLUMN_WIDTH, colour_bar, drawing, outline, plain
from netsim.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes


@documented
def kernels(
    frame: pd.DataFrame,
    layer: str | None = None,
    channel: int = 0,
    count: int = 64,
    columns: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw the incoming weights of maps or neurons as pictures on a common colour scale.

    If two neurons share several synapses, the figure shows the sum of the weights.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `weight_table`.
    layer : str, optional
        By default the first layer of the table. Its source must have rows and columns.
    channel : int
        Channel of the source.
    count : int
        Largest number of maps or neurons to draw.
    columns : int
        Pictures in a row.

    Raises
    ------
    DataError
        If the table is not a weight table, or the layer has no kernels with rows and columns, or no such channel.

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
        known = ", ".join(map(str, frame.loc[frame["kind"] == "kernel", "layer"].unique()))
        raise DataError(f"layer {name}: has no kernels in the table; choose one of {known or 'another table'}")
    if rows["y"].isna().any():
        raise DataError(f"layer {name}: reads a population without rows and columns; choose a layer that reads pixels")
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
    mosaic, corners = _mosaic(pictures, _columns(number, height, width, max(1, columns)))
    limit = float(np.nan_to_num(np.abs(pictures)).max()) or 1.0
    with drawing(ax, COLUMN_WIDTH, 0.45 + COLUMN_WIDTH * 0.88 * mosaic.shape[0] / mosaic.shape[1]) as axes:
        # diverging colours that colour-blind readers can tell apart
        image = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        for top, left in corners:
            axes.add_patch(outline(left - 0.5, top - 0.5, width, height))
        axes.set_axis_off()
        colour_bar(axes, image, 1.02, 0.025, "weight")
        shown = f"{number}" if number == everything else f"first {number} of {everything}"
        what = "kernels" if convolution else "receptive fields"
        depth = f", channel {channel}" if frame.loc[frame["layer"] == name, "channel"].nunique() > 1 else ""
        axes.set_title(f"{plain(name)}: {shown} {what} of {height}×{width}{depth}")
    return axes


def _columns(count: int, height: int, width: int, most: int) -> int:
    """Return the pictures per row: at most `most`, fewer for flat pictures, so that the mosaic is not too wide."""
    if 4 * height > width:
        return most
    return next((some for some in range(most, 1, -1) if 4 * math.ceil(count / some) * height >= some * width), 1)


def _mosaic(pictures: np.ndarray, columns: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return all pictures in an array with gaps, and the upper left corner of each."""
    import numpy as np

    count, height, width = pictures.shape
    columns = min(columns, count)
    gap = max(1, round(width / 8))
    mosaic = np.full((math.ceil(count / columns) * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    corners = [(k // columns * (height + gap), k % columns * (width + gap)) for k in range(count)]
    for picture, (top, left) in zip(pictures, corners, strict=True):
        mosaic[top : top + height, left : left + width] = picture
    return mosaic, corners


@Plot(
    "kernels",
    "learned kernels, or receptive fields of dense neurons",
    order=70,
    presentations=0,
    choices=("layer", "channel", "count"),
    section="Learning",
    rank=110,
    title="{weights}",
    caption="The feedforward weights onto {layer}.",
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
    rows = math.ceil(shown / columns) * min(1.0, (high + wide / 8) / (wide + wide / 8))  # fields may be flat
    height = 0.5 + 0.86 * choice.width * rows / min(columns, max(shown, columns // 2))
    return choice.drawn(table, kernels, height, layer=layer, channel=choice.channel, count=count, columns=columns)
