"""Information over time: its growth during the presentation."""

from __future__ import annotations

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._information import contingency, equal_bins
from netsim.analysis.kinds._layers import draw_lines, each_layer, layer_names, positions, student_interval
from netsim.analysis.kinds._shuffles import against_shuffles, dealt, jackknife_half, shuffled_tags
from netsim.analysis.networks import RELATIVE_ROUNDING
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT, layer_colours, legend_above
from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes, observed_window
from netsim.spikes.spikes import Progress, Spikes, no_progress

_ROUNDS = 20
"""Shuffles that are also computed without each group of presentations, for the interval."""


_DRAWN = ("layer", "time_ms", "mean_bits", "low", "high", "control_bits", "control_95")


@draws("information over time", _DRAWN, of="information_over_time")
def information_time_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the mean information of neurons against the time up to which their spikes are known, for each layer.

    The mean of shuffled labels is subtracted. The band is the 95 % confidence interval over neurons and presentations.
    A dotted line is the 95th percentile of shuffled labels. Values below it may be chance.
    """
    names = layer_names(frame)
    draw_lines(axes, frame, "time_ms", "mean_bits")
    axes.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
    for name, colour in zip(names, layer_colours(names), strict=True):
        rows = frame[frame["layer"] == name]
        label = "chance" if name == names[0] else ""
        chance = rows["control_95"] - rows["control_bits"]
        axes.plot(rows["time_ms"], chance, ":", color=colour, linewidth=0.9, label=label, zorder=1)
    legend_above(axes, -0.1, min(4, len(names) + 1), columnspacing=0.8, handlelength=1.6)
    axes.set(xlabel="spikes known up to (ms)", ylabel="information about the label\n(bits per neuron, corrected)")


@Analysis(
    "information-time",
    "growth of the neurons' information about the label during the presentation",
    information_time_figure,
    order=50,
)
def information_over_time(
    spikes: Spikes, times: int = 12, bins: int = 8, shuffles: int = 200, seed: int = 0, progress: Progress = no_progress
) -> Rows:
    r"""Mutual information of latencies and label, if spikes are known only up to a time.

    Bins and the plug-in estimate are the same as in `label_information`. Bins are fixed over time. A spike is known
    once the last spike of its bin has come. Until then it counts as silence, so that responses only become finer, and
    the plug-in estimate never falls.

    The estimate is too large for few presentations. ``mean_bits`` subtracts the mean over shuffled labels, which is
    ``control_bits``. This removes too much where a label leaves fewer responses than chance does.

    The interval is over presentations and neurons: Student's t with a jackknife that leaves out each of ten groups of
    presentations, and Student's t over neurons, added in quadrature. Both parts contain the noise of single responses,
    so the interval of independent neurons is about twice as wide as necessary: use ``p_corrected`` to test for any
    information. The interval is missing with fewer than three presentations of a label, for a single neuron, and where
    all values are equal.

    The shuffles are the null. ``p`` is :math:`(1 + k) / (1 + n)`, if :math:`k` of :math:`n` shuffles have at least as
    much information in the mean over neurons. ``p_corrected`` is family-wise over the times of a layer (maximum
    statistic, as in `label_information`).

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    times : int
        Number of times, evenly spaced from the first to the last spike of each layer.
    bins : int
        Number of bins of latencies.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and time, with the columns

        ============  ===========  ==================================================================
        layer         categorical  ordered from first to last
        time_ms       float64      time up to which spikes are known (ms)
        fired         float64      fraction of neurons that have fired by then
        mean_bits     float64      mean over neurons of the corrected information (bits)
        low, high     float64      bounds of its 95 % confidence interval over presentations and
                                   neurons (bits)
        control_bits  float64      mean over neurons and shuffles (bits)
        control_95    float64      95th percentile over shuffles of the mean over neurons (bits)
        p             float64      fraction of shuffles with at least as much information
        p_corrected   float64      family-wise over the times of the layer
        ============  ===========  ==================================================================

    Raises
    ------
    DataError
        If there are no labels, or no layer fires.
    SpecificationError
        If `times`, `bins` or `shuffles` is below 2.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", populations=["hidden"])
    >>> table = netsim.analysis.information_over_time(spikes, times=4)
    >>> bool(table["mean_bits"].iloc[-1] > table["mean_bits"].iloc[0])
    True
    """
    for name, value in (("times", times), ("bins", bins)):
        if value < 2:
            raise SpecificationError(f"information-time: setting {name}", f"must be at least 2, not {value}")
    labels, tag = positions(spikes.require_labels())
    turn, groups = dealt(tag)
    # a shuffle moves label and group together, so that each group leaves out as many presentations of each label
    tags = shuffled_tags(turn * len(labels) + tag, shuffles, np.random.default_rng(seed), "information-time")
    presentations = np.bincount(tags[0], minlength=groups * len(labels)).reshape(groups, len(labels))
    for layer in each_layer(spikes, progress):
        if not len(layer.latencies):
            continue
        moments = np.linspace(*observed_window(layer.latencies), times)
        fired = np.cumsum(np.bincount(np.searchsorted(moments, layer.latencies), minlength=times))
        mean, without, of_neurons = _growth(layer, moments, bins, tags, presentations)
        chance = against_shuffles(mean)
        corrected = mean[0] - chance["control_mean"]
        sd = of_neurons.std(axis=1, ddof=1) if layer.size > 1 else np.full(times, np.nan)
        of_presentations = jackknife_half(without[0] - without[1:].mean(axis=0))
        half = np.hypot(student_interval(np.zeros(times), sd, np.full(times, layer.size))[1], of_presentations)
        half = np.where(half > RELATIVE_ROUNDING * np.abs(corrected), half, np.nan)
        yield {
            "layer": layer.name,
            "time_ms": moments,
            "fired": fired / (layer.size * spikes.presentations),
            "mean_bits": corrected,
            "low": corrected - half,
            "high": corrected + half,
            "control_bits": chance.pop("control_mean"),
            **chance,
        }


def _growth(
    layer: LayerSpikes, moments: np.ndarray, bins: int, tags: list[np.ndarray], presentations: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return plug-in information (bits) at each time, for the labels and their shuffles.

    `tags` are groups times labels plus the label, and `presentations` their numbers, shape (groups, labels). The first
    result is the mean over neurons, shape (tags, times). The second is the same without each group for the first tags,
    shape (tags, groups, times). The third is the corrected information of each neuron, shape (times, neurons).
    """
    groups, labels = presentations.shape
    times, rounds = len(moments), min(1 + _ROUNDS, len(tags))
    whole, without = np.zeros((len(tags), times)), np.zeros((rounds, groups, times))
    rounds = rounds if groups > 1 else 0  # without the only group, nothing is left
    of_neurons = np.zeros((times, layer.size))
    shown = np.concatenate([presentations.sum(axis=0, keepdims=True), presentations.sum(axis=0) - presentations])
    for first, some in layer.by_neuron(layer.latencies):
        neurons, spikes_of = some.shape[1], np.diff(some.indptr)
        index = slice(first, first + neurons)
        code = np.repeat(np.arange(neurons), spikes_of) * bins + equal_bins(some.data, spikes_of, bins)
        last = np.full(neurons * bins, -np.inf)
        np.maximum.at(last, code, some.data)
        step = np.searchsorted(moments, last).reshape(neurons, bins)  # the first time at which the whole bin is known
        known = (step[:, :, None] <= np.arange(times)).astype(np.float64)
        for position, tags_of in enumerate(tags):
            split = groups if position < rounds else 1
            counts = contingency(code, tags_of[some.indices] % (split * labels), bins, split * labels, neurons)
            by_group = counts.reshape(neurons, split, labels, bins).swapaxes(0, 1)
            tables = by_group.sum(axis=0, keepdims=True)
            if position < rounds:
                tables = np.concatenate([tables, tables - by_group])
            bits = _plug_in_over_time(tables, shown[: len(tables)], known)
            whole[position] += bits[0].sum(axis=0)
            of_neurons[:, index] += bits[0].T if position == 0 else -bits[0].T / (len(tags) - 1)
            if position < rounds:
                without[position] += bits[1:].sum(axis=1)
    return whole / layer.size, without / layer.size, of_neurons


def _plug_in_over_time(counts: np.ndarray, shown: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return `plug_in` of spikes in known bins and silence, shape (cases, neurons, times).

    Shapes are (cases, neurons, labels, bins) of counts, (cases, labels) of presentations, and (neurons, bins, times) of
    bins that are known, 1 or 0. Terms n log n of bins are computed once for all times.
    """
    numbers = np.arange(1, int(shown.sum(axis=1).max()) + 1, dtype=np.float64)
    terms = np.concatenate([[0.0], numbers * np.log2(numbers)])
    silent = shown[:, None, :, None] - (counts @ known).astype(np.int64)
    of_bins = terms[counts].sum(axis=2) - terms[counts.sum(axis=2)]
    of_silence = terms[silent].sum(axis=2) - terms[silent.sum(axis=2)]
    total = shown.sum(axis=1)
    of_labels = np.log2(total) - terms[shown].sum(axis=1) / total
    conditional = (of_bins[:, :, None] @ known)[:, :, 0] + of_silence
    bits: np.ndarray = np.maximum(of_labels[:, None, None] + conditional / total[:, None, None], 0.0)
    return bits
