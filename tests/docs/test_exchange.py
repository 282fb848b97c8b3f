"""The commands and examples of the page on exchange run as they stand, in their order."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from netsim.cli import main
from netsim.seams import network_formats, spike_formats

TEXT = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")
LARGE = ("viziphant", "bmtk")
"""Of no extra."""
BLOCKS = re.findall(r"```(console|python)\n(.*?)```", TEXT, re.DOTALL)


def test_every_format_has_a_row_and_a_command() -> None:
    for to, known in spike_formats.items():
        assert f"| `{to}` | {', '.join(f'`{suffix}`' for suffix in known.suffixes)} |" in TEXT
    for to in [*spike_formats, *network_formats]:
        assert f"--to {to} " in TEXT


@pytest.fixture(scope="module")
def matrix() -> ModuleType:
    """The script that makes the table of tools."""
    path = Path(__file__).parents[2] / "scripts" / "exchange_matrix.py"
    spec = importlib.util.spec_from_file_location("netsim_exchange_matrix", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _rows(matrix: ModuleType) -> dict[str, list[str]]:
    table = TEXT.partition(matrix.START)[2].partition(matrix.END)[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in table]
    return {name: others for name, *others in cells}


def test_every_tool_has_a_row(matrix: ModuleType) -> None:
    assert list(_rows(matrix)) == [tool.name for tool in matrix.TOOLS]


@pytest.mark.parametrize("number", range(19))
def test_the_table_of_tools_is_what_the_script_writes(
    number: int, matrix: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for versions, of those that are installed."""
    tool = matrix.TOOLS[number]
    for package in tool.packages:
        if not matrix.version(package):
            pytest.skip(f"{tool.name} needs {package}")
    monkeypatch.chdir(tmp_path)
    name, _, *cells = matrix.row(tool, matrix.Files())
    assert cells == _rows(matrix)[name][1:]


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
    if command.startswith("pip "):
        return
    if not command.startswith("netsim "):
        subprocess.run(["bash", "-c", command], check=True)
        return
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
