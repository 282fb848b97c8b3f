"""The displacement plot draws actual against target latencies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from netsim.analysis import displacement_figure, displacement_table
from netsim.errors import DataError
from netsim.specification import Network


@pytest.fixture
def frame(network: Network) -> pd.DataFrame:
    outputs = np.array([[55.0, 50.0, np.inf, 60.0], [44.0, 50.0, 51.0, 41.0]])
    return displacement_table(network, outputs, [0, 2])


def points(axes: Axes) -> list[np.ndarray]:
    return [np.column_stack(line.get_data()) for line in axes.lines if line.get_marker() == "o"]


def test_every_output_neuron_is_a_point(network: Network, frame: pd.DataFrame) -> None:
    others, chosen = points(displacement_figure(frame))
    assert (len(others), len(chosen)) == (6, 2)
    actual = frame["latency_ms"].fillna(network.duration)
    label = frame["neuron"] == frame["label"]
    np.testing.assert_allclose(chosen, np.column_stack([actual[label], frame["target_ms"][label]]))
    np.testing.assert_allclose(others, np.column_stack([actual[~label], frame["target_ms"][~label]]))


def test_stages_of_learning_have_their_colours(frame: pd.DataFrame) -> None:
    both = pd.concat([frame.assign(weights="initial"), frame.assign(weights="trained", displacement_ms=0.0)])
    axes = displacement_figure(both)
    assert [len(part) for part in points(axes)] == [6, 2, 6, 2]
    colours = [line.get_color() for line in axes.lines if line.get_marker() == "o"]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "initial: other neurons",
        "initial: label's neuron",
        "trained: other neurons",
        "trained: label's neuron",
    ]
    assert axes.texts[1].get_text() == "trained: mean |displacement| 0 ms"
    trained = points(axes)[3]
    np.testing.assert_array_equal(trained[:, 0], trained[:, 1])


def test_axes_are_alike(frame: pd.DataFrame) -> None:
    axes = displacement_figure(frame)
    assert axes.get_xlim() == axes.get_ylim()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("actual latency (ms)", "target latency (ms)")


def test_bad_tables_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="lacks the column target_ms; a displacement table is needed"):
        displacement_figure(frame.drop(columns="target_ms"))
    with pytest.raises(DataError, match="NaN or infinity; finite times"):
        displacement_figure(frame.assign(target_ms=np.nan))
    with pytest.raises(DataError, match="the column target_ms contains infinite values"):
        displacement_figure(frame.assign(target_ms=np.inf))
