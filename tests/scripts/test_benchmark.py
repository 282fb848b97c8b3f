"""The benchmark: a small run as it stands, what it makes of measurements, and the benchmarks of asv."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts" / "benchmark.py"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))
    for name in ("OMP_NUM_THREADS", "NETSIM_THREADS"):
        monkeypatch.setenv(name, "1")  # the script sets them


def times_of(name: str, reference: str, ms: float = 0.0, missing: str = "") -> Any:
    benchmark = importlib.import_module("benchmark")
    wall = {} if missing else dict(enumerate([ms, ms * 0.9, ms * 1.5]))
    row = benchmark.Row(lambda: lambda: None, reference)
    return benchmark.Times(row, wall=wall, processor=wall, missing=missing)


def test_a_quick_run_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    (tmp_path / "empty").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("NETSIM_DATA", str(tmp_path / "empty"))
    options = ("--quick", "--repetitions", "2", "--threads", "1", "--out", "figures")
    rows = ("--rows", "event-phased-forward", "--rows", "torch-forward")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options, *rows])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert not ended.value.code
    printed = capsys.readouterr().out
    lines = {line.split("`")[1]: line for line in printed.splitlines() if line.startswith("| `")}
    assert "torch is not installed; pip install 'netsim-snn[bench]'" in lines["torch-forward"]
    cells = [cell.strip() for cell in lines["event-phased-forward"].split("|")]
    assert float(cells[2]) > 0
    kept = json.loads(Path("figures/benchmark.json").read_text(encoding="utf-8"))
    assert kept["record"]["versions"]["numpy"] == np.__version__
    wall = kept["rows"]["event-phased-forward"]["wall_ms"]
    assert f"{np.median(wall):.3g}" == cells[2]
    assert len(wall) == len(kept["rows"]["event-phased-forward"]["processor_ms"]) == 2
    assert kept["rows"]["torch-forward"]["wall_ms"] == []
    assert "goal" not in printed  # of a quick run
    assert Path("figures/benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_done_is_said_before_anything_is_measured(tmp_path: Path, invoke: Callable[..., Any]) -> None:
    benchmark = importlib.import_module("benchmark")

    def refuse(*options: str) -> str:
        done = invoke(benchmark.main, options)
        assert done.exit_code != 0
        return " ".join((str(done.exception) + done.output).replace("│", "").split())

    assert "nosuch is no row" in refuse("--rows", "nosuch")
    assert "a page is for a whole run" in refuse("--quick", "--page", "page.md")
    (tmp_path / "page.md").write_text("<!-- run -->\n\n<!-- end of run -->\n")
    assert "page.md: lacks <!-- rows -->" in refuse("--page", "page.md", "--out", "out")


def test_a_page_takes_what_was_measured(tmp_path: Path) -> None:
    pages = importlib.import_module("pages")
    text = pages.read_page(REPOSITORY / "docs" / "results" / "speed.md", "run", "rows", "goals")
    page = tmp_path / "speed.md"
    page.write_text(text)
    table = pages.markdown(("row", "ms>"), [["`a`", 1], ["\\1", 2.5]])
    assert table == "| row | ms |\n|---|---:|\n| `a` | 1 |\n| \\1 | 2.5 |"
    pages.put(page, {"rows": table})
    new = page.read_text()
    assert f"<!-- rows -->\n{table}\n<!-- end of rows -->" in new
    assert text.split("<!-- goals -->")[1] == new.split("<!-- goals -->")[1]
    pages.put(page, {"rows": table})
    assert page.read_text() == new
    page.write_text(text.replace("<!-- end of goals -->", ""))
    with pytest.raises(DataError, match="lacks <!-- goals -->"):
        pages.put(page, {"goals": table})


def test_goals() -> None:
    benchmark = importlib.import_module("benchmark")
    forward, last = benchmark.FORWARD, benchmark.FORWARD + benchmark.LAST
    measured = {
        "event-phased-forward-trained": times_of("", forward, 0.3),
        "event-phased-training-trained": times_of("", benchmark.TRAINING, 0.4),
        "event-binary-forward": times_of("", forward, 0.1),
        "event-binary-forward-as-real": times_of("", forward, 0.2),
        forward: times_of("", forward, 0.25),
        last: times_of("", forward, 0.5),
        benchmark.TRAINING: times_of("", benchmark.TRAINING, 0.5),
        "snntorch": times_of("", forward, missing="is missing"),
        "spikingjelly": times_of("", forward, 60.0),
        "brian2-engine": times_of("", forward, 105.0),
        "brian2-by-hand": times_of("", forward, 100.0),
    }
    lines = benchmark.goals_table(measured, (9, 10)).splitlines()
    goals = {cells[0]: tuple(cells[2:]) for cells in (line.strip("| ").split(" | ") for line in lines[2:])}
    assert goals["`phased` forward / dense network"] == ("1.20", "no")  # the faster layout
    assert goals["`phased` training step / dense network's"][0] == "not in this run"  # as one of the layouts is
    assert goals["binary forward / the same with real weights"] == ("0.50", "yes")
    assert goals["snnTorch / `phased` forward"][0] == "not in this run"
    assert goals["SpikingJelly / `phased` forward"] == ("200", "yes")
    assert goals["Brian2 engine / driven by hand"] == ("1.05", "yes")
    assert goals["same spikes as the Brian2 engine"] == ("9 of 10 latencies", "no")
    rows = benchmark.rows_table(measured)
    assert "| `event-phased-forward-trained` | 0.3 | 0.27–0.45 | 0.3 | 1.2 |" in rows
    assert "| `snntorch` | is missing |  |  |  |" in rows
    assert [goal[0] for goal in benchmark.GOALS if goal[3] not in "≤≥"] == []
    known = benchmark.rows_of(np.zeros((1, 28, 28, 1), np.uint8), np.zeros(1, int), 1, 1)
    assert {name for goal in benchmark.GOALS for name in goal[1:3]} <= set(known)


def test_rows_are_timed_in_turn() -> None:
    benchmark = importlib.import_module("benchmark")
    order: list[str] = []

    def row(name: str) -> Any:
        return benchmark.Row(lambda: lambda: order.append(name), presentations=4)

    def missing() -> Any:
        raise ModuleNotFoundError("No module named 'nosuch'", name="nosuch")

    messages: list[tuple[int, int]] = []
    rows = {"one": row("one"), "none": benchmark.Row(missing), "two": row("two")}
    measured = benchmark.measure(rows, 3, 1, advance=lambda *numbers: messages.append(numbers))
    assert [measured[name].per_block for name in ("one", "two")] == [20, 20]
    warm_up, block = 2, 21  # a block begins with a call that is not timed
    assert order == ["one"] * warm_up + ["two"] * warm_up + (["one"] * block + ["two"] * block) * 3
    assert len(measured["one"].wall) == 3
    assert measured["none"].missing == "nosuch is not installed; pip install 'netsim-snn[bench]'"
    assert measured["none"].wall == {}
    assert messages[-1] == (3 * (3 + 1), 3 * (3 + 1))


def test_rows_repeat_until_their_ratio_is_precise(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = importlib.import_module("benchmark")
    noise = np.random.default_rng(0)

    def time_block(times: Any, number: int) -> None:
        noisy = noise.normal(1.0, 0.08) if times.row.presentations == 3 else 1.0
        times.wall[number] = times.processor[number] = 2.0 * times.row.presentations * noisy

    monkeypatch.setattr(benchmark.Times, "time_block", time_block)
    rows = {
        "slow": benchmark.Row(lambda: lambda: None, "reference", 5),
        "noisy": benchmark.Row(lambda: lambda: None, "reference", 3),
        "reference": benchmark.Row(lambda: lambda: None, "reference", 1),
    }
    measured = benchmark.measure(rows, 7, 1, 400)
    counts = {name: len(times.wall) for name, times in measured.items()}
    assert counts["slow"] == 7 < counts["noisy"] == counts["reference"] < 400
    value = benchmark.ratio(measured, "noisy", "reference")
    assert value.low < 3.0 < value.high < 1.05 * value.low + 0.01
    assert value.shown("{:.1f}".format) == "3.0 [2.9, 3.1]"
    assert benchmark.ratio(measured, "slow", "reference") == (5.0, 5.0, 5.0)


def test_rows_of_the_event_engine_can_be_called() -> None:
    calls = importlib.import_module("benchmarks.calls")
    images, labels = calls.random_images(4, 100), np.arange(4)
    assert (images.reshape(4, -1) > 0).sum(axis=1).tolist() == [100] * 4
    network, weights = calls.trained("yin-yang")
    network = calls.without_competition(network, weights)[0]
    points = calls.random_images(4, 3, shape=network.encoder.shape)
    calls.forward(network, weights, points)()
    calls.forward(network, weights, points, size=1)()
    before = {name: array.copy() for name, array in weights.items()}
    for online in (False, True):
        calls.training(network, weights, points, labels % 3, online)()
    assert any((weights[name] != before[name]).any() for name in weights)
    alone, without = calls.without_loop(*calls.trained(calls.LOOP))
    assert not any(alone.is_recurrent(projection) for projection in alone.projections)
    calls.forward(alone, without, images)()
    binary, signs = calls.trained("bcsnn-mnist")
    before = {name: array.copy() for name, array in signs.items()}
    real, others = calls.as_real(binary, signs)
    assert not real.weighting.is_binary
    changed = {name: int((others[name] != before[name]).sum()) for name in others}
    assert changed == {name: int(name.endswith(".kernel")) for name in others}


GROWTH = {
    "InputSpikes": (10, "free, one dense layer"),
    "ActiveInputs": (1, "phased, step"),
    "Neurons": (8, "free"),
    "Synapses": (7, "phased"),
    "Populations": (2, "free"),
    "Batches": (1, "phased"),
    "Threads": (1, "phased"),
    "TimeSteps": (8.0, "event"),
    "Thinned": (400, 0.2, "free", "single", "thinned"),
}


@pytest.mark.parametrize("name", GROWTH)
def test_benchmarks_of_asv_can_be_called(name: str) -> None:
    growth = importlib.import_module("benchmarks.growth")
    curve = getattr(growth, name)()
    assert all(value in values for value, values in zip(GROWTH[name], curve.params, strict=True))
    assert len(curve.params) == len(curve.param_names)
    curve.setup(*GROWTH[name])
    curve.time_call(*GROWTH[name])


# the loops of a component in single precision take seconds to compile
@pytest.mark.parametrize("regime", ["free", pytest.param("loop", marks=pytest.mark.nightly)])
def test_many_neurons_are_presented_and_learn(regime: str) -> None:
    growth = importlib.import_module("benchmarks.growth")
    curve = growth.ManyNeurons()
    curve.setup(2000, regime)
    curve.time_batch(2000, regime)
    before = {name: array.copy() for name, array in curve.weights.items()}
    curve.time_step(2000, regime)
    assert all((curve.weights[name] != array).any() for name, array in before.items())


@pytest.mark.parametrize("regime", ["phased", "free", "loop"])
def test_many_neurons_are_in_a_loop_in_the_last_regime_alone(regime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    growth = importlib.import_module("benchmarks.growth")
    curve = growth.ManyNeurons()
    monkeypatch.setattr(curve, "time_alone", lambda: None)
    curve.setup(1000, regime)
    assert any(map(curve.which.is_recurrent, curve.which.projections)) == (regime == "loop")
    assert sum(int(np.prod(population.shape)) for population in curve.which.populations) == 1010
