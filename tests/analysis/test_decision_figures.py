"""Figures of decisions: confusion, accuracy over time, and confident errors with their stimuli."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from netsim.analysis import (
    Choice,
    accuracy_over_time,
    calibration_table,
    confident_errors,
    confusion_matrix,
    decision_table,
    error_gallery,
    reliability_diagram,
    spike_table,
)
from netsim.engines import Latencies
from netsim.errors import DataError
from netsim.models.presets import load_preset
from netsim.seams import figures
from netsim.specification import Dense, LatencyEncoder, Layer, Network

OUTPUTS = np.array(
    [
        [45.0, 50.0, np.inf, 60.0],  # right
        [42.0, 50.0, 51.0, 60.0],  # wrong by 8 ms
        [42.0, 50.0, 42.0, 60.0],  # tied
        [np.inf, 41.0, np.inf, np.inf],  # wrong by 23 ms
        [np.inf] * 4,
    ]
)
LABELS = [0, 1, 0, 2, 2]


@pytest.fixture
def frame(network: Network) -> pd.DataFrame:
    return decision_table(network, OUTPUTS, LABELS, indices=[10, 11, 12, 13, 14])


def test_confusion_has_a_column_for_silence(frame: pd.DataFrame) -> None:
    axes = confusion_matrix(frame, classes=["a", "b", "c", "d"])
    numbers = {text.get_position(): text.get_text() for text in axes.texts}
    # column, row: count
    assert numbers == {(0, 0): "2", (0, 1): "1", (1, 2): "1", (4, 2): "1"}
    share = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(share[2], [0, 50, 0, 0, 50])
    np.testing.assert_array_equal(share[3], np.zeros(5))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c", "d", "silent"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c", "d"]
    assert axes.get_title(loc="left") == "5 presentations\naccuracy 40.00%, strict 20.00%"


def test_confusion_reads_a_table_from_a_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "decisions.csv", index=False)
    back = confusion_matrix(pd.read_csv(tmp_path / "decisions.csv")).images[0].get_array()
    np.testing.assert_array_equal(back, confusion_matrix(frame).images[0].get_array())


def test_many_classes_have_no_numbers(frame: pd.DataFrame) -> None:
    axes = confusion_matrix(frame, classes=[str(label) for label in range(30)])
    assert not axes.texts
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert shown == [str(label) for label in range(0, 30, 2)]
    assert [text.get_text() for text in axes.get_xticklabels()] == [*shown, "silent"]


@pytest.mark.parametrize("size", [1, 2, 4, 11, 60, 150])
def test_labels_of_a_confusion_matrix_do_not_overlap(size: int) -> None:
    table = pd.DataFrame({"label": np.arange(size), "decision": np.arange(size), "correct": True})
    axes = confusion_matrix(table, classes=[f"class {label} of a long list of many" for label in range(size)])
    axes.figure.canvas.draw()
    matrix = axes.get_window_extent()
    assert matrix.width / (size + 1) == pytest.approx(matrix.height / size)
    boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert all(left.x1 <= right.x0 + 2 for left, right in itertools.pairwise(boxes))
    assert axes._left_title.get_window_extent().x1 <= axes.figure.bbox.x1  # type: ignore[attr-defined]
    assert axes.get_yticklabels()[0].get_text() == "class 0 of …list of many"
    bars = axes.child_axes
    assert len(bars) == (size > 1)
    ticks = [text.get_window_extent() for bar in bars for text in bar.get_yticklabels()]
    assert all(lower.y1 <= upper.y0 + 2 for lower, upper in itertools.pairwise(ticks))
    assert axes.get_title(loc="left").startswith("1 presentation\n" if size == 1 else f"{size} presentations")


def test_accuracy_counts_what_is_decided_by_then(frame: pd.DataFrame) -> None:
    axes = accuracy_over_time(frame)
    curves = {line.get_label(): line for line in axes.lines}
    times, right = map(np.asarray, curves["decided correctly"].get_data())
    (wrong,) = [line for line in axes.child_axes[0].lines if line.get_label() == "decided wrongly"]
    decided = right + np.asarray(wrong.get_ydata())
    for time, expected_decided, expected_right in ((41.0, 0.2, 0.0), (42.0, 0.6, 0.0), (45.0, 0.8, 0.2)):
        (at,) = np.flatnonzero(times == time)
        assert (decided[at], right[at]) == pytest.approx((expected_decided, expected_right))
    assert (decided[0], right[0]) == (0, 0)
    assert axes.get_xlabel() == "time of read-out (ms)"
    assert axes.get_ylabel() == "decided correctly"
    (errors,) = axes.child_axes
    assert isinstance(errors, Axes)
    assert errors.get_title(loc="left") == "5 presentations"
    band = axes.collections[0].get_datalim(axes.transData)
    # Wilson's interval of 1 in 5
    assert band.y1 == pytest.approx(0.6245, abs=1e-4)


def test_a_silent_network_decides_nothing(network: Network) -> None:
    frame = decision_table(network, np.full((3, 4), np.inf), [0, 1, 2])
    axes = accuracy_over_time(frame)
    for line in axes.lines:
        assert not np.any(line.get_ydata())
    assert "no presentation is decided" in {text.get_text() for text in axes.texts}
    assert not len(axes.get_xticks())
    assert confident_errors(frame).empty


def test_confidence_is_the_softmax_of_the_targets(network: Network, frame: pd.DataFrame) -> None:
    assert (network.learning.sharpness, network.encoder.t_max) == (8.0, 16.0)
    expected = [
        1 / (1 + np.exp(-2.5) + np.exp(-9.5) + np.exp(-7.5)),  # silence counts as the end, 64 ms
        1 / (1 + np.exp(-4.0) + np.exp(-4.5) + np.exp(-9.0)),
        1 / (2 + np.exp(-4.0) + np.exp(-9.0)),
        1 / (1 + 3 * np.exp(-11.5)),
        1 / 4,
    ]
    np.testing.assert_allclose(frame["confidence"], expected)
    relative = dataclasses.replace(network, learning=dataclasses.replace(network.learning, targets="relative"))
    assert decision_table(relative, OUTPUTS, LABELS)["confidence"].isna().all()


def test_calibration_is_counted_in_parts() -> None:
    confidence = [0.1, 0.5, 0.51, 0.7, 0.75, 0.9, 1.0]
    decisions = pd.DataFrame({"confidence": confidence, "correct": [False, True, False, True, True, False, True]})
    table = calibration_table(decisions, bins=4)
    assert table["from"].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert table["to"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert table["presentations"].tolist() == [1, 1, 3, 2]
    np.testing.assert_allclose(table["confidence"], [0.1, 0.5, 1.96 / 3, 0.95])
    np.testing.assert_allclose(table["accuracy"], [0, 1, 2 / 3, 0.5])
    axes = reliability_diagram(decisions, bins=4, sharpness=2.5)
    error = (0.1 + 0.5 + 3 * abs(2 - 1.96) / 3 + 2 * 0.45) / 7
    (shares,) = axes.child_axes
    assert isinstance(shares, Axes)
    assert shares.get_title(loc="left") == f"7 presentations\nexpected calibration error {error:.2%}"
    assert axes.get_xlabel() == "confidence, softmax of sharpness 2.5"
    bars = [bar for bar in shares.patches if isinstance(bar, Rectangle)]
    assert [bar.get_height() for bar in bars] == pytest.approx([1 / 7, 1 / 7, 3 / 7, 2 / 7])


def test_silence_and_ties_have_a_confidence(frame: pd.DataFrame) -> None:
    table = calibration_table(frame, bins=4)
    assert table["presentations"].tolist() == [1, 1, 3]  # the part of silence, that of the tie, and the others
    assert table["accuracy"].tolist() == [0, 0, 1 / 3]


@pytest.mark.parametrize(("count", "rows"), [(10, 2), (6, 1), (7, 2), (5, 1)])
def test_the_last_row_of_errors_is_full_if_it_can_be(network: Network, count: int, rows: int) -> None:
    decisions = decision_table(network, np.tile(OUTPUTS[1], (10, 1)), [1] * 10)
    stimuli = SimpleNamespace(latencies=lambda chosen: np.full((len(chosen), 6, 5, 1), 3.0))
    source: Any = SimpleNamespace(network=network, stimuli=stimuli, classes=(), decisions=lambda limit: decisions)
    plot: Any = figures["errors"]
    drawn = plot.draw(source, Choice(count=count, width=plot.width))
    (axes,) = drawn.figure.axes
    assert len(axes.images) == count
    assert len({image.get_extent()[3] for image in axes.images}) == rows


def test_confident_errors_come_first(frame: pd.DataFrame) -> None:
    errors = confident_errors(frame)
    assert errors["presentation"].tolist() == [13, 11]
    assert errors["gap_ms"].tolist() == [23.0, 8.0]
    assert confident_errors(frame, 1)["presentation"].tolist() == [13]


def test_errors_are_drawn_with_their_stimuli(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    latencies["stimulus"] = np.where(latencies["stimulus"] <= 16, latencies["stimulus"], np.inf)
    spikes = spike_table(network, latencies, indices=[10, 11, 12, 13, 14])
    axes = error_gallery(frame, spikes, network, classes=["0", "1", "2", "3"])
    assert [text.get_text() for text in axes.texts] == ["2 → 1\n23.0 ms", "1 → 0\n8.0 ms"]
    for image, presentation in zip(axes.images, (3, 1), strict=True):
        times = latencies["stimulus"][presentation, :, :, 0]
        shown = np.asarray(image.get_array())
        np.testing.assert_array_equal(shown > 0, np.isfinite(times))
        order = np.argsort(times[np.isfinite(times)])
        assert (np.diff(shown[np.isfinite(times)][order]) <= 0).all()
    assert axes.get_title(loc="left").startswith("2 of 2 confident errors\n")


@pytest.mark.parametrize("shape", [(2, 12, 1), (1, 30, 1), (1, 784, 1), (20, 2, 1), (700, 1, 1)])
def test_captions_of_flat_stimuli_lie_between_the_pictures(shape: tuple[int, int, int]) -> None:
    network = Network.chain("flat", LatencyEncoder(shape, 16.0), [Layer("output", Dense(2))], 64.0)
    decisions = decision_table(network, np.tile([20.0, 30.0], (9, 1)), [1] * 9)
    stimuli = SimpleNamespace(latencies=lambda chosen: np.full((len(chosen), *shape), 3.0))
    source: Any = SimpleNamespace(network=network, stimuli=stimuli, classes=(), decisions=lambda limit: decisions)
    drawn = cast(Any, figures["errors"]).draw(source, Choice(width=figures["errors"].width))
    (axes,) = drawn.figure.axes
    width, height = drawn.figure.get_size_inches()
    assert height < 1.5 * width
    drawn.figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in axes.images]
    captions = [text.get_window_extent() for text in axes.texts]
    for caption in captions:
        assert not any(caption.overlaps(box.padded(-1)) for box in boxes)
    for first, second in itertools.combinations(captions, 2):
        assert not first.overlaps(second)
    assert all(1 / 5 < box.width / box.height < 5 for box in boxes)  # wide enough and high enough to be seen


def test_stimuli_without_space_show_their_channels(frame: pd.DataFrame) -> None:
    point = load_preset("yin-yang")
    silent = {name: np.full((len(frame), *shape), np.inf) for name, shape in point.shapes.items()}
    times = np.random.default_rng(0).uniform(0, point.encoder.t_max, (len(frame), 1, 1, point.encoder.shape[2]))
    numbers = frame["presentation"].to_list()
    axes = error_gallery(frame, spike_table(point, silent | {"stimulus": times}, indices=numbers), point)
    wrong = confident_errors(frame, len(frame))["presentation"]
    for image, presentation in zip(axes.images, wrong, strict=True):
        expected = 1 - 0.95 * times[numbers.index(presentation), 0] / point.encoder.t_max
        np.testing.assert_allclose(np.asarray(image.get_array()), expected)


def test_no_errors_are_said_to_be_none(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    axes = error_gallery(frame.head(1), spike_table(network, latencies), network)
    assert axes.get_title(loc="left") == "no confident errors in 1 presentations"
    assert not axes.images


def test_calibration_needs_a_confidence(network: Network, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="lacks the column confidence; a decision table"):
        calibration_table(frame.drop(columns="confidence"))
    with pytest.raises(DataError, match="table: has no confidence; only networks with softmax targets"):
        reliability_diagram(frame.assign(confidence=np.nan))
    with pytest.raises(DataError, match="bins: must be at least 1, not 0"):
        calibration_table(frame, bins=0)


def test_bad_tables_are_refused(network: Network, frame: pd.DataFrame, latencies: Latencies) -> None:
    with pytest.raises(DataError, match="lacks the column decision; a decision table"):
        confusion_matrix(frame.drop(columns="decision"))
    with pytest.raises(DataError, match="lacks the column correct; a decision table"):
        accuracy_over_time(frame.drop(columns="correct"))
    with pytest.raises(DataError, match="lacks the column gap_ms; a decision table"):
        confident_errors(frame.drop(columns="gap_ms"))
    with pytest.raises(DataError, match="count them from 0"):
        confusion_matrix(frame.assign(label=-1))
    with pytest.raises(DataError, match="presentation 13: has no stimulus in the spike table"):
        error_gallery(frame, spike_table(network, latencies), network)


def test_wrong_decisions_have_an_axis_of_their_own(frame: pd.DataFrame) -> None:
    axes = accuracy_over_time(frame)
    (errors,) = axes.child_axes
    (curve,) = [line for line in errors.lines if line.get_label() == "decided wrongly"]
    times, wrong = map(np.asarray, curve.get_data())
    assert wrong[-1] == pytest.approx(3 / 5)  # one of them tied
    assert wrong[np.searchsorted(times, 41.0)] == pytest.approx(1 / 5)
    assert errors.get_ylabel() == "decided\nwrongly"
    assert axes.get_shared_x_axes().joined(axes, errors)
