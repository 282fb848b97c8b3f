"""Synchrony: do neurons of a layer fire together more often than across presentations?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, percentile_interval, positions
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT
from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_PER_MS = 10**9  # times are compared in whole ps, so that times on a grid are exact
_BLOCK = 2**20  # spikes processed together
_MOST_GROUPS = (
    2**11
)  # with more groups, or very late spikes, ps need more than 64 bits, and 10, 100, ... ps are the unit
_DRAWS = 500


@draws(
    "synchrony",
    ("layer", "coincidence", "low", "high", "across", "excess", "excess_low", "excess_high"),
    of="layer_synchrony",
    height=lambda frame: 0.9 + 0.4 * len(layer_names(frame)),
)
def synchrony_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the fraction of coincident spike pairs of each layer, within and across presentations.

    Texts state the excess of each layer with its 95 % confidence interval.
    """
    names = layer_names(frame)
    rows = frame.set_index("layer")
    across = rows.loc[names, "across"].to_numpy()
    series: list[tuple[Any, ...]] = [
        ("same presentation", *(rows.loc[names, column].to_numpy() for column in ("coincidence", "low", "high"))),
        ("across presentations", across, across, across),
    ]
    draw_intervals(axes, names, series)
    excess = zip(*(rows.loc[names, column] for column in ("excess", "excess_low", "excess_high")), strict=True)
    looks: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    for row, values in enumerate(excess):
        axes.text(1.0, row - 0.45, _excess_text(*values), fontsize="small", color=FAINT, **looks)
    axes.set_ylim(-0.7, len(names) - 0.6)
    axes.set_xlabel(f"share of spike pairs within {frame['window_ms'].iloc[0]:g} ms")
    axes.set_xlim(left=max(0.0, axes.get_xlim()[0]))  # an axis from 0 would hide differences


def _excess_text(excess: float, low: float, high: float) -> str:
    if math.isnan(excess):
        return "no pairs across presentations"
    return f"excess {excess:+.2g}" + ("" if math.isnan(low) else f" [{low:+.2g}, {high:+.2g}]")


@Analysis("synchrony", "whether neurons of a layer fire together", synchrony_figure, order=90)
def layer_synchrony(spikes: Spikes, window_ms: float = 1.0, seed: int = 0, progress: Progress = no_progress) -> Rows:
    r"""Coincidences of spikes in each layer, and the number expected from independent neurons.

    ``coincidence`` is the fraction of spike pairs in the same presentation that are at most :math:`\delta` apart.
    ``across`` is the same fraction for pairs of different neurons in different presentations of a label. It is the
    shift predictor of Perkel, Gerstein and Moore (1967, Biophys J 7:419-440) over all shifts, and measures the effect
    of the label alone. Each label has the same weight in both fractions: its number of spike pairs within
    presentations. ``excess`` is the difference. If its interval lies above 0, neurons fire together more often than the
    label explains. Labels with a single presentation have no pairs across, and do not count in ``across`` and
    ``excess``.

    All pairs are counted. The interval of ``coincidence`` is a percentile interval over 500 bootstrap draws of
    presentations. The interval of ``excess`` uses the jackknife over presentations and Student's t.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels. Without labels all presentations count as one label.
    window_ms : float
        Largest distance :math:`\delta` of coincident spikes (ms).

    Returns
    -------
    pandas.DataFrame
        One row for each layer, with the columns

        ===========  ===========  ===============================================================
        layer        categorical  ordered from first to last
        window_ms    float64      :math:`\delta` (ms)
        pairs        int64        number of spike pairs in the same presentation
        jitter_ms    float64      mean standard deviation of latencies within a presentation (ms)
        coincidence  float64      fraction of pairs within the window; missing without a pair
        low, high    float64      bounds of its 95 % confidence interval (bootstrap)
        across       float64      the same fraction for different presentations of a label
        excess       float64      ``coincidence`` - ``across``
        excess_low   float64      lower bound of the 95 % confidence interval of the excess
                                  (jackknife); missing for fewer than two presentations
        excess_high  float64      upper bound of this interval
        ===========  ===========  ===============================================================

    Raises
    ------
    SpecificationError
        If the window is negative or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import layer_synchrony
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[1.0, 1.5], [5.0, 5.5]]))
    >>> table = layer_synchrony(Spikes.of_layers([layer]))
    >>> float(table["coincidence"][0]), float(table["across"][0])
    (1.0, 0.0)
    """
    if not 0 <= window_ms * _PER_MS < np.inf:
        raise SpecificationError("synchrony: setting window_ms", f"must be 0 ms or more, and finite, not {window_ms:g}")
    _, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    generator = np.random.default_rng(seed)
    window = round(window_ms * _PER_MS)
    for layer in each_layer(spikes, progress):
        jitter = np.full(spikes.presentations, np.nan)
        for first, part in layer.parts():
            jitter[first : first + part.presentations] = _deviations(part)
        counted = _count(layer, tag, window)
        close, pairs = counted[:2]
        share = close.sum() / pairs.sum() if pairs.sum() else np.nan
        low, high = _bootstrap(close, pairs, generator)
        across, excess, excess_low, excess_high = _excess(counted, tag)
        yield {
            "layer": layer.name,
            "window_ms": window_ms,
            "pairs": int(pairs.sum()),
            "jitter_ms": jitter[np.isfinite(jitter)].mean() if np.isfinite(jitter).any() else np.nan,
            "coincidence": share,
            "low": low,
            "high": high,
            "across": across,
            "excess": excess,
            "excess_low": excess_low,
            "excess_high": excess_high,
        }


