"""Latency histograms of the layers, above one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from netsim.analysis.figures._layers import check_layers, draw_bands
from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, FULL_WIDTH, INK, note_beside
from netsim.errors import DataError

if TYPE_CHECKING:
    from netsim.specification import Network

_GAP = 0.25  # between bands of height 1


@draws(
    "spike",
    ("presentation", "layer", "latency_ms"),
    width=FULL_WIDTH,
    height=lambda frame, network, **_: 0.7 + 0.55 * len(network.shapes),
)
def latency_histograms(
    axes: Axes, frame: DataFrame, network: Network, bin_ms: float | None = None, *, presentations: int | None = None
) -> None:
    """Draw the population rate of every layer over the presentation, with the stimulus at the bottom.

    Each band is scaled to its peak. The text gives the median latency, the peak (spikes per second and neuron) and the
    fraction of neurons that fired. The time in which a layer can fire is shaded. A vertical line marks the median.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `spike_table`. Rates are means over its presentations.
    network : Network
    bin_ms : float, optional
        Width of the bins (ms). The default is the encoding window divided by a power of two, which makes about 150 bins
        (in very long presentations, multiplied). Then bins do not cross the end of a window that is a multiple of it.
    presentations : int, optional
        Number of presentations. The default counts those with a spike, because a spike table has no row for others.

    Raises
    ------
    DataError
        If the table is not a spike table, or has layers that the network lacks.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = netsim.analysis.latency_histograms(spikes.table(), spikes.network)
    >>> ax.get_xlabel()
    'latency (ms)'
    """
    import numpy as np

    from netsim.measuring.metrics import latency_text
    from netsim.specification.phrases import counted

    check_layers(frame, network)
    window = network.encoder.t_max
    width = bin_ms or window / 2.0 ** round(math.log2(window * 150 / network.duration))
    if not width > 0:
        raise DataError(f"bin_ms: must be a positive time in ms, not {bin_ms}")
    edges = np.arange(math.ceil(network.duration / width) + 1) * width
    presentations = presentations or frame["presentation"].nunique()
    for name, shape, bottom, colour in draw_bands(axes, network, _GAP, 0.1):
        neurons = math.prod(shape)
        latencies = frame.loc[frame["layer"] == name, "latency_ms"].to_numpy()
        counts = np.histogram(latencies, edges)[0]
        rate = counts / (presentations * neurons * width / 1000)
        heights = bottom + rate / max(rate.max(), 1e-300)
        axes.stairs(heights, edges, baseline=bottom, fill=True, color=colour, linewidth=0, zorder=2)
        axes.plot([0, network.duration], [bottom, bottom], color=FAINT, linewidth=0.5, zorder=3)
        note = "silent"
        if len(latencies):
            median = float(np.median(latencies))
            axes.plot([median, median], [bottom, bottom + 1.06], color=INK, linewidth=0.8, zorder=4)
            share = len(latencies) / (presentations * neurons)
            note = f"median {latency_text(median, 1)}\npeak {rate.max():.3g} /s\n{share:.1%} fired"
        note_beside(axes, bottom + 0.5, note)
    axes.set(xlim=(0, network.duration), ylim=(-0.08, bottom + 1.08))
    axes.set(xlabel="latency (ms)", ylabel="rate, scaled to its peak")
    axes.set_title(f"{counted(presentations, 'presentation')}, bins of {width:g} ms")


@Plot(
    "latencies",
    "when each layer fires",
    order=40,
    width=FULL_WIDTH,
    presentations=200,
    section="Activity",
    rank=60,
    title="Latencies",
    caption=(
        "The population rate of each layer, scaled to its peak, with the median latency, the peak (spikes per second"
        " and neuron) and the share of neurons that fire in a presentation. {presentations}."
    ),
)
def _draw(source: Source, choice: Choice) -> Drawn:
    height = 0.7 + 0.5 * len(source.network.shapes)
    table, count = source.spikes(choice.limit), min(choice.limit or source.count, source.count)
    return choice.drawn(table, latency_histograms, height, network=source.network, presentations=count)
