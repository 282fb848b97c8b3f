"""Disturbed stimuli: what each transform does to the spikes, and to nothing else."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.data.events import latencies_to_events
from netsim.seams import studies
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.studies import stimuli
from netsim.studies.stimuli import transformed
from netsim.studies.study import Condition, StimulusStudy

STIMULUS = [name for name, study in studies.items() if isinstance(study, StimulusStudy)]
MICROSECOND = 1e-3


def one_layer(shape: tuple[int, int, int] = (20, 24, 2), duration: float = 40.0) -> Network:
    return Network.chain("one", IntensityEncoder(shape, 16.0), [Layer("output", Dense(2), Neurons())], duration)


def draw(network: Network, count: int = 5, silent: float = 0.4) -> np.ndarray:
    generator = np.random.default_rng(1)
    latencies = generator.uniform(0, 16, (count, *network.encoder.shape))
    latencies[generator.random(latencies.shape) < silent] = np.inf
    return latencies


def disturb(name: str, level: float, network: Network, latencies: np.ndarray, seed: int = 0) -> np.ndarray:
    height, width, channels = network.encoder.shape
    sensor = (width, height, channels)
    transform = studies[name].does(level, sensor)
    return transformed(network, latencies, transform, np.random.default_rng(seed))


@pytest.mark.parametrize("name", STIMULUS)
def test_nothing_changes_without_strength(name: str) -> None:
    network = one_layer()
    latencies = draw(network)
    np.testing.assert_allclose(disturb(name, 0.0, network, latencies), latencies, rtol=0, atol=MICROSECOND)


@pytest.mark.parametrize("name", STIMULUS)
def test_draws_come_from_the_seed_alone(name: str) -> None:
    network = one_layer()
    latencies = draw(network)
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    first = disturb(name, 0.5, network, latencies, seed=7)
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002
    np.testing.assert_array_equal(first, disturb(name, 0.5, network, latencies, seed=7))
    assert (first != disturb(name, 0.5, network, latencies, seed=8)).any()
    # a stimulus is disturbed in the same way, whatever comes after it
    np.testing.assert_array_equal(first[:2], disturb(name, 0.5, network, latencies[:2], seed=7))


@pytest.mark.parametrize("name", STIMULUS)
def test_equal_stimuli_are_disturbed_differently(name: str) -> None:
    """Each in its batch, those of each batch, and with each seed."""
    network = one_layer()
    equal = np.repeat(draw(network, 1), 3, axis=0)
    result = [
        studies[name].batch(Condition(network, {}, (), 0.5, seed), False)(equal, first).stimuli
        for seed, first in ((3, 0), (3, 200), (4, 0))
    ]
    different = np.unique(np.concatenate(result).reshape(9, -1), axis=0)
    assert len(different) == 9


@pytest.mark.parametrize("name", STIMULUS)
def test_channels_of_constant_times_stay(name: str) -> None:
    """And what is coded is disturbed as it is without them."""
    plain = one_layer((6, 7, 2))
    encoder = IntensityEncoder((6, 7, 4), 16.0, constant=(4.0, 7.0003))
    network = dataclasses.replace(plain, encoder=encoder)
    coded, level = draw(plain), studies[name].levels[-1]
    disturbed, expected = (
        studies[name].batch(Condition(each, {}, (), level, 3), False)(shown, 0).stimuli
        for each, shown in ((network, encoder.with_constant(coded)), (plain, coded))
    )
    assert (expected != coded).any()
    np.testing.assert_array_equal(disturbed, encoder.with_constant(expected))


def test_one_thread_at_a_time_seeds_the_global_generator() -> None:
    network, held = one_layer(), []

    def look(events: np.ndarray) -> np.ndarray:
        held.append(stimuli._drawing.locked())
        if len(held) == 3:
            raise ValueError("the transform fails")
        return events

    with pytest.raises(ValueError, match="the transform fails"):
        transformed(network, draw(network), look, np.random.default_rng(0))
    assert held == [True] * 3
    assert not stimuli._drawing.locked()


@pytest.mark.parametrize("name", STIMULUS)
def test_blank_stimuli_stay_blank(name: str) -> None:
    network = one_layer()
    blank = np.full((2, *network.encoder.shape), np.inf)
    np.testing.assert_array_equal(disturb(name, 0.5, network, blank), blank)


@settings(deadline=None, max_examples=20)
@given(fraction=st.floats(0, 1), seed=st.integers(0, 2**31))
def test_deletion_takes_away_a_fraction(fraction: float, seed: int) -> None:
    network = one_layer()
    latencies = draw(network, 2)
    left = disturb("spike-deletion", fraction, network, latencies, seed)
    kept = np.isfinite(left)
    np.testing.assert_allclose(left[kept], latencies[kept], rtol=0, atol=MICROSECOND)
    spikes = np.isfinite(latencies).sum(axis=(1, 2, 3))
    assert (np.abs(kept.sum(axis=(1, 2, 3)) - (1 - fraction) * spikes) <= 0.5 + 1e-6).all()


def test_jitter_moves_spikes_in_time_only() -> None:
    network = one_layer()
    latencies = draw(network)
    moved = disturb("spike-jitter", 2.0, network, latencies)
    fired = np.isfinite(latencies)
    np.testing.assert_array_equal(np.isfinite(moved), fired)
    assert (moved[fired] >= 0).all()
    late = fired & (latencies > 8)
    shifts = moved[late] - latencies[late]
    assert abs(shifts.mean()) < 0.1
    assert shifts.std() == pytest.approx(2.0, rel=0.05)
    assert (moved[fired & (latencies < 1)] == 0).mean() > 0.2


def test_spikes_that_jitter_past_the_end_are_lost() -> None:
    network = one_layer(duration=16.0)
    moved = disturb("spike-jitter", 4.0, network, draw(network))
    lost = np.isinf(moved) & np.isfinite(draw(network))
    assert 0.05 < lost.mean() < 0.3
    assert (moved[np.isfinite(moved)] < 16.0).all()


def test_a_spike_that_is_moved_to_the_end_is_lost() -> None:
    network = one_layer((1, 4, 1), duration=16.0)

    def move(events: np.ndarray) -> np.ndarray:
        events["t"] = [15_999, 16_000, 16_001, -5]
        return events

    moved = transformed(network, np.full((1, 1, 4, 1), 3.0), move, np.random.default_rng(0))
    assert moved.ravel().tolist() == [15.999, np.inf, np.inf, 0.0]


def test_spurious_spikes_are_only_added() -> None:
    network = one_layer()
    latencies = draw(network, silent=0.9)
    noisy = disturb("spurious-spikes", 0.2, network, latencies)
    assert (noisy <= latencies + MICROSECOND).all()
    added = noisy < latencies - MICROSECOND
    # several may fall on one neuron, of which the earliest counts, or come after its own spike
    assert 0.13 < added.mean() < 0.2
    assert 7.0 < noisy[added].mean() < 8.2
    assert np.ptp(added.mean(axis=(0, 1, 3))) < 0.2


@pytest.mark.parametrize(("level", "count"), [(0.29, 29), (0.57, 57), (0.004, 0), (0.006, 1), (2.0, 200)])
def test_the_nearest_number_of_spurious_spikes_is_added(level: float, count: int) -> None:
    events = latencies_to_events(draw(one_layer((10, 10, 1)), 1)[0])
    assert len(studies["spurious-spikes"].does(level, (10, 10, 1))(events)) == len(events) + count


def test_spatial_jitter_moves_spikes_without_bias() -> None:
    network = one_layer((41, 41, 1))
    latencies = np.full((400, 41, 41, 1), np.inf)
    latencies[:, 20, 20, 0] = 5.0
    moved = disturb("spatial-jitter", 2.0, network, latencies)
    _, rows, columns, _ = np.nonzero(np.isfinite(moved))
    assert len(rows) == 400
    for places in (rows, columns):
        assert places.mean() == pytest.approx(20, abs=0.35)
        assert places.std() == pytest.approx(math.sqrt(2.0**2 + 1 / 12), rel=0.1)
    assert set(moved[np.isfinite(moved)]) == {5.0}


def test_little_spatial_jitter_hardly_moves_anything() -> None:
    network = one_layer()
    latencies = draw(network)
    moved = disturb("spatial-jitter", 0.1, network, latencies)
    np.testing.assert_allclose(moved, latencies, rtol=0, atol=MICROSECOND)


def test_what_leaves_the_image_is_lost() -> None:
    network = one_layer((3, 3, 1))
    latencies = np.zeros((200, 3, 3, 1))
    assert np.isfinite(disturb("spatial-jitter", 5.0, network, latencies)).mean() < 0.2


def test_a_process_that_is_forked_meanwhile_transforms(forked: Callable[[Callable[[], object]], str]) -> None:
    begun, ended = threading.Event(), threading.Event()

    def wait(events: np.ndarray) -> np.ndarray:
        begun.set()
        assert ended.wait(60)
        return events

    network = one_layer()
    latencies = draw(network)
    thread = threading.Thread(target=transformed, args=[network, latencies, wait, np.random.default_rng(0)])
    thread.start()
    assert begun.wait(60)
    try:
        done = forked(lambda: transformed(network, latencies, lambda events: events, np.random.default_rng(0)).shape)
        assert done == str(latencies.shape)
    finally:
        ended.set()
        thread.join(60)
