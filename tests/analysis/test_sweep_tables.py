"""Tables of sweeps: one row per run, means over seeds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import read_sweep_table, sweep_summary, sweep_table, write_table
from netsim.errors import DataError
from netsim.sweeps.execution import Outcome, ended_runs
from netsim.sweeps.plan import plan_from_dict

PLAN = plan_from_dict(
    tomllib.loads(
        'base = "digits"\nseeds = [0, 1]\n[grid]\nlearning.rate = [0.1, 0.2]\n'
        'layers.hidden.psp = [{ shape = "ramp" }, { shape = "plateau", rise = 8.0 }]'
    ),
    Path(),
)
RUNS = {f"{number:04d}": run for number, run in enumerate(PLAN.runs, 1)}


def _finished(strict: float, loss: float = 0.5) -> Outcome:
    return Outcome(
        {
            "epochs": 3,
            "best_epoch": 2,
            "validation_accuracy": strict + 0.01,
            "validation_strict_accuracy": strict,
            "validation_loss": loss,
            "seconds": 1 / 3,
        }
    )


def _table() -> pd.DataFrame:
    outcomes = {"0004": _finished(0.75), "0001": _finished(0.5), "0002": _finished(0.625, 0.25)}
    outcomes |= {"0003": Outcome(error="training diverged, in hidden")}
    return sweep_table(PLAN.keys, ended_runs(RUNS, outcomes))


def test_a_row_for_each_run_that_has_ended() -> None:
    table = _table()
    assert list(table["run"]) == ["0001", "0002", "0003", "0004"]
    assert list(table["status"]) == ["finished", "finished", "failed", "finished"]
    assert list(table["seed"]) == [0, 1, 0, 1]
    assert list(table["learning.rate"]) == [0.1] * 4
    assert table["layers.hidden.psp"][3] == '{"shape": "plateau", "rise": 8.0}'
    assert table["epochs"].isna().tolist() == [False, False, True, False]
    assert table["error"][2] == "training diverged, in hidden"
    assert len(sweep_table(PLAN.keys, [])) == 0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    table = _table()
    write_table(table, tmp_path / "results.csv")
    read = read_sweep_table(tmp_path / "results.csv")
    assert list(read.columns) == list(table.columns)
    assert list(read["run"]) == list(table["run"])
    for name in ("validation_strict_accuracy", "validation_loss", "seconds", "learning.rate"):
        np.testing.assert_array_equal(read[name].to_numpy(float), table[name].to_numpy(float))
    pd.testing.assert_frame_equal(sweep_summary(read), sweep_summary(table), check_dtype=False)


def test_means_over_seeds_the_best_first() -> None:
    summary = sweep_summary(_table())
    assert list(summary["seeds"]) == [1, 2]
    assert list(summary["validation_strict_accuracy"]) == [0.75, 0.5625]
    assert np.isnan(summary["sd"][0])
    assert summary["sd"][1] == pytest.approx(np.std([0.5, 0.625], ddof=1))
    assert list(summary["best_run"]) == ["0004", "0002"]
    assert list(summary.columns[:2]) == ["learning.rate", "layers.hidden.psp"]


@pytest.mark.parametrize(("losses", "best"), [((0.3, 0.2), "0002"), ((0.2, 0.3), "0001"), ((0.2, 0.2), "0001")])
def test_of_equally_accurate_runs_the_one_with_the_least_loss_is_the_best(
    losses: tuple[float, float], best: str
) -> None:
    outcomes = {name: _finished(0.75, loss) for name, loss in zip(("0001", "0002"), losses, strict=True)}
    assert sweep_summary(sweep_table(PLAN.keys, ended_runs(RUNS, outcomes)))["best_run"].tolist() == [best]


def test_a_sweep_over_seeds_alone_is_one_row() -> None:
    table = sweep_table((), ended_runs(RUNS, {"0001": _finished(0.5), "0002": _finished(0.75)}))
    summary = sweep_summary(table)
    assert summary["validation_strict_accuracy"].tolist() == [0.625]
    assert summary["best_run"].tolist() == ["0002"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00"])
def test_no_table_of_a_sweep(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_sweep_table(tmp_path / "results.csv")
    (tmp_path / "results.csv").write_text(text)
    with pytest.raises(DataError, match=r"results\.csv: is no.*give (the )?results\.csv"):
        read_sweep_table(tmp_path / "results.csv")


@pytest.mark.parametrize("name", ["seed", "epochs", "validation_loss"])
def test_figures_of_a_sweep_are_numbers(name: str, tmp_path: Path) -> None:
    table = _table().astype({name: object})
    table.loc[0, name] = "many"
    write_table(table, tmp_path / "results.csv")
    with pytest.raises(DataError, match=f"results.csv: is not the table of a sweep; {name} has a value that is not "):
        read_sweep_table(tmp_path / "results.csv")
