"""Studies as a whole: what the rows say, on either engine."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, SpecificationError
from netsim.measuring.evaluation import evaluate
from netsim.runs.model import Model, load_model
from netsim.seams import studies
from netsim.specification import Network
from netsim.studies.plans import make_plan
from netsim.studies.runner import StudyRunner
from netsim.studies.study import (
    PROJECTIONS,
    Changes,
    Condition,
    NetworkStudy,
    Scope,
    SimulationStudy,
    StimulusStudy,
    Study,
)
from netsim.weights.layout import Weights

DETERMINISTIC = [name for name, described in studies.items() if not described.random]
RANDOM = [name for name, described in studies.items() if described.random]
LEVELS = {"weight-bits": [1, 3], "early-readout": [40.0, 60.0], "time-step": [0.5, 2.0]}


@pytest.fixture
def run(network: Network, weights: Weights, stimuli: Stimuli) -> Callable[..., list[dict[str, Any]]]:
    """A function that runs a study of the small network; by default with the event engine."""

    def study(name: str, engine_at: Callable[[float], Engine] | None = None, **options: Any) -> list[dict[str, Any]]:
        plan = make_plan(network, name, **options)
        done: list[tuple[int, int]] = []
        engines = engine_at or (lambda dt: EventEngine(network, dt=dt))
        model = Model(network, weights)
        rows = StudyRunner(plan, model, stimuli, engines, lambda *progress: done.append(progress)).run()
        assert done[-1] == (plan.passes * len(stimuli), plan.passes * len(stimuli))
        return rows

    return study


def figures(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says of the decisions."""
    return {key: value for key, value in row.items() if key not in ("condition", "layer", "level", "seed")}


def test_the_first_row_is_the_evaluation(
    run: Callable[..., Any], network: Network, weights: Weights, stimuli: Stimuli
) -> None:
    row = run("weight-noise", levels=[0.5])[0]
    expected = evaluate(Model(network, weights), stimuli, engine=EventEngine(network))
    assert row["condition"] == "undisturbed"
    assert row["same_decisions"] == 1
    assert row["latency_difference_ms"] == row["accuracy_change"] == 0
    for name in ("accuracy", "strict_accuracy", "tie_rate", "silent_rate", "mean_decision_latency_ms"):
        assert row[name] == getattr(expected, name)
    assert row["presentations"] == 20


def test_a_row_compares_all_decisions_and_the_latencies_where_both_decide(
    network: Network, weights: Weights, stimuli: Stimuli
) -> None:
    """Earlier and later decisions do not cancel; one that is lost, new or tied is another decision."""
    silent = [np.inf] * 3
    before = np.array([[10.0, 20.0, 30.0], [20.0, 10.0, 30.0], [10.0, 20.0, 30.0], silent, silent, [10.0, 20.0, 30.0]])
    after = np.array([[12.0, 20.0, 30.0], [20.0, 7.0, 30.0], silent, [5.0, np.inf, np.inf], silent, [10.0, 10.0, 30.0]])
    plan, model = make_plan(network, "weight-noise", levels=[0.5]), Model(network, weights)
    labels = stimuli.first(6).labels
    runner = StudyRunner(plan, model, stimuli.first(6), lambda dt: EventEngine(network, dt=dt))
    row = runner.row(after, before, "disturbed", 0.5, "hidden", 3)
    assert row["latency_difference_ms"] == pytest.approx((2 + 3 + 0) / 3)
    assert row["latency_change_ms"] == pytest.approx((2 - 3 + 0) / 3)
    assert row["same_decisions"] == pytest.approx(3 / 6)
    right = [(outputs.argmin(axis=1) == labels) & np.isfinite(outputs).any(axis=1) for outputs in (after, before)]
    right[0][5] = False
    assert row["accuracy_change"] == pytest.approx(right[0].mean() - right[1].mean())
    assert row["mean_decision_latency_ms"] == pytest.approx((12 + 7 + 5 + 10) / 4)
    assert row["silent_rate"] == pytest.approx(2 / 6)
    assert (row["condition"], row["layer"], row["level"], row["seed"]) == ("disturbed", "hidden", 0.5, 3)


