"""The page on event data: its example runs as it stands, its settings are read, its commands are understood."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import tonic.datasets
from typer.testing import CliRunner

from netsim.cli import app
from netsim.models.presets import load_preset
from netsim.seams import datasets
from netsim.specification.toml import dumps_network, network_from_dict, network_to_dict

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "event_data.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line, comments=True) for line in re.findall(r"^\$ netsim (.*)$", TEXT, re.MULTILINE)]


def test_python_examples(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(code, {})
    slices, shape, accuracy = capsys.readouterr().out.splitlines()[-3:]
    assert slices.startswith("Stimuli(60 of shape (8, 8, 1)")
    assert shape == "(1, 8, 8, 1)"
    assert 0 < float(accuracy) < 1


def test_toml_example() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    settings = tomllib.loads(text)["encoder"]
    network = load_preset("rcsnn-nmnist")
    assert network_from_dict(network_to_dict(network) | {"encoder": settings}) == network


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_understood(command: list[str], tmp_path: Path) -> None:
    # the folder stands in for one without data, so that options are read and nothing is simulated
    (tmp_path / "DIR").mkdir()
    (tmp_path / "FILE.toml").write_text(dumps_network(load_preset("rcsnn-nmnist")))
    done = CliRunner().invoke(app, command)
    assert "NMNIST('DIR', train=True)" in str(done.exception)


def test_the_data_sets_named_are_there() -> None:
    (named,) = re.findall(r"one sensor size: (.*?), …", TEXT, re.DOTALL)
    names = re.findall(r"`(\w+)`", named)
    assert len(names) > 5
    for name in names:
        assert f"tonic:{name}" in datasets["tonic"].names()
        assert hasattr(tonic.datasets, name)
