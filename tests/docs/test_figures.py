"""The gallery of figures shows every kind, and its example runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from netsim.analysis.kinds import FIGURE_KINDS
from netsim.cli import app

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "figures.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ netsim (plot .*)$", TEXT, re.MULTILINE)]


@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_every_kind_has_a_picture_and_a_command(kind: str) -> None:
    assert f"](figures/{kind}.png)" in TEXT
    assert 1000 < (DOCS / "figures" / f"{kind}.png").stat().st_size < 150_000
    assert kind in [command[1] for command in COMMANDS]


def test_every_picture_is_shown() -> None:
    shown = re.findall(r"\]\(figures/(.*?)\.png\)", TEXT)
    assert sorted(shown) == sorted(path.stem for path in (DOCS / "figures").iterdir())


def test_python_example() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(code, {})
    assert len(pd.read_csv("decisions.csv")) == 360
    assert "</svg>" in Path("decision-time.svg").read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_understood(command: list[str]) -> None:
    # the subject stands in for one that is missing, so that options are read and nothing is simulated
    done = CliRunner().invoke(app, [command[0], command[1], "nosuch", *command[3:]])
    assert "is neither a preset nor a TOML file" in str(done.exception)
