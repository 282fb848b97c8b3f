"""The benchmark: a small run as it stands, and what it makes of measurements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError, RunError

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts" / "benchmark.py"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options], env={**os.environ, **environment}, capture_output=True, text=True
    )


def measured(name: str, reference: str, ms: float = 0.0, missing: str = "", **facts: int) -> Any:
    from benchmarks.rows import Measured

    times = [] if missing else [ms, ms * 0.9, ms * 1.5]
    return Measured(name, "", reference, 64, 3, times, times, facts, missing)


def test_a_quick_run_without_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    done = run(
        *("--quick", "--random-images", "--seed", "3", "--threads", "1", "--out", "figures"),
        *("--rows", "event-phased-forward", "--rows", "torch-forward"),
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    lines = {line.split("`")[1]: line for line in done.stdout.splitlines() if line.startswith("| `")}
    assert "torch is not installed; pip install 'netsim-snn[bench]'" in lines["torch-forward"]
    cells = [cell.strip() for cell in lines["event-phased-forward"].split("|")]
    assert float(cells[3]) > 0
    assert "16 random images, 392 of 784 pixels active, seed 3" in done.stdout
    kept = json.loads(Path("figures/benchmark.json").read_text())
    assert kept["record"]["seed"] == 3
    assert kept["record"]["versions"]["numpy"] == np.__version__
    assert kept["setting"]["threads"] == 1
    row, missing = kept["rows"]
    assert float(f"{row['median_ms']:.3g}") == float(cells[3])
    assert len(row["wall_ms"]) == len(row["cpu_ms"]) == 2
    assert missing["median_ms"] is None
    assert kept["goals"] == []  # of a quick run
    assert lines["torch-forward"] in Path("figures/benchmark.md").read_text()
    assert Path("figures/benchmark.png").read_bytes().startswith(b"\x89PNG")
    assert "event-phased-forward" in Path("figures/benchmark.svg").read_text()


def test_an_error_is_one_line() -> None:
    done = run("--rows", "event-phased-forward", "--data-dir", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("benchmark: nowhere: no such folder")
    assert len(done.stderr.splitlines()) == 1


def test_what_cannot_be_done_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Any]
) -> None:
    import benchmark

    for name in ("OMP_NUM_THREADS", "NETSIM_THREADS"):
        monkeypatch.setenv(name, "2")  # the script sets them

    def refuse(*options: str) -> str:
        done = invoke(benchmark.main, options)
        assert done.exit_code != 0
        return str(done.exception) + done.output

    assert "nosuch is no row" in refuse("--rows", "nosuch")
    assert "a page is for a whole run" in refuse("--quick", "--page", "page.md")
    (tmp_path / "page.md").write_text("<!-- run -->\n<!-- end of run -->\n")
    assert "page.md: lacks <!-- rows -->" in refuse("--page", "page.md", "--out", "out")
    (tmp_path / "file").touch()
    assert "file: cannot be made" in refuse("--out", "file")


def test_the_page_has_all_marks_and_takes_what_was_measured(tmp_path: Path) -> None:
    from benchmarks.report import Results, read_page, update_page
    from benchmarks.rows import ANN_FORWARD, Setting

    from netsim.runs.folder import describe_run

    text = read_page(REPOSITORY / "docs" / "speed.md")
    page = tmp_path / "speed.md"
    page.write_text(text)
    images = np.zeros((2, 28, 28, 1), dtype=np.uint8)
    record = describe_run(0, quick=False, repetitions=3, load_before=0.0, load_after=1.0)
    rows = [
        measured("event-free-forward", ANN_FORWARD, 0.5),
        measured("event-free-forward-trained", ANN_FORWARD, 0.4),
        measured(ANN_FORWARD, ANN_FORWARD, 0.25),
        measured(f"{ANN_FORWARD}-channels-last", ANN_FORWARD, 0.16),
    ]
    results = Results(record, Setting(images, np.zeros(2, int), "images \\1", 0, 2, 256, 16), rows)
    update_page(results, page)
    new = page.read_text()
    assert "| `event-free-forward` |  | 0.5 | 0.45–0.75 | 0.5 | 2 |" in new
    assert "| `free` exact forward / dense network | ≤ 2.50 | 2.50 | yes |" in new  # trained, to the faster layout
    assert "- images \\1; median of 3 blocks a row" in new
    assert text.split("<!-- growth -->")[1] == new.split("<!-- growth -->")[1]  # was not measured
    assert (tmp_path / "speed" / "benchmark.png").exists()
    update_page(results, page)
    assert page.read_text() == new
    assert "(no other jobs)" in new
    record["load_before"] = 3.0
    assert "take the figures as preliminary" in results.provenance()
    page.write_text(text.replace("<!-- end of shares -->", ""))
    with pytest.raises(DataError, match="lacks <!-- shares -->"):
        update_page(results, page)


def test_goals() -> None:
    from benchmarks.goals import judge
    from benchmarks.rows import ANN_FORWARD, ANN_TRAINING, DENSE_LAYER

    rows = [
        measured("event-phased-forward", ANN_FORWARD, 0.2),
        measured("event-phased-forward-trained", ANN_FORWARD, 0.3),
        measured("event-phased-training-trained", ANN_TRAINING, 0.4),
        measured(ANN_FORWARD, ANN_FORWARD, 0.25),
        measured(f"{ANN_FORWARD}-channels-last", ANN_FORWARD, 0.5),
        measured(ANN_TRAINING, ANN_TRAINING, 0.5),
        measured("snntorch", ANN_FORWARD, missing="is missing"),
        measured("spikingjelly", ANN_FORWARD, 60.0),
        measured("brian2-engine", ANN_FORWARD, 105.0, latencies=10, same_latencies=9),
        measured("brian2-by-hand", ANN_FORWARD, 100.0),
    ]
    growth = [
        {"curve": "threads", "series": "free", "x": 1, "rounds_ms": [1.9, 9.5, 1.9]},
        {"curve": "threads", "series": "free", "x": 2, "rounds_ms": [1.0, 5.0, 1.0]},
        {"curve": "spikes", "series": "free", "x": 784, "median_ms": 2.0},
        {"curve": "spikes", "series": "free", "x": 10, "median_ms": 0.1},
        *({"curve": "active", "series": "phased", "x": x, "rounds_ms": [ms] * 3} for x, ms in ((1, 0.1), (100, 0.5))),
        {"curve": "active", "series": DENSE_LAYER, "x": 100, "rounds_ms": [0.4] * 3},
    ]
    start: dict[str, Any] = {"seconds": 50.0, "peak_bytes": 1, "compiled": 15}
    processes: dict[str, dict[str, Any]] = {
        "epoch": {"command": "", "seconds": 60.0, "peak_bytes": 1_200_000_000},
        "starts": {"command": "", "first": start, "second": {**start, "compiled": 0}},
    }
    goals = {goal.what: (goal.measured, goal.met) for goal in judge(rows, growth, processes)}
    assert goals["`phased` forward / dense network"] == ("1.20", False)  # the trained weights, the faster layout
    assert goals["`phased` training step / dense network's"] == ("", None)  # as one of the layouts is
    assert goals["snnTorch / `phased` forward"] == ("", None)
    assert goals["SpikingJelly / `phased` forward"] == ("200", True)
    assert goals["Brian2 engine / driven by hand"] == ("1.05", True)
    assert goals["same spikes as the Brian2 engine"] == ("9 of 10 latencies", False)
    assert goals["one thread / two threads, free"] == ("1.90", True)
    assert goals["`free` with the fewest input spikes, to the most"] == ("0.1 ms at 10, 2 ms at 784", True)
    assert goals["`phased` layer with all inputs active / dense layer"] == ("1.25", False)
    assert goals["peak memory of an epoch of Fashion-MNIST"] == ("1.20 GB", False)
    assert goals["second process of the Brian2 engine"] == ("15 modules in 50 s, then 0 in 50.0 s", True)
    assert goals["`netsim evaluate` on 10,000 images"] == ("", None)


def test_rows_are_timed_in_turn() -> None:
    from benchmarks.rows import MissingLibraryError, Prepared, Row, Setting, measure

    order: list[str] = []

    def row(name: str) -> Row:
        return Row(name, "", lambda setting: Prepared(lambda: order.append(name), 4, lambda: {"known": name}))

    def missing(setting: Setting) -> Prepared:
        raise MissingLibraryError("nosuch is not installed")

    told: list[int] = []
    setting = Setting(np.zeros((4, 28, 28, 1)), np.zeros(4), "", 0, 1, 1, 1)
    one, none, two = measure([row("one"), Row("none", "", missing), row("two")], setting, 3, told.append)
    assert [one.calls, two.calls] == [20, 20]
    warm_up, block = 2, 21  # a block begins with a call that is not timed
    assert order == ["one"] * warm_up + ["two"] * warm_up + (["one"] * block + ["two"] * block) * 3
    assert len(one.wall_ms) == 3
    assert one.facts == {"known": "one"}
    assert none.missing == "nosuch is not installed"
    assert none.wall_ms == []
    assert told[-1] == 3 * (3 + 1)


def test_operations_are_those_of_the_synapses() -> None:
    from benchmarks.limits import layer_work

    from netsim.models.presets import load_preset

    network = load_preset("rcsnn-fashion")
    work = {layer["layer"]: layer["multiply_adds"] for layer in layer_work(network)}
    counts = {projection.name: network.synapse_count(projection) for projection in network.weighted}
    assert work.pop("conv1") == 28 * 28 * 25 * 32 > counts.pop("conv1")  # the padding is multiplied too
    assert work == counts


def test_peak_memory_is_that_of_the_process_alone() -> None:
    from benchmarks.processes import run_process

    held = np.ones(40_000_000)  # 320 MB in the process that measures
    small = run_process([sys.executable, "-ISc", "pass"])
    large = run_process([sys.executable, "-ISc", "x = b'1' * 100_000_000"])
    assert held.nbytes > 300e6
    assert small["peak_bytes"] < 50e6
    assert 100e6 < large["peak_bytes"] < 150e6
    with pytest.raises(RunError, match=r"exit code 3 \(too bad\)"):
        run_process([sys.executable, "-ISc", "import sys; print('too bad', file=sys.stderr); sys.exit(3)"])


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="profilers are told of compiled functions by Python 3.11 alone")
def test_a_profile_names_functions_and_adds_up() -> None:
    from benchmarks.rows import Setting
    from benchmarks.shares import measure_shares
    from benchmarks.stimuli import random_images

    setting = Setting(random_images(4, 100, 0), np.arange(4), "", 0, 1, 1, 1)
    busy = {
        "phased, forward": "numerics.field_products.multiply_fields",
        "phased, training step": "numerics.field_products.multiply_fields",
        "free, forward": "engines.event.sweep.sweep",
    }
    profiles = measure_shares(setting, seconds=0.1)
    assert set(profiles) == set(busy)
    for name, lines in profiles.items():
        assert sum(line["share"] for line in lines) == pytest.approx(1.0)
        assert any(line["function"] == busy[name] and line["what"] for line in lines)


def test_every_curve_grows() -> None:
    from benchmarks.growth import CURVES, growth_points
    from benchmarks.rows import Setting
    from benchmarks.stimuli import random_images

    setting = Setting(random_images(4, 100, 0), np.arange(4), "", 0, 1, 1, 1)
    for curve in CURVES:
        series: dict[str, list[float]] = {}
        for point in growth_points([curve], quick=False):
            series.setdefault(point.series, []).append(point.x)
        assert all(places == sorted(set(places)) and len(places) > 1 for places in series.values())
    (point, *_) = growth_points(["spikes"], quick=True)
    assert point.prepare(setting).presentations == 4
