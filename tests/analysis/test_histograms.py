"""Latency histograms are the population rates of every layer, each in its band."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from netsim.analysis import latency_histograms, spike_table
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.specification import Dense, Layer, Network


@pytest.fixture
def frame(network: Network, latencies: Latencies) -> pd.DataFrame:
    return spike_table(network, latencies)


def test_bands_hold_the_counts(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    axes = latency_histograms(frame, network, bin_ms=4.0)
    bands = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    assert len(bands) == 5
    for band, times in zip(bands, latencies.values(), strict=True):
        heights, edges, bottom = band.get_data()
        counts = np.histogram(times[np.isfinite(times)], np.arange(17) * 4.0)[0]
        np.testing.assert_array_equal(edges, np.arange(17) * 4.0)
        np.testing.assert_allclose(heights - bottom, counts / counts.max())
    assert axes.get_xlabel() == "latency (ms)"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["stimulus", "conv", "pool", "hidden", "output"]


def test_peak_and_share_are_written(network: Network, latencies: Latencies) -> None:
    latencies["output"][:] = np.inf
    latencies["output"][:2, 0] = 50.5  # 2 spikes of 20 neurons and presentations in a bin of 2 ms
    notes = [text.get_text() for text in latency_histograms(spike_table(network, latencies), network, 2.0).texts]
    assert notes[-1] == "median 50.5 ms\npeak 50 /s\n10.0% fired"


def _edges(axes: Axes) -> np.ndarray:
    steps = axes.patches[0]
    assert isinstance(steps, StepPatch)
    return np.asarray(steps.get_data()[1])


def test_bins_end_with_the_windows(network: Network, frame: pd.DataFrame) -> None:
    edges = _edges(latency_histograms(frame, network))
    assert {16.0, 24.0, 40.0} <= set(edges)
    assert 75 < len(edges) < 300


def test_a_very_long_presentation_has_as_many_bins(network: Network, frame: pd.DataFrame) -> None:
    long = dataclasses.replace(network, duration=1e12)
    assert 75 < len(_edges(latency_histograms(frame, long))) < 300


def test_a_silent_layer_is_said_to_be(network: Network, frame: pd.DataFrame) -> None:
    axes = latency_histograms(frame[frame["layer"] != "hidden"], network)
    assert axes.texts[3].get_text() == "silent"


def test_bad_tables_are_refused(network: Network, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="lacks the column latency_ms"):
        latency_histograms(frame.drop(columns="latency_ms"), network)
    with pytest.raises(DataError, match="bin_ms: must be a positive time"):
        latency_histograms(frame, network, bin_ms=-1.0)
    other = Network.chain("other", network.encoder, (Layer("output", Dense(4)),), 64.0)
    with pytest.raises(DataError, match="has the layer conv, hidden, pool, which other does not have"):
        latency_histograms(frame, other)


def test_spikes_of_a_silent_network_are_missing_with_a_reason(network: Network, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="has no rows, because no neuron fires or all rows are filtered out"):
        latency_histograms(frame.head(0), network)


def test_silent_presentations_count(network: Network, latencies: Latencies) -> None:
    """They have no row in a spike table."""
    for times in latencies.values():
        times[1:] = np.inf
    count = len(latencies["output"])
    axes = latency_histograms(spike_table(network, latencies), network, presentations=count)
    assert axes.get_title(loc="left").startswith(f"{count} presentations")
    share = np.isfinite(latencies["conv"]).mean()
    assert f"{share:.1%} fired" in axes.texts[1].get_text()
