"""Figures of analyses draw the numbers of their tables, which all differ here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from netsim.analysis import (
    causal_pieces_figure,
    comparison_figure,
    dendrogram_figure,
    distance_figure,
    networks_figure,
    population_figure,
    psth_figure,
    rank_order_figure,
    reliability_figure,
    similarity_figure,
    sparseness_figure,
    strength_figure,
    trajectory_figure,
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def _points(axes: Axes) -> dict[str, list[list[float]]]:
    """The points of each labelled line."""
    return {str(line.get_label()): np.asarray(line.get_xydata()).round(9).tolist() for line in axes.lines}


def _segments(axes: Axes) -> list[list[list[float]]]:
    """The ends of all single lines: intervals."""
    drawn = [each for each in axes.collections if isinstance(each, LineCollection)]
    return [np.asarray(path.vertices).round(9).tolist() for each in drawn for path in each.get_paths()]


def _row(value: float) -> list[float]:
    """A middle and its unequal bounds."""
    return [value, value - 0.01, value + 0.03]


Series = dict[str, list[list[float]]]
TWO = {"first": [_row(0.2), _row(0.5)], "second": [_row(0.35), _row(0.85)]}
"""Middle and bounds of two layers, for two series."""


def _pairs(column: str, scale: tuple[float, float], **more: str) -> pd.DataFrame:
    """A table with rows for pairs within and between labels and for all pairs, of two layers."""
    rows = []
    for number, layer in enumerate("ab"):
        for kind, value in (("within", TWO["first"]), ("between", TWO["second"]), ("all", [[1.0] * 3] * 2)):
            rows.append([layer, kind, *(scale[number] * np.array(value[number]))])
    return pd.DataFrame(rows, columns=["layer", "pairs_of", column, "low", "high"]).assign(**more)


def _sparseness() -> Axes:
    columns = [f"{kind}_{end}" for kind in ("population", "lifetime") for end in ("sparseness", "low", "high")]
    rows = [[layer, None, *TWO["first"][k], *TWO["second"][k]] for k, layer in enumerate("ab")]
    table = pd.DataFrame([*rows, ["a", 3, *[0.99] * 6]], columns=["layer", "label", *columns])  # no label is drawn
    return sparseness_figure(table)


def _population() -> Axes:
    columns = ["noise_correlation", "noise_sd", "control_correlation", "control_sd", "signal_correlation"]
    table = pd.DataFrame(
        [["a", 0.2, 0.01, 0.35, 0.02, 0.9], ["b", 0.5, 0.03, 0.85, 0.04, 0.9]], columns=["layer", *columns]
    )
    return population_figure(table)


def _causal_pieces() -> Axes:
    """Of 101 neurons the shares 0.05, 0.5 and 0.95 are the 6th, the 51st and the 96th."""
    neurons = np.random.default_rng(0).permutation(101)
    parts = [
        pd.DataFrame({"layer": layer, "neuron": neurons, "pieces": start + neurons, "sets": start + 200 + 2 * neurons})
        for layer, start in (("a", 1), ("b", 1001))
    ]
    mean = pd.DataFrame({"layer": ["a"], "neuron": [None], "pieces": [9999], "sets": [9999]})
    table = pd.concat([*parts, mean]).astype({"neuron": "Int64"})
    return causal_pieces_figure(table.assign(presentations=1234))


SYMMETRIC = {
    "first": [[0.2, 0.19, 0.21], [0.5, 0.47, 0.53]],
    "second": [[0.35, 0.33, 0.37], [0.85, 0.81, 0.89]],
}
COUNTS = {
    "first": [[51.0, 6.0, 96.0], [1051.0, 1006.0, 1096.0]],
    "second": [[301.0, 211.0, 391.0], [1301.0, 1211.0, 1391.0]],
}
SAME, OTHER = "same label", "different labels"


@pytest.mark.parametrize(
    ("draw", "names", "values"),
    [
        (lambda: rank_order_figure(_pairs("correlation", (1.0, 1.0))), (SAME, OTHER), TWO),
        (lambda: distance_figure(_pairs("distance", (7.0, 3.0), measure="van-rossum")), (SAME, OTHER), TWO),
        (_sparseness, ("population", "lifetime"), TWO),
        (_population, ("noise", "shuffled"), SYMMETRIC),
        (_causal_pieces, ("causal pieces", "causal sets"), COUNTS),
    ],
)
def test_marks_and_intervals_of_layers(draw: Callable[[], Axes], names: tuple[str, str], values: Series) -> None:
    """Each layer has a row, in which the first series is above the second."""
    axes = draw()
    points, segments = _points(axes), _segments(axes)
    for name, series, offset in zip(names, values.values(), (0.22, -0.22), strict=True):
        assert points[name] == pytest.approx(np.array([[row[0], k + offset] for k, row in enumerate(series)]))
        for k, (_, low, high) in enumerate(series):
            assert [
                [pytest.approx(low), pytest.approx(k + offset)],
                [pytest.approx(high), pytest.approx(k + offset)],
            ] in segments
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylim() == (-0.6, 1.6)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(names)


def test_all_pairs_are_drawn_where_there_are_no_labels() -> None:
    table = _pairs("correlation", (1.0, 1.0))
    axes = rank_order_figure(table[table["pairs_of"] == "all"].assign(correlation=[0.3, 0.6]))
    assert _points(axes)["all pairs"] == [[0.3, 0.0], [0.6, 1.0]]


def test_boxes_of_latencies() -> None:
    """Of 101 medians the quantiles are the 6th, the 26th, the 51st, the 76th and the 96th."""
    neurons = np.random.default_rng(1).permutation(101)
    table = pd.DataFrame({"layer": "a", "neuron": neurons, "median_ms": 10.0 + neurons, "reliability": 0.25})
    silent = pd.DataFrame({"layer": ["b"] * 2, "neuron": [0, 1], "median_ms": np.nan, "reliability": 0.0})
    of_label = table.assign(label=2, median_ms=500.0)
    of_all = pd.DataFrame({"layer": ["a"], "neuron": [None], "median_ms": [700.0], "reliability": [0.9]})
    table.loc[0, "reliability"] = 0.351
    axes = reliability_figure(pd.concat([table.assign(label=None), silent.assign(label=None), of_label, of_all]))
    assert _segments(axes) == [[[15.0, 0.0], [105.0, 0.0]]]
    (box,) = axes.patches
    assert box.get_extents().transformed(axes.transData.inverted()).extents == pytest.approx([35, -0.25, 85, 0.25])
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[60.0, -0.25], [60.0, 0.25]]
    assert [text.get_text() for text in axes.texts] == ["25.1% fire", "silent"]


def test_paths_of_labels_begin_at_the_circle_and_are_named_where_they_are_far_apart() -> None:
    rows = [
        *(("a", label, t, 0.5 * t + label, -t, 0.61, 0.23) for label in (0, 1) for t in (1.0, 2.0)),
        *(("b", 0, 1.5, 0.1, 0.2, 0.5, 0.3), ("b", 1, 1.5, 0.1, 0.2, 0.5, 0.3)),
        *(("b", 0, 2.5, 3.0, 5.0, 0.5, 0.3), ("b", 1, 2.5, -4.0, 7.0, 0.5, 0.3)),
        *(("b", 0, 4.25, 1.0, 1.25, 0.5, 0.3), ("b", 1, 4.25, 1.1, 1.5, 0.5, 0.3)),
    ]
    rows += [("output", *row[1:]) for row in rows[:4]]
    table = pd.DataFrame(rows, columns=["layer", "label", "time_ms", "pc1", "pc2", "share1", "share2"])
    axes = trajectory_figure(table, classes=["zero", "one"])
    first, second, circle = (np.asarray(line.get_xydata()).tolist() for line in axes.lines)
    assert first == [[0.1, 0.2], [3.0, 5.0], [1.0, 1.25]]
    assert second == [[0.1, 0.2], [-4.0, 7.0], [1.1, 1.5]]
    assert circle == [[0.1, 0.2]]
    assert {text.get_text(): text.xy for text in axes.texts} == {"zero": (3.0, 5.0), "one": (-4.0, 7.0)}  # type: ignore[attr-defined]
    assert axes.get_title("left") == "b, 1.5 to 4.25 ms"
    assert axes.get_xlabel() == "component 1 (50% of variance)"
    assert axes.get_ylabel() == "component 2 (30% of variance)"


def test_joins_of_labels_are_as_high_as_their_distance() -> None:
    """Labels 4 and 7 join at 3, and 5 joins them at 7. The axis begins below the first and ends above the last."""
    columns = ["layer", "first", "second", "distance", "labels", "leaves", "agreement"]
    joins = [["b", 0, 2, 3.0, 2, "4 5 7", 0.456], ["b", 1, 3, 7.0, 3, "4 5 7", 0.456]]
    axes = dendrogram_figure(
        pd.DataFrame([["a", 0, 1, 99.0, 2, "0 1", 0.9], *joins], columns=columns), list("stuvwxyz")
    )
    paths = [np.asarray(path.vertices) for each in axes.collections for path in each.get_paths()]
    assert sorted(path[:, 1].max() for path in paths) == [3.0, 7.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "w", "z"]
    assert axes.get_ylim() == pytest.approx((3.0 - 0.15 * 4, 7.0 + 0.05 * 4))
    assert axes.get_title("left").endswith("with labels at 0.46 (adjusted Rand)")


def test_rows_and_curves_of_networks() -> None:
    table = pd.DataFrame({"layer": ["a", "b"], "measure": "m", "networks": [3, 4]})
    table = table.assign(mean=[0.25, 0.75], low=[0.125, 0.5], high=[0.5, 0.875])
    axes = networks_figure(pd.concat([table, table.assign(measure="another", mean=9.0)]))
    assert _segments(axes) == [[[0.125, 0.0], [0.5, 0.0]], [[0.5, 1.0], [0.875, 1.0]]]
    assert np.asarray(axes.lines[0].get_xydata()).tolist() == [[0.25, 0.0], [0.75, 1.0]]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylim() == (1.6, -0.6)  # the first row is at the top
    assert axes.get_xlabel() == "mean over 4 networks: m"
    rows = [(layer, t, 10 * k + t, 10 * k + t - 1, 10 * k + t + 2) for k, layer in enumerate("ab") for t in (1, 3, 4)]
    table = pd.DataFrame(rows, columns=["layer", "time_ms", "difference", "low", "high"])
    axes = networks_figure(table.assign(measure="m", networks=5, against_networks=7))
    assert {name: each for name, each in _points(axes).items() if name in "ab"} == {
        "a": [[1, 1], [3, 3], [4, 4]],
        "b": [[1, 11], [3, 13], [4, 14]],
    }
    extents = [np.asarray(each.get_paths()[0].vertices)[:, 1] for each in axes.collections]
    assert [(each.min(), each.max()) for each in extents] == [(0, 6), (10, 16)]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (ms)", "difference of 5 and 7 networks: m")


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_effects_of_a_comparison(factor: float) -> None:
    """The axis is logarithmic beyond 1 if an effect exceeds 2."""
    values = factor * np.array([[0.5, 0.25, 0.625], [-0.75, -1.0, -0.375], [0.125, -0.0625, 0.25]])
    table = pd.DataFrame(values, columns=["effect", "effect_low", "effect_high"])
    axes = comparison_figure(table.assign(layer=["one", "one", "two"], measure=["fired", "latency", "fired"]))
    marks = sorted(
        point for line in axes.lines if line.get_marker() != "None" for point in np.asarray(line.get_xydata()).tolist()
    )
    assert marks == sorted([value, float(row)] for row, value in enumerate(values[:, 0]))
    assert sorted(_segments(axes)) == sorted(
        [[low, row], [high, row]] for row, (_, low, high) in enumerate(values.tolist())
    )
    assert axes.get_ylim() == (-0.6, 2.6)
    assert axes.get_xlim() == pytest.approx((-1.15 * factor, 1.15 * factor))
    assert axes.get_xscale() == ("linear" if factor == 1 else "symlog")
    if factor == 4:
        assert axes.get_xticks().tolist() == [0, -1, 1, -2, 2]
    border = next(line for line in axes.lines if line.get_linestyle() == ":")
    assert np.asarray(border.get_ydata()).tolist() == [1.5, 1.5]


def test_latencies_against_strength_are_less_the_mean_of_their_layer() -> None:
    table = pd.DataFrame({"layer": ["a"] * 2 + ["b"] * 2, "strength": [0.25, 0.75] * 2, "rho": [-0.5] * 2 + [0.25] * 2})
    table = table.assign(latency_ms=[10.0, 16.0, 50.0, 44.0])
    axes = strength_figure(table.assign(low=table["latency_ms"] - 1, high=table["latency_ms"] + 2))
    assert _points(axes) == {
        "a (ρ = -0.50)": [[0.25, -3.0], [0.75, 3.0]],
        "b (ρ = 0.25)": [[0.25, 3.0], [0.75, -3.0]],
    }
    ends = [[-4.0, -1.0], [2.0, 5.0], [2.0, 5.0], [-4.0, -1.0]]
    assert [[low[1], high[1]] for low, high in _segments(axes)] == ends
    shifts = np.array([low[0] for low, _ in _segments(axes)]) - np.array([0.25, 0.75] * 2)
    np.testing.assert_allclose(shifts, [-0.004, -0.004, 0.0, 0.0])


def test_rates_are_steps_that_end_with_the_last_bin() -> None:
    rows = [
        ("a", None, 0.0, 2.0, 5.0, 4.0, 7.0),
        ("a", None, 2.0, 3.0, 9.0, 8.0, 11.0),
        ("a", 1, 0.0, 2.0, 99.0, 0.0, 99.0),
    ]
    axes = psth_figure(pd.DataFrame(rows, columns=["layer", "label", "time_ms", "end_ms", "rate_hz", "low", "high"]))
    assert _points(axes) == {"a": [[0.0, 5.0], [2.0, 9.0], [3.0, 0.0]]}
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)[:, 1]
    assert {4.0, 7.0, 8.0, 11.0} <= set(band.tolist()) <= {0.0, 4.0, 7.0, 8.0, 11.0}
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize(("sign", "limits"), [(1, (0.0, 0.8)), (-1, (-0.8, 0.8))])
def test_correlations_of_layers_are_below_the_diagonal(sign: int, limits: tuple[float, float]) -> None:
    """A dark square has white numbers."""
    values: dict[tuple[str, str], Any] = {("a", "b"): 0.2, ("a", "labels"): 0.3 * sign, ("labels", "b"): 0.8}
    table = pd.DataFrame([[*pair, rho] for pair, rho in values.items()], columns=["first", "second", "rho"])
    axes = similarity_figure(table.assign(low=0.0, high=1.0))
    (image,) = axes.images
    np.testing.assert_array_equal(np.asarray(image.get_array()), [[0.3 * sign, np.nan], [0.2, 0.8]])
    assert image.get_clim() == limits
    assert {text.get_text(): text.get_position() for text in axes.texts} == {
        f"{0.3 * sign:.2f}": (0, 0),
        "0.20": (0, 1),
        "0.80": (1, 1),
    }
    assert [text.get_text() for text in axes.texts if text.get_color() == "white"] == ["0.80"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "labels"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["labels", "b"]
