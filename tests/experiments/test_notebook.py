"""The notebook of each experiment runs from top to bottom, and its variant is an experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from netsim.errors import RunError
from netsim.experiments.notebook import notebook_cells, write_notebook
from netsim.experiments.settings import make_experiment
from netsim.seams import experiments
from tests.experiments.tiny import tiny_settings

QUICKEST = ("tempotron", "retina")
NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in sorted(set(experiments) - set(QUICKEST))]


@pytest.mark.parametrize("name", [*QUICKEST, *NIGHTLY])
def test_a_notebook_runs(name: str, images: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for attribute in ("_entries", "_modules"):  # the variant is gone after the test
        monkeypatch.setattr(experiments, attribute, dict(getattr(experiments, attribute)))
    given = tiny_settings(name, images)
    names: dict[str, Any] = {"__name__": "__main__"}
    for kind, text in notebook_cells(make_experiment(name, True, given), quick=True):
        if kind == "code":
            exec(text.removeprefix("%matplotlib inline\n"), names)
    assert names["settings"] == make_experiment(name, True, given).settings
    assert len(set(names["result"].table["seed"])) == 5
    assert plt.get_fignums()
    assert len(set(names["mine"].table["seed"])) == 1
    plt.close("all")


def test_a_notebook_is_in_the_format_of_jupyter(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "dale.ipynb"
    write_notebook(make_experiment("dale", True), path, quick=True)
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat, of the extra 'test'")
    nbformat.validate(nbformat.read(path, as_version=4))
    text = json.dumps(json.loads(path.read_text("utf-8")))
    assert "97.87 to 97.91 %" in text
    assert "quick=True" in text
    with pytest.raises(RunError, match="exists already; choose another file"):
        write_notebook(make_experiment("dale"), path)
