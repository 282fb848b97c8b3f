"""The commands and examples of the page on exchange run as they stand, in their order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from netsim.cli import main
from netsim.seams import network_formats, spike_formats

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "exchange.md").read_text(encoding="utf-8")
LARGE = ("viziphant", "bmtk")
"""Of no extra."""
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", TEXT, re.DOTALL)


def test_every_format_has_a_row_and_a_command() -> None:
    for to, known in spike_formats.items():
        assert f"| `{to}` | {', '.join(f'`{suffix}`' for suffix in known.suffixes)} |" in TEXT
    for to in [*spike_formats, *network_formats]:
        assert f"--to {to} " in TEXT


def test_all_examples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("pynwb", "libsonata", "neo", "elephant", "pyarrow", "nir"):
        pytest.importorskip(package, reason=f"the page uses {package}, of the extra 'test'")
    names: dict[str, object] = {}
    for language, block in BLOCKS:
        if language == "console":
            for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
                _run(command, monkeypatch)
        elif all(map(_is_there, [package for package in LARGE if package in block])):
            exec(block, names)
    out = capsys.readouterr().out
    assert len(re.findall(r"^output \d: \d+\.\d{3} ms$", out, re.MULTILINE)) >= 2
    assert len(re.findall(r"^label \d: \d+\.\d\d Hz, peak \d+ spikes$", out, re.MULTILINE)) == 3
    assert re.findall(r"^hidden: .*$", out, re.MULTILINE) == [
        "hidden: 200 neurons of threshold 32.0",
        "hidden: may fire from 16.0 ms to 48.0 ms",
    ]
    assert re.findall(r"^edges onto output 3: .*$", out, re.MULTILINE) == ["edges onto output 3: 200, from hidden"]
    assert {"spikes.nwb", "spikes.h5", "spikes.mat", "spikes.csv", "spikes.parquet", "own.nwb", "digits.nir"} <= {
        path.name for path in Path().iterdir()
    }


def _is_there(package: str) -> bool:
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def _run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if command.startswith("pip ") or ("pynn/run.py" in command and not (_is_there("pyNN") and _is_there("nest"))):
        return
    if not command.startswith("netsim "):
        subprocess.run(["bash", "-c", command], check=True)
        return
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
