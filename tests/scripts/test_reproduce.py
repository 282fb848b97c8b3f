"""The reproduction script: ablations that are what they say, and a page made of the records."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsim.errors import RunError
from netsim.specification import Network

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))


def _networks() -> dict[str, Network]:
    from reproducing.ablations import ABLATIONS, base

    return {name: change(base(regime)) for name, (_, regime, change) in ABLATIONS.items()}


def test_every_ablation_is_another_network_of_the_same_size() -> None:
    from reproducing.ablations import ABLATIONS

    networks = _networks()
    for name, (what, regime, _) in ABLATIONS.items():
        assert networks[name].shapes == networks["phased"].shapes
        assert (what == "regime") == (networks[name] == networks[regime])
    assert len(set(networks.values())) == len(networks)


def test_the_page_of_results_is_made_of_the_records() -> None:
    from reproducing.page import results_page
    from reproducing.records import ABLATIONS, EVALUATIONS, RECORDS, read_evaluations, read_records

    page = results_page(read_records(RECORDS), read_records(ABLATIONS), read_evaluations(EVALUATIONS))
    assert (REPOSITORY / "RESULTS.md").read_text() == page


def test_evaluations_are_of_the_weights_of_the_records() -> None:
    from reproducing.records import EVALUATIONS, RECORDS, read_evaluations
    from reproducing.rows import PAPER

    evaluations = read_evaluations(EVALUATIONS)
    assert set(evaluations) == set(PAPER)
    for preset, measured in evaluations.items():
        recorded = json.loads((RECORDS / f"{preset}-seed0.json").read_text())["test"]
        assert measured["strict_accuracy"] == measured["read_outs"]["strict"] == recorded["strict_accuracy"]


def _result(preset: str, seed: int, strict: float) -> dict[str, Any]:
    from reproducing.records import RECORDS

    result: dict[str, Any] = json.loads((RECORDS / f"{preset}-seed0.json").read_text())
    result["record"]["seed"] = seed
    result["test"]["strict_accuracy"] = strict
    return result


def test_seeds_share_a_row_of_the_table() -> None:
    from reproducing.page import results_table

    table = results_table([_result("mlp-mnist", seed, strict) for seed, strict in enumerate((0.97, 0.98, 0.99))])
    (row,) = [line for line in table.splitlines() if line.startswith("| mlp-mnist")]
    assert "**98.00 ± 1.00**" in row
    assert "| 0, 1, 2 |" in row


def test_a_row_that_learned_from_all_stimuli_has_no_validation_accuracy() -> None:
    from reproducing.page import results_table

    result = _result("mlp-mnist", 0, 0.97)
    del result["validation_strict_accuracy"]
    assert "| **97.00** | 0 | – |" in results_table([result]).splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nothing"], "rows are"),
        (["--ablations", "mlp-mnist"], "trains networks of its own"),
        (["--ablations", "--seed", "1"], "trains networks of its own"),
        (["--evaluate", "--ship"], "trains nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], said: str, invoke: Callable[..., Any]) -> None:
    import reproduce

    done = invoke(reproduce.main, options)
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", "").split())


def test_it_is_a_program(tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "reproduce.py"), "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "rows are" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_data_is_noticed_before_a_row_is_trained(idx_data: Path, tmp_path: Path) -> None:
    script, runs = REPOSITORY / "scripts" / "reproduce.py", tmp_path / "runs"
    rows = ["mlp-mnist", "rcsnn-nmnist", "--data-dir", str(idx_data), "--runs", str(runs)]
    done = subprocess.run([sys.executable, str(script), *rows], capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.startswith("reproduce: ")
    assert "tonic:NMNIST" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()


def test_an_ablation_is_trained_once(idx_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reproducing import ablations

    monkeypatch.setattr(ablations, "IMAGES", 200)
    monkeypatch.setattr(ablations, "EPOCHS", 1)
    monkeypatch.setattr(ablations, "ABLATIONS", {"phased": ablations.ABLATIONS["phased"]})
    trained: list[str] = []
    ablations.run_ablations(tmp_path, str(idx_data), trained.append)
    result = json.loads((tmp_path / "phased" / "result.json").read_text())
    assert result["validation"]["presentations"] == 5000
    assert result["epochs"] == 1
    ablations.run_ablations(tmp_path, str(idx_data), trained.append)
    assert trained == ["phased"]
    monkeypatch.setattr(ablations, "EPOCHS", 2)
    with pytest.raises(RunError, match="made with other settings"):
        ablations.run_ablations(tmp_path, str(idx_data), trained.append)


def test_what_is_shipped_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reproducing import rows

    from netsim.analysis import metrics_table
    from netsim.models.presets import load_preset
    from netsim.training.opening import open_training

    run = open_training(tmp_path / "runs" / "digits-seed0", load_preset("digits"), seed=0, limit=40)
    run.train()
    (run.folder.path / "packed.npz").write_bytes(b"weights")
    measured = {"read_outs": {"strict": 0.5}}
    run.folder.write_json("result.json", {"preset": "digits", "record": {"seed": 0}, "test": measured})
    for name in ("TRAINED", "RECORDS", "EVALUATIONS", "METRICS", "ABLATIONS"):
        monkeypatch.setattr(rows, name, tmp_path / name)
    rows.ship_rows(tmp_path / "runs")
    assert (tmp_path / "TRAINED" / "digits.npz").read_bytes() == b"weights"
    assert json.loads((tmp_path / "EVALUATIONS" / "digits.json").read_text()) == measured
    assert json.loads((tmp_path / "RECORDS" / "digits-seed0.json").read_text())["test"] == measured
    pd.testing.assert_frame_equal(
        metrics_table(tmp_path / "METRICS" / "digits-seed0.csv"), metrics_table(run.folder.metrics)
    )


@pytest.mark.parametrize("preset", ["mlp-mnist", "mlp-fashion"])
def test_shipped_weights_give_the_figures_of_the_tables(
    idx_data: Path, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reproducing import rows
    from reproducing.records import EVALUATIONS, RECORDS

    monkeypatch.setattr(rows, "EVALUATIONS", tmp_path)
    rows.evaluate_shipped(preset, str(idx_data))
    measured = json.loads((tmp_path / f"{preset}.json").read_text())
    recorded = json.loads((RECORDS / f"{preset}-seed0.json").read_text())["test"]
    assert measured["strict_accuracy"] == recorded["strict_accuracy"]
    kept = json.loads((EVALUATIONS / f"{preset}.json").read_text())
    for figure in ("read_outs", "onset_rate"):
        assert measured[figure] == kept[figure]
    assert measured["median_decision_latency_ms"] == pytest.approx(kept["median_decision_latency_ms"])
