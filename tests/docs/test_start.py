"""Start, networks and measures: the programs and specifications of these pages work as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netsim import load_preset, read_network

DOCS = Path(__file__).parents[2] / "docs"


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.M)


def test_start(capsys: pytest.CaptureFixture[str], only_pictures: Callable[..., None]) -> None:
    only_pictures("confusion")
    first, second = _blocks("tutorial/first_network.md", "python")
    (shown,) = _blocks("tutorial/first_network.md", "text")
    space: dict[str, object] = {}
    exec(first, space)
    assert capsys.readouterr().out == shown
    exec(second, space)
    printed = capsys.readouterr().out
    assert float(re.findall(r"strict accuracy ([\d.]+)%", printed)[0]) > 90
    assert {"runs", "spikes.csv", "report.html"} <= {path.name for path in Path().iterdir()}


def test_measures(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = _blocks("concepts/measures.md", "python")
    (shown,) = _blocks("concepts/measures.md", "text")
    exec(program, {})
    assert capsys.readouterr().out == shown


def test_quickstart_does_what_the_page_says() -> None:
    """The commands of the script are those that the page explains, but for the name of the run."""
    script = (DOCS.parent / "scripts" / "quickstart.sh").read_text(encoding="utf-8")
    done = [line.replace('"$run"', "RUN") for line in script.splitlines() if line.startswith("netsim ")]
    lines = [
        line[2:].replace("runs/first", "RUN")
        for block in _blocks("tutorial/first_network.md", "console")
        for line in block.splitlines()
    ]
    assert done == [line for line in lines if line.startswith("netsim ")]


def test_networks_in_toml(tmp_path: Path) -> None:
    chain, graph, *_ = _blocks("howto/networks.md", "toml")
    head = chain.partition("[[layers]]")[0]
    shapes = {"stimulus": (8, 8, 1), "hidden": (200,), "output": (10,)}
    for name, text in (("chain.toml", chain), ("graph.toml", head + graph)):
        (tmp_path / name).write_text(text)
        assert read_network(tmp_path / name).shapes == shapes
    assert read_network(tmp_path / "chain.toml").layers() == load_preset("digits").layers()
    assert [projection.source for projection in read_network(tmp_path / "graph.toml").incoming("output")] == [
        "hidden",
        "stimulus",
    ]
