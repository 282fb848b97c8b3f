"""Long runs keep their memory, and their first stimulus causes the same spikes at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netsim
from netsim.engines import Latencies

psutil = pytest.importorskip("psutil", reason="comes with distributed")

pytestmark = pytest.mark.nightly
WARM_UP, LARGEST_GROWTH = 0.2, 0.02
"""Fraction of the run in which libraries still allocate permanent memory, and linear growth after it."""


def check(before: Latencies, after: Latencies, resident: list[int]) -> None:
    """Compare spikes before and after. `resident` is the memory (bytes) after each batch."""
    late = np.array(resident[round(WARM_UP * len(resident)) :], float)
    slope, _ = np.polyfit(np.arange(len(late)), late, 1)
    assert slope * len(late) / late.mean() < LARGEST_GROWTH
    assert sum(np.isfinite(times).sum() for times in before.values()) > 0
    for name, times in before.items():
        np.testing.assert_array_equal(after[name], times)


@pytest.fixture
def measured() -> Callable[[], int]:
    process = psutil.Process()
    return lambda: int(process.memory_info().rss)


def test_brian2_presents_100_000_stimuli(measured: Callable[[], int]) -> None:
    network, resident = netsim.load_preset("digits"), []
    stimuli = netsim.load_splits(network).training
    weights = [netsim.forward_weights(network, netsim.initial_weights(network, seed)) for seed in (0, 1)]
    engine, first = (
        netsim.make_engine("brian2", network, dt=1.0),
        netsim.Batch(stimuli.latencies(np.array([0])), weights[0]),
    )
    before = engine.present(first)
    for number in range(1000):
        chosen = np.arange(100 * number, 100 * number + 100) % len(stimuli)
        engine.present(netsim.Batch(stimuli.latencies(chosen), weights[number % 2]))
        resident.append(measured())
    check(before, engine.present(first), resident)


def test_the_event_engine_trains_for_five_epochs(measured: Callable[[], int], idx_data: Path) -> None:
    network, resident = netsim.load_preset("rcsnn-fashion"), []
    network = replace(network, training=replace(network.training, epochs=5))
    splits, settings = netsim.load_splits(network), network.training
    engine, state = netsim.make_engine("event", network, 0.0, settings.precision), netsim.start_training(network, 0)
    weights = {name: array.copy() for name, array in netsim.forward_weights(network, state.weights).items()}
    first = netsim.Batch(splits.training.latencies(np.array([0])), weights)
    before = engine.present(first)
    callbacks = netsim.Callbacks(on_batch=lambda _: resident.append(measured()))
    netsim.run_training(engine, network, splits.training, splits.validation, state, 0, callbacks=callbacks)
    check(before, engine.present(first), resident)
