"""Raster of one presentation: every spike of every layer over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netsim.analysis.figures._layers import Colour, check_layers, draw_bands
from netsim.analysis.frames import class_name, one_presentation
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FULL_WIDTH, INK, font_size, is_narrow, is_tiny, legend_above, note_beside

if TYPE_CHECKING:
    import numpy as np

    from netsim.specification import Network, Shape

_GAP = 0.18  # between bands of height 1
GREY: Colour = (0.6, 0.6, 0.6)
_RASTERISE = 1500  # spikes of a layer above which SVG and PDF embed a bitmap


@draws(
    "spike",
    ("presentation", "label", "layer", "channel", "neuron", "latency_ms"),
    of="spike_table",
    width=7.0,
    height=lambda frame, network, **_: 0.9 + 0.62 * len(network.shapes),
    rows=False,
)
def raster(
    axes: Axes,
    frame: DataFrame,
    network: Network,
    presentation: int | None = None,
    classes: Sequence[str] = (),
    *,
    against: DataFrame | None = None,
) -> None:
    """Draw the spikes of one presentation, layer above layer, with the stimulus at the bottom.

    Each layer is a band of the same height. Its neurons are stacked map by map and row by row, from the bottom up. The
    time in which they can fire is shaded. In the output layer, a disc marks the decision, which is the first output
    spike, and a circle marks the label. Panels of about 60 mm omit the numbers of neurons and spikes.

    Parameters
    ----------
    network : Network
    presentation : int, optional
        Presentation of the table; required if it contains several. A presentation without rows is drawn as silent.
    classes : sequence of str, optional
        Names of the labels.
    against : pandas.DataFrame, optional
        Spike table of one presentation to compare with. Its spikes that `frame` lacks are grey.

    Raises
    ------
    DataError
        If the table is not a spike table, has layers that the network lacks, or has several presentations and none is
        chosen.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = netsim.analysis.raster(spikes.table(), spikes.network, presentation=0)
    >>> ax.get_xlabel()
    'time in the presentation (ms)'
    """
    spikes, presentation = one_presentation(frame, presentation)
    check_layers(spikes, network)
    other = None if against is None or against.empty else _missing(one_presentation(against, None)[0], spikes)
    for name, shape, bottom, colour in draw_bands(axes, network, _GAP, 0.12):
        layer = spikes[spikes["layer"] == name]
        if other is not None:
            _draw_spikes(axes, other[other["layer"] == name], shape, bottom, GREY)
        _draw_spikes(axes, layer, shape, bottom, colour)
        if not is_tiny(axes):
            note_beside(axes, bottom + 0.5, f"{len(layer):,} spikes\n{len(layer) / math.prod(shape):.0%} fired")
    sizes = {name: "×".join(f"{side:,}" for side in shape) for name, shape in network.shapes.items()}
    axes.set_yticklabels(name if is_tiny(axes) else f"{name}\n{size}" for name, size in sizes.items())
    axes.set(xlim=(-0.005 * network.duration, 1.005 * network.duration), ylim=(-_GAP, bottom + 1 + _GAP))
    axes.set_xlabel("time (ms)" if is_tiny(axes) else "time in the presentation (ms)")
    silence = " (no spikes)" if spikes.empty else ""
    rows = 2 if is_narrow(axes) else 1  # of the legend
    axes.set_title(f"presentation {presentation}{silence}", pad=8 + 1.6 * rows * font_size("legend.fontsize"))
    _mark_decision(axes, spikes, network, classes)


def _missing(other: DataFrame, spikes: DataFrame) -> DataFrame:
    """Return the rows of another presentation whose spikes this one lacks."""
    keys = ["layer", "neuron", "latency_ms"]
    return other[~other.set_index(keys).index.isin(spikes.set_index(keys).index)]


def _draw_spikes(axes: Axes, layer: DataFrame, shape: Shape, bottom: float, colour: Colour) -> None:
    """Draw a short vertical line for each spike."""
    size = math.prod(shape)
    row = layer["neuron"].to_numpy()
    if len(shape) == 3:
        row = layer["channel"].to_numpy() * (shape[0] * shape[1]) + row // shape[2]
    height, middle = _tick(row, size, bottom)
    look: dict[str, Any] = {"linewidth": 1.2 if size <= 100 else 0.6, "alpha": 1.0 if len(layer) < 500 else 0.6}
    look |= {"color": colour, "rasterized": len(layer) > _RASTERISE, "zorder": 2}
    axes.vlines(layer["latency_ms"], middle - height / 2, middle + height / 2, **look)


def _tick(row: np.ndarray, size: int, bottom: float) -> tuple[float, np.ndarray]:
    """Return height and centre of the marks of the neurons at `row` in a band of `size` neurons."""
    height = max(0.8 / size, 1 / 20 if size <= 200 else 1 / 32 if size <= 2000 else 1 / 60)
    return height, bottom + height / 2 + (row + 0.5) / size * (1 - height)


def _mark_decision(axes: Axes, spikes: DataFrame, network: Network, classes: Sequence[str]) -> None:
    """Mark decision and label in the output layer, and add them to the legend."""
    import numpy as np
    import pandas as pd

    from netsim.measuring.metrics import latency_text

    bottom = len(network.populations) * (1 + _GAP)
    output = spikes[spikes["layer"] == network.output.name]
    if output.empty:
        axes.plot([], [], " ", label="no decision")
    else:
        first = float(output["latency_ms"].min())
        winners = np.sort(output.loc[output["latency_ms"] == first, "neuron"].to_numpy())
        names = ", ".join(_named(winner, classes) for winner in winners)
        axes.axvline(first, color=INK, linewidth=0.8, linestyle=":", zorder=3)
        times, middles = np.full(len(winners), first), _tick(winners, network.outputs, bottom)[1]
        text = f"{'decision' if len(winners) == 1 else 'tie'}: {names} at {latency_text(first, 1)}"
        axes.plot(times, middles, "o", markersize=3.5, color=INK, zorder=5, label=text)
    label = pd.NA if spikes.empty else spikes["label"].iloc[0]
    if not pd.isna(label) and label < network.outputs:
        latencies = output.loc[output["neuron"] == label, "latency_ms"].to_numpy()
        time, middle = (
            latencies if len(latencies) else [network.duration],
            _tick(np.array([label]), network.outputs, bottom)[1],
        )
        text = f"label: {_named(label, classes)} " + (
            f"at {latency_text(latencies[0], 1)}" if len(latencies) else "(silent)"
        )
        ring: dict[str, Any] = {"markersize": 7, "markerfacecolor": "none", "markeredgecolor": INK, "clip_on": False}
        axes.plot(time, middle, "o", label=text, zorder=4, **ring)
    legend_above(axes, 0.0, 1 if is_narrow(axes) else 2, borderaxespad=0, handlelength=1)


def _named(label: int, classes: Sequence[str]) -> str:
    """Return the label with its name, if it has one."""
    name = class_name(label, classes)
    return f"{label} ({name})" if name != str(label) else name


@Plot(
    "raster",
    "all spikes of one presentation",
    order=10,
    width=FULL_WIDTH,
    presentations=1,
    choices=("index",),
    section="A single presentation",
    rank=40,
    title="Raster",
    caption=(
        "Every spike of presentation {index}, layer above layer; within a band, neurons are stacked map by map. The"
        " time in which a layer can fire is shaded. Disc: decision; circle: label."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    spikes = source.presentation(choice.index)
    shown = {"network": source.network, "presentation": int(spikes.indices[0]), "classes": source.classes}
    return choice.drawn(spikes.table(), raster, 0.9 + 0.62 * len(source.network.shapes), **shown)
