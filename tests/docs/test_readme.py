"""The examples in the README run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsim.specification.toml import read_network

README = Path(__file__).parents[2] / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_python_examples(capsys: pytest.CaptureFixture[str]) -> None:
    exec("\n".join(_blocks("python")), {})
    assert "ms [" in capsys.readouterr().out


def test_toml_example(tmp_path: Path) -> None:
    (text,) = _blocks("toml")
    (tmp_path / "readme.toml").write_text(text)
    assert read_network(tmp_path / "readme.toml").shapes == ((8, 8, 1), (200,), (10,))
