"""The table of robustness: disturbances in units of each network, and a page made of its rows."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import netsim

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def robustness(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("robustness")


def test_a_network_is_measured_in_its_own_times(robustness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def study(model: netsim.Model, name: str, levels: list[float], *args: Any, **kwargs: Any) -> pd.DataFrame:
        asked.append((name, *levels))
        return pd.DataFrame({"condition": ["undisturbed", "disturbed"], "strict_accuracy": [1.0, 0.5]})

    monkeypatch.setattr(netsim, "study", study)
    found = robustness.accuracies(netsim.load_model("yin-yang"), 20)
    window, duration = 64.0, 256.0
    assert [level for name, level in asked if name == "spike-jitter"] == [0.05 * window, 0.1 * window]
    assert [level for name, level in asked if name == "time-step"] == [0.001 * duration, 0.01 * duration]
    assert found["exact"] > 90
    assert found["4 bits"] == 50.0


def test_the_page_has_table_and_figure(robustness: Any, tmp_path: Path) -> None:
    headings = [each.heading for each in robustness.DISTURBANCES]
    real = {"exact": 90.0} | dict.fromkeys(headings, 80.0)
    binary = {key: value for key, value in real.items() if "bits" not in key}
    rows = pd.DataFrame.from_dict({"real": real, "binary": binary}, orient="index")
    assert "| binary | 90.0 | 80.0 | 80.0 |  |  |  | 80.0 |" in robustness.table_of(rows)
    robustness.draw(rows, tmp_path / "lost.png")
    assert (tmp_path / "lost.png").stat().st_size > 1000
