"""Information (bits) that latency, rank and silence carry about the label, per neuron and per layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._information import contingency, equal_bins, panzeri_treves, plug_in, with_silence
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, nullable, ordered_layers, positions
from netsim.analysis.kinds._shuffles import against_shuffles, shuffled_tags
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT
from netsim.errors import DataWarning, SpecificationError, warn_user
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_SILENCE, _COUNT = "silence", "count"
CODES = ("latency", "rank", _SILENCE)


@draws(
    "information",
    ("layer", "corrected_shuffle", "control_95"),
    of="label_information",
    height=lambda frame: 0.9 + 0.34 * len(layer_names(frame)),
)
def information_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the information of neurons about the label in latency, rank and silence, for each layer.

    Marks are medians over neurons, and lines cover the middle 90 %. The mean of shuffled labels is subtracted. The
    grey tick of a code is the 95th percentile of neurons with shuffled labels. Values below it may be chance.
    """
    neurons = frame[frame["neuron"].notna()]
    names = layer_names(neurons)
    series: list[tuple[Any, ...]] = []
    for code in CODES:
        groups = neurons[neurons["code"] == code].groupby("layer", observed=True)["corrected_shuffle"]
        quantiles = [groups.quantile(share).reindex(names).to_numpy() for share in (0.5, 0.05, 0.95)]
        series.append((code, *quantiles))
    control = neurons.assign(excess=neurons["control_95"] - neurons["control_mean"])
    chance = control.groupby(["code", "layer"], observed=True)["excess"].quantile(0.95)
    for code, heights in zip(CODES, draw_intervals(axes, names, series), strict=True):
        label = "chance" if code == CODES[0] else ""
        ticks = [chance.get((code, name), np.nan) for name in names]
        axes.plot(ticks, heights, "|", color=FAINT, markersize=6, label=label, zorder=1)
    axes.set_xlabel("information about the label (bits per neuron)")
    axes.axvline(0, color=FAINT, linewidth=0.5, zorder=0)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.0), ncols=4, borderpad=0.2, handletextpad=0.2)


@Analysis(
    "information",
    "bits of latency, rank and silence about the label, of each neuron and of a layer",
    information_figure,
    order=40,
)
def label_information(
    spikes: Spikes, bins: int = 8, shuffles: int = 200, seed: int = 0, progress: Progress = no_progress
) -> DataFrame:
    r"""Mutual information of responses and label, corrected for few presentations, with a control.

    .. math:: I = \sum_{s,r} P(s, r) \log_2 \frac{P(s, r)}{P(s) P(r)} \quad \text{(bits)}

    :math:`s` is the label and :math:`r` the response. The code defines the response:

    =========  =============================================  ==========================================
    code       response of a neuron                           response of a layer
    =========  =============================================  ==========================================
    latency    bin of its latency, or silence                 bin of the latency of its first spike
    rank       bin of its rank among the spikes of the layer  neuron that fires first; ties go to the
                                                              lowest number
    silence    whether it fires                               (none)
    count      (none)                                         number of neurons that fire, in bins if there
                                                              are more numbers than bins
    =========  =============================================  ==========================================

    Bins hold equal numbers of the neuron's spikes.

    Estimates of :math:`I` from counts are too large. ``corrected_pt`` subtracts the first-order bias of Panzeri and
    Treves (1996, Network 7:87-107), with their Bayesian count of responses. It is at most the entropy of the labels. It
    is missing where responses outnumber the presentations of a label, because the correction then fails; a
    `DataWarning` says so. ``corrected_shuffle`` subtracts the mean of :math:`I` over shuffled labels. If presentations
    are few, trust this column: ``corrected_pt`` of noise is above 0 with fewer than about ten presentations of a label
    for each response.

    The shuffles are also the null: ``control_95`` is their 95th percentile. ``p`` is :math:`(1 + k) / (1 + n)`, if
    :math:`k` of :math:`n` shuffles have at least as much information (Phipson and Smyth 2010, Stat Appl Genet Mol Biol
    9:39). ``p_corrected`` is family-wise over the neurons of a layer, for each code: :math:`k` then counts shuffles in
    which any neuron has as much (maximum statistic, Westfall and Young 1993). For this, information is measured in
    standard deviations of the neuron's shuffles. Neither p value can be below :math:`1 / (1 + n)`.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    bins : int
        Number of bins of latencies and ranks.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, neuron and code, and for each layer and code, with the columns

        =================  ===========  ============================================================
        layer              categorical  ordered from first to last
        neuron             Int64        number in the layer; missing in rows of the layer
        code               str          ``latency``, ``rank`` or ``silence``; in rows of the layer
                                        ``latency``, ``rank`` or ``count``
        information_bits   float64      plug-in estimate (bits)
        corrected_pt       float64      minus the bias of Panzeri and Treves (bits); may be negative;
                                        missing with too few presentations
        corrected_shuffle  float64      minus the mean of shuffles (bits); may be negative
        control_mean       float64      mean of shuffles (bits)
        control_95         float64      95th percentile of shuffles (bits)
        p                  float64      fraction of shuffles with at least as much information
        p_corrected        float64      family-wise over the neurons of the layer; missing in rows of
                                        the layer
        =================  ===========  ============================================================

    Raises
    ------
    DataError
        If there are no labels.
    SpecificationError
        If `bins` or `shuffles` is below 2.

    Examples
    --------
    A neuron that always fires early for one label and late for the other carries one bit.

    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import label_information
    >>> labels = np.arange(100) % 2
    >>> layer = LayerSpikes.of_latencies("hidden", np.where(labels, 8.0, 3.0)[:, None])
    >>> table = label_information(Spikes.of_layers([layer], labels), bins=2)
    >>> table.loc[table["neuron"] == 0, "information_bits"].tolist()
    [1.0, 0.0, 0.0]
    """
    import pandas as pd

    labels, tag = positions(spikes.require_labels())
    if bins < 2:
        raise SpecificationError("information: setting bins", f"must be at least 2, not {bins}")
    tags = shuffled_tags(tag, shuffles, np.random.default_rng(seed), "information")
    parts = []
    for layer in each_layer(spikes, progress):
        for values, of_layer in _codes(layer, bins):
            for code, columns in _informed(layer, values, bins, of_layer, tags, len(labels)).items():
                rows = layer.size + 1
                numbers = nullable(np.append(np.arange(layer.size), 0), np.append(np.zeros(layer.size), 1))
                parts.append(pd.DataFrame({"layer": [layer.name] * rows, "neuron": numbers, "code": code, **columns}))
    table = pd.concat(parts, ignore_index=True)
    table.loc[table["neuron"].isna() & (table["code"] == _SILENCE), "code"] = _COUNT
    unknown = int(table["corrected_pt"].isna().sum())
    if unknown:
        fewest = np.bincount(tag).min()
        warn_user(
            f"information: corrected_pt is missing in {unknown:,} of {len(table):,} rows, because more different"
            f" responses occur than a label has presentations ({fewest}); use corrected_shuffle, more presentations or"
            " fewer bins",
            DataWarning,
        )
    return table.assign(layer=ordered_layers(table["layer"], spikes))


