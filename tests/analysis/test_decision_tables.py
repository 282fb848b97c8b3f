"""Decision and spike count tables agree with the latencies, silence and ties included."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import decision_table, spike_count_table
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.measuring.metrics import decide
from netsim.seams import targets
from netsim.specification import Network

OUTPUTS = np.array(
    [
        [55.0, 50.0, np.inf, 60.0],
        [50.0, np.inf, 50.0, 60.0],
        [np.inf, np.inf, 43.0, np.inf],
        [np.inf] * 4,
    ]
)


def test_decisions(network: Network) -> None:
    frame = decision_table(network, OUTPUTS, labels=[1, 0, 0, 3], indices=[7, 3, 5, 9])
    assert frame["presentation"].tolist() == [7, 3, 5, 9]
    assert frame["decision"].tolist() == [1, 0, 2, pd.NA]
    assert frame["tied"].tolist() == [False, True, False, False]
    assert frame["correct"].tolist() == [True, False, False, False]
    np.testing.assert_array_equal(frame["latency_ms"], [50.0, 50.0, 43.0, np.nan])
    # a single output spike is as far from the next as from the end of the window
    np.testing.assert_array_equal(frame["gap_ms"], [5.0, 0.0, network.duration - 43.0, np.nan])


def test_the_gap_of_a_lone_spike_reaches_to_the_end_of_its_window(network: Network) -> None:
    """Where the window closes before the presentation ends."""
    output = dataclasses.replace(network.output, neurons=dataclasses.replace(network.output.dynamics, end=56.0))
    closing = dataclasses.replace(network, populations=(*network.populations[:-1], output))
    frame = decision_table(closing, np.array([[np.inf, 43.0, np.inf, np.inf]]), labels=[1])
    assert frame["gap_ms"].tolist() == [56.0 - 43.0]


def test_the_strict_accuracy_is_that_of_the_metrics(network: Network) -> None:
    generator = np.random.default_rng(0)
    outputs = np.where(generator.random((60, 4)) < 0.5, generator.integers(40, 44, (60, 4)), np.inf)
    labels = generator.integers(0, 4, 60)
    frame = decision_table(network, outputs, labels)
    np.testing.assert_array_equal(frame["correct"], decide(outputs).strictly_correct(labels))
    assert frame["tied"].any()


def test_spike_counts(network: Network, latencies: Latencies) -> None:
    frame = spike_count_table(network, latencies, indices=[4, 2, 9, 1, 0])
    assert len(frame) == 5 * 5
    assert frame["layer"].cat.categories.tolist() == ["stimulus", "conv", "pool", "hidden", "output"]
    for row in frame.to_dict("records"):
        times = latencies[row["layer"]][[4, 2, 9, 1, 0].index(row["presentation"])]
        assert row["spikes"] == np.isfinite(times).sum()
        assert row["neurons"] == times.size


def test_what_does_not_fit_is_refused(network: Network, latencies: Latencies) -> None:
    with pytest.raises(DataError, match="latencies of output: have shape"):
        decision_table(network, OUTPUTS[:, :3], [0, 0, 0, 0])
    with pytest.raises(DataError, match="labels: must be 4 integers"):
        decision_table(network, OUTPUTS, [0, 0])
    some = {name: times for name, times in latencies.items() if name != "stimulus"}
    with pytest.raises(DataError, match=r"latencies: are of conv, pool, hidden, output, but stimulus, .* are needed"):
        spike_count_table(network, some)


def test_targets_that_know_no_probabilities_give_no_confidence(
    network: Network, registered: Callable[..., None]
) -> None:
    class Plain:
        """Targets that are no subclass of netsim's."""

        @classmethod
        def from_network(cls, network: Network) -> Self:
            return cls()

    registered(targets, "plain", Plain)
    outputs: Any = np.array([[41.0, 42.0, 43.0, np.inf]])
    for name in ("plain", "relative"):
        learning = dataclasses.replace(network.learning, targets=name)
        table = decision_table(dataclasses.replace(network, learning=learning), outputs, [0])
        assert table["confidence"].isna().all()
    assert decision_table(network, outputs, [0])["confidence"].notna().all()
