"""The examples in the README run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsim import load_preset, read_network

README = Path(__file__).parents[2] / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_python_example(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = _blocks("python")
    exec(program, {})
    assert "Evaluation(\n  accuracy=" in capsys.readouterr().out


def test_toml_examples(tmp_path: Path) -> None:
    chain, graph = _blocks("toml")
    head = chain.partition("[[layers]]")[0]
    shapes = {"stimulus": (8, 8, 1), "hidden": (200,), "output": (10,)}
    for name, text in (("chain.toml", chain), ("graph.toml", head + graph)):
        (tmp_path / name).write_text(text)
        assert read_network(tmp_path / name).shapes == shapes
    assert read_network(tmp_path / "chain.toml").layers() == load_preset("digits").layers()
    assert [one.source for one in read_network(tmp_path / "graph.toml").incoming("output")] == ["hidden", "stimulus"]
