"""The gallery of figures shows every one, and its example runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsim.analysis import (
    calibration_table,
    decision_table,
    displacement_table,
    gradient_table,
    metrics_table,
    potential_table,
    projection_table,
    sound_table,
    spike_count_table,
    spike_table,
    weight_table,
)
from netsim.engines import Batch, Recorded, make_engine
from netsim.runs.model import load_model
from netsim.seams import figures
from netsim.specification import MelEncoder
from netsim.training.opening import open_training

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "howto" / "figures.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ netsim (plot .*)$", TEXT, re.MULTILINE)]


@pytest.mark.parametrize("name", figures)
def test_every_one_has_a_picture_and_a_command(name: str) -> None:
    assert f"](figures/{name}.png)" in TEXT
    assert 1000 < (DOCS / "howto" / "figures" / f"{name}.png").stat().st_size < 150_000
    assert name in [command[1] for command in COMMANDS]


def test_the_tables_have_the_columns_that_are_told(tmp_path: Path) -> None:
    model = load_model("digits")
    network, weights = model.network, model.weights
    stimuli = np.full((2, 8, 8, 1), 3.0)
    engine = make_engine("event", network, record=[Recorded("hidden", 3)])
    latencies = engine.present(Batch(stimuli[:1], weights))
    labels = np.array([4])
    run = open_training(tmp_path / "run", network, seed=0, limit=20)
    run.train()
    decisions = decision_table(network, latencies["output"], labels)
    encoder = MelEncoder((1, 3, 1), 20.0)
    tables = {
        "spike_table": spike_table(network, latencies, labels),
        "potential_table": potential_table(engine.potentials),
        "spike_count_table": spike_count_table(network, latencies),
        "decision_table": decisions,
        "calibration_table": calibration_table(decisions),
        "displacement_table": displacement_table(network, latencies["output"], labels),
        "gradient_table": gradient_table(network, weights, model.splits().test.first(2), samples=1),
        "weight_table": weight_table(network, weights),
        "metrics_table": metrics_table(run.folder.metrics),
        "projection_table": projection_table(network),
        "sound_table": sound_table(encoder.prepare([np.ones(80)])[0], encoder),
    }
    documented = dict(re.findall(r"^\| `(\w+_table)` \| [^|]* \| ([^|]*) \|", TEXT, re.MULTILINE))
    assert set(documented) == set(tables)
    for name, columns in documented.items():
        assert set(columns.split(", ")) == {
            re.sub("^(silent|onset|late)_.*", r"\1_LAYER", c) for c in tables[name].columns
        }, name


def test_python_example() -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    exec(code, {})
    assert len(pd.read_csv("decisions.csv")) == 360
    assert "</svg>" in Path("decision-time.svg").read_text(encoding="utf-8")