def _count(layer: LayerSpikes, tag: np.ndarray, window: int) -> np.ndarray:
    """Count the pairs of spikes that each presentation is part of.

    Returns
    -------
    ndarray of int64, shape (4, presentations)
        Coincident pairs and all pairs within the presentation, then coincident pairs and all pairs of different neurons
        with other presentations of the label.
    """
    counted = np.zeros((4, len(tag)), np.int64)
    for label in range(int(tag.max(initial=0)) + 1):
        chosen = np.flatnonzero(tag == label)
        part = layer.pick(chosen)
        rows, counts = part.rows, part.counts
        of_neuron = np.bincount(part.neurons, minlength=layer.size)
        together = _neighbours(part, rows, window)
        apart = _neighbours(part, np.int64(0), window) - together - _neighbours(part, part.neurons, window)
        others = len(rows) - counts[rows] - (of_neuron[part.neurons] - 1)
        counted[0, chosen] = np.bincount(rows, together, len(chosen)) // 2
        counted[1, chosen] = counts * (counts - 1) // 2
        counted[2, chosen] = np.bincount(rows, apart, len(chosen))
        counted[3, chosen] = np.bincount(rows, others, len(chosen))
    return counted


def _neighbours(layer: LayerSpikes, groups: np.ndarray | np.int64, window: int) -> np.ndarray:
    """Count the other spikes of its group that are at most `window` apart (ps) from each spike."""
    count = int(np.max(groups, initial=0)) + 1
    longest = float(layer.latencies.max(initial=1.0))
    power = max(0, math.ceil(math.log10(longest) + math.log10(_PER_MS * max(count, _MOST_GROUPS) / 2**61)))
    unit = 10.0**power
    keys = np.round(layer.latencies / unit * _PER_MS).astype(np.int64)
    latest = int(keys.max(initial=0))
    window = min(round(window / unit), latest)  # a longer one has the same pairs, and could exceed 64 bits
    keys += groups * np.int64(latest + window + 1)  # separates groups by more than the window
    order = np.argsort(keys)
    keys = keys[order]
    neighbours = np.empty(len(keys), np.int64)
    for begin in range(0, len(keys), _BLOCK):
        some = keys[begin : begin + _BLOCK]
        until = np.searchsorted(keys, some + window, side="right")
        neighbours[order[begin : begin + _BLOCK]] = until - np.searchsorted(keys, some - window, side="left") - 1
    return neighbours


def _excess(counted: np.ndarray, tag: np.ndarray) -> tuple[float, float, float, float]:
    """Return the coincidences across presentations, their excess, and the bounds of its 95 % jackknife interval.

    `counted` is that of `_count`. Labels have the weight of their pairs within presentations in all of them.
    """
    from scipy.special import stdtrit

    halves = np.array([[1.0], [1.0], [0.5], [0.5]])  # both presentations of a pair across count it
    totals = halves * np.stack([np.bincount(tag, values) for values in counted])
    expected, known = _expected(totals)
    if not known.sum() > 0:
        return (np.nan,) * 4
    across, surplus = expected.sum() / known.sum(), np.where(known > 0, totals[0], 0.0) - expected
    excess = surplus.sum() / known.sum()
    of_label, weight = _expected(totals[:, tag] - counted)  # the label of each presentation, without it
    of_label = np.where(weight > 0, totals[0, tag] - counted[0], 0.0) - of_label
    weights = known.sum() - known[tag] + weight
    some = ((counted[1] > 0) | (counted[3] > 0)) & (weights > 0)
    left_out = (surplus.sum() - surplus[tag] + of_label)[some] / weights[some]
    count = len(left_out)
    if count < 2:
        return across, excess, np.nan, np.nan
    half = stdtrit(count - 1, 0.975) * np.sqrt((count - 1) * left_out.var())
    return across, excess, excess - half, excess + half


def _expected(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coincidences that each label has by chance, and its weight: 0 if no presentations can be compared."""
    _, pairs, near, possible = totals
    known = np.where(possible > 0, pairs, 0.0)
    return np.divide(near * known, possible, out=np.zeros(len(near)), where=possible > 0), known


def _deviations(layer: LayerSpikes) -> np.ndarray:
    """Standard deviation of the latencies of each presentation (ms). NaN with fewer than two spikes."""
    counts, rows = layer.counts, layer.rows
    apart = layer.latencies - layer.mean_latencies()[rows]
    square = np.bincount(rows, apart**2, minlength=len(counts))
    variance = np.divide(square, counts - 1, out=np.full(len(counts), np.nan), where=counts > 1)
    deviations: np.ndarray = np.sqrt(variance)
    return deviations


def _bootstrap(close: np.ndarray, pairs: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """Bounds of the 95 % bootstrap interval of the fraction of close pairs, over presentations."""
    drawn = generator.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), _DRAWS)
    of_pairs = drawn @ pairs
    shares = (drawn @ close)[of_pairs > 0] / of_pairs[of_pairs > 0]
    return percentile_interval(shares, int((pairs > 0).sum()))
