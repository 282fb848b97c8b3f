"""Latency statistics: when each neuron fires for each label, and how reliably."""

from __future__ import annotations

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import each_layer, layer_names, nullable, positions
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT, layer_colours, plain
from netsim.numerics.groups import starts_of
from netsim.spikes.columns import LayerSpikes, order_within
from netsim.spikes.spikes import Progress, Spikes, no_progress


@draws(
    "latency statistics",
    ("layer", "reliability", "median_ms"),
    of="latency_statistics",
    height=lambda frame: 0.7 + 0.3 * len(layer_names(frame)),
)
def reliability_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the distribution of the neurons' median latencies for each layer, over all labels.

    A box covers the middle half of the neurons that fire, with their median. Whiskers cover 90 %. The text is the mean
    reliability of neurons, the fraction of presentations in which they fire.
    """
    neurons = frame[frame["neuron"].notna() & frame["label"].isna()]
    names = layer_names(neurons)
    for row, (name, colour) in enumerate(zip(names, layer_colours(names), strict=True)):
        shown = neurons[neurons["layer"] == name]
        medians = shown["median_ms"].dropna().to_numpy()
        if len(medians):
            low, first, middle, third, high = np.quantile(medians, [0.05, 0.25, 0.5, 0.75, 0.95])
            axes.hlines(row, low, high, color=colour, linewidth=1.0)
            axes.barh(row, third - first, 0.5, first, color=colour, alpha=0.45, linewidth=0)
            axes.plot([middle, middle], [row - 0.25, row + 0.25], color=colour, linewidth=1.8)
        text = f"{shown['reliability'].mean():.1%} fire" if len(medians) else "silent"
        axes.text(1.01, row, text, transform=axes.get_yaxis_transform(), fontsize="small", color=FAINT, va="center")
    axes.set_yticks(range(len(names)), list(map(plain, names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_title("mark: median, box: half of the neurons, line: 90%", fontsize="small", color=FAINT)
    axes.set_xlabel("median latency of a neuron (ms)")


@Analysis("latencies", "when each neuron fires, how reliably, and how often it is silent", reliability_figure, order=10)
def latency_statistics(spikes: Spikes, progress: Progress = no_progress) -> Rows:
    r"""Tabulate latency statistics of neurons and layers over presentations.

    A neuron fires in :math:`n` of :math:`N` presentations (of a label), with latencies :math:`t_1 \dots t_n` (ms). The
    table has their mean, median, standard deviation (divisor :math:`n - 1`) and interquartile range. Quantiles are
    interpolated linearly (definition 7 of Hyndman and Fan 1996, Am Stat 50:361-365). The reliability is :math:`n / N`,
    the silence :math:`1 - n / N`.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Returns
    -------
    pandas.DataFrame
        For each layer: a row per neuron and label, per neuron, per label, and a row over all neurons and labels, with
        the columns

        =============  ===========  ==============================================================
        layer          categorical  ordered from first to last
        neuron         Int64        number in the layer; missing in rows over all neurons
        label          Int64        missing in rows over all labels, or without labels
        presentations  int64        :math:`N`; over all neurons, times their number
        spikes         int64        :math:`n`
        reliability    float64      fraction of presentations with a spike
        silence        float64      fraction of presentations without a spike
        mean_ms        float64      mean latency (ms); missing without a spike
        median_ms      float64      median (ms)
        sd_ms          float64      standard deviation (ms), the jitter; missing with fewer than 2 spikes
        iqr_ms         float64      interquartile range (ms)
        =============  ===========  ==============================================================

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import latency_statistics
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [5.0, 4.0]]))
    >>> table = latency_statistics(Spikes.of_layers([layer]))
    >>> table.loc[table["neuron"] == 0, ["spikes", "mean_ms", "reliability"]].values.tolist()
    [[2.0, 4.0, 1.0]]
    """
    for layer in each_layer(spikes, progress):
        yield from _of_layer(layer, spikes)


def _of_layer(layer: LayerSpikes, spikes: Spikes) -> Rows:
    labels, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    kinds, count = len(labels), layer.size
    shown = np.bincount(tag, minlength=kinds)  # presentations by label
    of_both, of_neurons = [], []
    for _, some in layer.by_neuron(layer.latencies):
        counts = np.diff(some.indptr)
        order = order_within(some.data, counts)
        times, groups = some.data[order], len(counts)
        of_neurons.append(_grouped(times, counts))
        if spikes.labels is not None:
            both = np.repeat(np.arange(groups), counts) * kinds + tag[some.indices[order]]
            small = np.uint16 if groups * kinds < 2**16 else np.int64  # numpy sorts uint16 by radix
            by_both = np.argsort(both.astype(small), kind="stable")
            of_both.append(_grouped(times[by_both], np.bincount(both, minlength=groups * kinds)))
    everything = _grouped(np.sort(layer.latencies), np.array([len(layer.latencies)]))
    numbers = np.arange(count)
    groupings: list[tuple[list[dict[str, np.ndarray]], np.ndarray, np.ndarray | None, np.ndarray | None]] = [
        (of_neurons, np.full(count, shown.sum()), numbers, None),
        ([everything], np.array([shown.sum() * count]), None, None),
    ]
    if spikes.labels is not None:
        by_label = (np.sort(layer.pick(np.flatnonzero(tag == position)).latencies) for position in range(kinds))
        of_labels = [_grouped(times, np.array([len(times)])) for times in by_label]
        groupings[:0] = [(of_both, np.tile(shown, count), np.repeat(numbers, kinds), np.tile(labels, count))]
        groupings[2:2] = [(of_labels, shown * count, None, labels)]
    for grouped, presentations, neurons_of, labels_of in groupings:
        rows = len(presentations)
        columns = {name: np.concatenate([part[name] for part in grouped]) for name in grouped[0]}
        reliability = columns["spikes"] / np.maximum(presentations, 1)
        yield {
            "layer": [layer.name] * rows,
            "neuron": nullable(np.zeros(rows) if neurons_of is None else neurons_of, [neurons_of is None] * rows),
            "label": nullable(np.zeros(rows) if labels_of is None else labels_of, [labels_of is None] * rows),
            "presentations": presentations,
            "spikes": columns.pop("spikes"),
            "reliability": reliability,
            "silence": 1 - reliability,
            **columns,
        }


def _grouped(latencies: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Number, mean, median, standard deviation and interquartile range (ms) of consecutive sorted groups."""
    begin = starts_of(counts)
    fired, several = counts > 0, counts > 1
    total, squares = np.zeros((2, len(counts)))
    total[fired] = np.add.reduceat(latencies, begin[:-1][fired]) if fired.any() else 0.0
    mean = np.divide(total, counts, out=np.full(len(counts), np.nan), where=fired)
    if fired.any():
        apart = np.repeat(mean, counts)
        apart -= latencies
        apart *= apart
        squares[fired] = np.add.reduceat(apart, begin[:-1][fired])
    variance = np.divide(squares, counts - 1, out=np.full(len(counts), np.nan), where=several)

    def quantile(share: float) -> np.ndarray:
        values = np.full(len(counts), np.nan)
        position = begin[:-1][fired] + share * (counts[fired] - 1)
        below = position.astype(np.int64)
        above = np.minimum(below + 1, begin[1:][fired] - 1)
        values[fired] = latencies[below] + (position - below) * (latencies[above] - latencies[below])
        return values

    return {
        "spikes": counts,
        "mean_ms": mean,
        "median_ms": quantile(0.5),
        "sd_ms": np.sqrt(variance),
        "iqr_ms": quantile(0.75) - quantile(0.25),
    }
