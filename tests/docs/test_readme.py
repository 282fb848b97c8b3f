"""What the README says is so: its commands run, and its figures are those of the results."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from netsim.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_commands(only_pictures: Callable[..., None]) -> None:
    """Both scripts exist, and the commands after the installation run as they stand; less is trained and drawn."""
    only_pictures("raster")
    scripts, block = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    commands = [shlex.split(line.removeprefix("$ "), comments=True) for line in scripts.splitlines()]
    assert commands == [["scripts/quickstart.sh"], ["scripts/test.sh"]]
    assert all(os.access(ROOT / script, os.X_OK) for (script,) in commands)
    install, train, report = (shlex.split(line.removeprefix("$ "), comments=True) for line in block.splitlines())
    assert install == ["pip", "install", "--no-compile", "."]
    for command in (train + ["--limit", "100", "--epochs", "1"], report + ["--limit", "20"]):
        assert command[0] == "netsim"
        done = CliRunner().invoke(app, command[1:])
        assert done.exit_code == 0, done.output
    page = (Path(report[2]) / "report.html").read_text(encoding="utf-8")
    for promised in ("Results", "Raster", "<math", "provenance"):
        assert promised.lower() in page.lower()


def test_accuracies_are_those_of_the_records() -> None:
    shown = cells_of(ROOT / "docs" / "results" / "accuracy.md", "test accuracy (seed 0)")
    assert shown
    for preset, accuracy in shown.items():
        assert accuracy == f"{_recorded(preset):.2f} %", preset


def test_accuracies_of_the_first_screen_are_those_of_the_records_too() -> None:
    shown = dict(re.findall(r"([\d.]+) % on ([\w-]*MNIST)", README))
    assert shown == {f"{_recorded('rcsnn-mnist'):.1f}": "MNIST", f"{_recorded('rcsnn-fashion'):.1f}": "Fashion-MNIST"}


def _recorded(preset: str) -> float:
    """The strict test accuracy of seed 0, in percent."""
    record = json.loads((ROOT / "models" / "trained" / "records" / f"{preset}-seed0.json").read_text("utf-8"))
    return 100 * float(record["test"]["strict_accuracy"])


def cells_of(page: Path, column: str) -> dict[str, str]:
    """The cells of a column by preset, of the table of presets that has it."""
    header = rf"^\| preset (\|.*\| {re.escape(column)} \|.*)\n\|[-|]+\n((?:\|.*\n)+)"
    ((names, rows),) = re.findall(header, page.read_text("utf-8"), re.MULTILINE)
    index = [name.strip() for name in names.split("|")].index(column)
    cells = [row.split("|")[1:] for row in rows.splitlines()]
    return {first.split("`")[1]: others[index - 1].strip() for first, *others in cells}


def test_one_screen_comes_before_the_first_heading_below_start() -> None:
    """Some forty lines, as an editor shows them on one screen."""
    screen = README.partition("## Start")[0] + README.partition("## Start")[2].partition("\n## ")[0]
    assert len(screen.splitlines()) <= 45
    assert all(name in screen for name in ("Brian2", "snnTorch", "SpikingJelly", "mlGeNN", "SpykeTorch"))
