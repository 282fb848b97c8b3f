"""Information agrees with scikit-learn and with closed cases; corrections take off what chance gives."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from netsim.analysis import information_figure, information_over_time, label_information
from netsim.analysis.kinds._information import (
    equal_bins,
    panzeri_treves_bias,
    plug_in,
    relevant_responses,
)
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


def test_too_few_shuffles_are_said_with_how_many_are_needed() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(200) % 2
    times = generator.normal(20, 4, (200, 40))
    times[:, 0] = 10 + 10 * labels  # one neuron of 40 tells the label
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("any", times)], labels)
    with pytest.warns(DataWarning, match=r"shuffles=\d+") as caught:
        few = label_information(spikes, shuffles=20)
    assert few["q"].min() > 0.05
    needed = int(re.findall(r"shuffles=(\d+)", str(caught[0].message))[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rank and silence may need more
        table = label_information(spikes, shuffles=needed)
    latency = table[(table["code"] == "latency") & table["neuron"].notna()]
    assert latency["q"].iloc[0] <= 0.05
    assert (latency["q"] <= 0.05).sum() == 1
    assert set(table.loc[table["neuron"].isna(), "code"]) == {"latency", "rank", "count"}
    assert table.loc[table["neuron"].isna(), "q"].isna().all()


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
    assert table["mean_bits"].iloc[-1] == pytest.approx(latency["corrected_pt"].mean())
    assert table["fired"].is_monotonic_increasing


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
