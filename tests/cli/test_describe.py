"""``netsim describe``: runs, presets and files, in both formats."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netsim.models.presets import preset_names

Netsim = Callable[..., Any]


@pytest.mark.parametrize("name", preset_names())
def test_presets(netsim: Netsim, name: str) -> None:
    done = netsim("describe", name)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"# Model description: `{name}`\n")
    assert "## H" not in done.out
    assert netsim("describe", name, "--format", "markdown").out == done.out
    latex = netsim("describe", name, "--format", "latex").out
    assert latex.startswith("\\documentclass")
    assert latex.endswith("\\end{document}\n")
    assert os.listdir() == []


def test_a_file_of_ones_own(netsim: Netsim, digits_toml: str) -> None:
    Path("mine.toml").write_text(digits_toml.replace('name = "digits"', 'name = "mine"'), encoding="utf-8")
    done = netsim("describe", "mine.toml", "--out", "new/methods.tex")
    assert (done.code, done.out) == (0, "new/methods.tex\n")
    assert r"Model description: \texttt{mine}" in Path("new/methods.tex").read_text(encoding="utf-8")
    netsim("describe", "mine.toml", "--out", "methods.md")
    assert Path("methods.md").read_text(encoding="utf-8") == netsim("describe", "mine.toml").out
    netsim("describe", "mine.toml", "--format", "markdown", "--out", "odd.tex")
    assert Path("odd.tex").read_text(encoding="utf-8") == Path("methods.md").read_text(encoding="utf-8")


def test_a_run_has_its_provenance(netsim: Netsim, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    text = netsim("describe", run).out
    provenance = text.split("## H Provenance")[1]
    revision = (record["git_revision"] or "").rstrip("+")  # an installed copy has none
    for fact in (revision, record["started"], record["versions"]["brian2"], "Limit", "300"):
        assert fact in provenance
    assert "| **Seed** | 0 |" in provenance
    assert "| **Stimuli to choose the epoch by** | 60 |" in provenance
    assert "| **Epochs** | 2 |" in provenance


def test_a_run_needs_no_weights(netsim: Netsim, run: Path) -> None:
    for name in ("best.npz", "checkpoint.npz", "metrics.csv"):
        (run / name).unlink(missing_ok=True)
    done = netsim("describe", run)
    assert done.code == 0
    assert "no such file; a run has it after its first epoch" in done.out


def test_damaged_metrics_are_a_note(netsim: Netsim, run: Path) -> None:
    (run / "metrics.csv").write_text("no metrics\n")
    done = netsim("describe", run)
    assert done.code == 0
    assert "| **Metrics** | not readable |" in done.out
    (line,) = done.err.splitlines()
    assert "metrics.csv: contains no metrics of a training" in line


def test_whatever_a_record_holds_becomes_text(netsim: Netsim, run: Path) -> None:
    record = {"seed": 3, "started": {"a": [1, None]}, "versions": "| x |", "machine": ["\ud800", "$"]}
    record |= {"command": ["| y |", "\ud800"], "data_dir": "**b**"}
    (run / "run.json").write_text(json.dumps(record))
    for form in ("markdown", "latex"):
        done = netsim("describe", run, "--format", form)
        assert (done.code, done.err) == (0, "")
    assert r"\*\*b\*\*" in netsim("describe", run).out
