"""Rank order, selectivity, sparseness and synchrony agree with scipy and with counting one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from netsim.analysis import (
    label_selectivity,
    layer_synchrony,
    population_sparseness,
    rank_order_correlation,
    selectivity_figure,
    synchrony_figure,
)
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes


@pytest.fixture(scope="module")
def times() -> np.ndarray:
    generator = np.random.default_rng(5)
    times = generator.integers(0, 12, (18, 7)).astype(float)
    times[generator.random(times.shape) < 0.3] = np.inf
    times[4] = np.inf  # no order
    return times


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.arange(18) % 3


@pytest.fixture(scope="module")
def spikes(times: np.ndarray, labels: np.ndarray) -> Spikes:
    return Spikes.of_layers([LayerSpikes.of_latencies("any", times, window=(0.0, 12.0))], labels)


def test_rank_order_is_the_mean_of_spearman_over_all_pairs(
    times: np.ndarray, labels: np.ndarray, spikes: Spikes
) -> None:
    table = rank_order_correlation(spikes)
    ranks = stats.rankdata(times, axis=1)
    pairs = [(first, second) for first, second in combinations(range(18), 2) if 4 not in (first, second)]
    rho = np.array([stats.pearsonr(ranks[first], ranks[second]).statistic for first, second in pairs])
    same = np.array([labels[first] == labels[second] for first, second in pairs])
    expected = {"all": rho.mean(), "within": rho[same].mean(), "between": rho[~same].mean()}
    for which, mean in expected.items():
        row = table[table["pairs_of"] == which].iloc[0]
        assert row["correlation"] == pytest.approx(mean)
        assert row["low"] < mean < row["high"]
    two = [r for r, (first, second) in zip(rho, pairs, strict=True) if {labels[first], labels[second]} == {0, 2}]
    row = table[(table["label"] == 0) & (table["other"] == 2)].iloc[0]
    assert (row["correlation"], row["pairs"]) == (pytest.approx(np.mean(two)), len(two))


def test_the_interval_of_rank_order_holds_the_mean_of_new_presentations() -> None:
    """In 95 % of repetitions; 40 of them must not be far from it."""
    held = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        times = np.arange(20.0, 26.0) + generator.normal(0, 2.5, (12, 6))
        row = rank_order_correlation(Spikes.of_layers([LayerSpikes.of_latencies("any", times)]), seed=seed).iloc[0]
        held += row["low"] <= TRUE_CORRELATION <= row["high"]
    assert held >= 32


def _true_correlation() -> float:
    times = np.arange(20.0, 26.0) + np.random.default_rng(99).normal(0, 2.5, (2000, 6))
    return float(rank_order_correlation(Spikes.of_layers([LayerSpikes.of_latencies("any", times)]))["correlation"][0])


TRUE_CORRELATION = _true_correlation()


def test_selectivity_and_lifetime_sparseness_by_hand(times: np.ndarray, labels: np.ndarray, spikes: Spikes) -> None:
    table = label_selectivity(spikes)
    response = np.where(np.isfinite(times), (12 - times) / 12, 0.0)
    for neuron in range(7):
        means = np.array([response[labels == label, neuron].mean() for label in range(3)])
        other = (means.sum() - means.max()) / 2
        row = table[table["neuron"] == neuron].iloc[0]
        assert row["preferred"] == means.argmax()
        assert row["selectivity"] == pytest.approx((means.max() - other) / (means.max() + other))
        ratio = response[:, neuron].mean() ** 2 / (response[:, neuron] ** 2).mean()
        assert row["lifetime_sparseness"] == pytest.approx((1 - ratio) / (1 - 1 / 18))


def test_selectivity_of_noise_is_that_of_shuffled_labels() -> None:
    generator, labels = np.random.default_rng(1), np.arange(120) % 4
    times = generator.uniform(0, 20, (120, 60))
    times[:, 0] = 4 + 4 * labels
    layer = LayerSpikes.of_latencies("any", times, window=(0.0, 20.0))
    table = label_selectivity(Spikes.of_layers([layer], labels), shuffles=99)
    noise = table.iloc[1:]
    assert noise["selectivity"].mean() > 0.05  # noise has a selectivity, which the correction takes off
    assert abs(noise["corrected_shuffle"].mean()) < 0.01
    assert (noise["p"] <= 0.05).mean() < 0.12
    assert (noise["p_corrected"] > 0.05).all()
    assert table[["p", "p_corrected"]].to_numpy()[0].tolist() == pytest.approx([0.01, 0.01])
    shuffled = np.random.default_rng(0)  # the null, one shuffle after the other
    draws = []
    for _ in range(99):
        permuted = shuffled.permutation(labels)
        means = [(20 - times[permuted == label, 7]).mean() for label in range(4)]
        other = (sum(means) - max(means)) / 3
        draws.append((max(means) - other) / (max(means) + other))
    row = table.iloc[7]
    assert (row["control_mean"], row["control_95"]) == pytest.approx((np.mean(draws), np.quantile(draws, 0.95)))
    dotted = next(line for line in selectivity_figure(table).lines if line.get_linestyle() == ":")
    np.testing.assert_array_equal(dotted.get_xdata(), np.sort(table["control_mean"].to_numpy()))


@pytest.mark.parametrize("latency", [3.3, 7.1])
@pytest.mark.parametrize("window", [None, (0.0, 12.7)])
def test_equal_latencies_have_no_selectivity(latency: float, window: tuple[float, float] | None) -> None:
    """Means of labels of 3, 7 and 10 presentations differ by rounding."""
    labels = np.repeat([4, 5, 6], [3, 7, 10])
    layer = LayerSpikes.of_latencies("any", np.full((20, 2), latency), window=window)
    table = label_selectivity(Spikes.of_layers([layer], labels), shuffles=19)
    assert table[["selectivity", "corrected_shuffle"]].to_numpy().tolist() == [[0, 0]] * 2
    assert (table["preferred"].tolist(), table["p"].tolist(), table["p_corrected"].tolist()) == ([4, 4], [1, 1], [1, 1])


def test_sparseness_by_hand(times: np.ndarray, labels: np.ndarray, spikes: Spikes) -> None:
    table = population_sparseness(spikes)
    response = np.where(np.isfinite(times), (12 - times) / 12, 0.0)
    with np.errstate(invalid="ignore"):
        ratio = response.mean(axis=1) ** 2 / (response**2).mean(axis=1)
    sparseness = (1 - ratio) / (1 - 1 / 7)
    assert table.loc[table["label"].isna(), "population_sparseness"].iloc[0] == pytest.approx(np.nanmean(sparseness))
    selected = sparseness[labels == 2]
    assert table.loc[table["label"] == 2, "population_sparseness"].iloc[0] == pytest.approx(np.nanmean(selected))


def test_the_bounds_of_sparseness() -> None:
    one_alone, all_alike = np.full((4, 8), np.inf), np.full((4, 8), 2.0)
    one_alone[:, 3] = 2.0
    for times, expected in ((one_alone, 1.0), (all_alike, 0.0)):
        spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", times, window=(0.0, 12.0))])
        assert population_sparseness(spikes)["population_sparseness"][0] == pytest.approx(expected)


def test_coincidences_are_counted_pair_by_pair(times: np.ndarray, labels: np.ndarray, spikes: Spikes) -> None:
    row = layer_synchrony(spikes, window_ms=1.0).iloc[0]
    fired = [(p, n, times[p, n]) for p, n in zip(*np.nonzero(np.isfinite(times)), strict=True)]
    same = [abs(t - s) <= 1.0 for (p, _, t), (q, _, s) in combinations(fired, 2) if p == q]
    assert row["pairs"] == len(same)
    assert row["coincidence"] == pytest.approx(np.mean(same))
    one = layer_synchrony(spikes.pick(np.flatnonzero(labels == 1))).iloc[0]
    fired = [(p, n, t) for p, n, t in fired if labels[p] == 1]
    pairs = [(a, b) for a, b in combinations(fired, 2) if a[0] != b[0] and a[1] != b[1]]
    assert one["across"] == pytest.approx(np.mean([abs(a[2] - b[2]) <= 1.0 for a, b in pairs]))
    assert row["low"] <= row["coincidence"] <= row["high"]
    sd = [row[np.isfinite(row)].std(ddof=1) for row in times if np.isfinite(row).sum() > 1]
    assert row["jitter_ms"] == pytest.approx(np.mean(sd))


def test_windows_beyond_the_last_spike_have_all_pairs(spikes: Spikes) -> None:
    row = layer_synchrony(spikes, window_ms=1e12).iloc[0]
    assert row[["coincidence", "across"]].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("scale", [1e-3, 1e9, 1e100])
def test_the_same_in_other_units_is_as_synchronous(times: np.ndarray, spikes: Spikes, scale: float) -> None:
    scaled = Spikes.of_layers([LayerSpikes.of_latencies("any", times * scale)], spikes.labels)
    columns = ["pairs", "coincidence", "across"]
    expected = layer_synchrony(spikes, window_ms=1.5)[columns]
    assert layer_synchrony(scaled, window_ms=1.5 * scale)[columns].equals(expected)


def test_one_presentation_has_no_interval() -> None:
    layer = LayerSpikes.of_latencies("any", np.array([[1.0, 1.5, 4.0], [2.0, np.inf, np.inf]]))
    row = layer_synchrony(Spikes.of_layers([layer])).iloc[0]
    assert row["coincidence"] == pytest.approx(1 / 3)
    assert np.isnan([row["low"], row["high"]]).all()


def test_neurons_with_a_common_shift_are_synchronous_and_independent_ones_are_not() -> None:
    generator = np.random.default_rng(0)
    shift = generator.normal(20, 5, (300, 1))
    common = LayerSpikes.of_latencies("common", shift + generator.normal(0, 0.3, (300, 6)))
    alone = LayerSpikes.of_latencies("alone", generator.normal(20, 5, (300, 6)))
    excess = layer_synchrony(Spikes.of_layers([common, alone])).set_index("layer")["excess"]
    assert excess["common"] > 0.5
    assert abs(excess["alone"]) < 0.02


def test_the_excess_weights_labels_as_the_coincidence_and_its_interval_is_the_jackknife(
    times: np.ndarray, labels: np.ndarray
) -> None:
    unequal = np.where(labels == 1, 0, labels)
    unequal[0] = 7  # a label with one presentation has no pairs across
    table = layer_synchrony(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], unequal), window_ms=1.0)

    def excess(kept: np.ndarray) -> float:
        difference = weights = 0.0
        for label in (0, 2):
            chosen = [p for p in kept if unequal[p] == label]
            alone = [Spikes.of_layers([LayerSpikes.of_latencies("any", times[chosen])])]
            row = layer_synchrony(alone[0], window_ms=1.0).iloc[0]
            difference += row["pairs"] * (row["coincidence"] - row["across"])
            weights += row["pairs"]
        return difference / weights

    everything = np.arange(18)
    assert table["excess"][0] == pytest.approx(excess(everything))
    paired = [p for p in range(1, 18) if np.isfinite(times[p]).any()]
    left_out = np.array([excess(np.delete(everything, p)) for p in paired])
    count = len(paired) + (np.isfinite(times[0]).sum() > 1)  # deleting the lone label changes nothing
    left_out = np.append(left_out, [excess(everything)] * (count - len(paired)))
    error = np.sqrt((count - 1) * left_out.var())
    bounds = stats.t.interval(0.95, count - 1, excess(everything), error)
    np.testing.assert_allclose(table[["excess_low", "excess_high"]].to_numpy()[0], bounds)
    (text,) = synchrony_figure(table).texts
    assert text.get_text() == f"excess {excess(everything):+.2g} [{bounds[0]:+.2g}, {bounds[1]:+.2g}]"


def test_independent_neurons_have_no_excess_with_labels_of_unequal_size() -> None:
    """Labels 160/40 with jitters of 1 and 8 ms: a weight by n^2 gives -0.064."""
    labels = np.repeat([0, 1], [160, 40])
    rows = []
    for seed in range(25):
        noise = np.random.default_rng(seed).normal(0, np.where(labels == 0, 1.0, 8.0)[:, None], (200, 6))
        layer = LayerSpikes.of_latencies("any", 60 + noise)
        rows.append(layer_synchrony(Spikes.of_layers([layer], labels)).iloc[0])
    excess = np.array([row["excess"] for row in rows])
    assert abs(excess.mean()) < 3 * stats.sem(excess)
    assert abs(excess.mean()) < 0.01
    assert sum(row["excess_low"] <= 0 <= row["excess_high"] for row in rows) >= 21
