"""What the experiments derive from their tables, and draw, computed by hand or with scipy from small tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from scipy import stats

from netsim.analysis.experiments.tables import Interval, experiment_table
from netsim.experiments.kinds import (
    at_once,
    causal_pieces,
    dale,
    delays,
    feedback,
    information,
    masking,
    odours,
    reaction_time,
    retina,
    stdp,
    tempotron,
)
from tests.drawn import check_drawn


def _table(seeds: int, columns: dict[str, Sequence[Any]], **values: Callable[..., Any]) -> pd.DataFrame:
    """Return a row for each combination of columns and each seed, with values that depend on them."""
    rows = []
    for condition in product(*columns.values()):
        for seed in range(seeds):
            given = dict(zip(columns, condition, strict=True))
            rows.append({**given, "seed": seed, **{name: value(**given, s=seed) for name, value in values.items()}})
    return experiment_table(rows)


def _is_mean(found: Interval, values: Sequence[float], level: float = 0.95) -> None:
    """Assert a mean and its interval by Student's t."""
    low, high = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), low, high))


assert_allclose: Any = np.testing.assert_allclose


def _drawn(experiment: Any, table: pd.DataFrame) -> list[Any]:
    """Return the axes of the figure of an experiment, which is as it was."""
    figure = experiment.draw(table)
    check_drawn(f"experiment {type(experiment).__name__}", figure)
    axes: list[Any] = figure.axes
    return axes


def _bars(axes: Any) -> list[Any]:
    """Return places, heights, and upper ends of the bars of each curve."""
    curves = []
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, bars = container.lines
            tops = [segment[1][1] for segment in bars[-1].get_segments()]
            curves.append(tuple(list(np.asarray(each)) for each in (line.get_xdata(), line.get_ydata(), tops)))
    return curves


def test_capacities_of_the_tempotron() -> None:
    most = {(100.0, 0): 1.5, (100.0, 1): 2.0, (100.0, 2): 0.0, (400.0, 0): 3.0, (400.0, 1): 2.5, (400.0, 2): 2.5}
    columns: dict[str, Any] = {
        "shape": ["triangle"],
        "window": [100.0, 400.0],
        "step": [0.0, 8.0],
        "load": [1.5, 2.0, 2.5, 3.0],
    }
    table = _table(
        3,
        columns,
        solved=lambda window, step, load, s, **_: load <= most[window, s] - step / 16,
        confirmed=lambda load, s, **_: 1.0 - 0.01 * s * load,
    )
    _is_mean(tempotron.capacity(table, "triangle", 400.0), [3.0, 2.5, 2.5])
    _is_mean(tempotron.capacity(table, "triangle", 400.0, 8.0), [2.5, 2.0, 2.0])
    _is_mean(tempotron.growth(table, "triangle"), [1.5, 0.5, 2.5])
    lines = tempotron.summary(table)
    assert [line[:3] for line in lines] == list(product(["triangle"], ["100", "400"], ["exact", "8"]))
    assert lines[2][3].startswith("2.67 [")
    assert {line[4] for line in lines} == {"94.00%"}
    left, middle, right = _drawn(tempotron.Tempotron(windows=(100.0, 400.0)), table)
    (success,) = (line for line in left.lines if line.get_label() == "triangle")
    assert_allclose(success.get_ydata(), [100, 100, 100, 100 / 3])
    (curve,) = _bars(middle)
    assert_allclose(curve[:2], [[100, 400], [3.5 / 3, 8 / 3]])
    assert_allclose(_bars(right)[0][:2], [[8], [6.5 / 3]])


