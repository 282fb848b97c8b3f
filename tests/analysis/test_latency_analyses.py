"""Latencies, PSTH and strength agree with pandas, numpy and scipy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from netsim.analysis import (
    first_spike_psth,
    latency_against_strength,
    latency_statistics,
    psth_figure,
    strength_figure,
)
from netsim.errors import DataError, DataWarning, SpecificationError
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Spikes


@pytest.fixture(scope="module")
def times() -> np.ndarray:
    generator = np.random.default_rng(2)
    times = np.round(generator.gamma(3, 4, (40, 6)), 1)
    times[generator.random(times.shape) < 0.4] = np.inf
    times[:, 5] = np.inf
    times[4:, 4] = np.inf  # one spike for each label at most
    return times


@pytest.fixture(scope="module")
def spikes(times: np.ndarray) -> Spikes:
    return Spikes.of_layers([LayerSpikes.of_latencies("stimulus", times, window=(0.0, 60.0))], np.arange(40) % 4)


def test_statistics_are_those_of_pandas(times: np.ndarray, spikes: Spikes) -> None:
    table = latency_statistics(spikes)
    long = pd.DataFrame(
        {"ms": times.ravel(), "neuron": np.tile(np.arange(6), 40), "label": np.repeat(np.arange(40) % 4, 6)}
    )
    fired = long[np.isfinite(long["ms"])]
    for keys in (["neuron", "label"], ["neuron"], ["label"]):
        other = [name for name in ("neuron", "label") if name not in keys]
        rows = table[table[keys].notna().all(axis=1) & table[other].isna().all(axis=1)].set_index(keys)
        groups = fired.groupby(keys)["ms"]
        index = [tuple(map(int, key)) if isinstance(key, tuple) else int(key) for key in rows.index]
        expected = pd.DataFrame(
            {
                "mean_ms": groups.mean(),
                "median_ms": groups.median(),
                "sd_ms": groups.std(),
                "iqr_ms": groups.quantile(0.75) - groups.quantile(0.25),
            }
        ).reindex(index)
        np.testing.assert_allclose(rows[expected.columns].to_numpy(float), expected.to_numpy(float), atol=1e-12)
        np.testing.assert_array_equal(rows["spikes"], groups.count().reindex(index).fillna(0))
    silent = table[(table["neuron"] == 5) & table["label"].isna()].iloc[0]
    assert (silent["reliability"], silent["silence"]) == (0.0, 1.0)
    assert np.isnan(silent["median_ms"])


def test_psth_is_the_histogram_with_student_intervals(times: np.ndarray, spikes: Spikes) -> None:
    table = first_spike_psth(spikes, bin_ms=2.0)
    rows = table[table["label"] == 1]
    selected = times[np.arange(40) % 4 == 1]
    counts = np.array([np.histogram(row[np.isfinite(row)], np.arange(31) * 2.0)[0] for row in selected])
    rates = counts / (6 * 0.002)
    np.testing.assert_allclose(rows["rate_hz"], rates.mean(axis=0))
    busy = rates.std(axis=0) > 0
    low, high = stats.t.interval(0.95, len(selected) - 1, rates.mean(axis=0)[busy], stats.sem(rates, axis=0)[busy])
    assert (low < 0).any()
    np.testing.assert_allclose(rows[["low", "high"]].to_numpy()[busy], np.stack([low.clip(min=0), high], axis=1))


@pytest.mark.parametrize(("bin_ms", "edges"), [(8.0, [0.0, 8, 16, 24, 30]), (30.0, [0.0, 30]), (20.0, [0.0, 20, 30])])
def test_a_homogeneous_rate_is_the_same_in_each_bin(bin_ms: float, edges: list[float]) -> None:
    """One spike in each ms of a window that is no multiple of the bins."""
    layer = LayerSpikes.of_latencies("any", np.tile(np.arange(30) + 0.5, (5, 1)), window=(0.0, 30.0))
    table = first_spike_psth(Spikes.of_layers([layer]), bin_ms=bin_ms)
    np.testing.assert_allclose(table[["rate_hz", "low", "high"]], 1000 / 30)
    assert [*table["time_ms"], table["end_ms"].iloc[-1]] == edges
    np.testing.assert_array_equal(table["end_ms"][:-1], table["time_ms"][1:])
    (line,) = psth_figure(table).lines
    assert np.asarray(line.get_xdata())[[0, -1]].tolist() == [0.0, 30.0]  # of a single bin, too
    heights = np.asarray(line.get_ydata())
    assert (heights[:-1] > 0).all()
    assert heights[-1] == 0  # the last bin ends


def test_the_last_bin_is_whole_where_nobody_says_when_a_layer_ends() -> None:
    observed = LayerSpikes.of_latencies("any", np.array([[0.5, 2.001]]))
    for layer in (observed, dataclasses.replace(observed, window=(0.0, 2.0), observed=False)):
        table = first_spike_psth(Spikes.of_layers([layer]))
        assert table["end_ms"].tolist() == [1.0, 2.0, 3.0]
        np.testing.assert_allclose(table["rate_hz"], [500.0, 0.0, 500.0])


def test_a_spike_on_the_bound_of_a_bin_begins_it() -> None:
    """On a grid all spikes are on bounds. Only a known end of the window belongs to the bin before."""
    times = np.array([[7.0, 8.0, 9.0]])
    rates = first_spike_psth(Spikes.of_layers([LayerSpikes.of_latencies("any", times)]))["rate_hz"]
    np.testing.assert_allclose(rates, [0.0] * 7 + [1000 / 3] * 3)
    within = LayerSpikes.of_latencies("any", times, window=(0.0, 9.0))
    np.testing.assert_allclose(first_spike_psth(Spikes.of_layers([within]))["rate_hz"][7:], [1000 / 3, 2000 / 3])


def test_bins_that_are_wider_than_the_presentation_are_refused(spikes: Spikes) -> None:
    assert len(first_spike_psth(spikes, bin_ms=60.0)) == 5
    with pytest.raises(SpecificationError, match=r"setting bin_ms: 60\.5 ms is longer than a presentation \(60 ms\)"):
        first_spike_psth(spikes, bin_ms=60.5)


def test_one_presentation_has_no_groups_of_strength(spikes: Spikes) -> None:
    with pytest.raises(DataError, match="have 1 presentation; at least 2"):
        latency_against_strength(spikes.pick(np.array([0])))


def test_a_strength_that_differs_by_rounding_errors_has_no_correlation() -> None:
    """Pairs of inputs x and 1 - x, with the sum 1: the computed means differ in their last digit."""
    generator = np.random.default_rng(3)
    half = generator.uniform(0, 1, (60, 2))
    stimulus = 30 * np.hstack([half, 1 - half])
    late = LayerSpikes.of_latencies("late", 40 + generator.normal(0, 2, (60, 3)))
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("stimulus", stimulus, (0.0, 30.0)), late])
    assert 0 < np.ptp((1 - stimulus / 30).mean(axis=1)) < 1e-15
    with pytest.warns(DataWarning, match="is 0.5 in all presentations, so its correlation with latencies is undefined"):
        table = latency_against_strength(spikes, groups=3)
    assert table[["rho", "rho_low", "rho_high"]].isna().all(axis=None)
    legend = strength_figure(table).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["late (ρ undefined)"]


def test_silent_inputs_are_of_no_strength() -> None:
    """They count among all inputs: 1 of 4 at the onset is a strength of 1/4."""
    silent = np.inf
    times = np.array([[0.0, silent, silent, silent], [5.0, 5.0, 5.0, silent], [5.0, 10.0, silent, silent]])
    layers = [
        LayerSpikes.of_latencies("stimulus", times, (0.0, 10.0)),
        LayerSpikes.of_latencies("late", np.array([[20.0], [15.0], [30.0]])),
    ]
    table = latency_against_strength(Spikes.of_layers(layers), groups=3)
    assert table["strength"].tolist() == [1 / 8, 1 / 4, 3 / 8]
    assert table["latency_ms"].tolist() == [30.0, 20.0, 15.0]


def test_strong_stimuli_that_make_a_layer_fire_early_have_a_correlation_below_0() -> None:
    generator = np.random.default_rng(0)
    stimulus = generator.uniform(0, 10, (200, 5))
    strength = (1 - stimulus / 10).mean(axis=1)
    late = (20 - 5 * strength + generator.normal(0, 0.5, 200))[:, None]
    layers = [LayerSpikes.of_latencies("stimulus", stimulus, (0.0, 10.0)), LayerSpikes.of_latencies("late", late)]
    table = latency_against_strength(Spikes.of_layers(layers), groups=4)
    assert table["rho"].iloc[0] == pytest.approx(stats.spearmanr(strength, late[:, 0]).statistic)
    assert table["rho_high"].iloc[0] < 0
    assert (np.diff(table["latency_ms"]) < 0).all()
    assert table["presentations"].tolist() == [50] * 4
    groups = np.array_split(np.argsort(strength, kind="stable"), 4)
    np.testing.assert_allclose(table["strength"], [strength[group].mean() for group in groups])
