"""The page on settings lists defaults as they are, and its programs run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netsim
from netsim.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "settings.md").read_text(encoding="utf-8")


def test_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \|.*\| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert len(rows) > 5
    digits = netsim.load_preset("digits")
    for table, key, *shown in rows:
        settings = {"learning": netsim.Learning, "training": netsim.Training}[table]
        default = {field.name: field.default for field in dataclasses.fields(settings)}[key]
        values = (default, getattr(getattr(digits, table), key))
        assert shown == [value if isinstance(value, str) else f"{value:g}" for value in values], key


def test_programs(capsys: pytest.CaptureFixture[str]) -> None:
    for program in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        exec(program, {})
    assert CliRunner().invoke(app, ["new", "mine", "--from", "digits"]).exit_code == 0
    assert netsim.read_network("mine.toml") == dataclasses.replace(netsim.load_preset("digits"), name="mine")
    assert float(capsys.readouterr().out.rstrip("%\n")) > 80
