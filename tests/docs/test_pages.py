"""Programs of pages run and print what the pages show, commands are understood, and tables are those of the program."""

from __future__ import annotations

import ast
import dataclasses
import functools
import os
import re
import shlex
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import netsim
from netsim.cli import app
from netsim.data.loading import where
from netsim.measuring.health import MOSTLY_SILENT
from netsim.seams import datasets, studies
from netsim.specification.toml import dumps_network, network_from_dict, network_to_dict
from netsim.sweeps.plan import read_plan
from netsim.training.watching import FLAT_EPOCHS, IN_A_ROW

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", _text(page), re.DOTALL | re.MULTILINE)


def _invoke(*words: str) -> None:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output


MNIST = pytest.mark.skipif(
    not any(location.found for location in where("mnist")), reason="needs MNIST; set NETSIM_DATA"
)


@pytest.mark.parametrize(
    ("page", "programs"),
    [
        ("howto/check.md", 1),
        ("concepts/measures.md", 1),
        ("howto/recordings.md", 1),
        ("tutorial/first_network.md", 1),
        ("howto/from_brian2.md", None),
        ("howto/from_snntorch.md", None),
        pytest.param("concepts/binary.md", 1, marks=MNIST),
    ],
)
def test_programs_print_what_the_page_shows(
    page: str, programs: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for program in _blocks(page, "python")[:programs]:
        exec(program, names)
    shown = [text for text in _blocks(page, "text") if programs or re.match("Brian2|first", text)]
    assert shown == [capsys.readouterr().out]


@pytest.mark.nightly
@pytest.mark.parametrize("page", ["index.md", "howto/explore.md", "concepts/families.md", "concepts/learning_rule.md"])
def test_programs_run(page: str) -> None:
    if "explore" in page:
        pytest.importorskip("starlette", reason="the page needs the extra 'explore'")
    for program in _blocks(page, "python"):
        exec(compile(program, page, "exec"), {})
    plt.close("all")


def test_a_test_names_every_page_with_a_program() -> None:
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    written = {Path(page).stem for page in pages if _blocks(page, "python")} - {"changelog"}
    written -= {"sparsity"}  # whose program needs two sweeps
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert {stem for stem in written if f"{stem}.md" not in tests and f'"{stem}"' not in tests} == set()


def _commands(page: str) -> list[Any]:
    return [(page, shlex.split(line, comments=True)) for line in re.findall(r"^\$ netsim (.*)$", _text(page), re.M)]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        *_commands("howto/describe.md"),
        *[each for each in _commands("howto/studies.md") if each[1][0] == "study"],
        *[each for each in _commands("howto/claims.md") if each[1][0] == "analyse"],
        *[each for each in _commands("howto/figures.md") if each[1][0] == "plot"],
        *_commands("howto/sweeps.md"),
    ],
)
def test_commands_are_understood(page: str, words: list[str]) -> None:
    # a subject that is missing stands in for that of the page, so that options are read and nothing is simulated
    subject, message = "nosuch", "is neither a run folder nor a preset nor a TOML file"
    if "sweeps" in page:
        pytest.importorskip("distributed", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
        subject, message = "nosuch.toml", "nosuch.toml: cannot be read"
    index = 2 if words[0] in ("study", "analyse", "plot") else 1
    done = CliRunner().invoke(app, [*words[:index], subject, *words[index + 1 :]])
    assert message in str(done.exception)


@pytest.mark.parametrize("page", ["figures", "guide", "studies"])
def test_every_picture_is_shown(page: str) -> None:
    shown = re.findall(rf"\]\({page}/(.*?\.png)\)", _text(f"howto/{page}.md"))
    assert sorted(shown) == sorted(path.name for path in (DOCS / "howto" / page).iterdir())


# howto/check.md, describe.md, settings.md and studies.md


def test_numbers_of_the_check_are_those_of_the_program() -> None:
    words = " ".join(_text("howto/check.md").split())
    assert f"more than {MOSTLY_SILENT * 100:.0f} % are silent" in words
    assert words.count(f"in {IN_A_ROW} batches in a row") == 2
    assert f"within 1 % over {FLAT_EPOCHS} epochs" in words


def test_the_page_on_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    text, description = _text("howto/describe.md"), netsim.describe(netsim.load_preset("rcsnn-mnist"))
    excerpt = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(excerpt) > 4
    assert set(excerpt) <= set(netsim.to_markdown(description).splitlines())
    for table in description.tables:
        assert re.search(rf"^\| (.*, )?{table.letter}[ ,]", text, re.MULTILINE)
    (code,) = _blocks("howto/describe.md", "python")
    exec(code, {})
    assert "'Model summary', 'Populations'" in capsys.readouterr().out


def test_the_page_on_settings(capsys: pytest.CaptureFixture[str]) -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \|.*\| ([^|]+) \| ([^|]+) \|$", _text("howto/settings.md"), re.MULTILINE)
    assert len(rows) > 5
    digits = netsim.load_preset("digits")
    for table, key, *shown in rows:
        settings = {"learning": netsim.Learning, "training": netsim.Training}[table]
        default = {field.name: field.default for field in dataclasses.fields(settings)}[key]
        values = (default, getattr(getattr(digits, table), key))
        assert shown == [value if isinstance(value, str) else f"{value:g}" for value in values], key
    for program in _blocks("howto/settings.md", "python"):
        exec(program, {})
    _invoke("new", "mine", "--from", "digits")
    assert netsim.read_network("mine.toml") == dataclasses.replace(digits, name="mine")
    assert float(capsys.readouterr().out.rstrip("%\n")) > 80


def test_the_page_on_studies() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", _text("howto/studies.md"), re.MULTILINE)
    assert rows[: len(studies)] == list(studies)
    exec(_blocks("howto/studies.md", "python")[0], {})
    assert len(pd.read_csv("thresholds.csv")) == 1 + 2 * 3 * 3
    assert "</svg>" in Path("thresholds.svg").read_text(encoding="utf-8")


# howto/event_data.md, own_data.md, recordings.md and own_neurons_and_data.md


def test_the_page_on_event_data(capsys: pytest.CaptureFixture[str]) -> None:
    for code in _blocks("howto/event_data.md", "python"):
        exec(code, {})
    slices, shape, accuracy = capsys.readouterr().out.splitlines()[-3:]
    assert slices.startswith("Stimuli(60 of shape (8, 8, 1)")
    assert shape == "(1, 8, 8, 1)"
    assert 0 < float(accuracy) < 1
    (text,) = _blocks("howto/event_data.md", "toml")
    network = netsim.load_preset("rcsnn-nmnist")
    assert network_from_dict(network_to_dict(network) | {"encoder": tomllib.loads(text)["encoder"]}) == network
    tonic = pytest.importorskip("tonic.datasets")
    (named,) = re.findall(r"one sensor size: (.*?), …", _text("howto/event_data.md"), re.DOTALL)
    names = re.findall(r"`(\w+)`", named)
    assert len(names) > 5
    assert all(f"tonic:{name}" in datasets["tonic"].names() and hasattr(tonic, name) for name in names)


@pytest.mark.parametrize(("page", "words"), _commands("howto/event_data.md"))
def test_commands_on_event_data_are_understood(page: str, words: list[str]) -> None:
    # the folder stands in for one without data, so that options are read and nothing is simulated
    Path("DIR").mkdir()
    Path("FILE.toml").write_text(dumps_network(netsim.load_preset("rcsnn-nmnist")), encoding="utf-8")
    assert "NMNIST('DIR', train=True)" in str(CliRunner().invoke(app, words).exception)


def test_the_page_on_own_data(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for code in _blocks("howto/own_data.md", "python"):
        exec(compile(code, "own_data.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert float(printed[0].rstrip("%")) >= 95
    assert printed[1].startswith("Dataset('recorded': 160 training and 40 test latencies of 1x20x1, 2 classes")
    assert printed[2].startswith("Dataset('tones': 80 training and 20 test sounds of 1x2560x1, 2 classes")
    assert printed[3].startswith("Dataset('data': 2000 training and 500 test rows of 1x4x1, 3 classes")
    assert netsim.load_model("runs/iris").splits().test.classes == ("setosa", "versicolor", "virginica")
    commands = [words for _, words in _commands("howto/own_data.md") if "runs/iris" in " ".join(words)]
    assert len(commands) == 6
    for command in (commands[0], *commands[4:]):  # the other ones are the slow ones, and tested on other runs
        _invoke(*command)
    assert netsim.load_plugin("my_schedule.py").__name__ == "my_schedule"
    assert netsim.seams.schedules["warm-up"](0.25) == 0.25


def test_sample_recordings_are_analysed() -> None:
    pytest.importorskip("pynwb", reason="needs pynwb, of the extra exchange")
    if not Path(os.environ.get("NETSIM_DATA", ""), "neural/10_spikes-1.mat").is_file():
        pytest.skip("needs neural/10_spikes-1.mat in the folder of NETSIM_DATA; howto/recordings.md says where it is")
    exec(_blocks("howto/recordings.md", "python")[1], {})
    commands = [words for _, words in _commands("howto/recordings.md") if "session.nwb" not in " ".join(words)]
    assert len(commands) == 4
    for command in commands:
        _invoke(*command, "--out", "table.csv")


FEWER = {
    "dt = 0.5 * b2.ms": "dt = 1.0 * b2.ms",
    "dt=0.5": "dt=1.0",
    "0, 6, 900)": "0, 6, 300)",
    "(900, 5, 5)": "(300, 5, 5)",
    "0.35": "0.1",
    "copies = 50": "copies = 20",
    "batch=50, validation=150": "batch=20, validation=60",
    "epochs=10": "epochs=3",
}


@pytest.mark.nightly  # half a minute of a processor
@pytest.mark.usefixtures("brian2_compiles_nothing")
def test_own_neurons_learn_with_fewer_samples_and_a_coarser_time_step() -> None:
    (program,) = _blocks("howto/own_neurons_and_data.md", "python")
    for given, fewer in FEWER.items():
        assert given in program
        program = program.replace(given, fewer)
    names: dict[str, Any] = {}
    exec(program, names)
    assert netsim.evaluate("runs/letters", engine=names["engine"]).strict_accuracy > 0.5
    described = netsim.to_markdown(netsim.describe(names["run"].network, names["run"].folder))
    assert "learning rates are measured" in described


# howto/networks.md and sweeps.md, and concepts/sparsity.md


def test_networks_in_toml() -> None:
    chain, graph, *_ = _blocks("howto/networks.md", "toml")
    shapes = {"stimulus": (8, 8, 1), "hidden": (200,), "output": (10,)}
    for name, text in (("chain.toml", chain), ("graph.toml", chain.partition("[[layers]]")[0] + graph)):
        Path(name).write_text(text, encoding="utf-8")
        assert netsim.read_network(name).shapes == shapes
    assert netsim.read_network("chain.toml").layers() == netsim.load_preset("digits").layers()
    sources = [projection.source for projection in netsim.read_network("graph.toml").incoming("output")]
    assert sources == ["hidden", "stimulus"]


@pytest.mark.nightly
def test_the_first_sweep_and_its_figure() -> None:
    pytest.importorskip("distributed", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
    first, *_ = _blocks("howto/sweeps.md", "toml")
    Path("threshold.toml").write_text(first, encoding="utf-8")
    assert len(read_plan("threshold.toml").runs) == 54
    few = first.replace("[0, 1, 2]", "[0, 1]").replace("= 10", "= 1").replace("[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]", "[1.0]")
    Path("threshold.toml").write_text(few, encoding="utf-8")
    _invoke("sweep", "threshold.toml", "--workers", "1")
    figure, *on_clusters = _blocks("howto/sweeps.md", "python")
    exec(figure, {})
    assert Path("threshold.png").stat().st_size > 10_000
    assert all(map(ast.parse, on_clusters))


def test_plans_of_pages() -> None:
    Path("plan.toml").write_text(_blocks("howto/sweeps.md", "toml")[1], encoding="utf-8")
    plan = read_plan("plan.toml")
    assert (len(plan.runs), plan.limit) == (40, 20_000)
    for regime in ("phased", "free"):
        plan = read_plan(DOCS / "concepts" / "sparsity" / f"{regime}-prices.toml")
        assert len(plan.runs) == 18
        assert {run.network.name for run in plan.runs} == {f"sparsity-{regime}"}


def test_the_configuration_is_one_of_dask() -> None:
    distributed = pytest.importorskip("distributed", reason="sweeps need the extra sweep: pip install -e '.[sweep]'")
    (text,) = _blocks("howto/sweeps.md", "yaml")
    comm, known = yaml.safe_load(text)["distributed"]["comm"], distributed.config["distributed"]["comm"]
    assert comm.keys() <= known.keys()
    assert comm["tls"].keys() <= known["tls"].keys()
    for role in ("scheduler", "worker", "client"):
        assert comm["tls"][role].keys() == known["tls"][role].keys()


# the tutorial and howto/guide.md


def test_the_first_network(capsys: pytest.CaptureFixture[str], only_pictures: Callable[..., None]) -> None:
    only_pictures("confusion")
    space: dict[str, object] = {}
    for program in _blocks("tutorial/first_network.md", "python")[:2]:
        exec(program, space)
    assert float(re.findall(r"strict accuracy ([\d.]+)%", capsys.readouterr().out)[-1]) > 90
    assert {"runs", "spikes.csv", "report.html"} <= {path.name for path in Path().iterdir()}


def test_quickstart_does_what_the_page_says() -> None:
    """The commands of the script are those that the page explains, but for the name of the run."""
    script = (ROOT / "scripts" / "quickstart.sh").read_text(encoding="utf-8")
    done = [line.replace('"$run"', "RUN") for line in script.splitlines() if line.startswith("netsim ")]
    lines = [line for block in _blocks("tutorial/first_network.md", "console") for line in block.splitlines()]
    assert done == [line[2:].replace("runs/first", "RUN") for line in lines if line.startswith("$ netsim ")]


LESSONS = ("own_data", "own_network", "perturb_and_analyse", pytest.param("publish", marks=pytest.mark.nightly))


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_solutions_included(
    lesson: str, capsys: pytest.CaptureFixture[str], only_pictures: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown below a program is part of what it prints."""
    if lesson != "publish":  # whose subject is the report
        only_pictures("confusion")
    if lesson == "perturb_and_analyse":  # whose subject is not the training
        monkeypatch.setattr(netsim, "train", functools.partial(netsim.train, epochs=2))
    names: dict[str, Any] = {}
    printed = ""
    pattern = r"^( *)```(python|text)\n(.*?)^ *```"
    for _, language, block in re.findall(pattern, _text(f"tutorial/{lesson}.md"), re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(textwrap.dedent(block), lesson, "exec"), names)
            printed = capsys.readouterr().out
        else:
            assert printed.endswith(textwrap.dedent(block))
    plt.close("all")
    if lesson == "own_data":
        assert names["result"].strict_accuracy > 0.9
        assert names["scores"].mean() > 0.85


def test_each_lesson_has_exercises_and_solutions() -> None:
    lessons = [page for page in (DOCS / "tutorial").glob("*.md") if page.stem != "index"]
    assert len(lessons) == 5
    for page in lessons:
        exercises, solutions = page.read_text(encoding="utf-8").split("## Exercises")[1].split("<summary>Solutions")
        assert [re.findall(r"^(\d)\. ", part, re.MULTILINE) for part in (exercises, solutions)] == [["1", "2", "3"]] * 2


def test_the_model_in_snntorch(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("snntorch", reason="the program needs snnTorch, of the extra 'bench'")
    (program,) = _blocks("howto/from_snntorch.md", "py")
    exec(program, {})
    (time,) = re.findall(r"# ([\d.]+ ms)$", program, re.MULTILINE)
    assert capsys.readouterr().out == f"first spike: {time}\n"


SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", _text("howto/guide.md"), re.MULTILINE | re.DOTALL))
SLOW = {"A lesion study", "Feedback by other weights", "Delays that learn"}
"""Sections of the guide whose programs train for several seconds."""


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=pytest.mark.nightly if title in SLOW else ()) for title in SECTIONS]
)
def test_a_program_of_the_guide_draws_its_picture(title: str) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", SECTIONS[title], re.DOTALL)
    exec(program, {"__name__": "__main__"})
    plt.close("all")
    for name in re.findall(r"\]\(guide/(.*?\.png)\)", SECTIONS[title]):
        with Image.open(name) as drawn, Image.open(DOCS / "howto" / "guide" / name) as shown:
            assert drawn.size == shown.size


def test_slow_sections_are_there() -> None:
    assert SECTIONS.keys() >= SLOW
