"""Ctrl-C, and two that write to one run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsim.runs.folder import RunFolder
from netsim.training import session as training

Netsim = Callable[..., Any]


def _train(out: str, *options: object) -> list[str]:
    return ["train", "digits", "--epochs", "3", "--limit", "100", *map(str, options), "--out", out]


def _interrupt_after(batches: int, monkeypatch: pytest.MonkeyPatch, presses: int = 1) -> None:
    """Press Ctrl-C while a batch is learned."""
    count = training._accumulate
    seen: list[int] = []

    def counting(*arguments: Any) -> None:
        seen.append(1)
        if len(seen) == batches:
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)
        count(*arguments)

    monkeypatch.setattr(training, "_accumulate", counting)


@pytest.mark.parametrize(
    ("batches", "engine"),
    [(1, "event"), (13, "event"), (13, "brian2"), pytest.param(1, "brian2", marks=pytest.mark.nightly)],
)
def test_an_interrupted_training_goes_on_to_the_same_weights(
    engine: str, batches: int, netsim: Netsim, no_leftovers: Callable[[Path], None], tmp_path: Path
) -> None:
    options = ("--engine", engine, "--dt", 1)
    assert netsim(*_train("whole", *options)).code == 0
    with pytest.MonkeyPatch.context() as patch:
        _interrupt_after(batches, patch)
        done = netsim(*_train("broken", *options))
    assert done.code == 130
    message = done.err.splitlines()[-1]
    assert message.startswith("netsim: broken: interrupted; the last checkpoint is kept.")
    command = " ".join(["netsim", *_train("broken", *options), "--resume"])
    assert message.endswith(command)
    with pytest.MonkeyPatch.context() as patch:
        left = 30 - batches
        learned: list[int] = []
        count = training._accumulate

        def counting(*arguments: Any) -> None:
            learned.append(1)
            count(*arguments)

        patch.setattr(training, "_accumulate", counting)
        assert netsim(*command.split()[1:]).code == 0
    assert len(learned) == left  # nothing that was learned is learned again
    assert Path("broken/best.npz").read_bytes() == Path("whole/best.npz").read_bytes()
    with np.load("broken/checkpoint.npz") as broken, np.load("whole/checkpoint.npz") as whole:
        for name in broken.files:
            if name.split(".")[0] in ("weights", "optimizer"):
                assert broken[name].tobytes() == whole[name].tobytes()
    no_leftovers(tmp_path)


@pytest.mark.parametrize("engine", ["event", "brian2"])
def test_a_second_ctrl_c_stops_at_once(engine: str, netsim: Netsim) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _interrupt_after(3, patch, presses=2)
        done = netsim(*_train("run", "--engine", engine))
    assert done.code == 130
    (message,) = done.err.splitlines()
    assert "interrupted before the first checkpoint" in message
    assert sorted(os.listdir("run")) == [".lock", "network.toml", "run.json"]
    assert netsim(*_train("run", "--engine", engine, "--resume")).code == 0


def test_ctrl_c_works_as_before_after_a_training(netsim: Netsim) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert netsim(*_train("run")).code == 0
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("engine", ["event", "brian2"])
def test_an_interrupted_evaluation_is_one_line(
    engine: str, netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netsim.measuring.evaluation.decide", interrupted)
    done = netsim("evaluate", run, "--engine", engine)
    assert (done.code, done.out, done.err) == (130, "", "netsim: interrupted\n")
    assert not (run / "evaluation-test.json").exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_ends_are_one_line_as_well(name: str, netsim: Netsim, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(signal, name):
        pytest.skip("is no signal here")
    number = getattr(signal, name)

    def ended(*arguments: Any) -> None:
        signal.raise_signal(number)

    before = signal.signal(number, signal.SIG_DFL)  # tests that nohup runs ignore SIGHUP
    try:
        monkeypatch.setattr("netsim.measuring.evaluation.decide", ended)
        done = netsim("evaluate", run)
        assert (done.code, done.out, done.err) == (130, "", "netsim: interrupted\n")
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert not (run / "evaluation-test.json").exists()


WORKERS = """
import multiprocessing, signal

if __name__ == "__main__":
    from netsim.presenting.cluster import _ENDS, _interrupts_later

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with _interrupts_later():
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=signal.raise_signal, args=(end,)) for end in _ENDS]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    print([process.exitcode for process in processes], signal.pthread_sigmask(signal.SIG_BLOCK, []) == before)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs masks of signals")
def test_signals_do_not_reach_workers_while_they_start() -> None:
    """The first process of multiprocessing brings another one along, and lets signals through again after that."""
    Path("workers.py").write_text(WORKERS, encoding="utf-8")
    started = subprocess.run([sys.executable, "workers.py"], capture_output=True, text=True, timeout=120)
    assert (started.stdout, started.stderr) == ("[0, 0, 0] True\n", "")


LOST = """
import ctypes, signal, time
from netsim.cli.terminal import ended_as_by_ctrl_c

@ctypes.CFUNCTYPE(None)
def callback():
    signal.raise_signal(signal.SIGINT)

try:
    with ended_as_by_ctrl_c():
        callback()
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_in_a_callback_of_compiled_code_is_not_lost() -> None:
    """Numba and LLVM call Python, and discard what it raises."""
    started = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=50)
    assert (started.stdout, started.stderr) == ("interrupted\n", "")


IMPORTING = """
import builtins, sys
find = builtins.__import__

def interrupted(name, *arguments):
    if name == "netsim.cli":
        raise KeyboardInterrupt
    return find(name, *arguments)

builtins.__import__ = interrupted
from netsim.__main__ import main
main()
"""


def test_ctrl_c_before_anything_is_one_line() -> None:
    completed = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, timeout=120)
    assert (completed.returncode, completed.stdout, completed.stderr) == (130, "", "netsim: interrupted\n")


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_real_ctrl_c() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "netsim", "train", "digits", "--epochs", "1000", "--out", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not Path("run/checkpoint.npz").exists() and time.monotonic() < deadline and program.poll() is None:
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        out, errors = program.communicate(timeout=120)
    finally:
        program.kill()
    assert program.returncode == 130
    assert out == ""
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].endswith("netsim train digits --epochs 1000 --out run --resume")


def test_a_run_in_use_is_refused(netsim: Netsim, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir()}
    with RunFolder(run).lock():
        done = netsim("train", "digits", "--epochs=2", "--limit=300", f"--out={run}", "--resume")
        done.refused("in use by another process")
        netsim("train", "digits", f"--out={run}").refused("exists already")
    assert {path: path.read_bytes() for path in run.iterdir()} == before
    assert netsim("train", "digits", "--epochs=2", "--limit=300", f"--out={run}", "--resume").code == 0
