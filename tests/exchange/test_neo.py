"""Neo blocks: what Neo, Elephant and Viziphant make of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.errors import DataError, DataWarning
from netsim.exchange import export, read_stimuli
from netsim.spikes import LayerSpikes, Spikes

neo = pytest.importorskip("neo", reason="blocks need neo, of the extra 'exchange'")
pq = pytest.importorskip("quantities")

LAYERS = ["stimulus", "conv", "pool", "hidden", "output"]


@pytest.fixture
def to_block() -> Callable[..., Any]:
    from netsim.exchange.spikes.neo import to_block

    return to_block


def _check(segments: list[Any], simulation: Spikes, tolerance: float) -> None:
    """Trains and their places in the segments of all presentations."""
    for position, segment in enumerate(segments):
        expected = np.concatenate([layer[position].ravel() for layer in simulation.values()])
        times = [train.rescale("ms").magnitude for train in segment.spiketrains]
        assert [train.size for train in times] == np.isfinite(expected).astype(int).tolist()
        result = np.array([train[0] if train.size else np.inf for train in times])
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)
        conv = [train.annotations for train in segment.spiketrains if train.annotations["layer"] == "conv"]
        assert [(annotations["y"], annotations["x"], annotations["map"]) for annotations in conv] == list(
            np.ndindex(simulation.network.shapes["conv"])
        )


def test_neo_cuts_presentations_out_of_the_session(simulation: Spikes) -> None:
    """A pixel of latency 0 belongs to the presentation that starts then, not to the one before."""
    export(simulation, "spikes.mat", "neo", record={"weights": "trained"})
    block = neo.io.NeoMatlabIO("spikes.mat").read_block()
    assert block.name == "small"
    assert json.loads(block.annotations["simulation"]) == {"weights": "trained"}
    (session,) = block.segments
    (presentations,) = session.epochs
    assert presentations.annotations["presentation"].tolist() == [7, 3, 0, 12]
    assert presentations.annotations["label"].tolist() == [1, 0, 2, 1]
    assert presentations.annotations["decision"][2] == -1
    assert {train.t_stop.item() for train in session.spiketrains} == {4 * 64.3}
    segments = pytest.importorskip("neo.utils").cut_segment_by_epoch(session, presentations, reset_time=True)
    assert len(segments) == 4
    _check(segments, simulation, 1e-9)


def test_a_spike_at_the_start_is_cut_into_its_own_presentation_alone(simulation: Spikes) -> None:
    """Neo counts both ends of a slice."""
    stimuli = np.full_like(simulation["stimulus"], np.inf)
    stimuli[:, 0, 0, 0] = 0.0
    layer = LayerSpikes.of_latencies("stimulus", stimuli, (0.0, 16.0))
    at_start = dataclasses.replace(simulation, load=lambda name: layer if name == "stimulus" else simulation.load(name))
    export(at_start, "spikes.mat", "neo", populations=["stimulus"])
    (session,) = neo.io.NeoMatlabIO("spikes.mat").read_block().segments
    cut = pytest.importorskip("neo.utils").cut_segment_by_epoch
    segments = cut(session, session.epochs[0], reset_time=True)
    assert [segment.spiketrains[0].magnitude.tolist() for segment in segments] == [[0.0]] * 4


def test_segments_in_memory_are_presentations(simulation: Spikes, to_block: Callable[..., Any]) -> None:
    segments = to_block(simulation).segments
    assert [segment.annotations["presentation"] for segment in segments] == [7, 3, 0, 12]
    assert [segment.annotations["label"] for segment in segments] == [1, 0, 2, 1]
    assert {(train.t_start.item(), train.t_stop.item()) for train in segments[0].spiketrains} == {(0.0, 64.3)}
    _check(segments, simulation, 0)


def test_trains_are_made_when_they_are_asked_for(
    simulation: Spikes, to_block: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object per neuron and presentation is what took minutes; a file has one per neuron, however many there are."""
    made: list[int] = []
    original = neo.SpikeTrain.__new__

    def counted(cls: type, *given: Any, **named: Any) -> Any:
        made.append(1)
        return original(cls, *given, **named)

    monkeypatch.setattr(neo.SpikeTrain, "__new__", counted)
    block = to_block(simulation)
    assert len(block.segments[0].spiketrains) == sum(layer[0].size for layer in simulation.values())
    assert made == []
    export(simulation, "spikes.mat", "neo", populations=["hidden", "output"])
    assert len(made) == 5 + 3


