"""The script that times thinned layers, on a layer of a few neurons."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_line_for_each_regime_and_precision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    thinning = importlib.import_module("thinning")
    monkeypatch.setattr(thinning, "CASES", ((20, 0.5),))
    thinning.main(repetitions=2)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[2:4] for row in rows] == [
        [f"`{regime}`", precision] for regime in ("phased", "free") for precision in ("double", "single")
    ]
    assert all(float(row[-1]) > 0 for row in rows)
