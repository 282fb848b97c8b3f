"""Random networks of every sort: the event engine gives the latencies of the oracle, and the steps of Brian2."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine

FAMILIES = ["loops", "relays", "rules"]


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 2**32 - 1), dt=st.sampled_from([0.0, 0.0, 0.7]))
@example(seed=814005, dt=0.0)  # with loops: rivals that the drive alone carries to threshold, and rounding apart
@settings(deadline=None, max_examples=15)
def test_latencies_are_those_of_the_oracle(
    oracle: ModuleType, drawn: ModuleType, family: str, seed: int, dt: float
) -> None:
    network_of, batch_of = drawn.FAMILIES[family]
    network = network_of(seed)
    batch = batch_of(network, 2, seed)
    expected = oracle.oracle_latencies(
        network, batch.weights, batch.stimuli, dt, batch.silenced, batch.thresholds, batch.delays
    )
    for got, wanted in zip(EventEngine(network, dt=dt).present(batch).values(), expected.values(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.nightly)])
def test_both_engines_give_the_same_steps(oracle: ModuleType, drawn: ModuleType, family: str, seed: int) -> None:
    """The oracle gives the same steps, too, and the same latencies without steps."""
    network_of, batch_of = drawn.FAMILIES[family]
    network = network_of(seed)
    batch = batch_of(network, 4, seed)
    event = EventEngine(network, dt=0.5).present(batch)
    brian2 = Brian2Engine(network, dt=0.5, target="numpy", copies=1 if seed % 2 else 4).present(batch)
    fired = np.isfinite(np.concatenate([latencies.ravel() for latencies in list(event.values())[1:]]))
    assert 0.1 < fired.mean() < 1
    for ours, theirs in zip(event.values(), brian2.values(), strict=True):
        np.testing.assert_array_equal(np.rint(ours / 0.5), np.rint(theirs / 0.5))
    changes = (batch.silenced, batch.thresholds, batch.delays)
    for dt, latencies in ((0.0, EventEngine(network).present(batch)), (0.5, event)):
        expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, dt, *changes)
        for name, times in latencies.items():
            np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-6, err_msg=f"{name}, dt = {dt}")


@pytest.mark.nightly
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_many_networks_agree(oracle: ModuleType, drawn: ModuleType, first: int, family: str) -> None:
    network_of, batch_of = drawn.FAMILIES[family]
    for seed in range(first, first + 50):
        network = network_of(seed)
        batch = batch_of(network, 2, seed)
        changes = (batch.silenced, batch.thresholds, batch.delays)
        exact, grid = (EventEngine(network, dt=dt).present(batch) for dt in (0.0, 0.7))
        brian2 = Brian2Engine(network, dt=0.7, target="numpy", copies=2).present(batch)
        for dt, ours in ((0.0, exact), (0.7, grid)):
            expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, dt, *changes)
            for name, times in ours.items():
                np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-6, err_msg=f"seed {seed}, {name}")
        for name, times in grid.items():
            np.testing.assert_array_equal(times, brian2[name], err_msg=f"seed {seed}, {name}")