def test_elephant_counts_and_rates(simulation: Spikes, to_block: Callable[..., Any]) -> None:
    statistics = pytest.importorskip("elephant.statistics", reason="Elephant is of the extra 'test'")
    trains = to_block(simulation, ["stimulus"]).segments[0].spiketrains
    fired = np.isfinite(simulation["stimulus"][0].ravel())
    rates = [statistics.mean_firing_rate(train).rescale("Hz").item() for train in trains]
    np.testing.assert_allclose(rates, fired / 0.0643)
    histogram = statistics.time_histogram(list(trains), bin_size=1 * pq.ms, t_stop=64 * pq.ms)
    latencies = simulation["stimulus"][0].ravel()[fired]
    assert histogram.magnitude.ravel().tolist() == np.histogram(latencies, np.arange(65.0))[0].tolist()


def test_viziphant_draws_a_raster(simulation: Spikes, to_block: Callable[..., Any]) -> None:
    plots = pytest.importorskip("viziphant.rasterplot", reason="Viziphant is of no extra, for it is large")
    trains = list(to_block(simulation, ["stimulus"]).segments[0].spiketrains)
    axes = plots.rasterplot(trains)
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    assert drawn == np.isfinite(simulation["stimulus"][0]).sum()


def test_neo_writes_the_block_to_its_other_formats(simulation: Spikes, to_block: Callable[..., Any]) -> None:
    pytest.importorskip("nixio", reason="NIX needs nixio, of the extra 'test'")
    with neo.io.NixIO("spikes.nix", "ow") as stream:
        stream.write_block(to_block(simulation, ["output"]))
    with neo.io.NixIO("spikes.nix", "ro") as stream:
        block = stream.read_block()
    times = [[train.magnitude.tolist() for train in segment.spiketrains] for segment in block.segments]
    assert times == [
        [[time] if time < np.inf else [] for time in presentation] for presentation in simulation["output"].tolist()
    ]


def test_many_parts_point_to_the_fast_way(simulation: Spikes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.spikes.neo._MANY_PARTS", 10)
    with pytest.warns(DataWarning, match=r"spikes\.mat: Neo takes minutes .* \(12 parts of trains\); .*neo\.to_block"):
        export(simulation, "spikes.mat", "neo", populations=["output"])


def test_it_is_not_read_back(simulation: Spikes) -> None:
    export(simulation, "spikes.mat", "neo", populations=["output"])
    with pytest.raises(DataError, match=r"spikes\.mat: netsim cannot read spikes of the format neo; .* \.nwb, \.h5"):
        read_stimuli("spikes.mat", (4, 5, 2))


@pytest.mark.parametrize("stored", [False, True])
def test_each_cut_presentation_has_its_own_label(simulation: Spikes, stored: bool) -> None:
    from netsim.exchange.spikes.neo import to_session

    block = to_session(simulation)
    if stored:
        export(simulation, "spikes.mat", "neo")
        block = neo.io.NeoMatlabIO("spikes.mat").read_block()
    trials = netsim.cut_trials(block, events="presentations", labels="label", window=(0.0, 64.0))
    assert trials.labels is not None
    assert trials.labels.tolist() == [1, 0, 2, 1]
    (session,) = block.segments
    if stored:  # Neo's MATLAB files have no array annotations
        session.epochs[0].array_annotate(**session.epochs[0].annotations)
    segments = pytest.importorskip("neo.utils").cut_segment_by_epoch(session, session.epochs[0])
    assert [segment.annotations["label"] for segment in segments] == [1, 0, 2, 1]
    assert [segment.annotations["presentation"] for segment in segments] == [7, 3, 0, 12]
