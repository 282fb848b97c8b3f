"""The raster shows every spike at its time, in its layer's band."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from netsim.analysis import group_raster, raster, save_figure, spike_table, theme
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Pooling


@pytest.fixture
def frame(network: Network, latencies: Latencies) -> pd.DataFrame:
    latencies["output"][:] = [
        [55.0, 50.0, np.inf, 60.0],  # label 0, decision 1
        [50.0, np.inf, 50.0, 60.0],  # a tie
        [50.0, np.inf, 55.0, 60.0],  # label 1 is silent
        [np.inf] * 4,
        [np.inf, np.inf, np.inf, 41.0],
    ]
    return spike_table(network, latencies, labels=[0, 0, 1, 2, 3], indices=[10, 11, 12, 13, 14])


def drawn(axes: Axes) -> list[np.ndarray]:
    """Times and middles of the marks of each layer."""
    return [
        np.array([[segment[0, 0], segment[:, 1].mean()] for segment in lines.get_segments()]).reshape(-1, 2)
        for lines in axes.collections
        if isinstance(lines, LineCollection)
    ]


def legend(axes: Axes) -> list[str]:
    box = axes.get_legend()
    assert box is not None
    return [text.get_text() for text in box.get_texts()]


def test_every_spike_is_drawn_once_in_its_band(network: Network, frame: pd.DataFrame) -> None:
    axes = raster(frame, network, 12)
    layers = drawn(axes)
    assert len(layers) == 5
    top = -np.inf
    for name, marks in zip(frame["layer"].cat.categories, layers, strict=True):
        spikes = frame[(frame["presentation"] == 12) & (frame["layer"] == name)]
        np.testing.assert_array_equal(np.sort(marks[:, 0]), np.sort(spikes["latency_ms"]))
        assert marks[:, 1].min() > top
        top = marks[:, 1].max()


def test_maps_lie_above_one_another(network: Network, frame: pd.DataFrame) -> None:
    spikes = frame[(frame["presentation"] == 10) & (frame["layer"] == "conv")]
    marks = drawn(raster(frame, network, 10))[1]
    order = np.argsort(marks[:, 1])
    assert (np.diff(spikes["channel"].to_numpy()[order]) >= 0).all()
    by_place = spikes.sort_values(["channel", "y", "x"])["latency_ms"].to_numpy()
    np.testing.assert_array_equal(marks[order, 0], by_place)


def test_without_a_label_there_is_none_to_mark(network: Network, latencies: Latencies) -> None:
    """The number that stands for no label is none of a class."""
    frame = spike_table(network, latencies, labels=[-1, -1, -1, -1, 3])
    assert frame.loc[frame["presentation"] < 4, "label"].isna().all()
    assert (frame.loc[frame["presentation"] == 4, "label"] == 3).all()
    pd.testing.assert_frame_equal(
        spike_table(network, latencies), spike_table(network, latencies, labels=[-1] * 5), check_names=True
    )
    assert not [text for text in legend(raster(frame, network, 0, classes=("a",))) if text.startswith("label")]
    with pytest.raises(DataError, match="table: lacks labels; a raster sorted by label needs labels"):
        group_raster(frame, network)


def test_layers_and_sizes_are_named(network: Network, frame: pd.DataFrame) -> None:
    axes = raster(frame, network, 10)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["stimulus\n6×5×1", "conv\n4×3×3", "pool\n2×1×3", "hidden\n7", "output\n4"]
    assert "ms" in axes.get_xlabel()
    assert axes.get_title(loc="left") == "presentation 10"
    assert "3 spikes\n75% fired" in [text.get_text() for text in axes.texts]


def test_windows_are_those_in_which_neurons_fire(network: Network, frame: pd.DataFrame) -> None:
    windows = [network.firing_window(name) for name in network.shapes]
    assert windows == [(0, 16), (16, 32), (16, 32), (24, 40), (40, 64)]
    free = Network.chain(
        "free",
        IntensityEncoder((4, 4, 1), 8.0),
        (Layer("pool", Pooling()), Layer("c", Convolution(1, 1)), Layer("out", Dense(2))),
        20.0,
    )
    assert [free.firing_window(name) for name in free.shapes] == [(0, 8), (0, 8), (0, 20), (0, 20)]


@pytest.mark.parametrize(
    ("presentation", "expected"),
    [
        (10, ["decision: 1 (b) at 50.0 ms", "label: 0 (a) at 55.0 ms"]),
        (11, ["tie: 0 (a), 2 at 50.0 ms", "label: 0 (a) at 50.0 ms"]),
        (12, ["decision: 0 (a) at 50.0 ms", "label: 1 (b) (silent)"]),
        (13, ["no decision", "label: 2 (silent)"]),
        (14, ["decision: 3 at 41.0 ms", "label: 3 at 41.0 ms"]),
    ],
)
def test_decision_and_label_are_marked(
    network: Network, frame: pd.DataFrame, presentation: int, expected: list[str]
) -> None:
    assert legend(raster(frame, network, presentation, classes=["a", "b", "2"])) == expected


def test_without_labels_only_the_decision_is_marked(network: Network, latencies: Latencies) -> None:
    latencies["output"][0] = [9.0, 3.0, np.inf, 4.0]
    axes = raster(spike_table(network, {name: layer[:1] for name, layer in latencies.items()}), network)
    assert legend(axes) == ["decision: 1 at 3.0 ms"]


def test_the_only_presentation_needs_no_number(network: Network, frame: pd.DataFrame) -> None:
    presentation = frame[frame["presentation"] == 11]
    assert raster(presentation, network).get_title(loc="left") == "presentation 11"
    with pytest.raises(DataError, match="has 5 presentations; choose the one"):
        raster(frame, network)


def test_a_presentation_without_a_spike_is_drawn_empty(network: Network, frame: pd.DataFrame) -> None:
    axes = raster(frame, network, 5)
    assert [len(marks) for marks in drawn(axes)] == [0] * 5
    assert axes.get_title(loc="left") == "presentation 5 (no spikes)"
    assert legend(axes) == ["no decision"]


def test_given_axes_are_used_and_settings_left_alone(network: Network, frame: pd.DataFrame) -> None:
    before = dict(plt.rcParams)
    figure, (first, second) = plt.subplots(1, 2)
    assert raster(frame, network, 10, ax=second) is second
    assert not first.has_data()
    assert plt.get_fignums() == [figure.number]
    assert dict(plt.rcParams) == before


def test_a_table_from_a_file_is_drawn(network: Network, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "spikes.csv", index=False)
    axes = raster(pd.read_csv(tmp_path / "spikes.csv"), network, 10)
    for marks, expected in zip(drawn(axes), drawn(raster(frame, network, 10)), strict=True):
        np.testing.assert_allclose(marks, expected)


def test_bad_tables_are_refused(network: Network, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="lacks the column latency_ms, neuron"):
        raster(frame.drop(columns=["neuron", "latency_ms"]), network, 10)
    other = Network.chain("other", network.encoder, (Layer("output", Dense(4)),), duration=64.0)
    with pytest.raises(DataError, match="has the layer conv, hidden, pool, which other does not have"):
        raster(frame, other, 10)


def test_forty_thousand_spikes_stay_small_in_svg(tmp_path: Path) -> None:
    network = Network.chain("big", IntensityEncoder((100, 100, 4), 16.0), (Layer("output", Dense(10)),), duration=32.0)
    generator = np.random.default_rng(0)
    latencies = {"stimulus": generator.uniform(0, 16, (1, 100, 100, 4)), "output": np.full((1, 10), 20.0)}
    axes = raster(spike_table(network, latencies), network)
    save_figure(axes, tmp_path / "raster.svg", dpi=150)
    assert (tmp_path / "raster.svg").stat().st_size < 1_000_000


def test_in_a_panel_of_60_mm_nothing_lies_on_anything_else(network: Network, frame: pd.DataFrame) -> None:
    with theme():
        figure, panels = plt.subplots(1, 2, figsize=(120 / 25.4, 60 / 25.4), layout="constrained")
        raster(frame, network, 10, ax=panels[0])
        group_raster(frame, network, ax=panels[1])
        figure.canvas.draw()
    left, right = (axes.get_tightbbox() for axes in panels)
    assert left is not None
    assert right is not None
    assert left.x1 <= right.x0 + 1  # pixels
    assert right.x1 <= figure.bbox.x1 + 1
    names = [text.get_window_extent() for text in panels[0].get_yticklabels()]
    assert all(above.y0 >= below.y1 for below, above in itertools.pairwise(names))


def test_a_presentation_without_spikes_may_be_compared(network: Network, frame: pd.DataFrame) -> None:
    """Then all spikes are new."""
    alone = raster(frame, network, presentation=10)
    compared = raster(frame, network, presentation=10, against=frame[:0])
    assert len(drawn(compared)) == len(drawn(alone))
    for one, other in zip(drawn(alone), drawn(compared), strict=True):
        np.testing.assert_array_equal(one, other)