def test_curves_of_masking() -> None:
    heights = {0.0: 0.40, 10.0: 0.30, 20.0: 0.55, 40.0: 0.85, 80.0: 0.92}
    table = pd.concat(
        [
            _table(3, {"network": ["free"], "strength": [0.0]}, accuracy=lambda s, **_: 0.9 + 0.01 * s),
            _table(
                3,
                {"network": ["free"], "strength": [1.0], "asynchrony": [*heights]},
                accuracy=lambda asynchrony, s, **_: heights[asynchrony] + 0.01 * s * (asynchrony > 5) - 0.02 * (s == 2),
            ),
        ]
    ).assign(latency=30.0)
    _is_mean(masking.rise(table, "free", 1.0), [52.0, 53.0, 54.0])
    late, lowest = masking.dip(table, "free", 1.0)
    assert late == 10.0
    _is_mean(lowest, [-10.0, -9.0, -8.0], 1 - 0.05 / 4)  # for four asynchronies
    found = []
    for s in range(3):
        low, free = 30 + s - 2 * (s == 2), 90 + s
        goal = low + 0.95 * (free - low)
        before, after = 85 + s - 2 * (s == 2), 92 + s - 2 * (s == 2)
        assert before < goal < after
        found.append(40 + 40 * (goal - before) / (after - before))
    _is_mean(masking.asymptote(table, "free", 1.0), found)
    (line,) = masking.summary(table)
    assert [text.split(" [")[0] for text in line] == [
        "free",
        "1",
        "91.0",
        "39.3",
        "30.3",
        "92.3",
        f"{np.mean(found):.0f}",
        "30",
    ]
    (axes,) = _drawn(masking.Masking(), table)
    assert_allclose(_bars(axes)[0][0], [*heights])
    assert_allclose(_bars(axes)[0][1], [39 + 1 / 3, 30 + 1 / 3, 55 + 1 / 3, 85 + 1 / 3, 92 + 1 / 3])


def test_laws_of_reaction_times() -> None:
    """Latency of 50 + 6·contrast^-0.5 + 4·log2(classes), later for each seed by another factor."""
    levels = [0.25, 0.5, 0.75, 1.0]
    table = _table(
        3,
        {"classes": [2, 4, 8], "manipulation": ["contrast", "strength"], "level": levels},
        latency_correct=lambda classes, level, s, **_: 50 + (6 + s) * level**-0.5 + 4 * np.log2(classes),
        latency=lambda classes, level, s, **_: 51 + (6 + s) * level**-0.5 + (4 + s) * np.log2(classes),
        latency_error=lambda classes, level, s, **_: 57 + 7 * s - (6 + s) * (1 - level**-0.5) + 4 * np.log2(classes),
        mean_latency=lambda level, s, **_: 30 + s + 20 * np.tanh(1.5 * level) / (1.5 * level),
        accuracy=lambda level, s, **_: 1 / (1 + np.exp(-3 * level)) - 0.01 * s * (level > 0.9),
        decided=lambda level, **_: level,
        skewness=lambda s, **_: 0.5 + s,
    )
    found = reaction_time.laws(table)
    assert (found.exponent.mean, found.exponent.seeds) == (pytest.approx(-0.5, abs=1e-3), 3)
    _is_mean(found.slowing, [6.0, 7.0, 8.0])
    accuracy = [1 / (1 + np.exp(-3 * level)) for level in (0.25, 1.0)]
    _is_mean(found.gain, [100 * (accuracy[0] - accuracy[1]) + s for s in range(3)])
    _is_mean(found.per_bit, [4.0, 5.0, 6.0])
    predictions, explained = reaction_time.diffusions(table)
    assert set(predictions["classes"]) == {2}
    first = predictions[predictions["seed"] == 0]
    assert_allclose(first["predicted"], first["mean_latency"], rtol=1e-6)
    assert explained.seeds == 3
    lines = reaction_time.summary(table)
    assert [line[:3] for line in lines] == [
        *(("8", name, f"{level:g}") for name in ("contrast", "strength") for level in levels),
        *((classes, "none", "1") for classes in ("2", "4")),
    ]
    shown = [text.split(" [")[0] for text in lines[1][3:]]
    assert shown == ["81.8", "50.0", f"{62 + 7 * 2**0.5:.1f}", "+7.0", "+1.50"]
    axes = _drawn(reaction_time.ReactionTime(), table.assign(decided=1.0))
    correct, errors = _bars(axes[0])[:2]
    assert_allclose(correct[:2], [levels, [62 + 7 * level**-0.5 for level in levels]])
    assert_allclose(errors[1], np.add(correct[1], 7.0))
    assert_allclose(_bars(axes[3])[0][:2], [[2, 4, 8], [63.0, 68.0, 73.0]])


