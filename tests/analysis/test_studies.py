"""The table of a study, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from scipy import stats

from netsim.analysis import study_figure, study_panels, study_table
from netsim.errors import DataError
from netsim.seams import studies


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def row(kind: str, condition: str, layer: str | None, level: float | None, seed: int | None, **figures: float) -> Any:
    return {
        "kind": kind,
        "condition": condition,
        "layer": layer,
        "level": level,
        "seed": seed,
        "presentations": 100,
        "accuracy": 0.9,
        "strict_accuracy": 0.9,
        "tie_rate": 0.0,
        "silent_rate": 0.1,
        "right_latency_ms": 80.0,
        "wrong_latency_ms": 90.0,
        "mean_decision_latency_ms": 50.0,
        "same_decisions": 1.0,
        "latency_difference_ms": 0.0,
        "latency_change_ms": 0.0,
    } | figures


@pytest.fixture
def make() -> Callable[..., pd.DataFrame]:
    """A function that makes the table of a study whose accuracy falls with level and differs by seed."""

    def table(kind: str, seeds: int = 3, layers: tuple[str | None, ...] = (None,)) -> pd.DataFrame:
        described = studies[kind]
        rows = [row(kind, "undisturbed", None, None, None)]
        for layer in layers:
            for step, level in enumerate([1.0, 2.0, 4.0]):
                for seed in range(seeds) if described.random else (None,):
                    accuracy = 0.9 - 0.1 * step - 0.02 * (seed or 0)
                    rows.append(
                        row(
                            kind, "disturbed", layer, level, seed,
                            strict_accuracy=accuracy, latency_difference_ms=0.3 * level,
                        )
                    )  # fmt: skip
                if described.control:
                    rows.append(row(kind, "control", layer, level, None, strict_accuracy=0.85))
        return study_table(rows)

    return table


def test_what_is_missing_stays_missing() -> None:
    silent = {"latency_difference_ms": None, "mean_decision_latency_ms": float("nan")}
    frame = study_table(
        [row("spike-jitter", "disturbed", None, 1.0, 3), row("spike-jitter", "disturbed", None, 2.0, None) | silent]
    )
    assert frame["seed"].dtype == "Int64"
    assert frame["seed"].isna().tolist() == [False, True]
    assert frame["layer"].isna().all()
    assert frame["latency_difference_ms"].dtype == np.float64
    again = pd.read_csv(StringIO(frame.to_csv(index=False)))
    pd.testing.assert_series_equal(again["level"], frame["level"])
    assert again["seed"].tolist()[0] == 3


@pytest.mark.parametrize("kind", studies)
def test_panels_of_every_kind(kind: str, make: Callable[..., pd.DataFrame]) -> None:
    frame = make(kind)
    figure = study_panels(frame)
    panels = figure.axes
    assert len(panels) == {"early-readout": 1, "degrade": 4}.get(kind, 2)
    assert panels[-1].get_xlabel() == studies[kind].level
    assert all(axes.get_xlabel() == "" for axes in panels[:-1])
    figure.draw_without_rendering()
    for axes in panels:
        label, box = axes.yaxis.label.get_window_extent(), axes.get_window_extent()
        assert label.y0 >= box.y0 - 0.1 * box.height
        assert label.y1 <= box.y1 + 0.1 * box.height
        curve = next(line for line in axes.lines if line.get_zorder() == 3)
        np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 4])


def test_a_curve_is_the_mean_and_its_band_the_confidence_interval(make: Callable[..., pd.DataFrame]) -> None:
    axes = study_figure(make("weight-noise", seeds=4))
    curve = next(line for line in axes.lines if line.get_zorder() == 3)
    values = np.array([0.9, 0.88, 0.86, 0.84])
    np.testing.assert_allclose(np.asarray(curve.get_ydata())[0], values.mean())
    (band,) = [part for part in axes.collections if isinstance(part, PolyCollection)]
    _, other = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    presentations = stats.binomtest(87, 100).proportion_ci(method="wilson")
    low, high = (
        values.mean() + side * np.hypot(other - values.mean(), bound - values.mean())
        for side, bound in zip((-1, 1), presentations, strict=True)
    )  # other draws and other stimuli
    edges = np.asarray(band.get_paths()[0].vertices)
    at_first = edges[np.isclose(edges[:, 0], 1.0), 1]
    np.testing.assert_allclose([at_first.min(), at_first.max()], [low, high])


def test_a_single_level_has_a_bar_and_a_tick(make: Callable[..., pd.DataFrame]) -> None:
    frame = make("weight-noise", seeds=4)
    axes = study_figure(frame[frame["level"].isna() | (frame["level"] == 1.0)])
    (bar,) = [part for part in axes.collections if isinstance(part, LineCollection)]
    low, high = frame.loc[frame["level"] == 1.0, ["low", "high"]].iloc[0]
    np.testing.assert_allclose(bar.get_segments()[0], [[1.0, low], [1.0, high]])
    assert axes.get_xticks().tolist() == [1.0]


@pytest.mark.parametrize("seeds", [1, 4])
def test_the_table_has_the_intervals_of_the_figure(seeds: int, make: Callable[..., pd.DataFrame]) -> None:
    frame = make("delay-jitter", seeds=seeds, layers=("all", "conv1"))
    assert list(frame)[7:10] == ["strict_accuracy", "low", "high"]
    of_presentations = stats.binomtest(85, 100).proportion_ci(method="wilson")
    control = frame.loc[frame["condition"] == "control", ["low", "high"]]
    np.testing.assert_allclose(control, [of_presentations] * 6)
    assert frame.loc[frame["condition"] == "undisturbed", ["low", "high"]].notna().all(axis=None)
    bands = [part for part in study_figure(frame).collections if isinstance(part, PolyCollection)]
    for layer, band in zip(("all", "conv1"), bands, strict=True):
        edges = np.asarray(band.get_paths()[0].vertices)
        rows = frame[(frame["condition"] == "disturbed") & (frame["layer"] == layer)]
        assert len(rows) == 3 * seeds
        for level in (1.0, 2.0, 4.0):
            selected = rows[rows["level"] == level]
            drawn = edges[np.isclose(edges[:, 0], level), 1]
            np.testing.assert_allclose(selected[["low", "high"]], [[drawn.min(), drawn.max()]] * seeds)


def test_a_change_of_accuracy_may_be_negative() -> None:
    """Levels that only differ in seed: the band is around the mean, below 0."""
    changes = [-0.10, -0.12, -0.14]
    rows = [
        row("weight-noise", "disturbed", None, 1.0, seed, accuracy_change=value) for seed, value in enumerate(changes)
    ]
    axes = study_figure(study_table(rows), "accuracy_change")
    (band,) = [part for part in axes.collections if isinstance(part, PolyCollection)]
    edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
    expected = stats.t.interval(0.95, 2, np.mean(changes), stats.sem(changes))
    np.testing.assert_allclose([edges.min(), edges.max()], expected)


def test_the_undisturbed_line_is_the_mean_of_networks(make: Callable[..., pd.DataFrame]) -> None:
    frames = [make("weight-noise").assign(network=name) for name in "ab"]
    frames[1].loc[frames[1]["condition"] == "undisturbed", "strict_accuracy"] = 0.8
    axes = study_figure(pd.concat(frames, ignore_index=True))
    assert [text.get_text() for text in axes.texts] == ["undisturbed 85.00%"]


def test_a_single_seed_has_the_band_of_its_presentations(make: Callable[..., pd.DataFrame]) -> None:
    axes = study_figure(make("weight-noise", seeds=1))
    (band,) = [part for part in axes.collections if isinstance(part, PolyCollection)]
    edges = np.asarray(band.get_paths()[0].vertices)
    at_first = edges[np.isclose(edges[:, 0], 1.0), 1]
    interval = stats.binomtest(90, 100).proportion_ci(method="wilson")
    np.testing.assert_allclose([at_first.min(), at_first.max()], interval)


def test_layers_have_a_curve_each(make: Callable[..., pd.DataFrame]) -> None:
    figure = study_panels(make("weight-noise", layers=("all", "conv1")))
    legends = [axes.get_legend() for axes in figure.axes]
    assert legends[0] is not None
    assert [text.get_text() for text in legends[0].get_texts()] == ["all", "conv1"]
    assert legends[1] is None


def test_a_layer_may_begin_with_an_underscore(make: Callable[..., pd.DataFrame]) -> None:
    """Matplotlib leaves such labels out of a legend."""
    frame = make("weight-noise", layers=("all", "conv1"))
    legend = study_figure(frame.assign(layer=frame["layer"].replace("conv1", "_conv1"))).get_legend()
    assert legend is not None
    assert [text.get_text().strip() for text in legend.get_texts()] == ["all", "_conv1"]


def test_the_control_is_told(make: Callable[..., pd.DataFrame]) -> None:
    axes = study_figure(make("delay-jitter", layers=("all",)))
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["all delays equal"]


def test_given_axes_are_drawn_on(make: Callable[..., pd.DataFrame]) -> None:
    _, axes = plt.subplots()
    assert study_figure(make("spike-deletion"), "same_decisions", ax=axes) is axes
    assert len(plt.get_fignums()) == 1


def test_tables_that_cannot_be_drawn(make: Callable[..., pd.DataFrame]) -> None:
    frame = make("spike-jitter")
    with pytest.raises(DataError, match="lacks the column level; a study table"):
        study_figure(frame.drop(columns="level"))
    with pytest.raises(DataError, match="has no rows"):
        study_panels(frame[:0])
    with pytest.raises(DataError, match="measure 'presentations': cannot be drawn"):
        study_figure(frame, "presentations")
    with pytest.raises(DataError, match="one kind of study is needed"):
        study_panels(pd.concat([frame, make("spike-deletion")]))
    with pytest.raises(DataError, match="no disturbed presentations"):
        study_figure(frame[:1])
