"""The leaky program of docs/howto/nir.md refuses graphs that it cannot run. It needs no simulator for this."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netsim

nir = pytest.importorskip("nir", reason="graphs of NIR need nir, of the extra 'exchange'")

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "nir.md"
(PROGRAM,) = re.findall(r"```python\n(def leaky_first_spikes.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
CHAIN = [("stimulus", "cells"), ("cells", "output")]


@pytest.mark.parametrize(
    ("ends", "delay", "message"),
    [
        ([*CHAIN, ("cells", "cells")], 0.0, "loops and skips are not supported"),
        ([*CHAIN, ("stimulus", "output")], 0.0, "loops and skips are not supported"),
        (CHAIN, netsim.Delays("synapse", 1.0, 3.0), "delays of synapses are not supported"),
    ],
    ids=["loop", "skip", "delays"],
)
def test_the_leaky_program_refuses_what_it_cannot_run(
    ends: list[tuple[str, str]], delay: Any, message: str, tmp_path: Path
) -> None:
    names: dict[str, Any] = {"nir": nir}
    exec(PROGRAM, names)
    neurons = netsim.Neurons("free", 0.3, 10.0, family="leaky")
    populations = (netsim.Population("cells", (3,), neurons), netsim.Population("output", (2,), neurons))
    projections = tuple(netsim.Projection(*pair, netsim.Dense(), delay=delay) for pair in ends)
    network = netsim.Network("graph", netsim.IntensityEncoder((2, 1, 1), 10.0), populations, projections, 40.0)
    netsim.export(netsim.Model(network, netsim.initial_weights(network, 0)), tmp_path / "graph.nir")
    with pytest.raises(ValueError, match=message):
        names["leaky_first_spikes"](tmp_path / "graph.nir", np.ones((1, 2)), lambda *_: None, 0.1)
