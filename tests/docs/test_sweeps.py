"""The page on sweeps: its plans are read, its commands understood, and its first sweep and figure can be made."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from netsim.cli import app
from netsim.sweeps.plan import read_plan

distributed = pytest.importorskip("distributed", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
pytest.importorskip("cryptography", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "howto" / "sweeps.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.nightly
def test_the_first_sweep_and_its_figure() -> None:
    first, *_ = _blocks("toml")
    Path("threshold.toml").write_text(first, encoding="utf-8")
    assert len(read_plan("threshold.toml").runs) == 54
    few = first.replace("[0, 1, 2]", "[0, 1]").replace("= 10", "= 1").replace("[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]", "[1.0]")
    Path("threshold.toml").write_text(few, encoding="utf-8")
    done = CliRunner().invoke(app, ["sweep", "threshold.toml", "--workers", "1"])
    assert done.exit_code == 0, done.output
    figure, slurm = _blocks("python")
    exec(figure, {})
    assert Path("threshold.png").stat().st_size > 10_000
    ast.parse(slurm)


def test_the_random_plan(tmp_path: Path) -> None:
    Path("plan.toml").write_text(_blocks("toml")[1], encoding="utf-8")
    plan = read_plan("plan.toml")
    assert len(plan.runs) == 40
    assert plan.limit == 20_000


def test_the_plans_of_the_page_on_sparsity() -> None:
    for regime in ("phased", "free"):
        plan = read_plan(DOCS / "concepts" / "sparsity" / f"{regime}-prices.toml")
        assert len(plan.runs) == 18
        assert {run.network.name for run in plan.runs} == {f"sparsity-{regime}"}


def test_the_configuration_is_one_of_dask() -> None:
    (text,) = _blocks("yaml")
    comm = yaml.safe_load(text)["distributed"]["comm"]
    known = distributed.config["distributed"]["comm"]
    assert comm.keys() <= known.keys()
    assert comm["tls"].keys() <= known["tls"].keys()
    for role in ("scheduler", "worker", "client"):
        assert comm["tls"][role].keys() == known["tls"][role].keys()


@pytest.mark.parametrize("command", re.findall(r"^\$ netsim ([^#\n]*)", TEXT, re.MULTILINE))
def test_commands_are_understood(command: str) -> None:
    # the subject stands in for one that is missing, so that options are read and nothing is done
    words = shlex.split(command)
    done = CliRunner().invoke(app, [words[0], "nosuch.toml", *words[2:]])
    assert "nosuch.toml: cannot be read" in str(done.exception)
