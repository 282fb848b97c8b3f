"""Information: how many bits latency, rank and silence carry about the label, of each neuron and of a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import require
from netsim.analysis.kinds._information import contingency, equal_bins, panzeri_treves_bias, plug_in, with_silence
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, nullable, ordered_layers, positions
from netsim.analysis.spikes import LayerSpikes, Progress, Spikes, no_progress
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, drawing
from netsim.errors import SpecificationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SILENCE = "silence"
CODES = ("latency", "rank", _SILENCE)


def information_figure(
    frame: pd.DataFrame, classes: Sequence[str] = (), ax: Axes | None = None, palette: Palette = None
) -> Axes:
    """Draw how much the neurons of each layer tell about the label, by latency, rank and silence.

    A mark is the median of neurons, a line holds the middle 90 %; the shuffle correction is taken off. The grey tick is
    the 95th percentile of neurons if labels are shuffled: what is not above it may be chance.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `label_information`.
    classes : sequence of str, optional
        Not used: labels are not drawn.
    ax : matplotlib Axes, optional
        What is drawn into and returned; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As of `netsim.analysis.theme`.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> spikes = analysis.Spikes.of(model, test)
    >>> table = netsim.analyse("information", spikes).table
    >>> ax = analysis.information_figure(table)
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
        draw_intervals(axes, names, series)
        control = neurons.assign(excess=neurons["control_95"] - neurons["control_mean"])
        chance = control.groupby("layer", observed=True)["excess"].quantile(0.95).reindex(names)
        axes.plot(chance, range(len(names)), "|", color=FAINT, markersize=14, label="chance", zorder=1)
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
    spikes: Spikes, bins: int = 8, shuffles: int = 20, seed: int = 0, progress: Progress = no_progress
) -> pd.DataFrame:
    r"""Mutual information of what neurons do about the label, with corrections for few presentations, and a control.

    .. math:: I = \sum_{s,r} P(s, r) \log_2 \frac{P(s, r)}{P(s) P(r)} \quad \text{(bits)}

    with :math:`s` the label and :math:`r` the response of a neuron: its *latency* in bins of equal number of the
    neuron's own spikes, and silence; its *rank* among the spikes of the layer, likewise; or *silence* alone, whether it
    fired. Of a layer the responses are the latency of its first spike, in such bins; which neuron fires first (the
    lowest number of several; in `rank`); and the number of neurons that fire, in such bins (in `silence`).

    With probabilities from counts :math:`I` is too large. ``corrected_pt`` takes off the bias to first order, with the
    Bayesian count of responses of Panzeri and Treves (1996, Network 7:87-107), ``corrected_shuffle`` the mean of
    :math:`I` with the labels shuffled over presentations. That is also the control: ``control_95`` is the 95th
    percentile of shuffles, and ``p`` the share :math:`(1 + k) / (1 + n)` of :math:`n` shuffles of which :math:`k` have
    at least as much information; it is not corrected for the number of neurons.

    Parameters
    ----------
    spikes : Spikes
        With labels.
    bins : int
        How many bins latencies and ranks have.
    shuffles : int
        How many times labels are shuffled.
    seed : int
        Of the shuffles.
    progress : callable
        Is told how much of how much is done.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, neuron and code, and for each layer and code, with the columns

        =================  ===========  ============================================================
        layer              categorical  ordered from first to last
        neuron             Int64        number in the layer; missing of the layer
        code               str          ``latency``, ``rank`` or ``silence``
        information_bits   float64      plug-in estimate (bits)
        corrected_pt       float64      without the bias of Panzeri and Treves (bits); can be below 0
        corrected_shuffle  float64      without the mean of shuffles (bits); can be below 0
        control_mean       float64      mean of shuffles (bits)
        control_95         float64      their 95th percentile (bits)
        p                  float64      share of shuffles with as much information
        =================  ===========  ============================================================

    Raises
    ------
    DataError
        If there are no labels.

    Examples
    --------
    A neuron that fires early for one label and late for the other, in every presentation, tells it apart: one bit.

    >>> import numpy as np
    >>> from netsim.analysis import LayerSpikes, Spikes, label_information
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
        for responses, of_layer in _codes(layer, bins):
            for code, found in _informed(layer, responses, of_layer, tag, shuffled, len(labels)).items():
                rows = layer.size + 1
                numbers = nullable(np.append(np.arange(layer.size), 0), np.append(np.zeros(layer.size), 1))
                parts.append(pd.DataFrame({"layer": [layer.name] * rows, "neuron": numbers, "code": code, **found}))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(layer=ordered_layers(table["layer"], spikes))


def _codes(layer: LayerSpikes, bins: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """The response of each spike, from 0, and by the codes that come of it that of the layer in each presentation.

    Silence is told by whether there is a response, whichever it is.
    """
    fired = layer.counts > 0
    first = np.full(layer.presentations, np.inf)
    which = np.zeros(layer.presentations, np.int64)
    if fired.any():
        first[fired] = np.minimum.reduceat(layer.latencies, layer.starts[:-1][fired])
        leads = layer.latencies == first[layer.rows]
        rows, leaders = layer.rows[leads], layer.neurons[leads]
        earliest = np.concatenate([[True], rows[1:] != rows[:-1]])
        which[rows[earliest]] = 1 + np.unique(leaders[earliest], return_inverse=True)[1]
    early = np.zeros(layer.presentations, np.int64)
    early[fired] = 1 + equal_bins(first[fired], np.zeros(fired.sum(), np.int64), bins)
    number = equal_bins(layer.counts.astype(np.float64), np.zeros(layer.presentations, np.int64), bins)
    yield equal_bins(layer.latencies, layer.neurons, bins), {"latency": early, _SILENCE: number}
    yield equal_bins(layer.ranks(), layer.neurons, bins), {"rank": which}


def _informed(
    layer: LayerSpikes,
    responses: np.ndarray,
    of_layer: dict[str, np.ndarray],
    tag: np.ndarray,
    shuffled: np.ndarray,
    labels: int,
) -> dict[str, dict[str, np.ndarray]]:
    """The columns of each code: of each neuron, then of the layer."""
    kinds = int(responses.max(initial=0)) + 1
    code = layer.neurons * np.int64(kinds) + responses
    presentations = np.bincount(tag, minlength=labels)

    def counted(tags: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        counts = contingency(code, layer.counts, tags, kinds, labels, layer.size)
        for name, whole in of_layer.items():
            chosen = counts.sum(axis=-1, keepdims=True) if name == _SILENCE else counts
            size = int(whole.max(initial=0)) + 1
            table = np.bincount(tags * size + whole, minlength=labels * size).reshape(1, labels, size)
            yield with_silence(chosen, presentations), table

    def plain(tags: np.ndarray) -> list[np.ndarray]:
        return [np.concatenate([plug_in(neurons), plug_in(whole)]) for neurons, whole in counted(tags)]

    controls = [np.array(control) for control in zip(*map(plain, shuffled), strict=True)]
    biases = [np.concatenate([panzeri_treves_bias(one) for one in tables]) for tables in counted(tag)]
    found = {}
    for name, information, bias, control in zip(of_layer, plain(tag), biases, controls, strict=True):
        mean = control.mean(axis=0)
        as_much = (control >= information - 1e-12).sum(axis=0)
        found[name] = {
            "information_bits": information,
            "corrected_pt": information - bias,
            "corrected_shuffle": information - mean,
            "control_mean": mean,
            "control_95": np.quantile(control, 0.95, axis=0),
            "p": (1 + as_much) / (1 + len(control)),
        }
    return found
