"""docs/howto/recordings.md: its programs print what it shows, and its commands run on the sample recordings."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsim.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "recordings.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^\$ (netsim .*)$", TEXT, re.MULTILINE)
SAMPLES = "neural/10_spikes-1.mat"


def test_arrays_are_cut_as_the_page_shows() -> None:
    shown = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(PROGRAMS[0], {})
    assert [printed.getvalue()] == shown


def test_sample_recordings_are_analysed() -> None:
    pytest.importorskip("pynwb", reason="needs pynwb, of the extra exchange")
    if not Path(os.environ.get("NETSIM_DATA", ""), SAMPLES).is_file():
        pytest.skip(f"needs {SAMPLES} in the folder of NETSIM_DATA; docs/howto/recordings.md says where to get it")
    exec(PROGRAMS[1], {})
    commands = [shlex.split(each)[1:] for each in COMMANDS if "session.nwb" not in each]
    assert len(commands) == 4
    for command in commands:
        done = CliRunner().invoke(app, [*command, "--out", "table.csv"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
