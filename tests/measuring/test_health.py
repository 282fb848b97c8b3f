"""Shares of neurons that are silent, at the onset or too late, and what a check says of them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import netsim
from netsim.errors import DataError, SpecificationError
from netsim.measuring.checking import NOTHING, check_latencies
from netsim.measuring.health import Health

SILENT = np.inf
ENCODER = netsim.IntensityEncoder((2, 2, 1), 10.0)


def _neurons(onset: float, end: float, threshold: float = 1.0) -> netsim.Neurons:
    return netsim.Neurons("phased", threshold, 10.0, onset, end, 1.0)


def _network(
    hidden: dict[str, Any] | None = None, output: dict[str, Any] | None = None, threshold: float = 1.0
) -> netsim.Network:
    """Four inputs, two hidden neurons that fire from 10 to 30 ms and two outputs that fire from 30 to 60 ms."""
    layers = [
        netsim.Layer("hidden", netsim.Dense(2), _neurons(10.0, 30.0, threshold), **(hidden or {})),
        netsim.Layer("output", netsim.Dense(2), _neurons(30.0, 60.0), **(output or {})),
    ]
    return netsim.Network.chain("tiny", ENCODER, layers, 60.0)


def _weights(network: netsim.Network, **values: Any) -> dict[str, np.ndarray]:
    """Weights of a network, by default 0."""
    weights = {name: np.zeros_like(array) for name, array in netsim.initial_weights(network, 0).items()}
    for name, value in values.items():
        weights[name.replace("__", ".")][:] = value
    return weights


def _latencies(hidden: Any, output: Any, dtype: type = np.float64) -> dict[str, np.ndarray]:
    stimulus: np.ndarray = np.zeros((len(hidden), 2, 2, 1), dtype)
    return {"stimulus": stimulus, "hidden": np.array(hidden, dtype), "output": np.array(output, dtype)}


HIDDEN = [[10.0, SILENT], [10.0, 26.0], [12.0, 25.0], [SILENT, 24.9]]
OUTPUT = [[30.0, 30.0], [35.0, 30.0], [SILENT, SILENT], [40.0, 40.0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dt", [0.0, 0.1])
def test_shares_of_a_batch(dt: float, dtype: type) -> None:
    network = _network(output={"delay": 5.0})
    health = Health(network, dt)
    batch = health.measure(_latencies(HIDDEN, OUTPUT, dtype), _weights(network))
    assert batch.silent == {"hidden": 2 / 8, "output": 2 / 8}
    assert batch.onset == {"hidden": 2 / 8, "output": 3 / 8}
    assert batch.late == {"hidden": 2 / 8, "output": 0.0}  # at 25 ms, 5 ms before the gate
    assert batch.decisions.tied.tolist() == [True, False, False, True]
    assert health.at_onset(batch.decisions).tolist() == [True, True, False, False]


def test_nothing_is_late_that_arrives_within_the_window() -> None:
    assert Health(_network(), 0.0).measure(_latencies(HIDDEN, OUTPUT), {}).late == {"hidden": 0.0, "output": 0.0}


def test_a_window_from_the_start_has_no_neurons_at_its_onset() -> None:
    layers = [netsim.Layer("output", netsim.Dense(2), netsim.Neurons("free"))]
    network = netsim.Network.chain("free", ENCODER, layers, 60.0)
    batch = Health(network, 0.0).measure({"output": np.zeros((3, 2))}, {})
    assert batch.onset == {"output": 0.0}


@pytest.mark.parametrize(("per", "late"), [("axon", 2 / 8), ("synapse", 2 / 8)])
def test_delays_of_axons_and_synapses_count(per: Any, late: float) -> None:
    network = _network(output={"delay": netsim.Delays(mean=1.0, per=per)})
    # the second neuron is late from 25 ms on; of its synapses the fastest one counts
    delays = np.array([0.0, 5.0]) if per == "axon" else np.array([[0.0, 0.0], [9.0, 5.0]])
    weights = _weights(network, output__delay=delays)
    latencies = _latencies(HIDDEN, OUTPUT)
    assert Health(network, 0.0).measure(latencies, weights).late["hidden"] == late
    health = check_latencies(network, weights, latencies, 0.0)
    # each spike arrives twice; of the slowest synapse, 26, 25 and 24.9 ms are too late
    in_vain = 4 / 12 if per == "axon" else (2 + 3) / 12
    assert health.projections[1].too_late == pytest.approx(in_vain)
    assert health.projections[1].arrivals == 12 / 4


def test_deadlines_follow_delays_that_are_learned() -> None:
    network = _network(output={"delay": netsim.Delays(mean=1.0, learned=True)})
    health, latencies = Health(network, 0.0), _latencies(HIDDEN, OUTPUT)
    shares = [health.measure(latencies, _weights(network, output__delay=delay)).late["hidden"] for delay in (0.0, 5.0)]
    assert shares == [0.0, 2 / 8]


def test_relays_pass_the_deadline_on() -> None:
    layers = [
        netsim.Layer("maps", netsim.Convolution(1, 1), _neurons(10.0, 30.0)),
        netsim.Layer("pool", netsim.Pooling(2), delay=2.0),
        netsim.Layer("output", netsim.Dense(2), _neurons(30.0, 60.0), delay=3.0),
    ]
    network = netsim.Network.chain("pooled", ENCODER, layers, 60.0)
    deadlines = Health(network, 0.0).deadlines(_weights(network))
    latest = {name: float(times.max()) for name, times in deadlines.items()}
    assert latest == {"stimulus": 10.0, "maps": 25.0, "pool": 27.0, "output": SILENT}


def test_current_within_a_loop_counts_until_the_end() -> None:
    ends = [("stimulus", "a"), ("a", "a"), ("a", "output")]
    first, last = _neurons(10.0, 30.0), _neurons(30.0, 60.0)
    populations = (netsim.Population("a", (2,), first), netsim.Population("output", (2,), last))
    projections = tuple(netsim.Projection(*pair, netsim.Dense()) for pair in ends)
    network = netsim.Network("loop", ENCODER, populations, projections, 60.0)
    until = {projection.name: Health(network, 0.0).until(projection) for projection in network.projections}
    assert until == {"a": 10.0, "a_to_a": 30.0, "output": 30.0}


@pytest.mark.parametrize(("dt", "late"), [(0.0, 0.0), (1.0, 0.5)])
def test_a_spike_in_the_last_step_of_a_window_is_too_late(dt: float, late: float) -> None:
    """On a grid, the target cannot fire after this step. At exact times it can."""
    layers = [netsim.Layer(name, netsim.Dense(2), netsim.Neurons("free", 1.0, 10.0)) for name in ("hidden", "output")]
    network = netsim.Network.chain("free", ENCODER, layers, 32.0)
    latencies = _latencies([[30.0, 31.0]], [[SILENT, SILENT]])
    assert Health(network, dt).measure(latencies, _weights(network)).late["hidden"] == late


def test_a_psp_that_sets_in_later_brings_the_deadline_forward() -> None:
    psp = netsim.PSP("breakpoints", breakpoints=((0.0, 0.0), (4.0, 1.0)))
    network = _network(output={"psp": psp})
    assert float(Health(network, 0.0).deadlines({})["hidden"]) == 26.0
    assert float(Health(network, 3.0).deadlines({})["hidden"]) == 30.0 - 3.0


def _checked(network: netsim.Network, **values: Any) -> Any:
    """The check of ten presentations in which all inputs fire at once."""
    stimuli = netsim.Stimuli(np.full((10, 2, 2, 1), 255, np.uint8), np.zeros(10, int), 255, ENCODER)
    return netsim.check(netsim.Model(network, _weights(network, **values)), stimuli)


def test_a_population_that_is_silent() -> None:
    health = _checked(_network(threshold=1e6), hidden__kernel=1.0, output__kernel=0.1)
    assert [population.silent for population in health.populations] == [1.0, 0.0]
    assert np.isnan(health.populations[0].median_ms)
    assert health.tie_rate == 1  # the drive alone makes the outputs fire, which is no finding of its own
    assert [(finding.kind, finding.where) for finding in health.findings] == [("silent", "hidden")]
    assert health.advice == [
        "hidden: no neuron fires; raise initial.mean or initial.spread of the projections onto it, or lower its"
        " threshold (now 1e+06)"
    ]


def test_time_constants_in_seconds_are_the_only_finding() -> None:
    """Other findings follow from them: here all hidden neurons fire at once."""
    slow = _neurons(10.0, 30.0)
    layers = [
        netsim.Layer("hidden", netsim.Dense(2), dataclasses.replace(slow, tau=0.012)),
        netsim.Layer("output", netsim.Dense(2), dataclasses.replace(_neurons(30.0, 60.0), tau=0.13)),
    ]
    health = _checked(netsim.Network.chain("tiny", ENCODER, layers, 60.0), hidden__kernel=1.0)
    assert [(finding.kind, finding.where) for finding in health.findings] == [("in seconds", "hidden")]
    assert health.advice == [
        "layers.hidden.neurons.tau: 0.012 ms is very short for presentations of 60 ms; times are in ms;"
        " did you mean 12?"
    ]


def test_inhibition_that_silences_is_named() -> None:
    health = _checked(_network(), hidden__kernel=-100.0, output__kernel=0.1)
    assert health.populations[0].inhibition == -400.0
    assert "inhibitory weights onto a neuron sum to -400, excitatory ones to 0" in health.advice[0]
    assert "nan" not in health._repr_html_()


def test_inhibition_from_silent_neurons_is_no_cause_of_silence() -> None:
    high, low = netsim.Neurons("free", 40.0, 4.0), netsim.Neurons("free", 1.0, 4.0)
    populations = (
        netsim.Population("e", (4,), high, inhibitory=0.0),
        netsim.Population("i", (2,), low, inhibitory=1.0),
        netsim.Population("output", (2,), low),
    )
    initial = {"i": netsim.InitialWeights(mean=-9.0, spread=0.1), "e": netsim.InitialWeights(mean=0.1, spread=0.01)}
    pairs = [("stimulus", "e"), ("e", "i"), ("i", "e"), ("e", "output")]
    projections = tuple(
        netsim.Projection(source, target, netsim.Dense(), initial=initial.get(source, netsim.InitialWeights(mean=0.1)))
        for source, target in pairs
    )
    network = netsim.Network("loop", ENCODER, populations, projections, 60.0)
    stimuli = netsim.Stimuli(np.full((10, 2, 2, 1), 255, np.uint8), np.zeros(10, int), 255, ENCODER)
    (advice,) = netsim.check(network, stimuli).advice
    assert advice.startswith("e: no neuron fires; ")
    assert "lower its threshold (now 40)" in advice


def test_a_population_at_its_onset() -> None:
    health = _checked(_network(), hidden__kernel=10.0, output__kernel=[[1.0, 2.0]] * 2)
    hidden, output = health.populations
    assert (hidden.at_onset, hidden.median_ms, output.at_onset) == (1.0, 10.0, 1.0)
    kinds = [(finding.kind, finding.where) for finding in health.findings]
    assert kinds == [("at onset", "hidden"), ("at onset", "output")]
    assert "100% of neurons fire at the onset of their window (10 ms)" in health.advice[0]
    assert health.onset_rate == health.tie_rate == 1.0


def test_spikes_that_come_too_late() -> None:
    network = _network(output={"delay": 15.0})
    health = _checked(network, hidden__kernel=[[0.05, 0.1]] * 4, output__kernel=0.1)
    assert health.populations[0].too_late == health.projections[1].too_late == 1.0
    assert health.advice == [
        "output: 100% of its spikes arrive after the gate (30 ms) of output; shorten its delay or set a later onset"
        " of output or make hidden fire earlier"
    ]


def test_outputs_that_tie_though_they_are_not_at_their_onset() -> None:
    health = _checked(_network(), hidden__kernel=0.1, output__kernel=0.01)
    assert (health.tie_rate, health.onset_rate) == (1.0, 0.0)
    kinds = [(finding.kind, finding.where) for finding in health.findings]
    assert kinds == [("same time", "hidden"), ("tied", "output")]
    assert "hidden: most spikes are at" in health.advice[0]
    assert "give its neurons different weights" in health.advice[1]


def test_signs_and_sums() -> None:
    network = _network(hidden={"inhibitory": 0.5})
    health = _checked(network, hidden__kernel=[[1.0, -1.0], [0.5, 0], [0, 0], [0, 0]], output__kernel=[[1, 1], [-2, 0]])
    hidden, output = health.populations
    assert (hidden.excitation, hidden.inhibition, hidden.inhibitory) == (0.75, -0.5, 0.5)
    assert (output.excitation, output.inhibition, output.inhibitory) == (1.0, -1.0, None)


def test_a_check_can_be_read() -> None:
    health = netsim.check("digits", limit=20)
    assert (health.advice, health.presentations, health.dt) == ([], 20, 1.0)
    assert NOTHING in repr(health)
    table = health.table()
    assert table["population"].tolist() == ["hidden", "output"]
    assert table["inhibitory"].isna().all()
    assert health.arrival_table()["target"].tolist() == ["hidden", "output"]
    answer = json.loads(json.dumps(health.to_dict(), allow_nan=False))
    assert answer["populations"][0]["population"] == "hidden"
    assert answer["findings"] == []
    ill = _checked(_network(threshold=1e6), hidden__kernel=1.0)
    assert json.loads(json.dumps(ill.to_dict(), allow_nan=False))["populations"][0]["median_ms"] is None
    assert "no neuron fires" in repr(ill)
    assert "no neuron fires" in ill._repr_html_()


def test_it_is_the_same_whatever_the_size_of_parts() -> None:
    network = netsim.load_preset("digits")
    stimuli = netsim.load_splits(network).training.first(60)
    latencies = netsim.make_engine("event", network, 1.0).present(
        netsim.Batch(stimuli.latencies(np.arange(60)), netsim.initial_weights(network, 3))
    )
    whole = check_latencies(network, netsim.initial_weights(network, 3), latencies, 1.0)
    assert netsim.check(network, limit=60, seed=3) == whole


def test_a_model_is_checked_with_its_own_weights() -> None:
    network = netsim.load_preset("digits")
    models = [netsim.Model(network, netsim.initial_weights(network, seed)) for seed in (5, 6)]
    checks = [netsim.check(model, limit=20) for model in models]
    assert checks[0] != checks[1]
    assert checks[0] == netsim.check(models[0], limit=20, seed=3)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(DataError, match="there are none; give at least one"):
        netsim.check("digits", netsim.load_splits(netsim.load_preset("digits")).test.first(1).pick(np.array([], int)))
    with pytest.raises(SpecificationError, match="limit"):
        netsim.check("digits", limit=0)
    with pytest.raises(SpecificationError, match="is neither a run folder nor a preset nor a TOML file"):
        netsim.check("digit")
