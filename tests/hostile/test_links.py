"""Links in a run folder that came from elsewhere lead no write out of it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from netsim.errors import RunError
from netsim.models.presets import load_preset
from netsim.presenting.cluster import connect
from netsim.runs.folder import RunFolder, create_run
from netsim.sweeps.execution import Outcome, SweepCallbacks
from netsim.sweeps.running import sweep
from netsim.training.checkpoint import write_checkpoint, write_epochs
from netsim.training.starting import start_training

DIGITS = load_preset("digits")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that must stay as it is."""
    path = tmp_path / "outside"
    path.write_text("precious")
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "run", DIGITS, {"seed": 0})


def test_a_link_in_place_of_the_lock(run: RunFolder, outside: Path) -> None:
    run.lock_file.unlink(missing_ok=True)
    run.lock_file.symlink_to(outside)
    with pytest.raises(RunError, match=r"run: cannot be written"), run.lock():
        pass
    assert outside.read_text(encoding="utf-8") == "precious"


def test_links_in_place_of_files_are_replaced(run: RunFolder, outside: Path) -> None:
    files = (run.checkpoint, run.previous_checkpoint, run.best, run.metrics, run.network_file, run.record_file)
    for file in files:
        file.unlink(missing_ok=True)
        file.symlink_to(outside)
    state = start_training(DIGITS, 0)
    state.history = [{"epoch": 1, "validation_strict_accuracy": 0.5, "validation_loss": 1.0}]
    state.best_weights = state.weights
    write_checkpoint(state, run)
    write_epochs(state, run)
    run.write_json(run.record_file.name, {"seed": 0})
    assert outside.read_text(encoding="utf-8") == "precious"
    assert not any(file.is_symlink() for file in (run.checkpoint, run.best, run.metrics, run.record_file))


def test_links_where_dask_would_work(tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes first makes that folder in the one of temporary files, which all users share."""
    pytest.importorskip("distributed", reason="workers need the extra sweep: pip install -e '.[sweep]'")
    pytest.importorskip("cryptography", reason="workers need the extra sweep: pip install -e '.[sweep]'")
    temporary = tmp_path / "temporary"
    shared = temporary / "dask-scratch-space"
    shared.mkdir(parents=True)
    for name in ("global.lock", "purge.lock"):
        (shared / name).symlink_to(outside)
    before = shared.stat().st_mtime_ns
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    with connect(workers=1) as client:
        assert client.submit(int, 3).result() == 3
    assert outside.read_text(encoding="utf-8") == "precious"
    assert shared.stat().st_mtime_ns == before
    assert list(temporary.iterdir()) == [shared]


def test_a_sweep_whose_folder_was_replaced_writes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock goes with its folder, and files are written by name."""
    plan = 'base = "digits"\nseeds = [0]\noverrides.training.validation = 100\n'
    Path("plan.toml").write_text(plan, encoding="utf-8")

    def end(client: object, runs: dict[str, object], folder: Path, *arguments: object) -> None:
        callbacks = next(each for each in arguments if isinstance(each, SweepCallbacks))
        folder.rename("moved")
        folder.mkdir()
        (folder / "results.csv").write_text("precious")
        callbacks.on_outcome(next(iter(runs)), Outcome(error="of no importance"))

    monkeypatch.setattr("netsim.sweeps.running.train_runs", end)
    monkeypatch.setattr("netsim.sweeps.running.connect", lambda *arguments: nullcontext())
    with pytest.raises(RunError, match="sweep: was moved, replaced or unlocked during the run"):
        sweep("plan.toml", "sweep", workers=1)
    assert Path("sweep/results.csv").read_text(encoding="utf-8") == "precious"