@pytest.mark.parametrize("name", RANDOM)
def test_no_disturbance_is_the_undisturbed_network(name: str, run: Callable[..., Any]) -> None:
    undisturbed, *rows = run(name, levels=[0.0, 0.5], seeds=(0, 1))
    still = [row for row in rows if row["level"] == 0]
    assert len(still) >= 2
    for row in still:
        assert figures(row) == figures(undisturbed)
    assert any(figures(row) != figures(undisturbed) for row in rows if row["level"] == 0.5)


@pytest.mark.parametrize("name", RANDOM)
def test_the_largest_level_is_simulated(name: str, run: Callable[..., Any]) -> None:
    for row in run(name, levels=[studies[name].most]):
        assert 0 <= row["accuracy"] <= 1


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_seed_gives_the_same_rows(name: str, run: Callable[..., Any]) -> None:
    first = run(name, levels=[0.3, 0.6], seeds=(5, 6))
    np.testing.assert_equal(run(name, levels=[0.3, 0.6], seeds=(5, 6)), first)
    # a seed and a level stand for themselves, whatever else is presented
    alone = run(name, levels=[0.6], seeds=(6,))
    disturbed = [row for row in alone if row["condition"] == "disturbed"]
    np.testing.assert_equal(disturbed, [row for row in first if (row["level"], row["seed"]) == (0.6, 6)])
    assert any(row["seed"] is None for row in first) == (len(first) > 4)


@pytest.fixture(scope="module")
def brian2(network: Network) -> Callable[[float], Engine]:
    """A function that gives the Brian2 engine of a grid, 1 ms if none; it is built once."""
    return functools.cache(lambda dt: Brian2Engine(network, dt or 1.0, target="numpy", copies=20))


@pytest.mark.parametrize("name", studies)
def test_both_engines_agree(
    name: str, run: Callable[..., Any], network: Network, brian2: Callable[[float], Engine]
) -> None:
    options = {"levels": LEVELS.get(name, [0.4]), "seeds": (3,)}
    ours = run(name, lambda dt: EventEngine(network, dt=dt or 1.0), **options)
    theirs = run(name, brian2, **options)
    assert len(ours) == len(theirs) >= 2
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-9, nan_ok=True)


def test_layers_are_disturbed_alone(run: Callable[..., Any]) -> None:
    rows = run("threshold-heterogeneity", levels=[0.5], layers=["all", "output", "conv"])
    assert [row["layer"] for row in rows] == [None, "all", "output", "conv"]
    assert len({row["latency_difference_ms"] for row in rows}) == 4


def test_silence_is_told(run: Callable[..., Any]) -> None:
    row = run("lesion-neurons", levels=[1.0], layers=["output"])[-1]
    assert row["silent_rate"] == 1
    assert row["accuracy"] == row["same_decisions"] == 0
    assert row["latency_difference_ms"] is None
    assert np.isnan(row["mean_decision_latency_ms"])


def test_early_read_out_needs_an_output_spike() -> None:
    model = load_model("digits")
    silent = dataclasses.replace(model, weights={name: -np.ones_like(each) for name, each in model.weights.items()})
    with pytest.raises(DataError, match="early-readout: no output fires"):
        netsim.study(silent, "early-readout", limit=5)


def test_the_time_step_converges(run: Callable[..., Any]) -> None:
    exact, *rows = run("time-step", levels=[0.0625, 0.25, 1.0, 4.0])
    errors = [row["latency_difference_ms"] for row in rows]
    assert errors == sorted(errors)
    assert errors[0] < 0.1 < errors[-1]
    assert rows[0]["same_decisions"] == exact["same_decisions"] == 1


def test_early_read_out_grows_into_the_whole(run: Callable[..., Any]) -> None:
    whole, *rows = run("early-readout")
    assert len(rows) == 30
    decided = [1 - row["silent_rate"] for row in rows]
    assert decided == sorted(decided)
    assert 0 < decided[0] < 0.3
    assert figures(rows[-1]) == figures(whole)
    assert all(row["strict_accuracy"] <= 1 - row["silent_rate"] for row in rows)
    early, late = run("early-readout", levels=[0.5, 2e6])[1:]
    assert early["silent_rate"] == 1
    assert figures(late) == figures(whole)


