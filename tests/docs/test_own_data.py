"""The page on data of one's own: its programs run as they stand, and so do its commands on what they made."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import netsim
from netsim.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "own_data.md").read_text(encoding="utf-8")


def test_the_programs_run_and_the_commands_after_them(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for code in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        exec(compile(code, "own_data.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert float(printed[0].rstrip("%")) >= 95
    assert printed[1].startswith("Dataset('recorded': 160 training and 40 test latencies of 1x20x1, 2 classes")
    assert printed[2].startswith("Dataset('tones': 80 training and 20 test sounds of 1x2560x1, 2 classes")
    assert printed[3].startswith("Dataset('data': 2000 training and 500 test rows of 1x4x1, 3 classes")
    assert netsim.load_model("runs/iris").splits().test.classes == ("setosa", "versicolor", "virginica")
    commands = re.findall(r"^\$ netsim (.* runs/iris.*)$", TEXT, re.MULTILINE)
    assert len(commands) == 6
    for command in (commands[0], *commands[4:]):  # the other ones are the slow ones, and tested on other runs
        done = CliRunner().invoke(app, shlex.split(command), catch_exceptions=False)
        assert done.exit_code == 0, command
    assert netsim.load_plugin("my_schedule.py").__name__ == "my_schedule"
    assert netsim.seams.schedules["warm-up"](0.25) == 0.25
