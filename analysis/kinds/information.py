"""Information (bits) that latency, rank and silence carry about the label, per neuron and per layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import require
from netsim.analysis.kinds._information import contingency, equal_bins, panzeri_treves_bias, plug_in, with_silence
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, nullable, ordered_layers, positions
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, drawing
from netsim.errors import DataWarning, SpecificationError, warn_user
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SILENCE, _COUNT = "silence", "count"
_ALPHA = 0.05
"""False discovery rate that shuffles should be able to reach."""
CODES = ("latency", "rank", _SILENCE)


def information_figure(frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None) -> Axes:
    """Draw the information of neurons about the label in latency, rank and silence, for each layer.

    Marks are medians over neurons, and lines cover the middle 90 %. The mean of shuffled labels is subtracted. The
    grey tick of a code is the 95th percentile of neurons with shuffled labels. Values below it may be chance.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `label_information`.
    ax : matplotlib Axes, optional
        Axes to draw into; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As for `netsim.analysis.theme`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "information", limit=40).table
    >>> ax = netsim.analysis.information_figure(table)
    >>> ax.get_xlabel()
    'information about the label (bits per neuron)'
    """
    require(frame, ("layer", "corrected_shuffle", "control_95"), "information")
    neurons = frame[frame["neuron"].notna()]
    names = layer_names(neurons)
    with drawing(ax, COLUMN_WIDTH, 0.9 + 0.34 * len(names), palette) as axes:
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
    return axes


@Analysis(
    "information",
    "bits of latency, rank and silence about the label, of each neuron and of a layer",
    information_figure,
    order=40,
)
def label_information(
    spikes: Spikes, bins: int = 8, shuffles: int = 200, seed: int = 0, progress: Progress = no_progress
) -> pd.DataFrame:
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
    Treves (1996, Network 7:87-107), with their Bayesian count of responses. ``corrected_shuffle`` subtracts the mean of
    :math:`I` over shuffled labels. The shuffles are also the control: ``control_95`` is their 95th percentile. ``p`` is
    :math:`(1 + k) / (1 + n)`, if :math:`k` of :math:`n` shuffles have at least as much information. It cannot be below
    :math:`1 / (1 + n)`. ``q`` is the false discovery rate over the neurons of a layer (Benjamini and Hochberg 1995,
    J R Stat Soc B 57:289-300). If too few shuffles make every ``q`` larger than 0.05, a `DataWarning` says how many are
    needed.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    bins : int
        Number of bins of latencies and ranks.
    shuffles : int
        Number of shuffles of the labels.
    seed : int
        Seed of the shuffles.
    progress : callable
        Called with (done, total).

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
        corrected_pt       float64      minus the bias of Panzeri and Treves (bits); may be negative
        corrected_shuffle  float64      minus the mean of shuffles (bits); may be negative
        control_mean       float64      mean of shuffles (bits)
        control_95         float64      95th percentile of shuffles (bits)
        p                  float64      fraction of shuffles with at least as much information
        q                  float64      false discovery rate over the neurons of the layer; missing in
                                        rows of the layer
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
    for name, value in (("bins", bins), ("shuffles", shuffles)):
        if value < 2:
            raise SpecificationError(f"information: setting {name}", f"must be at least 2, not {value}")
    generator = np.random.default_rng(seed)
    shuffled = np.array([generator.permutation(tag) for _ in range(shuffles)])
    parts = []
    for layer in each_layer(spikes, progress):
        for values, of_layer in _codes(layer, bins):
            for code, columns in _informed(layer, values, bins, of_layer, [tag, *shuffled], len(labels)).items():
                rows = layer.size + 1
                numbers = nullable(np.append(np.arange(layer.size), 0), np.append(np.zeros(layer.size), 1))
                parts.append(pd.DataFrame({"layer": [layer.name] * rows, "neuron": numbers, "code": code, **columns}))
    table = pd.concat(parts, ignore_index=True)
    table.loc[table["neuron"].isna() & (table["code"] == _SILENCE), "code"] = _COUNT
    table["q"] = _discoveries(table, shuffles)
    return table.assign(layer=ordered_layers(table["layer"], spikes))


def _discoveries(table: pd.DataFrame, shuffles: int) -> pd.Series:
    """Return the false discovery rate of each neuron over its layer and code, and warn if shuffles are too few."""
    import pandas as pd
    from scipy import stats

    rates = pd.Series(np.nan, table.index)
    least, lacking = 1 / (1 + shuffles), {}
    for (layer, code), rows in table[table["neuron"].notna()].groupby(["layer", "code"], sort=False, observed=True):
        rates[rows.index] = stats.false_discovery_control(rows["p"])
        if (rows["p"] < least * 1.5).any() and rates[rows.index].min() > _ALPHA:
            lacking[f"{code} of {layer}"] = math.ceil(len(rows) / _ALPHA)
    if lacking:
        name = max(lacking, key=lambda each: lacking[each])
        few = f"{shuffles} shuffles give p of at least {least:.2g}, and by chance one of many neurons has that"
        more = f"set shuffles={lacking[name]} for a false discovery rate of {_ALPHA:g}"
        warn_user(f"information: {few} ({name}); {more}", DataWarning)
    return rates


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
    bias = {name: np.empty(layer.size + 1) for name in of_layer}

    def estimate(name: str, index: slice, position: int, counts: np.ndarray) -> None:
        information[name][position, index] = plug_in(counts)
        if position == 0:
            bias[name][index] = panzeri_treves_bias(counts)

    for some in layer.by_neuron(values):
        neurons = len(some.counts)
        code = some.neurons * bins + equal_bins(some.values, some.counts, bins)
        index = slice(some.first, some.first + neurons)
        for position, tag in enumerate(tags):
            counts = contingency(code, tag[some.rows], bins, labels, neurons)
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
        true, control = information[name][0], information[name][1:]
        mean = control.mean(axis=0)
        as_much = (control >= true - 1e-12).sum(axis=0)
        columns[name] = {
            "information_bits": true,
            "corrected_pt": true - bias[name],
            "corrected_shuffle": true - mean,
            "control_mean": mean,
            "control_95": np.quantile(control, 0.95, axis=0),
            "p": (1 + as_much) / (1 + len(control)),
        }
    return columns
