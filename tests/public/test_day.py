"""The work of a day in ten calls: what one of them returns, the next ones take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import netsim


def test_from_a_training_to_a_report(only_pictures: Callable[..., None]) -> None:
    pytest.importorskip("nir", reason="the network is written for NIR, of the extra 'exchange'")
    model = netsim.train("digits", "run", epochs=1)
    assert netsim.load_model("run").sha256 == model.sha256

    spikes = netsim.present(model)
    assert {name: latencies.shape for name, latencies in spikes.items()} == {
        "stimulus": (360, 8, 8, 1),
        "hidden": (360, 200),
        "output": (360, 10),
    }
    table = spikes.table()
    assert len(table) == sum(np.isfinite(latencies).sum() for latencies in spikes.values())

    evaluation = netsim.evaluate(model)
    assert evaluation.strict_accuracy > 0.8
    assert evaluation.accuracy == netsim.evaluate(spikes).accuracy
    assert evaluation.strict_accuracy == netsim.evaluate(spikes).strict_accuracy

    study = netsim.study(model, "spike-jitter", levels=[0, 1, 2], seeds=[0], limit=100)
    assert study["level"].dropna().tolist() == [0, 1, 2]
    assert study["strict_accuracy"].iloc[0] == netsim.evaluate(model, limit=100).strict_accuracy

    information = netsim.analyse(spikes, "information")
    assert information.table.equals(netsim.analyse(model, "information", limit=360).table)
    assert information.figure().axes

    drawn = netsim.plot(spikes, "raster", presentation=7)
    assert drawn.table["label"].unique().tolist() == [spikes.require_labels()[7]]
    assert drawn.table.equals(netsim.plot(model, "raster", presentation=7).table)

    netsim.export(spikes, "spikes.csv")
    back = netsim.read_spikes("spikes.csv")
    assert len(back.table()) == len(table)
    netsim.export(model, "network.nir")
    assert netsim.import_network("network.nir").network == model.network

    only_pictures("confusion")
    report = netsim.report(model, "report.html")
    assert report.evaluation.strict_accuracy == evaluation.strict_accuracy
    assert {path.name for path in Path().iterdir()} == {
        *("run", "spikes.csv", "network.nir", "report.html", "report-figures")
    }
    plt.close("all")
