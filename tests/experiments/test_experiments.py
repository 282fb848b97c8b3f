"""Experiments: settings, kill and resume, pages, plug-ins, and the two that come with netsim at tiny settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from distributed import CancelledError
from scipy import stats

import netsim
from netsim.analysis.experiments.tables import experiment_table, interval, mean, percentage
from netsim.errors import FormerWarning, RunError, SpecificationError
from netsim.experiments.execution import _over_workers
from netsim.experiments.experiment import Control, Experiment, Results, Unit, Verdict
from netsim.experiments.kinds.dale import Dale, inhibitory_share
from netsim.experiments.kinds.delays import LearnedDelays
from netsim.experiments.kinds.tempotron import Tempotron
from netsim.experiments.kinds.tempotron.rule import arrivals, learn_epoch
from netsim.experiments.settings import make_experiment
from netsim.files import file_sha256
from netsim.seams import experiments
from tests.experiments.tiny import TINY as ALL
from tests.experiments.tiny import tiny_settings

SECTIONS = [
    *("Question", "Model", "Protocol", "Result", "Published control"),
    *("Verdict", "Caveats", "References", "Command"),
]
TINY = ALL["tempotron"]


def test_every_experiment_says_what_it_is() -> None:
    assert {"dale", "tempotron"} <= set(experiments)
    for name, kind in experiments.items():
        made = make_experiment(name)
        assert made.name == name
        assert made.question.endswith("?")
        assert kind.summary == made.question
        assert made.duration
        assert made.quick_duration
        assert make_experiment(name, quick=True) != made
        assert len({str(condition) for condition in made.conditions()}) == len(made.conditions())
        for text in (*made.model(), *made.protocol(), *made.caveats(), made.caption(), *made.references):
            assert text.endswith((".", ")")), text
        assert any("Verdict" in text for text in made.protocol())
        with pytest.raises(FrozenInstanceError):
            made.epochs = 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": [2]}, "dale: setting depth: is not known; did you mean 'depths'?"),
        ({"depths": 2}, "dale: setting depths: must be a list such as [2, 4, 8], not 2"),
        ({"depths": []}, "must be a list such as"),
        ({"depths": [2.5]}, "must be a whole number, not 2.5"),
        ({"width": True}, "must be a whole number, not True"),
        ({"rate": "fast"}, "must be a number, not 'fast'"),
        ({"depths": [0]}, "dale: setting depths: must be"),
        ({"constraints": ["70/20"]}, "percentages such as '75/25', not '70/20'"),
    ],
)
def test_settings_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError) as error:
        make_experiment("dale", given=given)
    assert message in str(error.value)


def test_settings_of_the_user_come_before_the_quick_ones() -> None:
    made = make_experiment("dale", True, {"epochs": 7, "rate": 1})
    assert isinstance(made, Dale)
    assert (made.epochs, made.depths, made.rate) == (7, (2, 4), 1)
    with pytest.raises(SpecificationError, match="experiment 'dales': is not known; did you mean 'dale'"):
        make_experiment("dales")


def test_intervals_of_accuracies_are_fractions() -> None:
    table = pd.DataFrame({"seed": [0, 1, 2], "accuracy": [0.4, 1.0, 0.9], "latency": [0.4, 1.0, 0.9]})
    assert mean(table, "accuracy", 100).high == 100.0
    assert mean(table, "latency", 100).high > 100.0
    assert mean(table[:1], "accuracy", 100).shown() == "40.00"


def test_intervals_are_those_of_student() -> None:
    values = [1.0, 2.0, 4.0, np.nan]
    result = interval(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values[:3]), scale=stats.sem(values[:3]))
    assert result.seeds == 3
    assert (result.low, result.high) == pytest.approx((low, high))
    assert interval([2.0]).shown() == "2.00"
    assert interval([2.0, 2.0]).shown() == "2.00"  # equal seeds are no certainty
    assert percentage(pd.Series([0.9, 1.0])).shown() == "95.00 [31.47, 100.00]"
    assert interval([]).shown() == "none"


@pytest.mark.parametrize(("shape", "step"), [("ramp", 64.0), ("plateau", 64.0), ("triangle", 200.0)])
def test_tempotron_ends_after_latencies_that_a_grid_rounds_up(shape: str, step: float) -> None:
    """Latencies up to 500 ms round to 512 or 600 ms, where the potentials alone would let the presentation end."""
    small = {"afferents": 30, "shapes": (shape,), "windows": (500.0,), "steps": (step,), "loads": (1.0,), "epochs": 2}
    (_, condition) = Tempotron(**small).conditions()  # type: ignore[arg-type]
    (row,) = Tempotron(**{**small, "rate": 1e-9}).measure(Unit(condition, 0))  # type: ignore[arg-type]
    assert row["load"] == 1.0
    with pytest.raises(SpecificationError, match=r"^steps: 600.0 ms is larger than the encoding window of 500.0 ms"):
        Tempotron(**{**small, "steps": (step, 600.0)})  # type: ignore[arg-type]


def test_tempotron_writes_all_files(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out"
    result = netsim.experiment(
        "tempotron", quick=True, settings=TINY, out=out, progress=lambda done, total, unit: seen.append((done, total))
    )
    units = 5 * (3 * 2 + 1)
    assert seen == [(done, units) for done in range(units + 1)]
    assert len(result.table) == 3 * units
    assert list(result.table) == ["shape", "window", "step", "seed", "load", "solved", "epochs", "confirmed"]
    assert set(result.table["confirmed"].dropna()) == {1.0}  # the engine decides as the rule does
    assert result.verdict.outcome == "not reproduced"  # so small a neuron
    pd.testing.assert_frame_equal(pd.read_csv(out / "results.csv"), result.table, check_dtype=False)
    record = json.loads((out / "experiment.json").read_text())
    assert record["settings"]["afferents"] == 10
    assert record["seeds"] == [0, 1, 2, 3, 4]
    assert record["verdict"]["outcome"] == result.verdict.outcome
    assert set(record["sha256"]) == {path.name for path in result.files} - {"experiment.json"}
    for name, checksum in record["sha256"].items():
        assert file_sha256(out / name) == checksum
    page, html = (out / "page.md").read_text(), (out / "page.html").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == SECTIONS == re.findall(r"<h2>(.*)</h2>", html)
    assert "no, recalled" in page
    assert "This is a quick run" in page
    assert "![" in page
    assert 'src="data:image/png;base64,' in html
    assert (plt.imread(out / "tempotron.png")[..., :3].min(axis=2) < 0.9).sum() > 300
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("name", "at"),
    [
        *(("tempotron", at) for at in (1, 5)),
        *(pytest.param(name, 1, marks=pytest.mark.nightly) for name in sorted(set(experiments) - {"tempotron"})),
    ],
)
def test_kill_and_resume_give_the_same_table(tmp_path: Path, images: str, name: str, at: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    given: dict[str, Any] = {"quick": True, "settings": tiny_settings(name, images), "seeds": 2}
    netsim.experiment(name, **given, out=whole)

    def kill(done: int, total: int, unit: str) -> None:
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        netsim.experiment(name, **given, out=killed, progress=kill)
    assert len(list((killed / "units").iterdir())) == at
    assert not (killed / "results.csv").exists()
    with pytest.raises(RunError, match="exists already; choose another --out, or continue it with --resume"):
        netsim.experiment(name, **given, out=killed)
    done: list[int] = []
    netsim.experiment(name, **given, out=killed, resume=True, progress=lambda now, *_: done.append(now))
    assert done[0] == at
    for file in ("results.csv", f"{name}.png"):
        assert (killed / file).read_bytes() == (whole / file).read_bytes()
    assert len(json.loads((killed / "experiment.json").read_text())["resumed"]) == 1


def test_another_experiment_is_not_resumed(tmp_path: Path) -> None:
    given: dict[str, Any] = {"quick": True, "out": tmp_path / "out", "resume": True}
    netsim.experiment("tempotron", settings=TINY, seeds=1, **given)
    with pytest.raises(RunError, match=r"other settings \(epochs 20, now 30\); choose another --out"):
        netsim.experiment("tempotron", settings=TINY | {"epochs": 30}, seeds=1, **given)
    record = tmp_path / "out" / "experiment.json"
    begun = record.read_text()
    record.write_text("{")
    with pytest.raises(RunError, match=r"experiment\.json: is damaged .*; restore it, or choose another --out"):
        netsim.experiment("tempotron", settings=TINY, seeds=1, **given)
    record.write_text(begun)
    unit = tmp_path / "out" / "units" / "0001.json"
    measured = json.loads(unit.read_text())
    for rows in (None, [1]):
        unit.write_text(json.dumps(measured | {"rows": rows}))
        with pytest.raises(RunError, match=r"0001\.json: is damaged \(it has no rows\); remove it"):
            netsim.experiment("tempotron", settings=TINY, seeds=1, **given)
    unit.write_text("{")
    with pytest.raises(RunError, match=r"0001\.json: is damaged"):
        netsim.experiment("tempotron", settings=TINY, seeds=1, **given)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(RunError, match="exists already, and is no experiment"):
        netsim.experiment("tempotron", out=tmp_path / "mine", resume=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@dataclass(frozen=True)
class Own(Experiment):
    """An experiment of a user, whose units take no time."""

    question = "How many?"
    controls = (Control("number", "1", "a paper", True),)
    references = ("A paper.",)

    def conditions(self) -> Sequence[dict[str, Any]]:
        return [{"level": level} for level in (0, 1)]

    def measure(self, unit: Unit) -> list[dict[str, Any]]:
        return [{"number": unit.seed}]

    def draw(self, table: pd.DataFrame) -> Any:
        return plt.figure()

    def results(self, table: pd.DataFrame) -> Results:
        return Results(("rows>",), ((str(len(table)),),))

    def compared(self, table: pd.DataFrame) -> Sequence[str]:
        return ["1"]

    def verdict(self, table: pd.DataFrame) -> Verdict:
        return Verdict("reproduced", "As published.")

    def model(self) -> Sequence[str]:
        return ["A model."]

    def protocol(self) -> Sequence[str]:
        return ["A protocol."]

    def caption(self) -> str:
        return "A caption."


def test_an_experiment_with_texts_in_its_class_still_runs(registered: Callable[..., None]) -> None:
    registered(experiments, "own", Own)
    with pytest.warns(FormerWarning, match="defines controls, references, model, protocol, caption, compared, which"):
        page = netsim.experiment("own").page
    for text in ("A model.", "A protocol.", "A caption.", "| number | 1 | 1 | a paper | yes |", "- A paper."):
        assert text in page


def _own(**changed: Any) -> type[Experiment]:
    """Return the class with methods that return, or attributes that are, something else."""
    attributes = {
        key: (lambda self, *given, value=value: value() if callable(value) else value)
        if callable(vars(Own)[key])
        else value
        for key, value in changed.items()
    }
    return type("Changed", (Own,), {"__module__": __name__, **attributes})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"conditions": []}, r"own: conditions: must return a list of at least one condition, each a dict, not \[\]"),
        ({"conditions": [{"a": 1}, {"a": 1.0}]}, "own: conditions: contains {'a': 1.0} twice; remove one"),
        ({"conditions": [{"seed": 1}]}, "own: conditions: must not contain 'seed'; rename it"),
        ({"conditions": [{"a": (1, 2)}]}, r"'a' must be a number, a word, a truth value or None, not \(1, 2\)"),
        ({"conditions": [{"a": 1}, {"a": "no"}]}, "own: conditions: 'a' is a word here and a number elsewhere"),
        ({"question": None}, "own: question: must be text, not None"),
        ({"controls": Control("a", "1", "b", True)}, "own: controls: must be a tuple of Control, not Control"),
        ({"references": "A paper."}, "own: references: must be a list of texts, not 'A paper.'"),
        ({"model": "A model."}, "own: model: must be a list of texts, not 'A model.'"),
    ],
)
def test_an_own_experiment_is_checked_before_it_starts(
    registered: Callable[..., None], tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    registered(experiments, "own", _own(**changed))
    with pytest.raises(SpecificationError, match=message):
        netsim.experiment("own", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_own_experiment_needs_all_methods(registered: Callable[..., None]) -> None:
    class Short(Experiment):
        pass

    registered(experiments, "short", Short)
    lacking = "question, prose, conditions, draw, measure, results, verdict"
    with pytest.raises(SpecificationError, match=f"experiment 'short': has no {lacking}; define"):
        make_experiment("short")
    assert (Short.summary, Short.duration) == ("", "not measured")  # which lists show


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"number": 1}, "must return a list of at least one row, each a dict, not {'number': 1}"),
        (None, "must return a list of at least one row, each a dict, not None"),
        ([], r"must return a list of at least one row, each a dict, not \[\]"),
        ([{"number": float("nan")}], "'number' must be finite, not nan; return None for a missing value"),
        ([{"number": np.float32("inf")}], "'number' must be finite, not inf"),
        ([{"number": np.zeros(2)}], r"'number' must be a number, a word, a truth value or None, not array"),
        ([{1: 2}], "must have words as keys, not 1"),
        ([{"number": 1}, {"level": 5}], "returned the row entry 'level' = 5, but its condition is 0; rename it"),
        ([{"seed": 7}], "returned the row entry 'seed' = 7, but its condition is 0; rename it"),
        ([{"number": 1}, {"number": True}], "'number' is a truth value here and a number elsewhere"),
    ],
)
def test_rows_are_checked_before_a_unit_is_kept(
    registered: Callable[..., None], tmp_path: Path, rows: Any, message: str
) -> None:
    registered(experiments, "own", _own(measure=rows))
    with pytest.raises(SpecificationError, match=f"own: measure, at level 0, seed 0: {message}"):
        netsim.experiment("own", out=tmp_path / "out")
    assert not list((tmp_path / "out" / "units").iterdir())


def test_numpy_scalars_are_numbers(registered: Callable[..., None], tmp_path: Path) -> None:
    row = {"a": np.float32(0.5), "b": np.int64(2), "c": np.True_, "d": None, "level": np.int8(1)}
    registered(experiments, "own", _own(measure=[row], conditions=[{"level": np.int16(1)}]))
    result = netsim.experiment("own", seeds=1, out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "units" / "0001.json").read_text()) == {
        "condition": {"level": 1},
        "seed": 0,
        "rows": [{"a": 0.5, "b": 2, "c": True, "d": None, "level": 1}],
    }
    assert list(result.table) == ["level", "seed", "a", "b", "c", "d"]


def _fails() -> None:
    json.loads("lost")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"verdict": "reproduced"}, r"own: verdict: must return Verdict\(outcome, reason\) .*, not 'reproduced'"),
        ({"verdict": Verdict("good", "")}, "an outcome of 'reproduced', 'not reproduced', 'beyond', not Verdict"),  # type: ignore[arg-type]
        ({"draw": None}, "own: draw: must return a matplotlib Figure, not None"),
        ({"compared": []}, r"own: compared: must be a list of 1 texts, not \[\]"),
        ({"compared": [90.0]}, "own: compared: must be a list of 1 texts, not .90.0."),
        ({"results": None}, r"own: results: must return Results\(headings, rows\), not None"),
        ({"results": Results(("a", "b"), (("1",),))}, "own: results: must be a list of 2 texts, not .'1',."),
        (
            {"verdict": _fails},
            r"own: failed in verdict \(JSONDecodeError: .*; test_experiments.py, line \d+\); correct it,",
        ),
    ],
)
def test_the_table_is_written_before_it_is_judged(
    registered: Callable[..., None], tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    out = tmp_path / "out"
    registered(experiments, "own", _own(**changed))
    with pytest.raises((SpecificationError, RunError), match=message):
        netsim.experiment("own", out=out)
    assert len(pd.read_csv(out / "results.csv")) == 2 * 5
    assert not (out / "page.md").exists()
    registered(experiments, "own", Own)
    assert netsim.experiment("own", out=out, resume=True).verdict.outcome == "reproduced"
    assert (out / "page.md").exists()


def test_a_changed_plugin_judges_all_rows_or_measures_all(registered: Callable[..., None], tmp_path: Path) -> None:
    registered(experiments, "own", Own)
    given: dict[str, Any] = {"name": "own", "out": tmp_path / "out"}
    netsim.experiment(**given)
    record = tmp_path / "out" / "experiment.json"
    before = json.loads(record.read_text())
    now = before["plugins"]
    record.write_text(json.dumps(before | {"plugins": [now[0] | {"sha256": "0" * 64}]}))
    changed = r"test_experiments\.py has changed since the start of the experiment: sha256 0000"
    with pytest.warns(UserWarning, match=rf"{changed}.*; only verdict, figure and page are made again"):
        result = netsim.experiment(**given, resume=True)
    assert re.match(f".*{changed}", result.record["resumed"][0]["changed_plugins"])
    assert "The rows are from before this change" in result.page
    units = sorted((tmp_path / "out" / "units").iterdir())
    units[3].unlink()
    with pytest.raises(RunError, match=rf"{changed}.*; restore it to measure the other units, or begin again with"):
        netsim.experiment(**given, resume=True)
    for unit in units:
        unit.unlink(missing_ok=True)
    result = netsim.experiment(**given, resume=True)
    assert result.record["plugins"] == now
    assert "The rows are from before this change" not in result.page


def test_an_experiment_is_extended_by_seeds(registered: Callable[..., None], tmp_path: Path) -> None:
    registered(experiments, "own", Own)
    given: dict[str, Any] = {"name": "own", "out": tmp_path / "out", "resume": True}
    netsim.experiment(**given, seeds=2)
    done: list[int] = []
    result = netsim.experiment(**given, seeds=3, progress=lambda now, *_: done.append(now))
    assert done == [4, 5, 6]
    assert list(result.table["seed"]) == [0, 0, 1, 1, 2, 2]
    assert result.record["seeds"] == [0, 1, 2]
    assert result.record["resumed"][0]["seeds"] == [[0, 1], [0, 1, 2]]
    assert "Seeds: 0, 1, 2." in result.page
    assert netsim.experiment(**given).record["seeds"] == [0, 1, 2]
    with pytest.raises(RunError, match=r"other seeds \(\[0, 1, 2\], now \[0, 1\]\); give --seeds 3 or more, or choose"):
        netsim.experiment(**given, seeds=2)


def test_a_start_that_was_killed_before_its_record_is_resumed(registered: Callable[..., None], tmp_path: Path) -> None:
    registered(experiments, "own", Own)
    (tmp_path / "units").mkdir()
    (tmp_path / ".lock").touch()
    (tmp_path / ".experiment.0123.json").touch()
    netsim.experiment("own", out=tmp_path, seeds=1, resume=True)
    assert not (tmp_path / ".experiment.0123.json").exists()
    assert json.loads((tmp_path / "experiment.json").read_text())["seeds"] == [0]
    (tmp_path / "experiment.json").unlink()
    with pytest.raises(RunError, match="exists already, and is no experiment"):
        netsim.experiment("own", out=tmp_path, resume=True)


class _Gone:
    """A client, and a future, of a scheduler that is gone."""

    cluster = None

    def nthreads(self) -> dict[str, int]:
        raise OSError("Timed out trying to connect")

    def submit(self, *arguments: object, **options: object) -> _Gone:
        return self

    def add_done_callback(self, callback: Callable[[_Gone], None]) -> None:
        callback(self)

    def result(self) -> None:
        raise CancelledError("unit")


def test_an_experiment_ends_in_one_line_if_its_scheduler_is_gone() -> None:
    client: Any = _Gone()
    chosen = make_experiment("tempotron", given=TINY)
    with pytest.raises(RunError, match="the scheduler or its workers were lost; continue with --resume"):
        list(_over_workers(client, chosen, [(0, Unit(chosen.conditions()[0], 0))]))


def test_workers_give_the_same_table(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    given: dict[str, Any] = {"quick": True, "settings": TINY, "seeds": 2}
    here = netsim.experiment("tempotron", **given)
    there = netsim.experiment("tempotron", **given, workers=2)
    pd.testing.assert_frame_equal(here.table, there.table)


def test_the_rule_moves_weights_along_the_response_at_the_peak() -> None:
    """Compared with the potential of netsim's PSP at every breakpoint."""
    generator = np.random.default_rng(3)
    psp = netsim.PSP("triangle", rise=8.0, fall=32.0)
    latencies, weights = 100 * generator.random((6, 12)), generator.normal(0, 0.5, 12)
    end, kernel = 140.0, [(delay, change / 8.0) for delay, change in psp.kernel]
    pieces = arrivals(latencies, kernel, end)
    for pattern in range(6):
        times = np.append(np.concatenate([latencies[pattern] + delay for delay, _ in kernel]), end)
        responses = psp.potential(times[:, None] - latencies[pattern]) / 8.0
        potentials = responses @ weights
        fires = potentials.max() >= 1
        for label in (True, False):
            now, steps = weights.copy(), np.zeros(12)
            order = np.array([pattern])
            labels = np.full(6, label)
            errors = learn_epoch(*pieces, latencies, labels, np.array(kernel), order, now, steps, 0.1, 0.0)
            assert errors == (fires != label)
            expected = (0.1 if label else -0.1) * responses[potentials.argmax()] if errors else np.zeros(12)
            np.testing.assert_allclose(now - weights, expected, atol=1e-12)


