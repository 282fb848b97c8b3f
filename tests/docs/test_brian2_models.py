"""The program of docs/howto/brian2_models.md learns, with a coarser time step and few stimuli."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netsim
from netsim.engines.protocol import EngineEntry
from netsim.seams import engines

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "howto" / "brian2_models.md").read_text(encoding="utf-8")
PROGRAM, EXACT = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
pytestmark = pytest.mark.usefixtures("brian2_compiles_nothing")

FEWER = {
    "copies = 50": "copies = 20",
    "0.2 * b2.ms": "1.0 * b2.ms",
    "dt=0.2": "dt=1.0",
    "epochs=15": "epochs=3",
    "batch=50": "batch=20",
    "validation=180": "validation=60",
    "seed=0, engine": "seed=0, limit=300, engine",
}


@pytest.mark.nightly  # ten seconds of a processor
def test_the_program_learns() -> None:
    program = PROGRAM
    for given, fewer in FEWER.items():
        assert given in program
        program = program.replace(given, fewer)
    names: dict[str, Any] = {}
    exec(program, names)
    metrics = netsim.analysis.metrics_table(names["run"].folder.metrics)
    assert metrics["training_loss"].iloc[-1] < metrics["training_loss"].iloc[0] / 2
    assert max(response.error for response in names["fit"].responses) < 0.05
    medians = [activity.median for activity in names["calibration"].activity]
    np.testing.assert_allclose(medians, 30.0, atol=1.0)
    with Image.open("psp.png") as drawn, Image.open(DOCS / "howto" / "brian2_models" / "psp.png") as shown:
        assert drawn.size == shown.size


@pytest.mark.nightly  # ten seconds of a processor
def test_the_program_of_exact_neurons_learns() -> None:
    names: dict[str, Any] = {}
    exec(EXACT.replace("copies = 50", "copies = 20").replace("epochs=15", "epochs=3"), names)
    for engine in (None, names["engine"]):
        assert netsim.evaluate("runs/exact", engine=engine, limit=100).strict_accuracy > 0.8


def test_the_plug_in_of_the_page_makes_an_engine() -> None:
    (plug_in,) = re.findall(r"```text\n(import brian2.*?)```", TEXT, re.DOTALL)
    exec(plug_in, {"__name__": "leaky"})
    neurons = netsim.Neurons(bias=True)
    layers = [netsim.Layer("hidden", netsim.Dense(4), neurons), netsim.Layer("output", netsim.Dense(3), neurons)]
    network = netsim.Network.chain("small", netsim.IntensityEncoder((8, 8, 1), 16.0), layers, 50.0)
    engine: Any = netsim.make_engine("leaky", network, dt=1.0)
    assert (engine.network, engine.dt, engine.model.copies) == (network, 1.0, 50)


def test_a_registered_engine_is_one_of_all(registered: Any) -> None:
    """As the page's last section says; what is made gets the network, the time step and what is to be recorded."""
    made = []

    def make(network: netsim.Network, dt: float, precision: str, record: Any) -> Any:
        made.append((dt, precision, record))
        return netsim.make_engine("event", network, dt)

    registered(engines, "leaky", EngineEntry(make, "leaky neurons in Brian2", exact=False))
    network = netsim.load_preset("digits")
    engine = netsim.make_engine("leaky", network, dt=1.0)
    assert (engine.network, made) == (network, [(1.0, "double", ())])