def test_levels_that_are_not_neutral_are_all_simulated(
    run: Callable[..., Any], registered: Callable[..., None]
) -> None:
    def changes(condition: Condition) -> Changes:
        return condition.change_kernels(lambda kernel: condition.level * kernel)

    how: dict[str, Any] = {"least": -2, "random": False, "neutral": 1.0, "scope": PROJECTIONS}
    study = NetworkStudy("scale", "by a factor", "factor", (-1, 0, 1), does=changes, **how)
    changes.__module__ = __name__
    registered(studies, "scale", study)
    undisturbed, inverted, without, same = run("scale", levels=[-1.0, 0.0, 1.0])
    assert figures(same) == figures(undisturbed)
    assert inverted["same_decisions"] < 1
    assert without["silent_rate"] > undisturbed["silent_rate"] or without["same_decisions"] < 1


def _own(does: Any, kind: type[Study] = NetworkStudy, scope: Scope | None = PROJECTIONS) -> Study:
    does.__module__ = __name__
    return kind("own", "a study of one's own", "level", (0.5, 2.0), random=False, scope=scope, does=does)


def test_a_change_in_place_stays_in_its_level(
    run: Callable[..., Any], registered: Callable[..., None], weights: Weights
) -> None:
    def in_place(condition: Condition) -> Changes:
        def scale(kernel: np.ndarray) -> np.ndarray:
            kernel *= condition.level
            return kernel

        return condition.change_kernels(scale)

    def of_a_copy(condition: Condition) -> Changes:
        return condition.change_kernels(lambda kernel: condition.level * kernel)

    before = {name: values.copy() for name, values in weights.items()}
    registered(studies, "own", _own(of_a_copy))
    expected = run("own")
    registered(studies, "own", _own(in_place))
    assert run("own") == expected
    np.testing.assert_equal(weights, before)


def test_kernels_without_a_scope_are_refused(run: Callable[..., Any], registered: Callable[..., None]) -> None:
    registered(studies, "own", _own(lambda condition: condition.change_kernels(np.sign), scope=None))
    with pytest.raises(SpecificationError, match=r"^change_kernels: has no projections .* with scope=PROJECTIONS"):
        run("own")


@pytest.mark.parametrize("change", [lambda kernel: kernel[..., :1], lambda kernel: None])
def test_kernels_of_another_shape_are_refused(
    change: Callable[[np.ndarray], Any], run: Callable[..., Any], registered: Callable[..., None]
) -> None:
    registered(studies, "own", _own(lambda condition: condition.change_kernels(change)))
    with pytest.raises(SpecificationError, match=r"^change_kernels: must keep the shape \(.*\) of the weights of \w+"):
        run("own")


@pytest.mark.parametrize(
    ("kind", "made", "said"),
    [
        (NetworkStudy, None, "a dict of weights, silenced, thresholds or delays, such as .*, not NoneType"),
        (NetworkStudy, {"weight": {}}, "a dict of weights, .*, not 'weight'"),
        (StimulusStudy, None, "a function that returns events, an array with the fields x, y, t and p, not NoneType"),
        (StimulusStudy, lambda events: None, "a function that returns events, .*, not one that returns NoneType"),
        (StimulusStudy, lambda events: events["t"], "a function that returns events, .*, not one that returns ndarray"),
        (SimulationStudy, None, "a list of rows from runner.row, not None"),
        (SimulationStudy, [], r"a list of rows from runner.row, not \[\]"),
        (SimulationStudy, [{"level": 1.0}], "a list of rows from runner.row, not .*level.*"),
    ],
)
def test_a_study_that_returns_something_else_is_refused(
    kind: type[Study], made: Any, said: str, run: Callable[..., Any], registered: Callable[..., None]
) -> None:
    registered(studies, "own", _own(lambda *_: made, kind, None))
    with pytest.raises(SpecificationError, match=rf"^study 'own': must return {said}$"):
        run("own")