def test_ranges_of_odours() -> None:
    rise = {("a", 0): 0.5, ("a", 1): 1.0, ("b", 0): -0.5, ("b", 1): 0.3}  # level at which 75 % are told apart
    table = _table(
        2,
        {"code": ["a", "b"], "level": [-1.0, 0.0, 1.0, 2.0], "jitter": [1.0]},
        told_apart=lambda code, level, s, **_: 0.75 + 0.1 * (level - rise[code, s]),
        accuracy=lambda level, s, **_: 0.5 + 0.1 * level + 0.02 * s,
        earliest=lambda s, **_: 3.0 + s,
    )
    found = odours.advantage(table, 1.0, "a", "b", 0.75)
    assert (found.mean, found.seeds) == (pytest.approx(-(1.0 + 0.7) / 2, abs=0.005), 2)
    assert odours.of_code(table, "b", level=2.0)["accuracy"].tolist() == pytest.approx([0.7, 0.72])
    line = odours.summary(table)[4]
    assert [text.split(" [")[0] for text in line] == ["-1", "1", "b", "41.0", "66.0"]
    left, middle, right = _drawn(odours.Odours(), table)
    assert_allclose(_bars(left)[0][:2], [[-1, 0, 1, 2], [41, 51, 61, 71]])
    assert middle.lines[-1].get_ydata() == [75, 75]  # told apart
    assert_allclose(_bars(middle)[1][1], [66, 76, 86, 96])
    assert_allclose(_bars(right)[0][:2], [[1.0], [51.0]])


def test_correlations_of_causal_pieces() -> None:
    generator = np.random.default_rng(2)
    drawn = generator.permutation(24).reshape(3, 8)
    table = _table(
        3,
        {"mean": [0.0, 1.0], "spread": [0.1, 0.2, 0.4, 0.8]},
        pieces=lambda mean, spread, s: float((4 * mean + 10 * spread) ** 2 + s + 1),
        firing=lambda mean, spread, s: 0.1 + 0.2 * spread + 0.01 * s,
        accuracy=lambda mean, spread, s: 0.3 + 0.01 * drawn[s, int(4 * mean + np.log2(10 * spread))],
    )
    for column in ("pieces", "firing"):
        each = [stats.spearmanr(rows[column], rows["accuracy"]).statistic for _, rows in table.groupby("seed")]
        found = causal_pieces.correlation(table, column)
        assert (found.mean, found.seeds) == (pytest.approx(np.mean(each)), 3)
        assert found.low == pytest.approx(max(stats.t.interval(0.95, 2, np.mean(each), stats.sem(each))[0], -1.0))
    rows = table[(table["mean"] == 1.0) & (table["spread"] == 0.2)]
    line = [text.split(" [")[0] for text in causal_pieces.summary(table)[5]]
    assert line == ["1", "0.2", "38", "15", f"{100 * rows['accuracy'].mean():.1f}"]
    left, middle, right = _drawn(causal_pieces.CausalPieces(), table)
    assert_allclose(_bars(left)[0][0], [3, 6, 18, 66])
    assert_allclose(_bars(middle)[1][0], [13, 15, 19, 27])
    assert _bars(right)[0][1] == pytest.approx([causal_pieces.correlation(table, "pieces").mean])
    assert right.get_xlim() == (-0.5, 1.5)  # both columns


def test_gains_of_spike_times() -> None:
    table = _table(
        3,
        {"dispersion": [0.0, 2.5], "drive": [1.0, 2.0]},
        count=lambda s, **_: 1.0 + s,
        times=lambda dispersion, s, **_: (1.0 + s) * (1.5 + 0.1 * dispersion + 0.1 * s),
        first=lambda s, **_: 0.9 + s,
        shuffled=lambda s, **_: 0.01 * s,
        spikes=lambda drive, **_: 3 * drive,
        same_first=lambda s, **_: 1 - 0.001 * s,
    )
    assert information.gain(table, 2.5, 2.0).tolist() == pytest.approx([75.0, 85.0, 95.0])
    assert information.share(table, 2.5, 2.0).tolist() == pytest.approx(
        [100 * (0.9 + s) / (1 + s) / (1.75 + 0.1 * s) for s in range(3)]
    )
    line = [text.split(" [")[0] for text in information.summary(table)[3]]
    assert line == ["2.5", "2", "6.00", "2.00", "3.77", "0.01", "1.90", "85", "51", "99.8"]
    left, middle, right = _drawn(information.Information(), table)
    assert_allclose(_bars(left)[0][1], [(1.5 + 2 * 1.6 + 3 * 1.7) / 3, (1.75 + 2 * 1.85 + 3 * 1.95) / 3])
    assert_allclose(_bars(middle)[0][:2], [[0, 2.5], [60, 85]])
    assert_allclose(_bars(right)[0][:2], [[1, 2], [85, 85]])


