"""Commands are made from functions: their help, defaults and completions are those of signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from netsim import seams
from netsim.cli import COMMANDS, app
from netsim.cli.generating import GROUPS, Given, Parameter, read_function

Netsim = Callable[..., Any]


def _shown(netsim: Netsim, command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The help of a command in one line, without its frames."""
    monkeypatch.setenv("COLUMNS", "400")
    return " ".join(netsim(command, "--help").out.replace("│", " ").split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str, netsim: Netsim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    options = [line for line in netsim(command, "--help").out.splitlines() if re.match(r"│\W+--", line)]
    assert len(options) >= 2
    for line in options:
        assert len(re.split(r" {2,}", line.strip("│ "))[-1].split()) >= 3, line
        assert not re.search(r"`|netsim\.seams|{", line), line


@pytest.mark.parametrize(
    ("command", "function", "parameters"),
    [
        ("check", "netsim.training.checking:check", {"limit": "--limit", "seed": "--seed"}),
        ("train", "netsim.training.training:train", {"epochs": "--epochs", "out": "--out", "settings": "--set"}),
        ("evaluate", "netsim.measuring.evaluation:evaluate", {"read_outs": "--read-out", "limit": "--limit"}),
        ("evaluate", "netsim.runs.model:load_model", {"seed": "--seed", "engine": "--engine", "dt": "--dt"}),
        ("plot", "netsim.analysis.gallery:Choice", {"channel": "--channel", "neurons": "--neuron"}),
        ("export", "netsim.exchange:export", {"populations": "--layer"}),
        ("compare", "netsim.measuring.comparison:compare", {"dt": "--dt"}),
    ],
)
def test_texts_and_defaults_are_those_of_the_function(
    command: str, function: str, parameters: dict[str, str], netsim: Netsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, name = function.partition(":")
    imported = getattr(importlib.import_module(module), name)
    lines = (inspect.getdoc(imported) or "").splitlines()
    shown = _shown(netsim, command, monkeypatch).partition("─ Options")[2]
    for parameter, option in parameters.items():
        (row,) = (number for number, line in enumerate(lines) if line.startswith(f"{parameter} : "))
        words = re.sub(r"\W+", " ", lines[row + 1]).split()[:3]
        found = re.search(rf"{option} \S+ (\[x>=\d\] )?(.*?)(?= --|$)", shown)
        assert found is not None
        assert re.sub(r"\W+", " ", found[2]).split()[:3] == words
        default = inspect.signature(imported).parameters[parameter].default
        if default not in (None, ()):
            assert f"[default: {default[0] if isinstance(default, tuple) else default}]" in found[2]


@pytest.mark.parametrize(
    ("command", "registry"),
    [
        ("plot", "figures"),
        ("study", "studies"),
        ("experiment", "experiments"),
        ("analyse", "analyses"),
        ("evaluate", "read_outs"),
        ("export", "spike_formats"),
        ("export", "network_formats"),
    ],
)
def test_registries_are_listed(command: str, registry: str, netsim: Netsim, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _shown(netsim, command, monkeypatch)
    for name, entry in getattr(seams, registry).items():
        assert f"• {name}: {entry.summary}" in shown
    if command == "analyse":
        assert "(--set tau_ms=5, cost_per_ms=0.2, sample=300)" in shown
    if command == "plot":
        assert "(--layer, --channel, --count)" in shown


@pytest.mark.parametrize("words", ["--help", "plot --help", "study --help", "experiment --help", "train --help"])
def test_help_imports_nothing_heavy(words: str) -> None:
    code = f"import sys; from netsim.cli import app; app({words.split()!r}, standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout
    heavy = {"numpy", "brian2", "numba", "tonic", "pandas", "matplotlib", "seaborn", "scipy", "sklearn"}
    assert not heavy & set(done.stdout.split())


def test_without_arguments_the_help_is_shown(netsim: Netsim) -> None:
    done = netsim()
    assert done.code == 0
    assert "Usage: netsim" in done.out
    for command in COMMANDS:
        assert f"│ {command} " in done.out


@pytest.mark.parametrize("command", ["train", "plot", "analyse", "study", "simulate"])
def test_options_come_in_groups_of_one_order(netsim: Netsim, command: str) -> None:
    printed = netsim(command, "--help").out
    begins = [printed.index(f"─ {group} ─") for group in ("Options", *GROUPS)]
    assert begins == sorted(begins)
    for option, group in (("--dataset", 1), ("--engine", 2), ("--out", 3), ("--json", 3)):
        assert option in printed[begins[group] :].partition("╰")[0]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("netsim ev", ["evaluate"]),
        ("netsim plot conf", ["confusion"]),
        ("netsim study early", ["early-readout"]),
        ("netsim export digits a.nwb --to nw", ["nwb"]),
        ("netsim train digits --set learning.rat", ["learning.rate="]),
    ],
)
def test_a_shell_completes(words: str, completed: list[str]) -> None:
    known = {"_NETSIM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    assert CliRunner().invoke(app, [], prog_name="netsim", env=known).stdout.split() == completed


def test_a_function_is_read_without_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = '''import does_not_exist
def evaluate_all(): ...
def evaluate(
    model: Subject, *, levels: Sequence[float] = (1.5, 2.0), split: Literal["a", "b"] = "a", progress: Progress = None
) -> Evaluation:
    """Measure.

    More.

    Parameters
    ----------
    model : str
        The model.
    levels, split : str
        One,
        two.

    Returns
    -------
    levels : float
        Another.
    """
    return 1
'''
    (tmp_path / "made.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr("netsim.cli.generating._file_of", lambda module: tmp_path / "made.py")
    read = read_function("netsim.made.of.this.test:evaluate")
    assert read.text == "Measure.\n\nMore."
    assert read.parameters["model"] == Parameter("model", "Subject", None, "str", "The model.")
    assert read.parameters["levels"] == Parameter("levels", "Sequence[float]", "(1.5, 2.0)", "str", "One, two.")
    kinds = {name: each.kind for name, each in read.parameters.items()}
    assert (kinds["model"], kinds["levels"], kinds["progress"]) == (str, list[float], None)
    assert kinds["split"].__args__ == ("a", "b")
    assert [each.flag for each in read.parameters.values()] == ["--model", "--level", "--split", "--progress"]


def test_only_what_is_given_is_passed() -> None:
    def function(limit: int = 7, seed: int = 3) -> tuple[int, int]:
        return limit, seed

    assert Given(seed=0, other=1).call(function) == (7, 0)
    assert Given(seed=0).call(function, seed=5) == (7, 5)
