"""Spikes per layer: the number of neurons that fire in a presentation."""

from __future__ import annotations

from netsim.analysis.gallery import Choice, Drawn, Plot, Source
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, colours, legend_above, note_beside, plain
from netsim.errors import DataError


@draws(
    "spike count",
    ("presentation", "layer", "spikes", "neurons"),
    of="spike_count_table",
    height=lambda frame: 0.75 + 0.24 * frame["layer"].nunique(),
)
def spikes_per_layer(axes: Axes, frame: DataFrame) -> None:
    """Draw the mean number of spikes of each layer, and the range of the middle 90 % of presentations.

    Grey marks are the numbers of neurons. The axis is logarithmic above 1.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> ax = netsim.analysis.spikes_per_layer(netsim.analysis.spike_count_table(spikes.network, spikes))
    >>> ax.get_xlabel()
    'spikes per presentation'
    """
    import numpy as np
    from matplotlib.ticker import FuncFormatter

    if (frame["spikes"] > frame["neurons"]).any() or (frame["spikes"] < 0).any():
        raise DataError(
            "table: has negative counts, or more spikes than neurons; correct it, each neuron fires at most once"
        )
    layers = frame.groupby("layer", sort=False, observed=True)
    names = [str(name) for name, _ in layers]
    rows = np.arange(len(names))
    mean = layers["spikes"].mean().to_numpy()
    low, high = layers["spikes"].quantile(0.05).to_numpy(), layers["spikes"].quantile(0.95).to_numpy()
    neurons = layers["neurons"].first().to_numpy()
    axes.plot(neurons, rows, "|", color=FAINT, markersize=9, label="neurons", zorder=1)
    axes.hlines(rows, low, high, color=colours(1)[0], linewidth=4, alpha=0.4, label="90% of presentations", zorder=2)
    axes.plot(mean, rows, "|", color=colours(1)[0], markersize=9, markeredgewidth=1.6, label="mean", zorder=3)
    for row, spikes in enumerate(mean):
        note_beside(axes, row, f"{spikes:,.1f}\N{NO-BREAK SPACE}({spikes / neurons[row]:.0%})", x=1.02)
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    decades = int(np.ceil(np.log10(max(neurons.max(), 10))))
    axes.set_xticks([0, *(10.0**power for power in range(decades + 1))])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(0, neurons.max() * 1.3)
    axes.set_yticks(rows, list(map(plain, names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("spikes per presentation")
    legend_above(axes, -0.2, 3, handlelength=1.0, columnspacing=1.0, handletextpad=0.5)


@Plot(
    "spikes",
    "how many neurons of each layer fire",
    order=50,
    presentations=1000,
    section="Activity",
    rank=80,
    title="Spikes per layer",
    caption="Mean and 90% range over {presentations}, and the number of neurons in the layer.",
)
def _draw(source: Source, choice: Choice) -> Drawn:
    from netsim.analysis.decision_tables import spike_count_table

    table = source.table(
        lambda latencies, _, chosen: spike_count_table(source.network, latencies, chosen), choice.limit
    )
    return choice.drawn(table, spikes_per_layer, 0.8 + 0.26 * len(source.network.shapes))
