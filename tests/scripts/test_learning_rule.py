"""The script behind the page on the learning rule, on a small part of what it does."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture
def learning_rule(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("learning_rule")


@pytest.mark.parametrize(("case", "exact"), [("phased", ("linear", "exact")), ("free", ("exact",))])
def test_gradients_beside_differences(
    learning_rule: ModuleType, case: str, exact: tuple[str, ...], tmp_path: Path
) -> None:
    network = learning_rule.CASES[case]
    network = dataclasses.replace(network, training=dataclasses.replace(network.training, epochs=2))
    weights, accuracy = learning_rule.trained(network, limit=200)
    rows = learning_rule.compare(network, weights, presentations=40, samples=6)
    table = learning_rule.summarised(case, accuracy, rows)
    assert table["weights"].eq(6).all()
    small = table[table["step"] == "small"].set_index(["population", "derivative"])
    for population in ("hidden1", "output"):
        for derivative in exact:
            assert small.loc[(population, derivative), "correlation"] > 0.99
            assert small.loc[(population, derivative), "ratio"] == pytest.approx(1, abs=0.05)
    assert f"| {case} |" in learning_rule.table_of(table)
    learning_rule.draw(rows.assign(case=case), tmp_path / "gradients.png")
    assert (tmp_path / "gradients.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_shows_what_the_script_found(learning_rule: ModuleType) -> None:
    table = pd.read_csv(DOCS / "concepts" / "learning_rule" / "gradients.csv")
    page = (DOCS / "concepts" / "learning_rule.md").read_text(encoding="utf-8")
    assert f"<!-- gradients -->\n{learning_rule.table_of(table)}\n<!-- end of gradients -->" in page
    assert list(table["case"].drop_duplicates()) == list(learning_rule.CASES)
    phased = table[table["case"].str.startswith("phased") & (table["step"] == "small")]
    np.testing.assert_allclose(phased[["correlation", "ratio"]], 1, atol=0.02)
