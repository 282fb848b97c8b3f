"""Neo blocks: what Neo, Elephant and Viziphant make of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netsim.errors import DataError
from netsim.exchange import export, read_stimuli
from netsim.measuring.simulation import Simulation

neo = pytest.importorskip("neo", reason="blocks need neo, of the extra 'exchange'")
pq = pytest.importorskip("quantities")

LAYERS = ["stimulus", "conv", "pool", "hidden", "output"]


@pytest.fixture
def to_block() -> Callable[..., Any]:
    from netsim.exchange.spikes.neo import to_block

    return to_block


def test_neo_reads_segments_and_trains(simulation: Simulation) -> None:
    export("neo", simulation, "spikes.mat", record={"weights": "trained"})
    block = neo.io.NeoMatlabIO("spikes.mat").read_block()
    assert block.name == "small"
    assert json.loads(block.annotations["simulation"]) == {"weights": "trained"}
    assert [segment.annotations["presentation"] for segment in block.segments] == [7, 3, 0, 12]
    assert [segment.annotations["label"] for segment in block.segments] == [1, 0, 2, 1]
    for position, segment in enumerate(block.segments):
        assert segment.index == position
        expected = np.concatenate([layer[position].ravel() for layer in simulation.latencies])
        times = [train.magnitude for train in segment.spiketrains]
        assert [list(train) for train in times] == [[time] if time < np.inf else [] for time in expected]
        for train in segment.spiketrains:
            assert (train.t_start, train.t_stop) == (0 * pq.ms, 64.3 * pq.ms)
        conv = [train.annotations for train in segment.spiketrains if train.annotations["layer"] == "conv"]
        assert [(one["y"], one["x"], one["map"]) for one in conv] == list(np.ndindex(simulation.network.shapes["conv"]))


def test_elephant_counts_and_rates(simulation: Simulation, to_block: Callable[..., Any]) -> None:
    statistics = pytest.importorskip("elephant.statistics", reason="Elephant is of the extra 'test'")
    trains = to_block(simulation, ["stimulus"]).segments[0].spiketrains
    fired = np.isfinite(simulation.latencies[0][0].ravel())
    rates = [statistics.mean_firing_rate(train).rescale("Hz").item() for train in trains]
    np.testing.assert_allclose(rates, fired / 0.0643)
    histogram = statistics.time_histogram(list(trains), bin_size=1 * pq.ms, t_stop=64 * pq.ms)
    latencies = simulation.latencies[0][0].ravel()[fired]
    assert histogram.magnitude.ravel().tolist() == np.histogram(latencies, np.arange(65.0))[0].tolist()


def test_viziphant_draws_a_raster(simulation: Simulation, to_block: Callable[..., Any]) -> None:
    plots = pytest.importorskip("viziphant.rasterplot", reason="Viziphant is of no extra, for it is large")
    trains = list(to_block(simulation, ["stimulus"]).segments[0].spiketrains)
    axes = plots.rasterplot(trains)
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    assert drawn == np.isfinite(simulation.latencies[0][0]).sum()


def test_neo_writes_the_block_to_its_other_formats(simulation: Simulation, to_block: Callable[..., Any]) -> None:
    pytest.importorskip("nixio", reason="NIX needs nixio, of the extra 'test'")
    with neo.io.NixIO("spikes.nix", "ow") as stream:
        stream.write_block(to_block(simulation, ["output"]))
    with neo.io.NixIO("spikes.nix", "ro") as stream:
        block = stream.read_block()
    times = [[train.magnitude.tolist() for train in segment.spiketrains] for segment in block.segments]
    assert times == [
        [[time] if time < np.inf else [] for time in presentation] for presentation in simulation.latencies[-1].tolist()
    ]


def test_it_is_not_read_back(simulation: Simulation) -> None:
    export("neo", simulation, "spikes.mat", layers=["output"])
    with pytest.raises(DataError, match=r"spikes\.mat: cannot be read as spikes; .* one of \.nwb, \.h5"):
        read_stimuli("spikes.mat", (4, 5, 2))
