"""The page on model descriptions shows what the command gives, and its examples run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.cli import app
from netsim.description import describe, to_markdown
from netsim.models.presets import load_preset

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "describe.md").read_text(encoding="utf-8")
DESCRIPTION = describe(load_preset("rcsnn-mnist"))


def test_the_excerpt_is_what_is_written() -> None:
    excerpt = [line for line in TEXT.splitlines() if line.startswith("| **")]
    assert len(excerpt) > 4
    assert set(excerpt) <= set(to_markdown(DESCRIPTION).splitlines())


def test_every_table_is_told() -> None:
    for table in DESCRIPTION.tables:
        assert re.search(rf"^\| (.*, )?{table.letter}[ ,]", TEXT, re.MULTILINE)


def test_python_example(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(code, {})
    assert "'Model summary', 'Populations'" in capsys.readouterr().out


@pytest.mark.parametrize("command", re.findall(r"^\$ netsim ([^#\n]*)", TEXT, re.MULTILINE))
def test_commands_are_understood(command: str) -> None:
    words = shlex.split(command)
    done = CliRunner().invoke(app, [words[0], "nosuch", *words[2:]])
    assert "is neither a run folder nor a preset nor a TOML file" in str(done.exception)
