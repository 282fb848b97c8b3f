"""Decisions and counts from latencies alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

from netsim.engines import Latencies
from netsim.measuring.metrics import (
    at_onset,
    decide,
    latency_text,
    neuron_spikes,
    range_text,
    silent_fractions,
    synaptic_operations,
    timing_figures,
    wilson_interval,
)
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Pooling

SILENT = np.inf


@pytest.mark.parametrize(
    ("outputs", "choice", "tied", "latency"),
    [
        ([3.0, 1.0, 2.0], 1, False, 1.0),
        ([1.0, 1.0, 2.0], 0, True, 1.0),
        ([2.0, 1.0, 1.0], 1, True, 1.0),
        ([2.0, 2.0, 1.0], 2, False, 1.0),
        ([SILENT, 5.0, SILENT], 1, False, 5.0),
        ([SILENT, SILENT, SILENT], -1, False, SILENT),
        ([0.0, 0.0, 0.0], 0, True, 0.0),
    ],
)
def test_the_first_output_spike_decides(outputs: list[float], choice: int, tied: bool, latency: float) -> None:
    decisions = decide(np.array([outputs]))
    assert decisions.choice.tolist() == [choice]
    assert decisions.tied.tolist() == [tied]
    assert decisions.latency.tolist() == [latency]
    for label in range(3):
        labels = np.array([label])
        assert decisions.correct(labels)[0] == (label == choice)
        assert decisions.strictly_correct(labels)[0] == (label == choice and not tied)


@settings(deadline=None, max_examples=100)
@given(
    arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.sampled_from([0, 1, 2, 2.5, SILENT]))
)
def test_decisions_are_those_of_each_presentation_alone(outputs: np.ndarray) -> None:
    decisions = decide(outputs)
    for k, row in enumerate(outputs.tolist()):
        first = min(row)
        assert decisions.latency[k] == first
        assert decisions.choice[k] == (row.index(first) if first < SILENT else -1)
        assert decisions.tied[k] == (first < SILENT and row.count(first) > 1)


NETWORK = Network.chain(
    "counted",
    IntensityEncoder((7, 6, 2), 16.0),
    (
        Layer("conv", Convolution(3, 3, stride=2, padding=1)),
        Layer("pool", Pooling(2, stride=1)),
        Layer("conv2", Convolution(2, 2)),
        Layer("hidden", Dense(5)),
        Layer("output", Dense(4)),
    ),
    32.0,
)


def _latencies(presentations: int, seed: int = 0) -> Latencies:
    generator = np.random.default_rng(seed)
    shapes = {name: (presentations, *shape) for name, shape in NETWORK.shapes.items()}
    draw = generator.random
    return Latencies({name: np.where(draw(shape) < 0.4, SILENT, draw(shape)) for name, shape in shapes.items()})


@pytest.mark.parametrize("presentations", [1, 3])
def test_synaptic_operations_are_spikes_counted_synapse_by_synapse(presentations: int) -> None:
    latencies = _latencies(presentations)
    expected = {}
    for projection in NETWORK.weighted:
        synapses = NETWORK.connections(projection)
        total = 0
        for presentation in range(presentations):
            fired = np.isfinite(latencies[projection.source][presentation]).ravel()
            for pre in synapses.pre:
                total += bool(fired[pre])
        expected[projection.name] = total
    assert synaptic_operations(NETWORK, latencies) == expected
    assert all(count > 0 for count in expected.values())


def test_the_onset_is_equal_up_to_rounding_and_0_is_none() -> None:
    decisions = decide(np.array([[np.float32(70.1)], [70.2], [0.0], [np.inf]]))
    assert at_onset(decisions, 70.1).tolist() == [True, False, True, False]
    assert timing_figures(decisions, 70.1)["onset_rate"] == 0.5
    assert timing_figures(decisions, 0.0)["onset_rate"] == 0.0


def test_the_latency_of_no_spike_is_none() -> None:
    assert (latency_text(np.nan), latency_text(1.234), latency_text(1.234, 1)) == ("none", "1.23 ms", "1.2 ms")


def test_short_and_long_latencies_have_the_digits_that_tell_something() -> None:
    texts = [latency_text(time, 1) for time in (0.0, 0.0421, 0.5, 99_999.0, 7.2e6, np.inf)]
    assert texts == ["0.0 ms", "0.042 ms", "0.50 ms", "99999.0 ms", "7,200,000 ms", "inf ms"]
    assert [latency_text(time) for time in (0.0421, 0.0999, 0.11)] == ["0.042 ms", "0.10 ms", "0.11 ms"]
    assert [latency_text(time, 1) for time in (0.996, 1.0, 1e-7)] == ["1.0 ms", "1.0 ms", "0.00000010 ms"]
    assert range_text(0.25, 31.0, 1) == "0.25 to 31.0 ms"


def test_labels_of_two_classes_may_be_booleans() -> None:
    decisions = decide(np.array([[1.0, 2.0], [3.0, 1.0]]))
    assert decisions.correct(np.array([False, True])).tolist() == [True, True]


def test_spikes_and_silence_are_counted_by_layer() -> None:
    latencies = _latencies(4)
    counts = {name: int(spikes.sum()) for name, spikes in neuron_spikes(latencies).items()}
    assert list(counts) == ["stimulus", "conv", "pool", "conv2", "hidden", "output"]
    fractions = silent_fractions(NETWORK, latencies)
    assert list(fractions) == ["conv", "pool", "conv2", "hidden", "output"]
    for name, times in latencies.items():
        spikes = sum(1 for time in times.ravel() if time < SILENT)
        assert counts[name] == spikes
        if name != "stimulus":
            assert fractions[name] == pytest.approx(1 - spikes / times.size)


def test_a_silent_network_does_nothing() -> None:
    silent = {name: np.full((2, *shape), SILENT) for name, shape in NETWORK.shapes.items()}
    assert all(not spikes.any() for spikes in neuron_spikes(silent).values())
    assert set(synaptic_operations(NETWORK, silent).values()) == {0}
    assert set(silent_fractions(NETWORK, silent).values()) == {1.0}


@given(st.integers(1, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_bounds_of_a_share_are_those_of_scipy_at_95_percent(counts: tuple[int, int]) -> None:
    right, count = counts
    expected = stats.binomtest(right, count).proportion_ci(0.95, method="wilson")
    low, high = wilson_interval(np.array(right / count), count)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= high <= 1
    assert not np.signbit(low)
