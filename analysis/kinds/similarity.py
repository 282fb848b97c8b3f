"""Representational similarity of layers and of models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import positions
from netsim.analysis.kinds._pairs import rank_distance, van_rossum, victor_purpura
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import COLUMN_WIDTH, INK, colour_bar, plain
from netsim.errors import DataError, SpecificationError
from netsim.specification.phrases import counted
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_DRAWS = 200
_MEASURES = ("rank", "van-rossum", "victor-purpura")
LABELS = "labels"
"""Name of the labels' dissimilarity: 0 for equal labels, 1 for different labels."""


@draws("similarity", ("rho", "low", "high"), of="representational_similarity", height=COLUMN_WIDTH * 0.85)
def similarity_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the correlation of dissimilarities for each pair of layers, labels included.

    Each pair is drawn once. Colours span the drawn correlations.
    """
    names = list(dict.fromkeys([*frame["first"], *frame["second"]]))
    values = np.full((len(names) - 1, len(names) - 1), np.nan)  # without the diagonal, which is always 1
    for first, second, rho in frame[["first", "second", "rho"]].itertuples(index=False):
        column, row = sorted((names.index(first), names.index(second)))
        values[row - 1, column] = rho
    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    signed = bool((values < 0).any())
    image = axes.imshow(values, cmap="RdBu_r" if signed else "Blues", vmin=-most if signed else 0, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and len(names) <= 12:
            ink = "white" if abs(value) > 0.6 * most else INK
            size = "x-small" if len(names) <= 8 else 4.5
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=size, color=ink)
    axes.set_xticks(range(len(names) - 1), list(map(plain, names[:-1])), rotation=90)
    axes.set_yticks(range(len(names) - 1), list(map(plain, names[1:])))
    axes.tick_params(length=0)
    colour_bar(axes, image, 1.04, 0.05, "correlation (ρ)")


def _with_ties(matrix: np.ndarray) -> np.ndarray:
    """Return rounded dissimilarities. Those that differ only by rounding errors become equal, with tied ranks."""
    most = matrix.max()
    rounded: np.ndarray = np.round(matrix / most, 7) if most > 0 else matrix
    return rounded


@Analysis(
    "similarity", "whether layers, or two models, represent presentations alike (RSA)", similarity_figure, order=120
)
def representational_similarity(
    spikes: Spikes,
    against: Spikes | None = None,
    measure: str = "rank",
    tau_ms: float = 5.0,
    cost_per_ms: float = 0.2,
    sample: int = 200,
    seed: int = 0,
    progress: Progress = no_progress,
) -> DataFrame:
    r"""Representational similarity analysis (RSA) of layers, labels, and another model.

    The dissimilarity of two presentations in a layer is 1 minus Spearman's correlation of latencies (``rank``, silence
    last), or a distance of `spike_train_distances`. Two layers are compared by Spearman's :math:`\rho` of their
    dissimilarities over all pairs (Kriegeskorte, Mur and Bandettini 2008, Front Syst Neurosci 2:4). Bounds are 95 %
    percentile intervals over 200 bootstrap draws of presentations, without pairs of a presentation with itself (Nili
    et al. 2014, PLoS Comput Biol 10:e1003553).

    Parameters
    ----------
    against : Spikes, optional
        The same presentations of another model. Its layers are named ``other:LAYER``. If only one of the two has
        labels, they hold for both.
    measure : {"rank", "van-rossum", "victor-purpura"}
        The dissimilarity.
    tau_ms, cost_per_ms : float
        As in `spike_train_distances`.
    sample : int
        Largest number of compared presentations, drawn evenly over labels.

    Returns
    -------
    pandas.DataFrame
        One row for each pair of layers, with the columns

        =============  =======  =====================================================================
        first, second  str      layers, or ``labels``: dissimilarity 0 for equal, 1 for different labels
        presentations  int64    number of compared presentations
        rho            float64  Spearman's correlation of dissimilarities
        low, high      float64  bounds of its 95 % confidence interval
        =============  =======  =====================================================================

    Raises
    ------
    SpecificationError
        If the measure does not exist.
    DataError
        If the other spikes belong to different presentations or have different labels, or there are fewer than 4
        presentations, or a single layer without labels.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits")
    >>> table = netsim.analysis.representational_similarity(spikes, sample=50)
    >>> table[["first", "second"]].values.tolist()[0]
    ['stimulus', 'hidden']
    """
    import pandas as pd
    from scipy import stats

    if measure not in _MEASURES:
        raise SpecificationError("similarity: setting measure", f"must be {', '.join(_MEASURES)}, not {measure!r}")
    if against is not None:
        spikes, against = same_presentations(spikes, against)
    chosen = spikes.sample(sample, seed)
    if chosen.presentations < 4:
        few = counted(chosen.presentations, "presentation")
        raise DataError(f"spikes: have {few}; at least 4 are needed to compare dissimilarities")
    matrices: dict[str, np.ndarray] = {}

    def dissimilarity(layer: LayerSpikes) -> np.ndarray:
        if measure == "rank":
            return rank_distance(layer)
        return van_rossum(layer, tau_ms) if measure == "van-rossum" else victor_purpura(layer, cost_per_ms)

    sources = [("", chosen)] + ([("other:", against.sample(sample, seed))] if against is not None else [])
    total = sum(len(part.sizes) for _, part in sources)
    if total == 1 and chosen.labels is None:
        raise DataError("spikes: have one layer and no labels, so nothing is compared; give two layers, or labels")
    if LABELS in chosen.sizes and chosen.labels is not None:
        raise DataError(f"spikes: have a layer {LABELS}, the name of the labels in the table; rename the layer")
    for prefix, part in sources:
        for layer in part.layers():
            matrices[prefix + layer.name] = _with_ties(dissimilarity(layer))
            progress(len(matrices), total)
    if chosen.labels is not None:
        _, tag = positions(chosen.labels)
        matrices[LABELS] = (tag[:, None] != tag).astype(np.float64)
    names = list(matrices)
    generator = np.random.default_rng([seed, 1])
    stacked = np.array([matrices[name] for name in names])

    def correlations(drawn: np.ndarray) -> np.ndarray:
        upper = np.triu_indices(len(drawn), 1)
        first, second = drawn[upper[0]], drawn[upper[1]]
        distinct = first != second
        ranks = stats.rankdata(stacked[:, first[distinct], second[distinct]], axis=1)
        ranks -= (ranks.shape[1] + 1) / 2  # the mean of ranks, also of none
        norm = np.linalg.norm(ranks, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            result: np.ndarray = (ranks @ ranks.T) / np.outer(norm, norm)
        return result

    rho = correlations(np.arange(chosen.presentations))
    count = chosen.presentations
    draws = np.array([correlations(generator.integers(0, count, count)) for _ in range(_DRAWS)])
    low, high = np.full((2, *rho.shape), np.nan)
    defined = np.isfinite(draws).any(axis=0)  # undefined if all presentations of a layer are equal
    if defined.any():
        low[defined], high[defined] = np.nanquantile(draws[:, defined], [0.025, 0.975], axis=0)
    rows = [
        {
            "first": names[i],
            "second": names[j],
            "presentations": chosen.presentations,
            "rho": rho[i, j],
            "low": low[i, j],
            "high": high[i, j],
        }
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    return pd.DataFrame(rows)


def same_presentations(spikes: Spikes, against: Spikes) -> tuple[Spikes, Spikes]:
    """Return both with the same labels, or raise DataError if they belong to different presentations."""
    if spikes.presentations != against.presentations or (spikes.indices != against.indices).any():
        (theirs, ours) = (_listed(each.indices) for each in (against, spikes))
        raise DataError(f"against: has the presentations {theirs}, the subject has {ours}; both need the same ones")
    if spikes.labels is None or against.labels is None:
        labels = against.labels if spikes.labels is None else spikes.labels
        return replace(spikes, labels=labels), replace(against, labels=labels)
    if (spikes.labels != against.labels).any():
        raise DataError("against: labels the same presentations differently; compare spikes of the same data set")
    return spikes, against


def _listed(indices: np.ndarray) -> str:
    """Write the first and the last numbers of presentations, and how many there are."""
    few = 4
    shown = ", ".join(map(str, indices[:few])) + (f" … {indices[-1]}" if len(indices) > few else "")
    return f"{shown} ({len(indices):,})"
