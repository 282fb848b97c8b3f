"""Selectivity: the preferred label of each neuron, and the sparseness of its responses over presentations."""

from __future__ import annotations

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import ResponseSums, layer_names, nullable, positions, treves_rolls
from netsim.analysis.kinds._shuffles import against_shuffles, shuffled_tags
from netsim.analysis.networks import RELATIVE_ROUNDING
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT, in_legend, layer_colours
from netsim.spikes.spikes import Progress, Spikes, no_progress


@draws("selectivity", ("layer", "selectivity", "control_mean"), of="label_selectivity")
def selectivity_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the cumulative distribution of the neurons' selectivity, for each layer.

    A dotted line is the distribution of the neurons' mean selectivity with shuffled labels. It is not 0, because one of
    the labels always has the largest mean by chance.
    """
    names = layer_names(frame)
    for name, colour in zip(names, layer_colours(names), strict=True):
        rows = frame[frame["layer"] == name].dropna(subset="selectivity")
        if len(rows):
            share = np.arange(1, len(rows) + 1) / len(rows)
            true, control = (np.sort(rows[column].to_numpy()) for column in ("selectivity", "control_mean"))
            axes.step(control, share, ":", where="post", color=colour, linewidth=0.9)
            axes.step(true, share, label=in_legend(name), where="post", color=colour, linewidth=1.3)
    axes.plot([], [], ":", color=FAINT, linewidth=0.9, label="shuffled")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="selectivity for a label", ylabel="share of the neurons that fire")
    if len(axes.lines) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.0), ncols=3, borderpad=0.2, columnspacing=1.0)


@Analysis(
    "selectivity", "which label each neuron prefers, how much, and how sparsely it fires", selectivity_figure, order=70
)
def label_selectivity(spikes: Spikes, shuffles: int = 200, seed: int = 0, progress: Progress = no_progress) -> Rows:
    r"""Preferred label, selectivity and lifetime sparseness of each neuron.

    The response of a neuron is its earliness :math:`r = (t_{end} - t) / (t_{end} - t_{onset})` in the firing window of
    its layer. It is 1 at the onset and 0 at the end. Silence counts as 0, because the learning rule treats it as a
    spike at the end. If a file lacks the window, the range of the spikes replaces it.

    :math:`\bar r_s` is the mean response over the presentations of label :math:`s`. The preferred label has the largest
    :math:`\bar r_s`. :math:`\bar r_{other}` is the mean over all other labels. The selectivity is

    .. math:: (\bar r_{max} - \bar r_{other}) / (\bar r_{max} + \bar r_{other})

    It is 0 if all labels are equal, and 1 if the neuron fires for a single label.

    The selectivity of noise is above 0, because one label has the largest mean by chance. ``corrected_shuffle``
    subtracts the mean over shuffled labels. The shuffles are also the null of ``p`` and ``p_corrected``, as in
    `label_information`: ``p_corrected`` is family-wise over the neurons of a layer. Their memory is 8 bytes for each
    shuffle, label and neuron.

    The lifetime sparseness over :math:`n` presentations is

    .. math:: S = (1 - a) / (1 - 1 / n), \quad a = (\sum_p r_p / n)^2 / (\sum_p r_p^2 / n)

    :math:`a` is the activity ratio of Treves and Rolls (1991, Network 2:371-397), in the form of Vinje and Gallant
    (2000, Science 287:1273-1276). The sparseness is 0 if all responses are equal, and 1 for a single response.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.

    Returns
    -------
    pandas.DataFrame
        One row for each neuron, with the columns

        ===================  ===========  =======================================================
        layer                categorical  ordered from first to last
        neuron               int64        number in the layer
        spikes               int64        presentations with a spike
        preferred            Int64        preferred label, the lowest in a tie; missing if silent
        preferred_response   float64      mean response to it, fraction
        other_response       float64      mean of the mean responses to the other labels
        selectivity          float64      0 to 1; missing without a response
        corrected_shuffle    float64      minus the mean of shuffles; may be negative
        control_mean         float64      mean of shuffles
        control_95           float64      95th percentile of shuffles
        p                    float64      fraction of shuffles with at least this selectivity
        p_corrected          float64      family-wise over the neurons of the layer
        lifetime_sparseness  float64      0 to 1; missing without a response
        ===================  ===========  =======================================================

    Raises
    ------
    DataError
        If there are no labels.
    SpecificationError
        If `shuffles` is below 2.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import label_selectivity
    >>> latencies = np.array([[3.0, 3.0], [np.inf, 3.0], [np.inf, 3.0]])
    >>> layer = LayerSpikes.of_latencies("hidden", latencies, window=(0.0, 10.0))
    >>> table = label_selectivity(Spikes.of_layers([layer], labels=np.array([0, 1, 2])), shuffles=19)
    >>> table["selectivity"].round(6).tolist(), table["preferred"].tolist()
    ([1.0, 0.0], [0, 0])
    """
    labels, tag = positions(spikes.require_labels())
    tags = shuffled_tags(tag, shuffles, np.random.default_rng(seed), "selectivity")
    shown = np.bincount(tag)
    sums_of = {name: ResponseSums(len(labels), size) for name, size in spikes.sizes.items()}
    shuffled_of = {name: np.zeros((shuffles, len(labels), size)) for name, size in spikes.sizes.items()}
    for first, layer in spikes.parts(progress):
        part = slice(first, first + layer.presentations)
        sums_of[layer.name].add(layer, tag[part])
        responses, rows = layer.earliness(), layer.rows
        for total, tags_of in zip(shuffled_of[layer.name], tags[1:], strict=True):
            index = tags_of[part][rows] * layer.size + layer.neurons
            total += np.bincount(index, responses, total.size).reshape(total.shape)
    for name, size in spikes.sizes.items():
        sums = sums_of[name]
        means = sums.total / shown[:, None]
        most, other, contrast = _contrast(means)
        best = (means >= most * (1 - RELATIVE_ROUNDING)).argmax(axis=0)
        of_shuffles = _contrast(shuffled_of.pop(name) / shown[:, None])[2]
        chance = against_shuffles(np.concatenate([contrast[None], of_shuffles]))
        yield {
            "layer": [name] * size,
            "neuron": np.arange(size),
            "spikes": sums.spikes.sum(axis=0),
            "preferred": nullable(labels[best], most <= 0),
            "preferred_response": most,
            "other_response": other,
            "selectivity": contrast,
            "corrected_shuffle": contrast - chance["control_mean"],
            **chance,
            "lifetime_sparseness": treves_rolls(sums.total.sum(axis=0), sums.square.sum(axis=0), spikes.presentations),
        }


def _contrast(means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the largest mean response, the mean of the others, and their contrast, from shape (..., labels, neurons).

    The contrast is NaN without a response. It is 0 if means differ by rounding only.
    """
    most = means.max(axis=-2)
    other = (means.sum(axis=-2) - most) / (means.shape[-2] - 1)
    contrast = np.divide(most - other, most + other, out=np.full(most.shape, np.nan), where=most > 0)
    return most, other, np.where(contrast <= RELATIVE_ROUNDING, 0.0, contrast)
