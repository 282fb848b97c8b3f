"""Causal pieces agree with causal paths that are written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.analysis.kinds._causal import causes
from netsim.data.stimuli import SpikeStimuli
from netsim.errors import DataError
from netsim.specification import Delays, Dense, LatencyEncoder, Layer, Network, Neurons, Pooling
from netsim.spikes import Spikes
from netsim.spikes.spikes import no_progress


def written_out(spikes: Spikes, name: str, presentation: int, neuron: int) -> Any:
    """The causal path of a spike as nested tuples; None for silence."""
    model = spikes.known_model
    if name == "stimulus":
        return neuron
    time = spikes[name].reshape(spikes.presentations, -1)[presentation, neuron]
    if not np.isfinite(time):
        return None
    population = model.network.population(name)
    gate = population.dynamics.gate if population.integrates else np.inf
    (projection,) = model.network.incoming(name)
    sent = spikes[projection.source].reshape(spikes.presentations, -1)[presentation]
    delays = model.weights.get(f"{projection.name}.delay", np.zeros(len(sent))).ravel()
    causes_of = []
    for pre, post, weight in zip(*model.network.connections(projection), strict=True):
        if post == neuron and np.isfinite(sent[pre]):
            age = min(time, gate) - sent[pre] - delays[pre]
            if weight < 0:
                causal = age >= 0
            else:
                kernel = model.weights[f"{projection.name}.kernel"].ravel()
                causal = age >= 0 and kernel[weight] != 0 and projection.psp.potential(age) != 0
            if causal:
                causes_of.append((int(pre), written_out(spikes, projection.source, presentation, int(pre))))
    return name, neuron, tuple(causes_of)


def small(regime: str, **more: Any) -> Network:
    given: dict[str, Any] = {"onset": 24.0, "drive": 1.0} if regime == "phased" else {}
    hidden = Layer("hidden", Dense(4), Neurons(regime, 0.5, 16.0, bias=True, **given), **more)
    given = {"onset": 64.0, "drive": 1.0} if regime == "phased" else {}
    output = Layer("output", Dense(2), Neurons(regime, 0.5, 16.0, bias=True, **given))
    return Network.chain("small", LatencyEncoder((2, 2, 1), 16.0), (hidden, output), duration=128.0)


@pytest.mark.parametrize(
    "network",
    [
        small("free"),
        small("phased"),
        small("free", psp=netsim.PSP("triangle", rise=2.0, fall=4.0)),
        small("free", delay=Delays("axon", mean=4.0, spread=2.0)),
        Network.chain(
            "pooled",
            LatencyEncoder((4, 4, 1), 16.0),
            (Layer("pool", Pooling(2)), small("free").layers()[1]),  # type: ignore[index]
            duration=128.0,
        ),
    ],
    ids=["free", "phased", "triangle", "delays", "pooling"],
)
def test_paths_are_those_that_are_written_out(network: Network) -> None:
    generator = np.random.default_rng(0)
    weights = netsim.initial_weights(network, 3)
    for name, kernel in weights.items():
        if name.endswith(".kernel"):
            kernel.ravel()[::5] = 0.0
    model = netsim.Model(network, weights)
    times = np.round(generator.uniform(0, 16, (30, *network.encoder.shape)))
    times[generator.random(times.shape) < 0.2] = np.inf
    stimuli = netsim.Stimuli(times, np.zeros(30, np.int64), None, network.encoder)
    spikes = netsim.present(model, stimuli)
    table = netsim.analyse(model, "causal-pieces", stimuli=stimuli).table
    for name, pieces in causes(spikes, no_progress):
        for neuron in range(pieces.paths.shape[1]):
            paths = [written_out(spikes, name, presentation, neuron) for presentation in range(30)]
            alike = np.array([[path == other for path in paths] for other in paths])
            hashes = pieces.paths[:, neuron]
            np.testing.assert_array_equal(hashes[:, None] == hashes, alike)
            assert pieces.sizes[:, neuron].tolist() == [len(path[2]) if path else 0 for path in paths]
            row = table[(table["layer"] == name) & (table["neuron"] == neuron)].iloc[0]
            assert row["pieces"] == len(set(paths) - {None})
            assert row["sets"] <= row["pieces"]


def test_loops_are_refused_before_stimuli_are_presented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.analysis.kinds.causal_pieces.present", None)
    base = small("free")
    loop = netsim.Projection("hidden", "hidden", Dense(), name="loop")
    with pytest.raises(DataError, match=r"does not support loops \(loop\); choose"):
        netsim.analyse(
            replace(base, projections=(*base.projections, loop)),
            "causal-pieces",
            stimuli=netsim.Stimuli(np.zeros((3, 2, 2, 1)), np.zeros(3, np.int64), None, base.encoder),
        )


def test_potentials_that_are_over_are_no_causes() -> None:
    """Triangles rarely end at exactly 0, because of rounding."""
    triangle = netsim.PSP("triangle", rise=3.0, fall=7.0)
    since = np.random.default_rng(0).uniform(10.0, 60.0, 1000)
    assert not triangle.potential(since).any()
    neurons = Neurons("free", threshold=1.0, tau=3.0)
    network = Network.chain(
        "n", LatencyEncoder((1, 1, 6), 60.0), (Layer("out", Dense(1), neurons, psp=triangle),), 128.0
    )
    generator = np.random.default_rng(1)
    latencies = np.array([0.0, 11.0, 22.0, 33.0, 44.0, 44.0]) + generator.uniform(0.0, 0.1, (20, 6))
    model = netsim.Model(network, {"out.kernel": np.full((6, 1), 0.6)})
    stimuli = SpikeStimuli(latencies.reshape(20, 1, 1, 6), np.full(20, -1), None, network.encoder)
    ((_, found),) = causes(netsim.present(model, stimuli), no_progress)
    assert (found.sizes == 2).all()
    assert len(np.unique(found.sets)) == 1


def test_a_delayed_relay_has_the_cause_that_arrives_when_it_fires() -> None:
    projections = (
        netsim.Projection("stimulus", "pool", Pooling(2), delay=0.3),
        netsim.Projection("pool", "out", Dense(2)),
    )
    populations = (
        netsim.Population("pool", (2, 2, 1), None),
        netsim.Population("out", (2,), Neurons("free", 1.0, 8.0)),
    )
    network = Network("n", LatencyEncoder((4, 4, 1), 64.0), populations, projections, duration=256.0)
    latencies = np.random.default_rng(0).uniform(0.0, 64.0, (100, 4, 4, 1))
    stimuli = SpikeStimuli(latencies, np.full(100, -1), None, network.encoder)
    model = netsim.Model(network, {"out.kernel": np.ones((4, 2))})
    name, found = next(causes(netsim.present(model, stimuli), no_progress))
    assert name == "pool"
    assert (found.sizes == 1).all()
