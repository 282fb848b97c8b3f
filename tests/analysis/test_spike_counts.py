"""Spikes per layer are the means over presentations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from netsim.analysis import spike_count_table, spikes_per_layer
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.specification import Network


def test_means_and_ranges(network: Network, latencies: Latencies) -> None:
    latencies["hidden"][:] = np.inf  # a silent layer has its place at 0
    frame = spike_count_table(network, latencies)
    axes = spikes_per_layer(frame)
    counts = [np.isfinite(layer).reshape(5, -1).sum(axis=1) for layer in latencies.values()]
    neurons, means = axes.lines
    np.testing.assert_allclose(np.asarray(means.get_xdata()), [count.mean() for count in counts])
    (ranges,) = axes.collections
    assert isinstance(ranges, LineCollection)
    segments = np.array(ranges.get_segments())
    np.testing.assert_allclose(segments[:, :, 0], [np.quantile(count, [0.05, 0.95]) for count in counts])
    np.testing.assert_array_equal(
        np.asarray(neurons.get_xdata()), [np.prod(shape) for shape in network.shapes.values()]
    )
    assert [text.get_text() for text in axes.get_yticklabels()] == ["stimulus", "conv", "pool", "hidden", "output"]
    assert axes.get_xlabel() == "spikes per presentation"
    assert axes.texts[3].get_text() == "0.0\N{NO-BREAK SPACE}(0%)"


def test_bad_tables_are_refused(network: Network, latencies: Latencies) -> None:
    frame = spike_count_table(network, latencies)
    with pytest.raises(DataError, match="lacks the column neurons; a spike count table"):
        spikes_per_layer(frame.drop(columns="neurons"))
    with pytest.raises(DataError, match="more spikes than neurons"):
        spikes_per_layer(frame.assign(spikes=10_000))
    with pytest.raises(DataError, match="has no rows"):
        spikes_per_layer(pd.DataFrame(columns=frame.columns))
