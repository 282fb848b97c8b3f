"""Trainings killed with SIGKILL go on to the same end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "kill_campaign.py"


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(
    ("training", "kills", "limit"),
    [
        pytest.param("event", 1, 300, marks=pytest.mark.nightly),
        pytest.param("brian2", 1, 60, marks=[pytest.mark.slow, pytest.mark.nightly]),
        ("stream", 1, 200),
    ],
)
def test_killed_trainings_go_on_to_the_same_end(training: str, kills: int, limit: int) -> None:
    options = ["--kills", kills, "--limit", limit, "--epochs", 2, "--seed", 3, "--no-warm"]
    done = subprocess.run([sys.executable, SCRIPT, training, *map(str, options)], capture_output=True, text=True)
    assert done.returncode == 0, done
    heading, _, *rows = done.stdout.splitlines()
    assert heading.endswith("| the same end |")
    assert len(rows) == kills
    for row in rows:
        assert row.startswith(f"| {training} |")
        assert row.endswith("| yes |")
