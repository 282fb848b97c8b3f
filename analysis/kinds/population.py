"""Measures of a population: noise and signal correlations, and Fisher information of its latencies."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, positions
from netsim.analysis.kinds._shuffles import dealt, jackknife_half
from netsim.analysis.networks import RELATIVE_ROUNDING
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT, legend_above
from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_CONDITION = 1e10  # largest condition number of a covariance that is inverted


_DRAWN = ("layer", "noise_correlation", "noise_sd", "control_correlation", "control_sd", "signal_correlation")


@draws("population", _DRAWN, of="population_code", height=lambda frame: 0.9 + 0.35 * len(layer_names(frame)))
def population_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw noise correlations of each layer, with shuffled presentations as the control.

    Marks are means over pairs of neurons, and lines are standard deviations.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "population", limit=200).table
    >>> ax = netsim.analysis.population_figure(table)
    >>> ax.get_xlabel()
    'correlation of pairs of neurons'
    """
    names = layer_names(frame)
    rows = frame.set_index(frame["layer"].astype(str)).loc[names]
    series = []
    for label, what in (("noise", "noise"), ("shuffled", "control")):
        mean, sd = rows[f"{what}_correlation"].to_numpy(), rows[f"{what}_sd"].to_numpy()
        series.append((label, mean, mean - sd, mean + sd))
    draw_intervals(axes, names, series)
    axes.axvline(0, color=FAINT, linewidth=0.5, zorder=0)
    axes.set_xlabel("correlation of pairs of neurons")
    legend_above(axes, 0.0, 2, handlelength=1.0)


@Analysis(
    "population",
    "noise and signal correlations of latencies, and Fisher information with and without correlations",
    population_figure,
    order=135,
)
def population_code(spikes: Spikes, neurons: int = 20, seed: int = 0, progress: Progress = no_progress) -> Rows:
    r"""Correlations between latencies of neurons, and what the latencies tell about pairs of labels together.

    The neurons are those of a layer that fire most often. A silent neuron has the latency of the end of its window.

    - **Noise correlation**: Pearson's correlation of two neurons over presentations, after the mean of each label is
      subtracted. The control shuffles the presentations of each label, independently for each neuron.
    - **Signal correlation**: correlation of the mean latencies over labels.
    - **Fisher information**: the linear Fisher information between two labels,
      :math:`\Delta\mu^T \Sigma^{-1} \Delta\mu`, which is the squared :math:`d'` of the best linear decoder. It is
      corrected for the number of presentations, exactly for normal latencies (Kanitscheider et al. 2015, PLoS Comput
      Biol 11:e1004218). ``fisher_independent`` leaves correlations out. If it is larger, correlations harm.

    Intervals are over presentations, for these neurons: a jackknife that leaves out each of ten groups of presentations
    (Shao and Wu 1989, Ann Stat 17:1176-1197), with Student's t. They are missing with fewer than three presentations of
    a label, or if a measure is missing without a group. The estimate and the lower bound of Fisher information may be
    negative, because the correction is exact on average.

    The information of the whole population about all labels has a bound from decoders, see `decoding_over_time`.

    Parameters
    ----------
    spikes : Spikes
        Spikes with labels.
    neurons : int
        Largest number of neurons of a layer.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, with the columns

        =====================  ===========  ==========================================================
        layer                  categorical  ordered from first to last
        neurons                int64        number of neurons
        presentations          int64
        noise_correlation      float64      mean correlation of pairs of neurons
        noise_low, noise_high  float64      95 % confidence interval of the mean correlation
        noise_sd               float64      standard deviation over pairs of neurons
        control_correlation    float64      the same with shuffled presentations
        control_sd             float64      standard deviation over pairs with shuffled presentations
        signal_correlation     float64      mean correlation of pairs of neurons
        fisher                 float64      mean over pairs of labels (squared d'); missing if there are
                                            too few presentations or latencies depend on each other
        fisher_low             float64      95 % confidence interval of the Fisher information, lower bound
        fisher_high            float64      upper bound
        fisher_independent     float64      the same without correlations
        =====================  ===========  ==========================================================

    Raises
    ------
    DataError
        If there are no labels.
    SpecificationError
        If `neurons` is below 2.

    Examples
    --------
    >>> import netsim
    >>> table = netsim.analyse("digits", "population", limit=200).table
    >>> bool(abs(table["control_correlation"]).max() < 0.1)
    True
    """
    if neurons < 2:
        raise SpecificationError("population: setting neurons", f"must be at least 2, not {neurons}")
    labels, tag = positions(spikes.require_labels())
    generator = np.random.default_rng(seed)
    for layer in each_layer(spikes, progress):
        latencies = _latencies(layer, neurons)
        means = _means(latencies, tag, len(labels))
        noise = latencies - means[tag]
        shuffled = noise.copy()
        for label in range(len(labels)):
            shuffled[tag == label] = generator.permuted(noise[tag == label], axis=0)
        measured, control, signal = (_correlations(values) for values in (noise, shuffled, means))
        together, independent = _information(latencies, tag, len(labels))
        low, high = _intervals(latencies, tag, len(labels))
        yield {
            "layer": layer.name,
            "neurons": latencies.shape[1],
            "presentations": len(latencies),
            "noise_correlation": measured[0],
            "noise_low": low[0],
            "noise_high": high[0],
            "noise_sd": measured[1],
            "control_correlation": control[0],
            "control_sd": control[1],
            "signal_correlation": signal[0],
            "fisher": together,
            "fisher_low": low[1],
            "fisher_high": high[1],
            "fisher_independent": independent,
        }


