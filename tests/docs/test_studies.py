"""The page on studies names every one, and its commands and its example run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from netsim.cli import app
from netsim.seams import studies

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "howto" / "studies.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ netsim (study .*)$", TEXT, re.MULTILINE)]


def test_every_one_is_told() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", TEXT, re.MULTILINE)[: len(studies)] == list(studies)


def test_every_picture_is_shown() -> None:
    shown = re.findall(r"\]\(studies/(.*?)\.png\)", TEXT)
    assert sorted(shown) == sorted(path.stem for path in (DOCS / "howto" / "studies").iterdir())


def test_python_example() -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    exec(code, {})
    assert len(pd.read_csv("thresholds.csv")) == 1 + 2 * 3 * 3
    assert "</svg>" in Path("thresholds.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_understood(command: list[str]) -> None:
    # the subject stands in for one that is missing, so that options are read and nothing is simulated
    done = CliRunner().invoke(app, [command[0], command[1], "nosuch", *command[3:]])
    assert "is neither a run folder nor a preset nor a TOML file" in str(done.exception)
