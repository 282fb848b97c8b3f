"""Raster of a group of neurons over many presentations, sorted by label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netsim.analysis.frames import class_name
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, colours, is_narrow, is_tiny, legend_above
from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.specification import Network

_MOST_COLOURS = 8  # largest number of neurons with a colour each
_FEW = 80  # presentations whose marks are long enough within their rows
_HALF_OF_FEW = 0.42  # rows
_HALF_TICK = 0.8  # rows, of more presentations; marks overlap their neighbours, so that they stay visible
_RASTERISE = 3000  # spikes above which SVG and PDF embed a bitmap


@draws("spike", ("presentation", "label", "layer", "neuron", "latency_ms"), height=3.4)
def group_raster(
    axes: Axes,
    frame: DataFrame,
    network: Network,
    layer: str | None = None,
    neurons: Sequence[int] = (),
    classes: Sequence[str] = (),
) -> None:
    """Draw the spikes of a group of neurons over presentations sorted by label, one row per presentation.

    In the output layer, colours distinguish the label's neuron, other neurons, and other neurons that fired before it
    or with it. In other layers, up to eight neurons have a colour each.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `spike_table`, with labels. Presentations without a row are not drawn.
    network : Network
    layer : str, optional
        By default the output layer.
    neurons : sequence of int, optional
        Neurons of the layer; by default all.
    classes : sequence of str, optional
        Names of the labels.

    Raises
    ------
    DataError
        If the table is not a spike table or lacks labels, or the network lacks the layer.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = netsim.analysis.group_raster(spikes.table(), spikes.network, layer="output")
    >>> ax.get_xlabel()
    'time in the presentation (ms)'
    """
    import numpy as np

    from netsim.specification.phrases import counted

    name = layer or network.output.name
    if name not in network.shapes:
        raise DataError(f"layer {name}: does not exist in {network.name}; choose one of {', '.join(network.shapes)}")
    if frame["label"].isna().any():
        raise DataError("table: lacks labels; a raster sorted by label needs labels")
    presentations = frame[["presentation", "label"]].drop_duplicates().sort_values(["label", "presentation"])
    presentations = presentations.assign(row=np.arange(len(presentations)))
    spikes = frame[frame["layer"] == name].merge(presentations[["presentation", "row"]], on="presentation")
    if neurons:
        spikes = spikes[spikes["neuron"].isin(list(neurons))]
    start, end = network.firing_window(name)
    first, last = (spikes["latency_ms"].min(), spikes["latency_ms"].max()) if len(spikes) else (start, end)
    margin = 0.04 * (last - first) or 1.0
    half = _HALF_OF_FEW if len(presentations) <= _FEW else _HALF_TICK
    groups = _output_groups(spikes) if name == network.output.name and not neurons else _by_neuron(spikes, name)
    for text, colour, group in groups:
        look: dict[str, Any] = {"color": colour, "linewidth": 1.2, "rasterized": len(group) > _RASTERISE, "zorder": 2}
        times, row = group["latency_ms"], group["row"]
        axes.vlines(times, row - half, row + half, label=text, **look)
    _mark_labels(axes, presentations, classes)
    axes.set_xlim(max(start, first) - margin, min(end, last) + margin)
    axes.set_ylim(len(presentations) - 0.5, -0.5)
    axes.set_xlabel("time (ms)" if is_tiny(axes) else "time in the presentation (ms)")
    axes.set_ylabel(f"{counted(len(presentations), 'presentation')} by label")
    if len(groups) > 1:
        names = [class_name(int(label), classes) for label in presentations["label"].unique()]
        words = sum(len(text) for text, *_ in groups)
        is_tight = is_narrow(axes) and (max(map(len, names)) > 4 or words > 45)  # long names narrow the Axes
        columns = 1 if is_tiny(axes) else min(2 if is_tight else 4, len(groups))
        spaces = {"handlelength": 0.8, "columnspacing": 1.0, "handletextpad": 0.4}
        legend_above(axes, -0.02, columns, title=name, alignment="left", **spaces)
    else:
        axes.set_title(groups[0][0])


def _output_groups(spikes: DataFrame) -> list[tuple[str, object, DataFrame]]:
    """Group spikes: other neurons, the label's neuron, and other neurons before the label's or with it."""
    is_label = spikes["neuron"] == spikes["label"]
    of_label = spikes[is_label].set_index("presentation")["latency_ms"]
    before = ~is_label & (spikes["latency_ms"] <= spikes["presentation"].map(of_label).fillna(math.inf))
    blue, orange = colours(2)
    return [
        ("other neurons", "0.72", spikes[~is_label & ~before]),
        ("label's neuron", blue, spikes[is_label]),
        ("others before it or with it", orange, spikes[before]),
    ]


def _by_neuron(spikes: DataFrame, layer: str) -> list[tuple[str, object, DataFrame]]:
    numbers = sorted(spikes["neuron"].unique())
    if not 1 < len(numbers) <= _MOST_COLOURS:
        what = f"{layer}:{numbers[0]}" if len(numbers) == 1 else f"{layer}, {len(numbers):,} neurons that fired"
        return [(what, colours(1)[0], spikes)]
    return [
        (str(number), colour, spikes[spikes["neuron"] == number])
        for number, colour in zip(numbers, colours(len(numbers)), strict=True)
    ]


def _mark_labels(axes: Axes, presentations: DataFrame, classes: Sequence[str]) -> None:
    """Write the name of each label next to its rows, and draw a line between labels."""
    rows = presentations.groupby("label")["row"]
    middles, last = rows.mean(), rows.max()
    axes.set_yticks(middles.to_list(), [class_name(int(label), classes) for label in middles.index])
    axes.tick_params(axis="y", length=0)
    for edge in last.to_list()[:-1]:
        axes.axhline(edge + 0.5, color=FAINT, linewidth=0.4, zorder=1)


@Plot(
    "group-raster",
    "a layer, or some neurons, over presentations sorted by label",
    order=20,
    presentations=200,
    choices=("layer", "neuron"),
    section="Activity",
    rank=70,
    title="Raster of the output layer",
    caption=(
        "{presentations}, a row each, sorted by label. If the label's neuron fires first, its row has no orange mark."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.specification import STIMULUS

    named = list(dict.fromkeys(layer for layer, _ in choice.neurons))
    if len(named) > 1 or (named and choice.layer not in (None, named[0])):
        raise DataError("neurons: must belong to one layer, the layer that is drawn")
    layer = choice.layer or (named[0] if named else source.network.output.name)
    source.network.position(layer)  # raises if the layer does not exist
    neurons, size = [neuron for _, neuron in choice.neurons], math.prod(source.network.shapes[layer])
    for neuron in neurons:
        if neuron >= size:
            raise DataError(f"neuron {layer}:{neuron}: does not exist; {layer} has 0 to {size - 1}")
    # the stimulus names the presentations in which the layer stays silent
    spikes = source.spikes(choice.limit, [STIMULUS, layer])
    figure, (axes,) = choice.new_figure(3.4)
    group_raster(spikes, source.network, layer, neurons, source.classes, ax=axes)
    shown = spikes[spikes["layer"] == layer]
    return Drawn(figure, shown[shown["neuron"].isin(neurons)] if neurons else shown)