def _latencies(layer: LayerSpikes, most: int) -> np.ndarray:
    """Return latencies (ms) of the neurons that fire most and whose latency varies, shape (presentations, neurons)."""
    counts = np.bincount(layer.neurons, minlength=layer.size)
    chosen = np.argsort(-counts, kind="stable")[: min(most * 4, layer.size)]
    column = np.full(layer.size, -1)
    column[chosen] = np.arange(len(chosen))
    latencies = np.full((layer.presentations, len(chosen)), layer.window[1])
    kept = column[layer.neurons] >= 0
    latencies[layer.rows[kept], column[layer.neurons[kept]]] = layer.latencies[kept]
    varied: np.ndarray = latencies[:, np.ptp(latencies, axis=0) > 0][:, :most]
    return varied


def _correlations(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of the correlations between all columns that vary. NaN without a pair."""
    values = values[:, values.std(axis=0) > 1e-9]
    if values.shape[1] < 2 or len(values) < 2:
        return np.nan, np.nan
    pairs = np.corrcoef(values.T)[np.triu_indices(values.shape[1], 1)]
    return float(pairs.mean()), float(pairs.std())


def _means(latencies: np.ndarray, tag: np.ndarray, labels: int) -> np.ndarray:
    """Return mean latencies (ms) of each label, shape (labels, neurons)."""
    return np.array([latencies[tag == label].mean(axis=0) for label in range(labels)])


def _information(latencies: np.ndarray, tag: np.ndarray, labels: int) -> tuple[float, float]:
    """Return the linear Fisher information, with and without correlations, in the mean over pairs of labels."""
    of_label = [latencies[tag == label] for label in range(labels)]
    fisher = np.array([_fisher(first, second) for first, second in combinations(of_label, 2)])
    together, independent = fisher.mean(axis=0) if len(latencies.T) and len(fisher) else (np.nan, np.nan)
    return float(together), float(independent)


def _intervals(latencies: np.ndarray, tag: np.ndarray, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds of the noise correlation and of the Fisher information."""
    turn, groups = dealt(tag)
    if groups < 3 or not latencies.shape[1]:
        return np.full(2, np.nan), np.full(2, np.nan)

    def measures(chosen: np.ndarray) -> list[float]:
        some, tags = latencies[chosen], tag[chosen]
        noise = some - _means(some, tags, labels)[tags]
        return [_correlations(noise)[0], _information(some, tags, labels)[0]]

    whole, without = measures(turn >= 0), np.array([measures(turn != group) for group in range(groups)])
    half = jackknife_half(without)
    half = np.where(half > RELATIVE_ROUNDING * np.abs(whole), half, np.nan)
    return np.array(whole) - half, np.array(whole) + half


def _fisher(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the linear Fisher information of two labels, with and without correlations; NaN if it is unknown."""
    neurons, freedom = first.shape[1], len(first) + len(second) - 2
    if not neurons or freedom <= neurons + 1 or min(len(first), len(second)) < 2:
        return np.nan, np.nan
    apart = first.mean(axis=0) - second.mean(axis=0)
    within = [(len(each) - 1) * np.atleast_2d(np.cov(each.T)) for each in (first, second)]
    spread = (within[0] + within[1]) / freedom
    noise = 1 / len(first) + 1 / len(second)
    variance = np.diag(spread)
    alone = np.nan
    if (variance > 0).all():
        alone = float(((freedom - 2) / freedom * apart**2 / variance - noise).sum())
    if not np.isfinite(spread).all() or np.linalg.cond(spread) > _CONDITION:
        return np.nan, alone
    distance = float(apart @ np.linalg.solve(spread, apart))
    return (freedom - neurons - 1) / freedom * distance - neurons * noise, alone
