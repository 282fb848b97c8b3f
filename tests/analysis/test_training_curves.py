"""Learning curves draw the metrics of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import learning_curves, silent_curves
from netsim.analysis.learning_tables import best_epoch
from netsim.errors import DataError


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "training_strict_accuracy": [0.5, 0.9, 0.99, 1.0],
            "validation_strict_accuracy": [0.6, 0.8, 0.97, 0.95],
            "silent_hidden": [0.2, 0.5, 0.8, 0.9],
            "silent_output": [0.0, 0.0, 0.1, 0.0],
        }
    )


def test_errors_over_epochs(frame: pd.DataFrame) -> None:
    axes = learning_curves(frame)
    curves = {str(line.get_label()): line for line in axes.lines}
    np.testing.assert_allclose(np.asarray(curves["training"].get_ydata()), [50, 10, 1, 0])
    np.testing.assert_allclose(np.asarray(curves["validation"].get_ydata()), [40, 20, 3, 5])
    best = curves["best: 3.00% in epoch 3"]
    assert (list(np.asarray(best.get_xdata())), best.get_ydata()) == ([3], pytest.approx([3.0]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "error (%)")


@pytest.mark.parametrize(
    ("accuracies", "losses", "best"),
    [
        ([0.6, 0.9, 0.9, 0.8], [0.1, 0.4, 0.3, 0.2], 2),
        ([0.6, 0.9, 0.9, 0.8], [0.1, 0.3, 0.4, 0.2], 1),
        ([0.6, 0.9, 0.9, 0.8], [0.1, 0.3, 0.3, 0.2], 1),
    ],
)
def test_of_equally_accurate_epochs_the_first_one_with_the_least_loss_is_the_best(
    accuracies: list[float], losses: list[float], best: int
) -> None:
    frame = pd.DataFrame({"validation_strict_accuracy": accuracies, "validation_loss": losses})
    assert best_epoch(frame) == best


def test_no_error_stands_at_0_of_the_logarithmic_axis(frame: pd.DataFrame) -> None:
    axes = learning_curves(frame)
    axes.figure.canvas.draw()
    assert axes.get_yscale() == "symlog"
    assert axes.transData.transform((4, 0))[1] > axes.bbox.y0 + 2  # not on the axis, which would hide it
    assert "0" in [text.get_text() for text in axes.get_yticklabels()]
    assert axes.transData.transform((4, 0))[1] < axes.transData.transform((4, 1))[1]
    frame["training_strict_accuracy"] = [0.5, 0.9, 0.9992, 1.0]  # 0 and 0.08 % are close to each other
    axes = learning_curves(frame)
    axes.figure.canvas.draw()
    numbers = [label.get_position()[1] for label in axes.get_yticklabels(minor=True) if label.get_text()]
    assert min(numbers) >= 0.08  # none where ticks are too close
    assert len(numbers) >= 4
    frame["training_strict_accuracy"] = 0.9
    assert learning_curves(frame).get_yscale() == "log"


@pytest.mark.parametrize(
    ("first", "last"), [(0.0, 0.0), (0.3, 0.41), (0.41, 0.43), (0.6, 0.62), (0.88, 0.9), (0.988, 0.994), (0.1, 0.999)]
)
def test_the_axis_of_errors_can_be_read(first: float, last: float, frame: pd.DataFrame) -> None:
    """However small the range of errors is, at least two numbers stand on it."""
    for part in ("training", "validation"):
        frame[f"{part}_strict_accuracy"] = np.linspace(first, last, 4)
    axes = learning_curves(frame)
    axes.figure.canvas.draw()
    low, high = axes.get_ylim()
    ticks = [*axes.yaxis.get_major_ticks(), *axes.yaxis.get_minor_ticks()]
    numbers = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]
    assert len([number for number in numbers if number]) >= 2
    assert high <= 105


def test_silent_fractions_over_epochs(frame: pd.DataFrame) -> None:
    axes = silent_curves(frame)
    curves = {str(line.get_label()): line.get_ydata() for line in axes.lines}
    assert list(curves) == ["hidden", "output"]
    np.testing.assert_array_equal(curves["hidden"], frame["silent_hidden"])
    low, high = axes.get_ylim()
    assert low < 0 < 1 <= high  # lines at 0 do not lie on the axis


def test_one_epoch_is_a_point(frame: pd.DataFrame) -> None:
    axes = learning_curves(frame.head(1))
    assert axes.lines[0].get_marker() == "."
    assert axes.get_xlim() == (0.5, 1.5)
    assert [tick for tick in axes.get_xticks() if 0.5 <= tick <= 1.5] == [1.0]


def test_bad_tables_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="lacks the column training_strict_accuracy; a metrics table"):
        learning_curves(frame.drop(columns="training_strict_accuracy"))
    with pytest.raises(DataError, match="lacks the columns silent_<layer>"):
        silent_curves(frame[["epoch"]])
    with pytest.raises(DataError, match="has no rows"):
        learning_curves(frame.head(0))
