"""The program that computes a binary network with integers finds the spikes that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsim.data.loading import where

TEXT = (Path(__file__).parents[2] / "docs" / "concepts" / "binary.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not any(location.found for location in where("mnist")), reason="needs MNIST; set NETSIM_DATA")
def test_program(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    exec(program, {"__name__": "__main__"})
    assert capsys.readouterr().out == shown
