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


def test_some_values_are_chosen_by_their_names(freeze: Any) -> None:
    names = [f"latencies free ramp event {dt}" for dt in (0.0, 0.5)]
    assert sorted(freeze.read(("latencies free ramp",))) == names
    assert [name for name, _ in freeze.numbers(("latencies free ramp", "double none"))] == names


def test_agreement_to_the_bit_is_counted(freeze: Any) -> None:
    frozen = {"latencies a": np.array([1.0, np.inf]), "latencies b": np.ones(2), "double c": np.ones(3)}
    assert list(freeze.agreement(frozen, frozen | {"latencies b": np.array([1.0, 1.0 + 2e-9])})) == [
        "latencies: 3 of 4 values are equal to the bit; the largest difference is 2.0e-09",
        "double: 3 of 3 values are equal to the bit",
    ]
