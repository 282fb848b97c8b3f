"""The raster of a group has a row for each presentation, sorted by label, and every spike of the group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from netsim.analysis import group_raster, spike_table
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.specification import Network

LABELS = [2, 0, 1, 0, 2]
ROWS = [3, 0, 2, 1, 4]  # of the presentations, sorted by label


@pytest.fixture
def frame(network: Network, latencies: Latencies) -> pd.DataFrame:
    latencies["output"][:] = [
        [55.0, 50.0, 45.0, np.inf],  # label 2 first
        [50.0, 44.0, 52.0, 60.0],  # label 0, after neuron 1
        [np.inf, np.inf, 50.0, 55.0],  # label 1 silent
        [50.0, 50.0, np.inf, np.inf],  # label 0 tied
        [np.inf] * 4,
    ]
    return spike_table(network, latencies, LABELS)


def drawn(axes: Axes) -> dict[str, list[list[float]]]:
    """Time and row of the marks of each group."""
    return {
        str(lines.get_label()): sorted([segment[0, 0], segment[:, 1].mean()] for segment in lines.get_segments())
        for lines in axes.collections
        if isinstance(lines, LineCollection)
    }


def test_output_spikes_are_told_apart(network: Network, frame: pd.DataFrame) -> None:
    axes = group_raster(frame, network)
    assert drawn(axes) == {
        "label's neuron": [[45.0, 3.0], [50.0, 0.0], [50.0, 1.0]],
        "other neurons": [[50.0, 3.0], [52.0, 0.0], [55.0, 3.0], [60.0, 0.0]],
        "others before it or with it": [[44.0, 0.0], [50.0, 1.0], [50.0, 2.0], [55.0, 2.0]],
    }
    assert axes.get_xlabel() == "time in the presentation (ms)"
    assert axes.get_ylabel() == "5 presentations by label"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1", "2"]
    np.testing.assert_array_equal(axes.get_yticks(), [0.5, 2.0, 3.5])


def test_marks_of_few_presentations_stay_in_their_rows(network: Network, frame: pd.DataFrame) -> None:
    ends = [
        segment[:, 1]
        for lines in group_raster(frame, network).collections
        if isinstance(lines, LineCollection)
        for segment in lines.get_segments()
    ]
    assert ends
    assert all(np.ptp(rows) < 1 for rows in ends)


def test_classes_name_the_labels(network: Network, frame: pd.DataFrame) -> None:
    axes = group_raster(frame, network, classes=["cat", "dog", "cow"])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog", "cow"]


def test_chosen_neurons_have_their_own_marks(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    marks = drawn(group_raster(frame, network, "hidden", [1, 5]))
    assert set(marks) == {"1", "5"}
    for neuron in (1, 5):
        expected = sorted(
            [time, float(ROWS[k])] for k, time in enumerate(latencies["hidden"][:, neuron]) if np.isfinite(time)
        )
        np.testing.assert_allclose(marks[str(neuron)], expected)


def test_many_neurons_share_a_colour(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    axes = group_raster(frame, network, "stimulus")
    (marks,) = drawn(axes).values()
    times = latencies["stimulus"]
    np.testing.assert_array_equal([time for time, _ in marks], np.sort(times[np.isfinite(times)]))
    assert axes.get_title(loc="left").startswith("stimulus, ")


def test_a_silent_group_is_drawn_empty(network: Network, frame: pd.DataFrame) -> None:
    quiet = frame[frame["layer"] != "hidden"]
    axes = group_raster(quiet, network, "hidden")
    assert list(drawn(axes).values()) == [[]]
    assert axes.get_ylabel() == "5 presentations by label"


def test_bad_tables_are_refused(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    with pytest.raises(DataError, match="lacks the column label, neuron; a spike table is needed"):
        group_raster(frame.drop(columns=["label", "neuron"]), network)
    with pytest.raises(DataError, match="lacks labels"):
        group_raster(spike_table(network, latencies), network)
    with pytest.raises(DataError, match="layer conv9: does not exist in small; choose one of stimulus, conv, pool"):
        group_raster(frame, network, "conv9")
    with pytest.raises(DataError, match="has no rows"):
        group_raster(frame.iloc[:0], network)
