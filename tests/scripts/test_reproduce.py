"""The reproduction script: ablations that are what they say, and a page made of the records."""

from __future__ import annotations

import dataclasses
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsim.errors import RunError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))


def test_every_ablation_is_another_network_of_the_same_size() -> None:
    from ablations import ABLATIONS, base, network_of

    networks = {name: dataclasses.replace(network_of(name), name="same") for name in ABLATIONS}
    for name, (what, changes) in ABLATIONS.items():
        assert networks[name].shapes == networks["phased"].shapes
        unchanged = dataclasses.replace(base(what.rpartition(", ")[2]), name="same")
        assert (changes == {}) == (networks[name] == unchanged)
    assert len(set(networks.values())) == len(networks)


def test_the_page_of_results_is_made_of_the_records(tmp_path: Path) -> None:
    import reproduce

    page = tmp_path / "RESULTS.md"
    text = (REPOSITORY / "RESULTS.md").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    reproduce.write_page(page)
    assert page.read_text(encoding="utf-8") == text


def test_evaluations_are_of_the_weights_of_the_records() -> None:
    from reproduce import PAPER, TRAINED

    evaluations = {path.stem: json.loads(path.read_text()) for path in (TRAINED / "evaluations").glob("*.json")}
    assert set(evaluations) == {name for name in PAPER if (TRAINED / f"{name}.npz").exists()}
    for preset, measured in evaluations.items():
        recorded = json.loads((TRAINED / "records" / f"{preset}-seed0.json").read_text())["test"]
        assert measured["strict_accuracy"] == measured["read_outs"]["strict"] == recorded["strict_accuracy"]


def _result(preset: str, seed: int, strict: float) -> dict[str, Any]:
    from reproduce import TRAINED

    result: dict[str, Any] = json.loads((TRAINED / "records" / f"{preset}-seed0.json").read_text())
    result["record"]["seed"] = seed
    result["test"]["strict_accuracy"] = strict
    return result


def test_seeds_share_a_row_of_the_table() -> None:
    from reproduce import results_table

    table = results_table([_result("mlp-mnist", seed, strict) for seed, strict in enumerate((0.97, 0.98, 0.99))])
    (row,) = [line for line in table.splitlines() if line.startswith("| mlp-mnist")]
    assert "**98.00 ± 1.00**" in row
    assert "| 0, 1, 2 |" in row


def test_a_row_that_learned_from_all_stimuli_has_no_validation_accuracy() -> None:
    from reproduce import results_table

    result = _result("mlp-mnist", 0, 0.97)
    del result["validation_strict_accuracy"]
    table = results_table([result])
    assert "| **97.00** | 0 | – |" in table
    assert "mlp-mnist learned from all training images." in table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nothing"], "rows are"),
        (["--evaluate", "--seed", "1"], "trains nothing"),
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


def test_missing_data_is_noticed_before_a_row_is_trained(
    idx_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, runs = REPOSITORY / "scripts" / "reproduce.py", tmp_path / "runs"
    rows = ["mlp-mnist", "rcsnn-nmnist", "--data-dir", str(idx_data), "--runs", str(runs)]
    monkeypatch.setattr(sys, "argv", [str(script), *rows])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    said = str(ended.value.code)
    assert said.startswith("reproduce: ")
    assert "tonic:NMNIST" in said
    assert len(said.splitlines()) == 1
    assert not runs.exists()


def test_an_ablation_is_trained_once(
    idx_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ablations

    monkeypatch.setenv("NETSIM_DATA", str(idx_data))
    assert ablations.base("free").training.validation == 5000
    monkeypatch.setattr(ablations, "IMAGES", 200)
    monkeypatch.setattr(ablations, "ABLATIONS", {"phased": ("phased", {"training": {"epochs": 1}})})
    ablations.main(tmp_path)
    assert capsys.readouterr().err == "phased\n"
    result = json.loads((tmp_path / "phased" / "result.json").read_text())
    assert result["validation"]["presentations"] == 5000
    assert result["epochs"] == 1
    ablations.main(tmp_path)
    assert capsys.readouterr().err == ""
    with pytest.raises(RunError):
        ablations.measured(tmp_path / "phased", ablations.base("free"))


def test_what_is_shipped_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import reproduce

    from netsim.analysis import metrics_table
    from netsim.models.presets import load_preset
    from netsim.training.opening import open_training

    run = open_training(tmp_path / "runs" / "digits-seed0", load_preset("digits"), seed=0, limit=40)
    run.train()
    assert reproduce.training_record(run.folder)["record"]["seed"] == 0
    (run.folder.path / "packed.npz").write_bytes(b"weights")
    measured = {"read_outs": {"strict": 0.5}}
    run.folder.write_json("result.json", {"preset": "digits", "record": {"seed": 0}, "test": measured})
    shipped = tmp_path / "trained"
    for name in ("records", "evaluations", "metrics", "ablations"):
        (shipped / name).mkdir(parents=True)
    monkeypatch.setattr(reproduce, "TRAINED", shipped)
    reproduce.ship(tmp_path / "runs")
    assert (shipped / "digits.npz").read_bytes() == b"weights"
    assert json.loads((shipped / "evaluations" / "digits.json").read_text()) == measured
    assert json.loads((shipped / "records" / "digits-seed0.json").read_text())["test"] == measured
    pd.testing.assert_frame_equal(
        metrics_table(shipped / "metrics" / "digits-seed0.csv"), metrics_table(run.folder.metrics)
    )


# the weights of each preset take seconds; those of one tell whether the evaluation has changed
@pytest.mark.parametrize("preset", ["mlp-mnist", pytest.param("mlp-fashion", marks=pytest.mark.nightly)])
def test_shipped_weights_give_the_figures_of_the_tables(
    idx_data: Path, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reproduce

    kept_in = reproduce.TRAINED
    monkeypatch.setattr(reproduce, "TRAINED", tmp_path)
    (tmp_path / "evaluations").mkdir()
    reproduce.evaluate_shipped(preset, ["--data-dir", str(idx_data)])
    measured = json.loads((tmp_path / "evaluations" / f"{preset}.json").read_text())
    recorded = json.loads((kept_in / "records" / f"{preset}-seed0.json").read_text())["test"]
    assert measured["strict_accuracy"] == recorded["strict_accuracy"]
    kept = json.loads((kept_in / "evaluations" / f"{preset}.json").read_text())
    for figure in ("read_outs", "onset_rate"):
        assert measured[figure] == kept[figure]
    assert measured["median_decision_latency_ms"] == pytest.approx(kept["median_decision_latency_ms"])