def test_angles_and_gains_of_feedback() -> None:
    better = {"exact": 0.9, "random": 0.88, "frozen": 0.7}
    table = _table(
        3,
        {"dataset": ["mnist"], "depth": [1, 2], "feedback": [*better], "batches": [1, 100], "layer": [1, 2]},
        accuracy=lambda feedback, depth, s, **_: better[feedback] + 0.01 * depth + 0.001 * s * (feedback == "random"),
        angle=lambda batches, layer, s, **_: 90.0 - 0.3 * batches - 5 * layer + s * (1 + batches / 100),
    )
    _is_mean(feedback.minus(table, "mnist", 2, "random", "exact"), [-2.0, -1.9, -1.8])
    _is_mean(feedback.angle(table, "mnist", 2, "random", -1), [55.0, 57.0, 59.0])
    _is_mean(feedback.turned(table, "mnist", 2, "random"), [-29.7 + 0.99 * s for s in range(3)])
    line = [text.split(" [")[0] for text in feedback.summary(table)[4]]
    assert line == ["mnist", "2", "random", "90.10", "-1.90", "+18.10", "86", "57"]
    left, right = _drawn(feedback.FeedbackAlignment(), table)
    assert_allclose(_bars(left)[1][:2], [[0, 1], [89.1, 90.1]])
    assert_allclose(_bars(right)[0][:2], [[1, 100], [85.71, 57.0]])


def test_costs_of_dales_principle() -> None:
    table = _table(
        2,
        {"depth": [2, 4], "constraint": ["none", "75/25"], "layer": [1, 2, 3]},
        accuracy=lambda depth, constraint, s, **_: 0.9 + 0.01 * depth - 0.03 * (constraint != "none") * (1 + s),
        firing=lambda layer, s, **_: 0.2 * layer + 0.02 * s,
        inhibition=lambda layer, s, **_: layer + 0.4 * s,
    )
    line = [text.split(" [")[0] for text in dale.summary(table)[1]]
    assert line == ["2", "75/25", "87.50", "+4.50", "31", "1.70"]  # without the output, layer 3
    left, middle, right = _drawn(dale.Dale(), table)
    assert_allclose([each[1] for each in _bars(left)], [[92, 94], [87.5, 89.5]])
    stars = [line for line in left.lines if line.get_marker() == "*" and np.size(line.get_xdata())]
    assert_allclose([star.get_ydata() for star in stars], [[97.89], [97.735]])  # four layers, without and with signs
    assert np.mean([each[0] for each in _bars(left)], axis=0) == pytest.approx([2, 4])
    assert_allclose(_bars(middle)[0][1], [21, 41, 61])
    assert_allclose(_bars(right)[1][1], [1.2, 2.2, 3.2])


def test_gains_of_learned_delays() -> None:
    table = _table(
        2,
        {"dataset": ["yin-yang"], "size": [6, 12], "learned": ["weights", "delays"], "delay_ms": [0.0, 4.0]},
        accuracy=lambda size, learned, s, **_: 0.8 + 0.01 * size + 0.02 * (learned == "delays") * (1 + s),
        parameters=lambda size, **_: 100 * size,
        share=lambda learned, delay_ms, s, **_: None if learned == "weights" else 0.25 + delay_ms / 8 - 0.1 * s,
    )
    _is_mean(delays.gain_over_weights(table, "yin-yang", 12, "delays"), [2.0, 4.0])
    line = [text.split(" [")[0] for text in delays.summary(table)[3]]
    assert line == ["yin-yang", "12", "delays", "1,200", "95.00", "+3.00"]
    left, right = _drawn(delays.LearnedDelays(), table)
    assert_allclose(_bars(left)[1][:2], [[600, 1200], [89, 95]])
    patch: Any = right.patches[0]
    stairs = patch.get_data()
    assert_allclose(stairs.values, [20, 70])
    assert_allclose(stairs.edges, [0, 4, 8])