def test_a_neuron_learns_few_patterns_and_not_many() -> None:
    made = make_experiment("tempotron", True, TINY | {"epochs": 300, "loads": [0.5, 20.0]})
    for condition in made.conditions():
        if condition["shape"] == "triangle" and not condition["step"]:
            few, many = made.measure(Unit(condition, 0))
            assert few["solved"]
            assert not many["solved"]


def test_a_load_makes_the_nearest_whole_number_of_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.29 · 100 is slightly less than 29 in binary numbers."""
    seen: list[int] = []

    def fires(network: netsim.Network, weights: np.ndarray, latencies: np.ndarray, step: float) -> np.ndarray:
        seen.append(len(latencies))
        return np.zeros(len(latencies), bool)

    monkeypatch.setattr("netsim.experiments.kinds.tempotron._fires", fires)
    one = TINY | {"afferents": 100, "loads": [0.29], "epochs": 300}
    made = make_experiment("tempotron", True, one)
    condition = next(condition for condition in made.conditions() if not condition["step"])
    made.measure(Unit(condition, 0))
    assert seen == [29]


def test_verdicts_of_the_tempotron() -> None:
    made = Tempotron(windows=(250.0, 500.0))

    def outcome(short: float, long: float) -> str:
        rows = [
            {"shape": "triangle", "window": window, "step": 0.0, "seed": seed, "load": load, "solved": True}
            for window, load in ((250.0, short), (500.0, long))
            for seed in range(5)
        ]
        return made.verdict(experiment_table(rows)).outcome

    assert outcome(2.75, 3.0) == "reproduced"
    assert outcome(2.0, 2.25) == "not reproduced"
    assert outcome(3.5, 3.0) == "not reproduced"  # it must not shrink with the window
    assert outcome(3.75, 4.0) == "beyond"


def test_verdicts_of_dale() -> None:
    made = Dale()

    def outcome(free: float, signed: float, deep: float) -> str:
        rows = [
            {"depth": depth, "constraint": constraint, "seed": seed, "layer": 1, "accuracy": mean + 1e-4 * seed}
            for depth, constraint, mean in ((4, "none", free), (4, "75/25", signed), (8, "75/25", deep))
            for seed in range(-2, 3)
        ]
        return made.verdict(experiment_table(rows)).outcome

    assert outcome(0.979, 0.977, 0.970) == "reproduced"
    assert outcome(0.985, 0.985, 0.985) == "beyond"
    assert outcome(0.985, 0.985, 0.960) == "not reproduced"
    assert inhibitory_share("none") is None
    assert inhibitory_share("75/25") == 0.25


def test_verdicts_of_delays() -> None:
    def outcome(difference: float) -> str:
        rows = [
            {"dataset": "yin-yang", "size": 120, "learned": learned, "seed": seed, "accuracy": accuracy + 1e-3 * seed}
            for learned, accuracy in (("weights", 0.9), ("delays", 0.9 + difference))
            for seed in range(5)
        ]
        return LearnedDelays().verdict(experiment_table(rows)).outcome

    assert [outcome(change) for change in (-0.03, -0.01, 0.01)] == ["not reproduced", "reproduced", "beyond"]


def test_an_experiment_that_fails_says_at_which_unit(registered: Callable[..., None], tmp_path: Path) -> None:
    class Failing(Tempotron):
        def measure(self, unit: Unit) -> list[dict[str, Any]]:
            raise ValueError("out of luck")

    registered(experiments, "failing", Failing)
    place = r"test_experiments.py, line \d+"
    with pytest.raises(
        RunError, match=rf"failing: failed at shape triangle, .*, seed 0 \(ValueError: out of luck; {place}\)"
    ):
        netsim.experiment("failing", out=tmp_path / "out")


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(experiments))
def test_quick_runs(idx_data: Path, tmp_path: Path, name: str) -> None:
    result = netsim.experiment(name, quick=True, out=tmp_path / "out", data_dir=str(idx_data))
    assert len(set(result.table["seed"])) >= 5
    assert "not measured" not in result.page or name == "dale"  # whose quick run leaves out eight layers


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("dale", {"depths": [0]}, "dale: setting depths: must be an integer >= 1, not 0"),
        ("reaction-time", {"contrasts": [0.5, 2.0]}, "setting contrasts: must be above 0 and at most 1, not 2.0"),
        ("masking", {"asynchronies": [20.0, 10.0]}, "setting asynchronies: must ascend"),
        ("delays", {"learned": ["spikes"]}, "setting learned: must be one of weights, delays, both, not 'spikes'"),
        ("tempotron", {"rate": float("nan")}, "setting rate: must be above 0, not nan"),
    ],
)
def test_settings_have_bounds(name: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError) as error:
        make_experiment(name, given=given)
    assert message in str(error.value)
