"""The reproduction script: ablations that are what they say, and a page made of the records."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netsim.errors import RunError
from netsim.specification import Network

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts" / "reproduce.py"


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
    from reproducing.records import ABLATIONS, RECORDS, read_records

    page = results_page(read_records(RECORDS), read_records(ABLATIONS))
    assert (REPOSITORY / "RESULTS.md").read_text() == page


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


@pytest.mark.parametrize("options", [["nothing"], ["--ablations", "mlp-mnist"], ["--ablations", "--seed", "1"]])
def test_what_makes_no_sense_is_refused(options: list[str], tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "rows are" in done.stderr or "ablations" in done.stderr


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


@pytest.mark.parametrize("preset", ["mlp-mnist", "mlp-fashion"])
def test_shipped_weights_give_the_figure_of_the_table(idx_data: Path, preset: str) -> None:
    from reproducing.records import RECORDS

    done = subprocess.run(
        [sys.executable, "-m", "netsim", "evaluate", preset, "--data-dir", str(idx_data), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    recorded = json.loads((RECORDS / f"{preset}-seed0.json").read_text())["test"]
    assert json.loads(done.stdout)["strict_accuracy"] == recorded["strict_accuracy"]