def _codes(layer: LayerSpikes, bins: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield a value of each spike, and the responses of the layer by code.

    The code silence needs no value, because it depends only on the presence of a spike.
    """
    first = np.full(layer.presentations, np.inf)
    leader = np.zeros(layer.presentations, np.int64)
    for begin, part in layer.parts():
        fired = part.counts > 0
        earliest = first[begin : begin + part.presentations]
        earliest[fired] = np.minimum.reduceat(part.latencies, part.starts[:-1][fired]) if fired.any() else np.inf
        leads = np.flatnonzero(part.latencies == earliest[part.rows])
        rows, of_row = np.unique(part.rows[leads], return_index=True)
        leader[begin + rows] = part.neurons[leads[of_row]]
    fired = layer.counts > 0
    early, which = np.zeros((2, layer.presentations), np.int64)
    early[fired] = 1 + equal_bins(first[fired], np.array([fired.sum()]), bins)
    which[fired] = 1 + np.unique(leader[fired], return_inverse=True)[1]
    numbers, number = np.unique(layer.counts, return_inverse=True)
    if len(numbers) > bins:  # few numbers need no bins, which would join rare ones
        number = equal_bins(layer.counts.astype(np.float64), np.array([layer.presentations]), bins)
    yield layer.latencies, {"latency": early, _SILENCE: number}
    yield layer.ranks(), {"rank": which}


def _informed(
    layer: LayerSpikes,
    values: np.ndarray,
    bins: int,
    of_layer: Mapping[str, np.ndarray],
    tags: Sequence[np.ndarray],
    labels: int,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the columns of each code, first of neurons, then of the layer. Tags after the first are shuffled."""
    presentations = np.bincount(tags[0], minlength=labels)
    information = {name: np.empty((len(tags), layer.size + 1)) for name in of_layer}
    corrected = {name: np.empty(layer.size + 1) for name in of_layer}

    def estimate(name: str, index: slice, position: int, counts: np.ndarray) -> None:
        information[name][position, index] = plug_in(counts)
        if position == 0:
            corrected[name][index] = panzeri_treves(counts)

    for first, some in layer.by_neuron(values):
        neurons, spikes_of = some.shape[1], np.diff(some.indptr)
        code = np.repeat(np.arange(neurons), spikes_of) * bins + equal_bins(some.data, spikes_of, bins)
        index = slice(first, first + neurons)
        for position, tag in enumerate(tags):
            counts = contingency(code, tag[some.indices], bins, labels, neurons)
            for name in of_layer:
                chosen = counts.sum(axis=-1, keepdims=True) if name == _SILENCE else counts
                estimate(name, index, position, with_silence(chosen, presentations))
    for name, whole in of_layer.items():
        size = int(whole.max(initial=0)) + 1
        for position, tag in enumerate(tags):
            counts = np.bincount(tag * size + whole, minlength=labels * size).reshape(1, labels, size)
            estimate(name, slice(layer.size, None), position, counts)
    columns = {}
    for name in of_layer:
        of_neurons, of_whole = (against_shuffles(part) for part in np.split(information[name], [layer.size], axis=1))
        of_whole["p_corrected"][:] = np.nan
        chance = {key: np.concatenate([of_neurons[key], of_whole[key]]) for key in of_neurons}
        columns[name] = {
            "information_bits": information[name][0],
            "corrected_pt": corrected[name],
            "corrected_shuffle": information[name][0] - chance["control_mean"],
            **chance,
        }
    return columns
