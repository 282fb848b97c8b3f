"""Population measures agree with closed cases of normal latencies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import population_code, population_figure
from netsim.errors import SpecificationError
from netsim.spikes import LayerSpikes, Spikes

LABELS = np.arange(4000) % 2
APART = np.array([2.0, 1.0, 0.0])


def _spikes(correlation: float, count: int = 4000) -> Spikes:
    covariance = np.full((3, 3), correlation) + (1 - correlation) * np.eye(3)
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, count)
    layer = LayerSpikes.of_latencies("any", 50 + noise + LABELS[:count, None] * APART, window=(0.0, 100.0))
    return Spikes.of_layers([layer], LABELS[:count])


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_correlations_and_fisher_information_of_normal_latencies(correlation: float) -> None:
    row = population_code(_spikes(correlation)).iloc[0]
    covariance = np.full((3, 3), correlation) + (1 - correlation) * np.eye(3)
    assert row["noise_correlation"] == pytest.approx(correlation, abs=0.03)
    assert row["control_correlation"] == pytest.approx(0, abs=0.03)
    assert row["fisher"] == pytest.approx(APART @ np.linalg.solve(covariance, APART), rel=0.12)
    assert row["fisher_independent"] == pytest.approx(5.0, rel=0.12)


def test_intervals_contain_the_true_values() -> None:
    covariance = np.full((3, 3), 0.6) + 0.4 * np.eye(3)
    truth = {"noise": 0.6, "fisher": APART @ np.linalg.solve(covariance, APART)}
    contained = {"noise": 0, "fisher": 0}
    for seed in range(60):
        noise = np.random.default_rng(seed).multivariate_normal(np.zeros(3), covariance, 200)
        layer = LayerSpikes.of_latencies("any", 50 + noise + LABELS[:200, None] * APART, window=(0.0, 100.0))
        row = population_code(Spikes.of_layers([layer], LABELS[:200])).iloc[0]
        for name, value in truth.items():
            contained[name] += bool(row[f"{name}_low"] < value < row[f"{name}_high"])
    assert min(contained.values()) > 52


def test_intervals_contain_0_where_labels_do_not_differ() -> None:
    """Estimates are then negative in about half of the cases, and their interval still has a lower bound below them."""
    negative = contained = 0
    for seed in range(40):
        times = np.random.default_rng(seed).normal(50, 1, (100, 3))
        row = population_code(
            Spikes.of_layers([LayerSpikes.of_latencies("any", times, window=(0.0, 100.0))], LABELS[:100])
        ).iloc[0]
        assert row["fisher_low"] < row["fisher"] < row["fisher_high"]
        negative, contained = negative + (row["fisher"] < 0), contained + (row["fisher_low"] < 0 < row["fisher_high"])
    assert (10 < negative < 35, contained >= 36) == (True, True)


def test_the_correction_leaves_nothing_of_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = np.full(2, np.nan)  # intervals take longer than all else
    monkeypatch.setattr("netsim.analysis.kinds.population._intervals", lambda *given: (unknown, unknown))
    generator, values = np.random.default_rng(1), []
    for _ in range(300):
        layer = LayerSpikes.of_latencies("any", generator.normal(50, 1, (24, 4)), window=(0.0, 100.0))
        values.append(population_code(Spikes.of_layers([layer], LABELS[:24])).iloc[0][["fisher", "fisher_independent"]])
    assert np.mean(values, axis=0) == pytest.approx([0, 0], abs=0.12)


@pytest.mark.parametrize("latency", [0.1, 3.3, 16.1])
def test_a_neuron_that_always_fires_at_the_same_time_is_left_out(latency: float) -> None:
    varied = np.random.default_rng(0).normal(10, 1, (100, 3))
    tables = [
        population_code(
            Spikes.of_layers([LayerSpikes.of_latencies("hidden", latencies, window=(0.0, 100.0))], LABELS[:100])
        )
        for latencies in (varied, np.column_stack([np.full(100, latency), varied]))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert np.isfinite(tables[0]["fisher"]).all()


def test_what_is_not_known_is_missing() -> None:
    latencies = np.random.default_rng(0).normal(50, 1, (40, 1)) + np.zeros((40, 3))  # equal neurons
    spikes = Spikes.of_layers([LayerSpikes.of_latencies("equal", latencies, window=(0.0, 100.0))], LABELS[:40])
    row = population_code(spikes).iloc[0]
    assert row["noise_correlation"] == pytest.approx(1.0)
    assert np.isnan(row[["fisher", "fisher_low", "noise_low"]].to_numpy(float)).tolist() == [True, True, True]
    silent = Spikes.of_layers([LayerSpikes.of_latencies("silent", np.full((40, 3), np.inf))], LABELS[:40])
    row = population_code(silent).iloc[0]
    assert (row["neurons"], np.isnan(row["fisher"])) == (0, True)
    with pytest.raises(SpecificationError, match="must be at least 2, not 1"):
        population_code(spikes, neurons=1)
    assert population_figure(population_code(_spikes(0.6, 400))).get_xlabel() == "correlation of pairs of neurons"
