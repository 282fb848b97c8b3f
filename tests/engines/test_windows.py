"""Objects of a Brian2 network are idle outside of their windows, and nothing else changes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from brian2.groups.group import CodeRunner

from netsim.engines import Batch, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.errors import DataError
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights


def _neurons(onset: float, end: float) -> Neurons:
    return Neurons("phased", threshold=0.5, tau=5.0, onset=onset, end=end, drive=1.0, bias=True)


@pytest.fixture(scope="module")
def network() -> Network:
    layers = (
        Layer("conv", Convolution(2, 3), neurons=_neurons(10.0, 20.0)),
        Layer("pool", Pooling(2)),
        Layer("output", Dense(3), neurons=_neurons(20.0, 35.0)),
    )
    return Network.chain("windows", IntensityEncoder((6, 6, 1), 10.0), layers, duration=40.0)


@pytest.fixture(scope="module")
def weights(network: Network) -> Weights:
    return {name: array + 0.05 for name, array in initial_weights(network, 1).items()}


@pytest.fixture
def stimuli() -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 8, (2, 6, 6, 1))


def _runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the objects of Brian2 run, by name."""
    counts: Counter[str] = Counter()
    run = CodeRunner.run

    def counting(self: CodeRunner) -> None:
        counts[self.name] += 1
        run(self)

    monkeypatch.setattr(CodeRunner, "run", counting)
    return counts


def test_objects_run_while_they_have_anything_to_do(
    network: Network, weights: Weights, stimuli: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = _runs(monkeypatch)
    engine = Brian2Engine(network, 1.0, target="numpy", copies=1)
    last = int(np.rint(stimuli[0].max()))
    engine.present(Batch(stimuli[:1], weights))
    assert counts["neurons_stimulus_spike_thresholder"] == last + 1
    assert counts["neurons_conv_spike_thresholder"] == 10
    assert counts["neurons_conv_stateupdater"] == 20
    assert counts["neurons_pool_spike_thresholder"] == 10
    assert counts["neurons_output_spike_thresholder"] == 15
    assert counts["neurons_output_stateupdater"] == 35
    assert counts["synapses_conv_breakpoint_0"] == last + 1
    assert counts["synapses_output_breakpoint_0"] == 10


def test_a_recorded_potential_goes_on(network: Network, weights: Weights, stimuli: np.ndarray) -> None:
    recorded = Recorded("conv", 4)
    engine = Brian2Engine(network, 1.0, [recorded], target="numpy", copies=1)
    engine.present(Batch(stimuli[:1], weights))
    (potential,) = engine.potentials
    slopes = np.diff(potential.potential)
    np.testing.assert_allclose(slopes[10:], 1.0 / 5.0, atol=1e-9)  # of the drive alone, to the end of the presentation


def test_a_network_that_is_used_alone_afterwards_has_nothing_off(
    network: Network, weights: Weights, stimuli: np.ndarray
) -> None:
    engine = Brian2Engine(network, 1.0, target="numpy", copies=1)
    batch = Batch(stimuli, weights)
    model = engine.model_for(batch)
    at_first = {each.name for each in model.network.sorted_objects if each.active}
    expected = engine.present(batch)
    assert "neurons_conv_stateupdater" not in {each.name for each in model.network.sorted_objects if each.active}
    model.begin(stimuli[0])
    assert at_first <= {each.name for each in model.network.sorted_objects if each.active}
    model.network.run(model.duration)
    for ours, theirs in zip(model.latencies().values(), expected.values(), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_network_that_is_used_alone_refuses_latencies_that_are_not_numbers(
    network: Network, weights: Weights, stimuli: np.ndarray
) -> None:
    model = Brian2Engine(network, 1.0, target="numpy", copies=1).model_for(Batch(stimuli[:1], weights))
    with pytest.raises(DataError, match="stimuli: contain NaN; use inf for silence"):
        model.begin(np.full_like(stimuli[0], np.nan))


def test_delays_keep_their_pathways_on(network: Network, weights: Weights, stimuli: np.ndarray) -> None:
    """Spikes of one presentation that are still under way do not reach the next one."""
    delays = {"output": np.full(network.shapes["pool"], 25.0)}
    engine = Brian2Engine(network, 1.0, target="numpy", copies=1)
    both = engine.present(Batch(stimuli, weights, delays=delays))
    for number in range(2):
        alone = engine.present(Batch(stimuli[number : number + 1], weights, delays=delays))
        for ours, theirs in zip(both.values(), alone.values(), strict=True):
            np.testing.assert_array_equal(ours[number], theirs[0])
