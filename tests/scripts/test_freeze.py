"""Spikes and trained weights are those of the last decision, and a change of them is noticed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def freeze(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import brian2

    monkeypatch.syspath_prepend(str(SCRIPTS))
    target = brian2.prefs.codegen.target
    yield importlib.import_module("freeze")
    brian2.prefs.codegen.target = target


def test_numbers_are_those_of_the_last_decision(freeze: Any) -> None:
    """If they shall change, `python scripts/freeze.py --write` says so; a reviewer sees that tests/frozen.npz did."""
    assert freeze.differences(freeze.read(), dict(freeze.numbers())) == []


def test_differences_are_named(freeze: Any) -> None:
    frozen = {"latencies a": np.array([1.0, np.inf, 2.0]), "single b": np.array([0.5]), "double c": np.ones(2)}
    assert freeze.differences(frozen, {**frozen, "latencies a": frozen["latencies a"] + 0.9e-6}) == []
    computed = {"latencies a": np.array([1.0, 3.0, 2.1]), "single b": np.array([np.inf]), "double c": np.ones(3)}
    assert freeze.differences(frozen, computed) == [
        "double c: 2 values before, 3 now",
        "latencies a: 2 of 3 values; value 1 was inf, is 3.0",
        "single b: 1 of 1 values; value 0 was 0.5, is inf",
    ]
    assert freeze.differences(frozen, {}) == [f"{name}: is in one of the two only" for name in sorted(frozen)]
