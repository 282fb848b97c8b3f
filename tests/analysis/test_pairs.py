"""Distances are elephant's on the same trains; similarity, clustering and comparison agree with scipy and sklearn."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

import netsim
from netsim.analysis import (
    analyse,
    comparison_figure,
    label_clustering,
    paired_comparison,
    representational_similarity,
    similarity_figure,
    spike_train_distances,
)
from netsim.analysis.kinds._pairs import rank_distance, van_rossum, victor_purpura
from netsim.errors import DataError, DataWarning
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes


@pytest.fixture(scope="module")
def times() -> np.ndarray:
    generator = np.random.default_rng(8)
    times = generator.uniform(0, 30, (6, 5))
    times[generator.random(times.shape) < 0.35] = np.inf
    times[2] = np.inf
    return times


@pytest.fixture(scope="module")
def layer(times: np.ndarray) -> LayerSpikes:
    return LayerSpikes.of_latencies("any", times)


def test_distances_are_those_of_elephant(times: np.ndarray, layer: LayerSpikes) -> None:
    elephant = pytest.importorskip("elephant.spike_train_dissimilarity", reason="needs elephant, of the extra test")
    import neo
    import quantities as pq

    square, costs = np.zeros((6, 6)), np.zeros((6, 6))
    for neuron in range(5):
        trains = [
            neo.SpikeTrain(row[np.isfinite(row)], units="ms", t_stop=40.0) for row in times[:, neuron : neuron + 1]
        ]
        square += np.asarray(elephant.van_rossum_distance(trains, time_constant=7.0 * pq.ms)) ** 2
        costs += np.asarray(elephant.victor_purpura_distance(trains, 0.15 / pq.ms))
    np.testing.assert_allclose(van_rossum(layer, 7.0), np.sqrt(square), atol=1e-7)
    np.testing.assert_allclose(victor_purpura(layer, 0.15), costs, atol=1e-9)


def test_distances_obey_the_triangle_and_are_0_of_the_same() -> None:
    generator = np.random.default_rng(1)
    times = np.where(generator.random((20, 4)) < 0.3, np.inf, generator.uniform(0, 30, (20, 4)))
    for matrix in (
        van_rossum(LayerSpikes.of_latencies("a", times), 5.0),
        victor_purpura(LayerSpikes.of_latencies("a", times), 0.3),
    ):
        np.testing.assert_array_equal(np.diag(matrix), 0)
        np.testing.assert_allclose(matrix, matrix.T)
        assert (matrix[:, None, :] <= matrix[:, :, None] + matrix[None] + 1e-9).all()


def test_means_over_pairs_and_nearest(times: np.ndarray) -> None:
    labels = np.array([0, 1, 0, 1, 0, 1])
    layer = LayerSpikes.of_latencies("any", times)
    table = spike_train_distances(Spikes.of_layers([layer], labels)).set_index(["measure", "pairs_of"])
    matrix = victor_purpura(layer, 0.2)
    pairs = np.triu_indices(6, 1)
    same = labels[pairs[0]] == labels[pairs[1]]
    assert table.loc[("victor-purpura", "within"), "distance"] == pytest.approx(matrix[pairs][same].mean())
    assert table.loc[("victor-purpura", "between"), "distance"] == pytest.approx(matrix[pairs][~same].mean())
    assert table.loc[("victor-purpura", "between"), "pairs"] == (~same).sum()
    nearest = (matrix + np.diag([np.inf] * 6)).argmin(axis=1)
    assert table.loc[("victor-purpura", "all"), "nearest"] == (labels[nearest] == labels).mean()


def test_equally_near_neighbours_share_a_presentation() -> None:
    """Times 1, 3, 5 and 9: 3 is as far from 1 as from 5. The order of presentations has no influence."""
    times, labels = np.array([1.0, 3.0, 5.0, 9.0]), np.array([0, 0, 1, 1])
    for order in ([0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0]):
        spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", times[order, None])], labels[order])
        table = spike_train_distances(spikes)
        assert table["nearest"].tolist() == pytest.approx([(1 + 0.5 + 0 + 1) / 4] * 6)
        assert table["chance"].tolist() == pytest.approx([1 / 3] * 6)


def test_dissimilarity_is_that_of_spearman(times: np.ndarray, layer: LayerSpikes) -> None:
    late = np.where(np.isfinite(times), times, 1e6)
    matrix = rank_distance(layer)
    for first, second in ((0, 1), (3, 5)):
        assert matrix[first, second] == pytest.approx(1 - stats.spearmanr(late[first], late[second]).statistic)
    assert matrix[2, 0] == pytest.approx(1)  # a silent presentation has no order


def test_similarity_is_the_correlation_of_dissimilarities() -> None:
    generator = np.random.default_rng(4)
    labels = np.arange(30) % 3
    first = generator.normal(20 + 6 * labels[:, None] * np.arange(8) / 8, 1.5, (30, 8))
    second = first + generator.normal(0, 3, (30, 8))
    layers = [LayerSpikes.of_latencies("one", first), LayerSpikes.of_latencies("two", second)]
    spikes = Spikes.of_layers(layers, labels)
    table = representational_similarity(spikes, measure="van-rossum").set_index(["first", "second"])
    pairs = np.triu_indices(30, 1)
    expected = stats.spearmanr(*(van_rossum(layer, 5.0)[pairs] for layer in layers)).statistic
    assert table.loc[("one", "two"), "rho"] == pytest.approx(expected)
    assert table.loc[("one", "two"), "low"] < expected < table.loc[("one", "two"), "high"]
    other = representational_similarity(spikes, spikes, measure="van-rossum").set_index(["first", "second"])
    assert other.loc[("one", "other:one"), "rho"] == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "numbers"), [(12, 66), (13, 0)])
def test_the_numbers_of_up_to_twelve_layers_are_written(count: int, numbers: int) -> None:
    pairs = [(f"l{j}", f"l{k}", j / 20) for j in range(count) for k in range(j + 1, count)]
    table = pd.DataFrame(pairs, columns=["first", "second", "rho"]).assign(low=0.0, high=1.0)
    axes = similarity_figure(table)
    assert len(axes.texts) == numbers


def test_equal_dissimilarities_are_tied() -> None:
    """With few neurons, many pairs have equal dissimilarities. Rounding errors must not order them."""
    times = np.random.default_rng(5).permuted(np.tile(np.arange(4.0), (2, 30, 1)), axis=2)
    layers = [LayerSpikes.of_latencies(name, each) for name, each in zip(("one", "two"), times, strict=True)]
    pairs = np.triu_indices(30, 1)
    exact = [(np.round(10 * rank_distance(layer)) / 10)[pairs] for layer in layers]  # multiples of 1/5
    (rho,) = representational_similarity(Spikes.of_layers(layers))["rho"]
    assert rho == pytest.approx(stats.spearmanr(*exact).statistic, abs=1e-12)


@pytest.mark.parametrize("measure", ["rank", "van-rossum", "victor-purpura"])
def test_presentations_that_are_drawn_twice_are_no_pair_in_the_interval_of_similarity(measure: str) -> None:
    """They are alike in each layer, and would make layers that have nothing to do with each other similar."""
    generator = np.random.default_rng(9)
    layers = [LayerSpikes.of_latencies(name, generator.uniform(0, 100, (12, 20))) for name in ("one", "two")]
    row = representational_similarity(Spikes.of_layers(layers), measure=measure).iloc[0]
    assert (row["low"] + row["high"]) / 2 == pytest.approx(row["rho"], abs=0.06)


@pytest.mark.parametrize("labelled", ["spikes", "against", "both", "neither"])
def test_a_sample_holds_the_same_presentations_of_both(labelled: str) -> None:
    generator = np.random.default_rng(5)
    layer = LayerSpikes.of_latencies("one", generator.uniform(0, 30, (60, 6)))
    without, spikes = Spikes.of_layers([layer]), Spikes.of_layers([layer], generator.integers(0, 3, 60))
    ours = spikes if labelled in ("spikes", "both") else without
    theirs = spikes if labelled in ("against", "both") else without
    table = representational_similarity(ours, theirs, sample=20).set_index(["first", "second"])
    assert table.loc[("one", "other:one"), "rho"] == pytest.approx(1.0)
    assert ("one", "labels") in table.index or labelled == "neither"


def test_labels_of_either_say_what_is_correct(times: np.ndarray) -> None:
    layer, labels = LayerSpikes.of_latencies("output", times), np.arange(6) % 5
    both, without = Spikes.of_layers([layer], labels), Spikes.of_layers([layer])
    expected = paired_comparison(both, both)
    assert "correct" in expected["measure"].tolist()
    pd.testing.assert_frame_equal(paired_comparison(without, both), expected)
    pd.testing.assert_frame_equal(paired_comparison(both, without), expected)


def test_decisions_are_those_of_the_output_alone(times: np.ndarray) -> None:
    """A hidden layer decides nothing, though it is the last layer that both have."""
    spikes, lesioned = (
        netsim.present("digits", limit=5, populations=["hidden"], disturbance=disturbance)
        for disturbance in (None, ("lesion-neurons", 0.5))
    )
    assert set(paired_comparison(spikes, lesioned)["measure"]) == {"fired", "latency"}
    hidden, output = (LayerSpikes.of_latencies(name, times) for name in ("hidden", "output"))
    whole, part = Spikes.of_layers([hidden, output]), Spikes.of_layers([hidden])
    with pytest.warns(DataWarning, match="last layers are output and hidden, .* decisions are not compared"):
        assert set(paired_comparison(whole, part)["measure"]) == {"fired", "latency"}
    assert "decision_latency" in set(paired_comparison(whole, whole)["measure"])


def test_a_layer_with_the_name_of_the_labels_is_refused(times: np.ndarray) -> None:
    layers = [LayerSpikes.of_latencies(name, times) for name in ("a", "labels")]
    assert len(representational_similarity(Spikes.of_layers(layers))) == 1
    with pytest.raises(DataError, match="have a layer labels, the name of the labels in the table; rename the layer"):
        representational_similarity(Spikes.of_layers(layers, labels=np.arange(6) % 2))


def test_clustering_is_that_of_scipy_and_finds_labels_that_are_apart() -> None:
    labels = np.repeat(np.arange(3), 5)
    centres = np.array([[5.0, 5, 5, 5], [6.0, 6, 6, 6], [40.0, 40, 40, 40]])
    times = centres[labels] + np.random.default_rng(0).normal(0, 0.05, (15, 4))
    layer = LayerSpikes.of_latencies("any", times)
    table = label_clustering(Spikes.of_layers([layer], labels))
    assert table["agreement"].iloc[0] == 1.0
    assert table[["first", "second"]].values.tolist() == [[0, 1], [2, 3]]
    matrix = van_rossum(layer, 5.0)
    means = np.array(
        [[matrix[labels == a][:, labels == b].mean() if a != b else 0 for b in range(3)] for a in range(3)]
    )
    np.testing.assert_allclose(table["distance"], hierarchy.linkage(squareform(means), "average")[:, 2])


@pytest.mark.parametrize("latency", [5.0, np.inf])
def test_equal_presentations_have_no_nearest_and_draw_without_warnings(latency: float) -> None:
    labels = np.repeat([0, 1], 5)
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", np.full((10, 4), latency))], labels)
    table = spike_train_distances(spikes)
    assert table["nearest"].isna().all()
    assert (table["distance"] == 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("clustering", "selectivity", "distances"):
            analyse(spikes, name).figure()


def test_layers_that_are_equal_in_all_presentations_are_similar_to_nothing() -> None:
    equal = LayerSpikes.of_latencies("equal", np.ones((6, 3)))
    table = representational_similarity(Spikes.of_layers([equal, replace(equal, name="other")]))
    assert table[["rho", "low", "high"]].isna().all(axis=None)


def test_comparison_is_paired() -> None:
    generator = np.random.default_rng(6)
    labels = generator.integers(0, 3, 40)
    first = generator.uniform(10, 30, (40, 3))
    first[np.arange(40), labels] -= 8
    second = first + generator.normal(0.8, 1.0, (40, 3))
    second[:5, 0] = np.inf
    ours, theirs = (Spikes.of_layers([LayerSpikes.of_latencies("output", times)], labels) for times in (first, second))
    table = paired_comparison(ours, theirs).set_index("measure")
    difference = first.mean(axis=1) - np.array([row[np.isfinite(row)].mean() for row in second])
    row = table.loc["latency"]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["effect"] == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert row["p"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    assert row["low"] < difference.mean() < row["high"]
    right, other = first.argmin(axis=1) == labels, second.argmin(axis=1) == labels
    row = table.loc["correct"]
    assert row["difference"] == pytest.approx(right.mean() - other.mean())
    lost, won = (right & ~other).sum(), (other & ~right).sum()
    assert row["p"] == pytest.approx(stats.binomtest(int(lost), int(lost + won)).pvalue if lost + won else 1.0)
    np.testing.assert_allclose(table["q"], stats.false_discovery_control(table["p"], method="by"))
    nothing = paired_comparison(ours, ours)
    assert (nothing[["difference", "effect"]] == 0).all(axis=None)
    assert (nothing["p"] == 1).all()


def test_one_presentation_has_no_interval_of_differences() -> None:
    ours, theirs = (
        Spikes.of_layers([LayerSpikes.of_latencies("output", np.array([[first, 9.0]]))]) for first in (2.0, 3.0)
    )
    table = paired_comparison(ours, theirs)
    assert table[["low", "high", "effect_low", "effect_high"]].isna().all(axis=None)
    assert table.set_index("measure")["difference"]["latency"] == -0.5


def test_one_layer_without_labels_is_similar_to_nothing() -> None:
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", np.random.default_rng(0).random((6, 4)))])
    with pytest.raises(DataError, match="have one layer and no labels"):
        representational_similarity(spikes)


def test_the_figure_of_a_comparison_names_each_layer_once() -> None:
    table = pd.DataFrame({"layer": ["one", "one", "two"], "measure": ["fired", "latency", "correct"]})
    axes = comparison_figure(table.assign(effect=0.5, effect_low=0.1, effect_high=0.9))
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one", "two"]
    assert axes.get_yticks().tolist() == [0.5, 2.0]


def test_a_file_without_the_last_neurons_is_compared() -> None:
    """A table of spikes does not tell how many neurons there are, and the last of one of the two may be silent."""
    times = np.random.default_rng(7).uniform(10, 30, (20, 3))
    whole = Spikes.of_layers([LayerSpikes.of_latencies("hidden", times)])
    times[:, 2] = np.inf
    silent = Spikes.of_layers([LayerSpikes.of_latencies("hidden", times)])
    cut = Spikes.of_layers([LayerSpikes.of_latencies("hidden", times[:, :2])])
    expected = paired_comparison(whole, silent)
    pd.testing.assert_frame_equal(
        paired_comparison(replace(whole, complete=False), replace(cut, complete=False)), expected
    )
    other = Spikes.of_layers([*cut.layers(), LayerSpikes.of_latencies("output", times)])
    with pytest.warns(DataWarning, match="^hidden: has 2 and 3 neurons, so it is not compared"):
        table = paired_comparison(other, Spikes.of_layers([*whole.layers(), LayerSpikes.of_latencies("output", times)]))
    assert set(table["layer"]) == {"output"}
