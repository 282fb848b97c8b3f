"""Information agrees with scikit-learn and with closed cases; corrections take off what chance gives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from netsim.analysis import information_figure, information_over_time, information_time_figure, label_information
from netsim.analysis.kinds._information import (
    equal_bins,
    panzeri_treves,
    panzeri_treves_bias,
    plug_in,
    relevant_responses,
)
from netsim.analysis.kinds._shuffles import against_shuffles, dealt, jackknife_half
from netsim.analysis.kinds.information_time import _growth
from netsim.errors import DataWarning
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes


def test_plug_in_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    label, response = generator.integers(0, 4, 200), generator.integers(0, 6, 200)
    counts = np.zeros((4, 6), int)
    np.add.at(counts, (label, response), 1)
    assert plug_in(counts[None])[0] == pytest.approx(mutual_info_score(label, response) / np.log(2))


def test_information_of_neurons_is_that_of_their_binned_latencies() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 120)
    times = np.round(generator.normal(20 + 4 * labels[:, None], 4, (120, 3)), 1)
    times[generator.random(times.shape) < 0.3] = np.inf
    table = label_information(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), bins=4)
    for neuron in range(3):
        of_neuron = times[:, neuron]
        response = np.zeros(120, int)
        fired = np.isfinite(of_neuron)
        response[fired] = 1 + equal_bins(of_neuron[fired], np.array([fired.sum()]), 4)
        row = table[(table["neuron"] == neuron) & (table["code"] == "latency")].iloc[0]
        assert row["information_bits"] == pytest.approx(mutual_info_score(labels, response) / np.log(2))
        row = table[(table["neuron"] == neuron) & (table["code"] == "silence")].iloc[0]
        assert row["information_bits"] == pytest.approx(mutual_info_score(labels, fired) / np.log(2))


def test_bins_hold_equal_numbers_and_never_part_equal_values() -> None:
    values = np.array([5.0, 1.0, 1.0, 1.0, 7.0, 9.0, 2.0, 2.0])
    assert equal_bins(values, np.array([6, 0, 2]), 2).tolist() == [1, 0, 0, 0, 1, 1, 0, 0]


def test_bias_of_panzeri_and_treves_where_all_responses_occur() -> None:
    counts = np.full((1, 2, 4), 25)  # (2·3 - 3) / (2 N ln 2)
    assert panzeri_treves_bias(counts)[0] == pytest.approx(3 / (2 * 200 * np.log(2)))


def test_a_label_that_never_occurs_does_not_change_the_correction() -> None:
    counts = np.array([[[9, 4, 2, 0], [3, 0, 7, 1]]])
    absent = np.insert(counts, 1, 0, axis=1)
    assert panzeri_treves_bias(counts)[0] > 0
    np.testing.assert_array_equal(panzeri_treves_bias(absent), panzeri_treves_bias(counts))
    np.testing.assert_array_equal(plug_in(absent), plug_in(counts))


def _bayes_count(counts: list[int], possible: int) -> float:
    """The procedure of Panzeri and Treves (1996) for one label, a number at a time."""
    occurring, total = [count for count in counts if count], sum(counts)
    seen = len(occurring)
    gap = sum((1 - count / total) ** total for count in occurring)
    best = seen
    for further in range(1, possible - seen + 1):
        unseen = further * (1 - (total / (total + seen)) ** (1 / total))
        expected = sum(1 - (1 - (1 - unseen) * (count + 1) / (total + seen)) ** total for count in occurring)
        expected += further * (1 - (1 - unseen / further) ** total)
        if abs(seen - expected) >= gap:
            break
        gap, best = abs(seen - expected), seen + further
    return best


@pytest.mark.parametrize(
    "counts", [[3, 2, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0], [50, 1, 0, 0, 0, 0], [5, 5, 5, 5, 5, 5], [1, 0, 0, 0, 0, 0]]
)
def test_the_count_of_relevant_responses_follows_the_procedure(counts: list[int]) -> None:
    result = relevant_responses(np.array([counts]), np.array([6]))[0]
    assert result == pytest.approx(_bayes_count(counts, 6))
    assert np.count_nonzero(counts) <= result <= 6


def test_corrections_leave_nothing_of_chance_and_one_bit_of_one_bit() -> None:
    generator = np.random.default_rng(3)
    labels = np.arange(160) % 2
    chance = generator.uniform(0, 20, (160, 150))
    informative = np.where(labels, 8.0, 3.0)[:, None]
    table = label_information(
        Spikes.of_layers([LayerSpikes.of_latencies("any", np.hstack([chance, informative]))], labels), bins=4
    )
    latency = table[(table["code"] == "latency") & table["neuron"].notna()]
    none, last = latency[latency["neuron"] < 150], latency[latency["neuron"] == 150].iloc[0]
    assert none["information_bits"].mean() > 0.01
    assert abs(none["corrected_pt"].mean()) < 0.002
    assert abs(none["corrected_shuffle"].mean()) < 0.002
    assert last["information_bits"] == pytest.approx(1.0)
    assert last["p"] == pytest.approx(1 / 201)
    assert 0.02 < (none["p"] <= 0.05).mean() < 0.1  # as many as there should be


def test_a_count_of_one_neuron_is_its_silence() -> None:
    """Bins of equal numbers would join the few silent presentations with the others."""
    labels = np.arange(200) % 2
    times = np.full((200, 1), 5.0)
    times[:20:2] = np.inf  # 10 of 100 presentations of label 0
    table = label_information(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), shuffles=200)
    bits = table.set_index("code")["information_bits"]  # both codes have one row
    assert float(bits["count"]) == float(bits["silence"])
    assert float(bits["count"]) > 0.02


def test_information_grows_until_the_last_spike() -> None:
    labels = np.arange(200) % 2
    times = np.where(labels[:, None] == 0, 3.0, np.array([9.0, 5.0]))
    table = information_over_time(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=4, bins=2)
    assert table["mean_bits"].round(2).tolist() == [
        1.0,
        1.0,
        1.0,
        1.0,
    ]  # known from the first spike on: silence tells too
    times = np.where(labels[:, None] == 0, 5.0, np.array([9.0, 7.0]))
    times[::4] = 1.0  # of half of label 0
    table = information_over_time(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=5, bins=4)
    assert table["time_ms"].tolist() == [1, 3, 5, 7, 9]
    assert table["mean_bits"].is_monotonic_increasing
    assert table["mean_bits"].iloc[0] < 0.4 < 0.99 < table["mean_bits"].iloc[-1]
    assert (table["control_bits"].abs() < 0.05).all()
    assert table["p_corrected"].iloc[-1] == pytest.approx(1 / 201)


def test_too_few_shuffles_are_said_with_how_many_are_needed() -> None:
    labels = np.arange(40) % 2
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", 10.0 + 10 * labels[:, None])], labels)
    with pytest.warns(DataWarning, match=r"18 shuffles give p of at least 0\.053; set shuffles=19 or more"):
        few = label_information(spikes, shuffles=18)
    assert few["p"].min() > 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enough = label_information(spikes, shuffles=19)
    assert enough["p_corrected"].min() == pytest.approx(0.05)
    assert set(enough.loc[enough["neuron"].isna(), "code"]) == {"latency", "rank", "count"}
    assert enough.loc[enough["neuron"].isna(), "p_corrected"].isna().all()


def test_one_of_many_neurons_is_found_after_correction() -> None:
    """The default number of shuffles has power for any number of neurons, and keeps the level."""
    labels, found, false = np.arange(100) % 2, 0, 0
    for seed in range(6):
        times = np.random.default_rng(seed).uniform(0, 50, (100, 400))
        times[:, 0] = 10 + 20 * labels
        table = label_information(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), seed=100 + seed)
        p = table.loc[(table["code"] == "latency") & table["neuron"].notna(), "p_corrected"]
        found, false = found + int(p.iloc[0] < 0.05), false + int((p.iloc[1:] < 0.05).any())
    assert (found, false <= 2) == (6, True)


def test_family_wise_p_values_by_hand() -> None:
    """Scores in standard deviations of each column; the true row is compared with the largest of each shuffle."""
    generator = np.random.default_rng(4)
    values = generator.normal(0, [1.0, 5.0, 0.1], (40, 3))
    values[0] = [4.0, 3.0, 0.15]
    columns = against_shuffles(np.column_stack([values, np.full(40, 0.3), np.full(40, np.nan)]))
    largest = stats.zscore(values, axis=0)[1:].max(axis=1)
    for position, score in enumerate(stats.zscore(values, axis=0)[0]):
        at_least = (values[1:, position] >= values[0, position]).sum()
        assert columns["p"][position] == pytest.approx((1 + at_least) / 40)
        assert columns["p_corrected"][position] == pytest.approx((1 + (largest >= score).sum()) / 40)
    assert columns["p"][0] < columns["p"][2] < columns["p"][1]
    assert (columns["p"][3], columns["p_corrected"][3]) == (1.0, 1.0)  # a constant says nothing
    assert np.isnan([columns["p"][4], columns["p_corrected"][4]]).all()


def test_panzeri_treves_is_missing_where_responses_outnumber_presentations() -> None:
    generator, labels = np.random.default_rng(0), np.arange(200) % 10
    layer = LayerSpikes.of_latencies("noise", generator.uniform(0, 50, (200, 300)))
    with pytest.warns(DataWarning, match=r"corrected_pt is missing in 1 of 903 rows.*presentations \(20\)"):
        table = label_information(Spikes.of_layers([layer], labels), shuffles=19)
    missing = table[table["corrected_pt"].isna()]
    assert missing[["neuron", "code"]].fillna(-1).to_numpy().tolist() == [[-1, "rank"]]
    assert abs(missing["corrected_shuffle"].iloc[0]) < 0.05
    counts = np.array([[[4, 0, 0], [0, 3, 0], [0, 0, 5]], [[2, 1, 0], [0, 3, 0], [1, 1, 1]]])
    assert panzeri_treves(counts).tolist()[0] == pytest.approx(stats.entropy([4, 3, 5], base=2))  # never more
    assert panzeri_treves(np.insert(counts, 1, 0, axis=1))[1] == panzeri_treves(counts)[1]  # a label that is absent
    assert np.isnan(panzeri_treves(np.array([[[2, 1, 0], [1, 0, 1]]]))).all()  # 3 responses, 2 presentations


def test_information_over_time_never_falls() -> None:
    """Bins are fixed over time, so that responses only become finer."""
    generator = np.random.default_rng(0)
    labels = np.arange(3000) % 3
    times = generator.normal(20 + 6 * labels[:, None], 4, (3000, 3))
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels)
    table = information_over_time(spikes, times=40, bins=4)
    assert (table["mean_bits"].diff().dropna() >= -1e-3).all()
    whole = label_information(spikes, bins=4, shuffles=2)
    latency = whole[(whole["code"] == "latency") & whole["neuron"].notna()]
    assert (table["mean_bits"] + table["control_bits"]).iloc[-1] == pytest.approx(latency["information_bits"].mean())
    assert table["fired"].is_monotonic_increasing


def test_noise_has_no_information_over_time() -> None:
    """Few presentations: 10 of each of 10 labels, as many as there are responses."""
    labels, means, above, found = np.arange(100) % 10, [], 0, 0
    for seed in range(40):
        times = np.random.default_rng(seed).uniform(0, 50, (100, 20))
        noise = Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels)
        last = information_over_time(noise, times=2, shuffles=39, seed=100 + seed).iloc[-1]
        means.append(last["mean_bits"])
        above, found = above + (last["low"] > 0), found + (last["p"] <= 0.05)
        assert last["low"] < last["mean_bits"] < last["high"]
        assert last["control_bits"] > 0.4  # which the correction takes off
    assert np.mean(means) == pytest.approx(0, abs=0.01)
    assert (above <= 2, found <= 6) == (True, True)
    planted = Spikes.of_layers([LayerSpikes.of_latencies("any", times + 5 * labels[:, None])], labels)
    last = information_over_time(planted, times=2, shuffles=39).iloc[-1]
    assert (last["low"] > 0, last["p_corrected"]) == (True, 1 / 40)


def test_information_without_a_group_is_that_of_the_other_presentations() -> None:
    """The interval comes from each group left out; here computed again from the remaining presentations."""
    generator, labels = np.random.default_rng(2), np.arange(60) % 3
    times = np.where(generator.random((60, 2)) < 0.2, np.inf, generator.normal(20 + 6 * labels[:, None], 4, (60, 2)))
    layer = LayerSpikes.of_latencies("any", times)
    turn, groups = dealt(labels)
    assert (groups, np.unique(np.stack([turn, labels]), axis=1, return_counts=True)[1].tolist()) == (10, [2] * 30)
    shown = np.bincount(turn * 3 + labels).reshape(10, 3)
    _, without, _ = _growth(layer, np.array([0.0, 100.0]), 4, [turn * 3 + labels], shown)
    response = np.zeros((60, 2), int)
    for neuron in range(2):
        fired = np.isfinite(times[:, neuron])
        response[fired, neuron] = 1 + equal_bins(times[fired, neuron], np.array([fired.sum()]), 4)
    for group in range(10):
        kept = turn != group
        bits = [mutual_info_score(labels[kept], response[kept, neuron]) / np.log(2) for neuron in range(2)]
        assert without[0, group].tolist() == pytest.approx([0.0, np.mean(bits)])
    # the standard error of a mean, left out one by one, is that of the textbook
    values = generator.normal(size=10)
    alone = (values.sum() - values) / 9
    assert jackknife_half(alone) == pytest.approx(stats.t.ppf(0.975, 9) * stats.sem(values))
    assert np.isnan(jackknife_half(np.ones((2, 4, 3)))).tolist() == [[True] * 3] * 4  # two groups are too few


def test_the_figure_over_time_shows_chance() -> None:
    labels = np.arange(60) % 3
    times = np.random.default_rng(0).uniform(0, 20, (60, 5))
    table = information_over_time(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), times=4)
    axes = information_time_figure(table)
    (line,) = (each for each in axes.lines if each.get_label() == "chance")
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["any", "chance"]
    np.testing.assert_array_equal(line.get_ydata(), table["control_95"] - table["control_bits"])


def test_each_code_has_its_own_chance() -> None:
    generator, labels = np.random.default_rng(3), np.arange(60) % 3
    times = np.where(generator.random((60, 5)) < 0.3, np.inf, generator.uniform(0, 20, (60, 5)))
    table = label_information(Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels), shuffles=20)
    lines = information_figure(table).lines
    marks = {str(line.get_label()): line.get_ydata() for line in lines}
    ticks = [line for line in lines if line.get_marker() == "|"]
    neurons = table[table["neuron"].notna()]
    for code, tick in zip(("latency", "rank", "silence"), ticks, strict=True):
        np.testing.assert_array_equal(tick.get_ydata(), marks[code])
        rows = neurons[neurons["code"] == code]
        assert tick.get_xdata() == pytest.approx([(rows["control_95"] - rows["control_mean"]).quantile(0.95)])
    assert [str(tick.get_label()) for tick in ticks if not str(tick.get_label()).startswith("_")] == ["chance"]
