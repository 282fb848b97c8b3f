"""Evaluation: figures of one pass are those of each presentation alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Latencies, make_engine
from netsim.errors import DataError, SpecificationError
from netsim.measuring.evaluation import evaluate
from netsim.presenting.present import present
from netsim.runs.model import Model
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.initial import initial_weights

MakeStimuli = Callable[..., Stimuli]


def _network(threshold: float = 3.0) -> Network:
    return Network.chain(
        "small",
        IntensityEncoder((6, 6, 1), 16.0),
        (
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(12), Neurons("phased", 2.0, 16.0, 16.0, 80.0, 1.0)),
            Layer("output", Dense(4), Neurons("phased", threshold, 16.0, 80.0, 160.0, 1.0)),
        ),
        160.0,
    )


class _Fixed:
    """An engine whose output layer fires as it is told."""

    def __init__(self, network: Network, outputs: np.ndarray) -> None:
        self.network = network
        self.dt = 0.0
        self.potentials: list[object] = []
        self.outputs = outputs
        self.weights = initial_weights(network, 0)
        self.presented = 0

    def present(self, batch: Batch) -> Latencies:
        count = len(batch.stimuli)
        latencies = {name: np.full((count, *shape), np.inf) for name, shape in self.network.shapes.items()}
        outputs = self.outputs[self.presented : self.presented + count]
        self.presented += count
        return Latencies(latencies | {"stimulus": batch.stimuli, "output": outputs})


def test_an_engine_for_an_earlier_version_is_refused_in_one_line(random_stimuli: MakeStimuli) -> None:
    network = _network()
    engine: Any = _Fixed(network, np.full((5, 4), np.inf))
    present = engine.present
    engine.present = lambda batch: list(present(batch).values())
    model = Model(network, engine.weights)
    with pytest.raises(DataError, match=r"latencies: must be a mapping from population name to array, .*, not list"):
        evaluate(model, random_stimuli(network.encoder, 5, 4), engine=engine)


def test_figures_of_spikes_are_those_of_the_model(random_stimuli: MakeStimuli) -> None:
    network = _network()
    stimuli = random_stimuli(network.encoder, 230, 4)
    model, names = Model(network, initial_weights(network, 1)), ["strict", "plain", "potential"]
    for dt in (0.0, 1.0):
        engine = make_engine("event", network, dt)
        spikes = present(model, stimuli, engine=engine)
        for limit in (None, 100):
            expected = evaluate(model, stimuli, engine=engine, read_outs=names, limit=limit)
            result = evaluate(spikes, read_outs=names, limit=limit)
            assert dataclasses.replace(result, seconds=0.0) == dataclasses.replace(expected, seconds=0.0)


def test_spikes_of_other_neurons_have_no_potentials(random_stimuli: MakeStimuli) -> None:
    network = _network()
    engine: Any = _Fixed(network, np.full((5, 4), 90.0))
    stimuli = random_stimuli(network.encoder, 5, 4)
    spikes = present(Model(network, engine.weights), stimuli, engine=engine)
    assert evaluate(spikes).tie_rate == 1
    with pytest.raises(SpecificationError, match="read-out 'potential': needs potentials, but the engine of these"):
        evaluate(spikes, read_outs=["potential"])


def test_ties_and_silence(random_stimuli: MakeStimuli) -> None:
    network = _network()
    stimuli = random_stimuli(network.encoder, 5, 4)
    stimuli.labels[:] = [0, 1, 1, 3, 2]
    silent = np.inf
    outputs = np.array(
        [
            [10.0, 20.0, silent, silent],  # right
            [10.0, 10.0, silent, silent],  # wrong: a tie that the lower number wins
            [silent, 30.0, 30.0, 40.0],  # right, by a tie
            [silent, silent, silent, silent],
            [5.0, silent, 6.0, silent],  # wrong
        ]
    )
    engine: Any = _Fixed(network, outputs)
    result = evaluate(Model(network, engine.weights), stimuli, engine=engine)
    assert result.accuracy == pytest.approx(2 / 5)
    assert result.strict_accuracy == pytest.approx(1 / 5)
    expected = stats.binomtest(1, 5).proportion_ci(0.95, method="wilson")
    assert result.interval == pytest.approx((expected.low, expected.high))  # of the strict accuracy
    assert result.tie_rate == pytest.approx(2 / 5)
    assert result.silent_rate == pytest.approx(1 / 5)
    assert result.mean_decision_latency_ms == pytest.approx((10 + 10 + 30 + 5) / 4)
    assert result.median_decision_latency_ms == 10
    assert result.decision_latency_iqr_ms == pytest.approx(15 - 8.75)  # a quarter of the way between two of four
    assert result.onset_rate == 4 / 5  # none is after the onset, but for silence
    assert result.read_outs == {"strict": 1 / 5}
    confusion = np.zeros((4, 5), dtype=int)
    for label, decision in ((0, 0), (1, 0), (1, 1), (3, 4), (2, 0)):
        confusion[label, decision] += 1
    assert result.confusion == confusion.tolist()
    assert result.spikes_per_presentation["output"] == pytest.approx(9 / 5)


def test_decisions_at_the_onset_are_counted(random_stimuli: MakeStimuli) -> None:
    network = _network()
    outputs = np.array([[80.0, np.inf, 90.0, 81.0], [81.0, 90.0, 80.25, 85.0], [80.0, 80.0, 85.0, 90.0], 4 * [np.inf]])
    engine: Any = _Fixed(network, outputs)
    model, stimuli = Model(network, engine.weights), random_stimuli(network.encoder, 4, 4)
    assert evaluate(model, stimuli, engine=engine).onset_rate == 2 / 4
    engine = _Fixed(network, outputs)
    engine.dt = 0.75  # the first step at or after the onset
    assert evaluate(model, stimuli, engine=engine).onset_rate == 3 / 4


@pytest.mark.parametrize("count", [1, 200, 450])
def test_figures_of_batches_are_those_of_single_presentations(count: int, random_stimuli: MakeStimuli) -> None:
    network = _network()
    weights = initial_weights(network, 1)
    stimuli = random_stimuli(network.encoder, count, 4)
    engine = make_engine("event", network)
    seen: list[tuple[int, int]] = []
    result = evaluate(Model(network, weights), stimuli, engine=engine, progress=lambda *done: seen.append(done))
    assert seen == sorted(set(seen))
    assert {total for _, total in seen} == {count}
    assert seen[-1][0] == result.presentations == count

    spikes = dict.fromkeys(("stimulus", "pool", "hidden", "output"), 0)
    operations = {"hidden": 0, "output": 0}
    correct, decision_times = 0, []
    for k in range(count):
        times = engine.present(Batch(stimuli.latencies(np.array([k])), weights))
        for name in spikes:
            spikes[name] += int(np.isfinite(times[name]).sum())
        for projection in network.weighted:
            fired = np.isfinite(times[projection.source]).ravel()
            operations[projection.name] += int(fired[network.connections(projection).pre].sum())
        row = times["output"][0]
        if np.isfinite(row).any():
            correct += int(row.argmin() == stimuli.labels[k])
            decision_times.append(row.min())
    assert result.accuracy == correct / count
    assert result.mean_decision_latency_ms == pytest.approx(np.mean(decision_times))
    assert result.spikes_per_presentation == {name: total / count for name, total in spikes.items()}
    assert result.synaptic_operations_per_presentation == {name: total / count for name, total in operations.items()}


def test_figures_are_ready_for_json_even_without_a_spike(random_stimuli: MakeStimuli) -> None:
    network = _network(threshold=1e6)
    model = Model(network, initial_weights(network, 0))
    result = evaluate(model, random_stimuli(network.encoder, 3, 4), engine=make_engine("event", network))
    assert result.silent_rate == 1
    assert np.isnan(result.mean_decision_latency_ms)
    figures = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert figures["mean_decision_latency_ms"] is None
    assert figures["median_decision_latency_ms"] is None
    assert figures["decision_latency_iqr_ms"] is None
    assert figures["accuracy"] == 0
    (line,) = result.advice
    assert line.startswith("output: no neuron fires; raise initial.")
    assert line in " ".join(repr(result).split())
    assert "first output spike" not in repr(result)


def test_sparse_populations_of_a_network_that_works_are_no_problem(random_stimuli: MakeStimuli) -> None:
    network, stimuli = _network(), random_stimuli(_network().encoder, 40, 4)
    outputs = np.full((40, 4), 100.0)
    outputs[np.arange(40), stimuli.labels] = 90.0
    for shift, found in ((0, 0), (1, 1)):  # all right, all wrong
        engine: Any = _Fixed(network, np.roll(outputs, shift, axis=1))
        engine.present = _with_one_spike_of("hidden", engine.present)
        result = evaluate(Model(network, engine.weights), stimuli, engine=engine)
        assert len(result.advice) == found
        assert f"strict accuracy {1.0 - shift:.2%} (95 % interval" in repr(result)
        assert "first output spike at 90 ms (median), quartiles 0 ms apart" in repr(result)


def _with_one_spike_of(population: str, present: Callable[[Batch], Latencies]) -> Callable[[Batch], Latencies]:
    def presented(batch: Batch) -> Latencies:
        latencies = {name: times.copy() for name, times in present(batch).items()}
        latencies[population].reshape(-1)[0] = 20.0
        latencies["pool"][:] = 5.0
        return Latencies(latencies)

    return presented
