"""Whole processes: their wall-clock time and peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netsim.errors import RunError

_NETSIM = (sys.executable, "-m", "netsim")

# A process inherits the peak of the one that starts it; so a small one starts what is measured.
_STARTER = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(child, 0)
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([time.perf_counter() - began, peak, os.waitstatus_to_exitcode(status)]))
"""


def run_process(command: Sequence[str], environment: dict[str, str] | None = None) -> dict[str, float]:
    """Run a command to its end.

    Returns
    -------
    dict
        ``seconds`` by the clock from the start of the process, and ``peak_bytes`` of resident memory.

    Raises
    ------
    RunError
        If the command fails; its own last line says why.
    """
    done = subprocess.run(
        [sys.executable, "-ISc", _STARTER, *command],
        env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        seconds, peak, code = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        seconds, peak, code = 0.0, 0, done.returncode or 1
    if code:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise RunError(f"{' '.join(command[1:])}: failed with exit code {code} ({said[-1]})")
    return {"seconds": seconds, "peak_bytes": peak}


def measure_epoch(preset: str, data_dir: str | None, seed: int) -> dict[str, Any]:
    """Peak memory of the training of one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", preset, "--epochs", "1", "--seed", str(seed), "--out", str(Path(folder) / "run")]
        figures = run_process([*_NETSIM, *command, *_data(data_dir)])
    return {"command": f"netsim train {preset} --epochs 1", **figures}


def measure_evaluation(preset: str, data_dir: str | None, repetitions: int) -> dict[str, Any]:
    """Time of an evaluation from process start to figures, with compiled code in the cache."""
    command = [*_NETSIM, "evaluate", preset, *_data(data_dir)]
    run_process(command)
    runs = [run_process(command) for _ in range(repetitions)]
    return {
        "command": f"netsim evaluate {preset}",
        "seconds": statistics.median(run["seconds"] for run in runs),
        "all_seconds": [run["seconds"] for run in runs],
        "peak_bytes": max(run["peak_bytes"] for run in runs),
    }


def measure_starts(preset: str, data_dir: str | None) -> dict[str, Any]:
    """Time of a first process of the Brian2 engine, whose cache is empty, and of a second; what each compiled."""
    command = ["evaluate", preset, "--engine", "brian2", "--limit", "1"]
    starts = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            before = _compiled(Path(cache))
            figures = run_process([*_NETSIM, *command, *_data(data_dir)], {"CYTHON_CACHE_DIR": cache})
            starts.append({**figures, "compiled": len(_compiled(Path(cache)) - before)})
    return {"command": f"netsim {' '.join(command)}", "first": starts[0], "second": starts[1]}


def _compiled(cache: Path) -> set[Path]:
    return {path for pattern in ("*.so", "*.pyd") for path in cache.rglob(pattern)}


def _data(data_dir: str | None) -> list[str]:
    return ["--data-dir", data_dir] if data_dir else []
