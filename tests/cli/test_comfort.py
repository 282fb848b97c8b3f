"""What saves a user a step: version, completion, resuming what has not begun, a data folder that is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import netsim as package
from netsim.cli.options import first_of
from netsim.data.loading import where
from netsim.data.places import remember_folder, remembered_folder
from netsim.data.stimuli import load_splits
from netsim.models.presets import load_preset
from netsim.runs.folder import is_run
from netsim.training.opening import open_training


def test_the_version_is_that_of_the_package(netsim: Callable) -> None:
    done = netsim("--version")
    assert (done.code, done.out, done.err) == (0, f"netsim {package.__version__}\n", "")


def test_resuming_a_run_that_is_not_there_begins_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        open_training(tmp_path / name, load_preset("digits"), limit=20, resume=True)
        assert is_run(tmp_path / name)
    open_training(tmp_path / "absent", load_preset("digits"), limit=20, resume=True)


def test_a_data_folder_is_remembered(
    netsim: Callable, tmp_path: Path, idx_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NETSIM_DATA", raising=False)
    idx_folder("mnist")
    assert remembered_folder() is None
    (tmp_path / "nothing").mkdir()
    netsim("data", "--data-dir", tmp_path / "nothing")
    assert remembered_folder() is None
    done = netsim("data", "mnist", "--data-dir", tmp_path)
    assert (done.code, done.out.split("\n")[0].strip()) == (0, "")
    assert f"{tmp_path}: is remembered in" in done.err
    assert remembered_folder() == tmp_path
    first = where("mnist")[0]
    assert (first.origin, first.found) == ("remembered", True)
    monkeypatch.setenv("NETSIM_DATA", str(tmp_path / "nothing"))
    assert [location.origin for location in where("mnist")][:2] == ["NETSIM_DATA", "remembered"]
    remember_folder(tmp_path / "nothing")
    assert remembered_folder() == tmp_path / "nothing"


def test_a_limit_that_leaves_out_classes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    stimuli = load_splits(load_preset("digits")).test
    in_order = stimuli.pick(np.argsort(stimuli.labels, kind="stable"))
    lost = 10 - len(np.unique(in_order.labels[:60]))
    assert len(first_of(in_order, 60)) == 60
    assert capsys.readouterr().err == (
        f"the first 60 stimuli lack {lost} of 10 classes; shuffle the data, or leave out --limit\n"
    )
    first_of(in_order, 40)  # too few for ten classes
    first_of(stimuli, 200)
    assert capsys.readouterr().err == ""
