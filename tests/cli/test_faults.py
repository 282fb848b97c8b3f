"""A disk that fills up, a folder that may not be written to, and two trainings in one folder: nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from netsim.training import session as training

Netsim = Callable[..., Any]
SHORT = ("train", "digits", "--epochs", 2, "--limit", 100, "--checkpoint-every", 0, "--out")


@pytest.mark.parametrize("batches", [1, 7, 13])
def test_a_disk_that_fills_up_costs_nothing_but_time(
    batches: int,
    netsim: Netsim,
    no_leftovers: Callable[[Path], None],
    tmp_path: Path,
    largest_file: Callable[[int], AbstractContextManager[None]],
    resource: ModuleType,
) -> None:
    assert netsim(*SHORT, "whole").code == 0
    count = training._accumulate
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch, largest_file(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):

        def fill_up(*arguments: Any) -> None:
            count(*arguments)
            seen.append(1)
            if len(seen) == batches:
                limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))

        patch.setattr(training, "_accumulate", fill_up)
        done = netsim(*SHORT, "full")
    assert done.code == 1
    message = done.err.splitlines()[-1]
    assert message.startswith("netsim: full/checkpoint.npz: cannot be written (")
    assert "free some space" in message
    assert "Traceback" not in done.err
    no_leftovers(tmp_path)
    assert netsim(*SHORT, "full", "--resume").code == 0
    assert Path("full/best.npz").read_bytes() == Path("whole/best.npz").read_bytes()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into."""
    folder = Path(tempfile.mkdtemp(prefix="netsim-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def _no_superuser() -> Iterator[None]:
    """The superuser may write anywhere; be nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_folders_that_may_not_be_written_to(
    others_read: Callable[..., None], netsim: Netsim, run: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_read("netsim", "netsim.models")
    shutil.copytree(run, open_folder / "run")
    monkeypatch.chdir(open_folder)
    commands = {
        "train digits --epochs 1 --limit 100 --out new": "new: cannot be created (Permission denied); choose another",
        "train digits --epochs 2 --limit 300 --out run --resume": "run: cannot be written (Permission denied); make it",
        "simulate run --out figures": "figures: cannot be created (Permission denied); choose another folder",
        "export run --to csv --index 0 spikes.csv": f"{open_folder}: cannot be written to (Permission denied)",
    }
    for command in commands:  # they work, and import what they need as long as this process may
        assert netsim(*command.split()).code == 0
    shutil.rmtree("run")
    shutil.rmtree("figures")
    shutil.rmtree("new")
    for file in Path().glob("spikes.csv*"):
        file.unlink()
    shutil.copytree(run, "run")
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    Path("run").chmod(0o555)
    open_folder.chmod(0o555)
    with _no_superuser():
        for command, message in commands.items():
            done = netsim(*command.split())
            assert (done.code, done.err.splitlines()[-1][: len(message) + 8]) == (1, f"netsim: {message}")
        done = netsim("evaluate", "run")
        assert (done.code, done.err.splitlines()) == (
            0,
            [
                "not saved: run/evaluation-test.json: cannot be written (Permission denied);"
                " choose another folder, or free some space"
            ],
        )
        assert "strict accuracy (ties are errors)" in done.out
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
    assert os.listdir() == ["run"]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_two_trainings_in_one_folder(netsim: Netsim) -> None:
    options = ("train", "digits", "--epochs", "1000", "--out", "run")
    first = subprocess.Popen(
        [sys.executable, "-m", "netsim", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not Path("run/checkpoint.npz").exists() and time.monotonic() < deadline and first.poll() is None:
            time.sleep(0.01)
        netsim(*options, "--resume").refused("run: is in use by another process")
        netsim(*options).refused("run: exists already")
        assert first.poll() is None
        first.send_signal(signal.SIGINT)
        assert first.wait(120) == 130
    finally:
        first.kill()
        first.wait()
    assert not list(Path("run").glob(".checkpoint*"))