def test_ratios_of_layers_at_once() -> None:
    table = _table(
        2,
        {"run": ["in turn", "at once"], "jitter": [0.0, 8.0]},
        accuracy=lambda run, jitter, s: 0.9 - 0.01 * jitter - 0.02 * (run == "at once") * (1 + s),
        latency=lambda run, s, **_: 200.0 + 20 * s if run == "in turn" else 50.0,
        spikes=lambda run, s, **_: 80.0 if run == "in turn" else 100.0,
        spikes_to_decision=lambda run, s, **_: 80.0 if run == "in turn" else 32.0 + 16 * s,
        operations_to_decision=lambda **_: 12345.0,
    )
    _is_mean(at_once.ratio(table, "spikes_to_decision"), [0.4, 0.6])
    _is_mean(at_once.ratio(table, "latency"), [50 / 200, 50 / 220])
    _is_mean(at_once.difference(table), [-2.0, -4.0])
    line = [text.split(" [")[0] for text in at_once.summary(table)[1]]
    assert line == ["at once", "87.00", "50", "40", "100", "12,345", "79.0"]
    left, middle, right = _drawn(at_once.AtOnce(), table)
    assert [each[:2] for each in _bars(left)] == [([80.0], [90.0]), ([40.0], [pytest.approx(87.0)])]
    assert _bars(middle)[0][:2] == ([210.0], [90.0])
    assert_allclose(_bars(right)[1][:2], [[0, 8], [87, 79]])


def test_accuracies_of_kernels_and_codes() -> None:
    plus = {"learned": 0.05, "shuffled": 0.0}
    rows = _table(
        2,
        {"learned": [1000, 8000], "kernels": [*plus], "read_out": ["first layer", "second layer", "both layers"]},
        accuracy=lambda learned, kernels, read_out, s: (
            0.8 + learned / 1e5 + plus[kernels] * (1 + s) + len(read_out) / 1e3
        ),
    )
    cells = _table(2, {"learned": [1000, 8000], "kernels": ["none"], "read_out": ["cells"]}, accuracy=lambda **_: 0.75)
    weights = _table(
        1,
        {"kernels": ["weight"], "map": [0, 1], "row": [0, 1], "column": [0, 1]},
        weight=lambda map, row, column, **_: (4 * map + 2 * row + column) / 8,
    ).assign(learned=8000)
    table = pd.concat([rows, cells, weights])
    line = [text.split(" [")[0] for text in stdp.summary(table)[8]]
    assert line == ["8000", "learned", "both layers", "96.60", "+7.50"]
    left, right = _drawn(stdp.DeepSTDP(), table)[:2]
    sheet = np.asarray(left.images[0].get_array())
    assert_allclose(sheet[:2, :5], [[0, 1 / 8, np.nan, 4 / 8, 5 / 8], [2 / 8, 3 / 8, np.nan, 6 / 8, 7 / 8]])
    assert_allclose(_bars(right)[1][:2], [[1000, 8000], [82.1, 89.1]])
    codes = _table(
        2,
        {"noise": [3.0], "code": ["a", "b"], "contrast": [0.5, 1.0], "shared": [0.0, 10.0]},
        accuracy=lambda code, contrast, shared, s, **_: 0.9 * contrast - 0.01 * shared + 0.02 * s - 0.1 * (code == "b"),
        shift=lambda contrast, s, **_: 8 - 6 * contrast + s,
    )
    line = [text.split(" [")[0] for text in retina.summary(codes)[5]]
    assert line == ["3", "b", "0.5", "10", "26.0", "5.5"]
    left, middle, right = _drawn(retina.Retinal(), codes)
    assert_allclose(_bars(left)[1][:2], [[0.5, 1], [36, 81]])
    assert_allclose(_bars(middle)[0][:2], [[0, 10], [91, 81]])
    assert_allclose(_bars(right)[0][1], [5.5, 2.5])
