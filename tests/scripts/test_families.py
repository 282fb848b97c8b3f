"""The comparison of neuron families trains each of them, and prints a row for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("families")


@pytest.mark.nightly  # three trainings
def test_every_family_has_a_row(families: Any, invoke: Callable[..., Any]) -> None:
    done = invoke(families.main, ["--seed", "0", "--hidden", "20", "--epochs", "2"])
    assert done.exit_code == 0, done.output
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith(("| piecewise", "| leaky"))]
    assert len(rows) == len(families.FAMILIES)
    assert all(float(cells[1]) > 30 for cells in rows)


def test_networks_differ_in_their_neurons_alone(families: Any) -> None:
    first, *others = (families.network_of(neurons, 5, 1) for neurons in families.FAMILIES.values())
    for network in others:
        assert network.shapes == first.shapes
        assert (network.encoder, network.learning, network.training) == (first.encoder, first.learning, first.training)
