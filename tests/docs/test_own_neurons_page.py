"""The program of docs/howto/own_neurons_and_data.md learns, with fewer samples and a coarser time step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import netsim

TEXT = (Path(__file__).parents[2] / "docs" / "howto" / "own_neurons_and_data.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
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
def test_the_program_learns() -> None:
    program = PROGRAM
    for given, fewer in FEWER.items():
        assert given in program
        program = program.replace(given, fewer)
    names: dict[str, Any] = {}
    exec(program, names)
    assert netsim.evaluate("runs/letters", engine=names["engine"]).strict_accuracy > 0.5
    described = netsim.to_markdown(netsim.describe(names["run"].network, names["run"].folder))
    assert "learning rates are measured" in described
