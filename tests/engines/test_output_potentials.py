"""Potentials of the outputs from latencies alone are those that the engines record."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from netsim.engines import Batch, Engine, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.measuring.potentials import output_potentials
from netsim.specification import Network
from netsim.specification.grid import population_times


def _compared(engine: Engine, batch: Batch, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of all output neurons at a time of each presentation: from latencies, and as recorded."""
    network = engine.network
    latencies = engine.present(batch)
    recorded = np.zeros((len(times), network.outputs))
    for trace in engine.potentials:
        at = trace.presentation
        recorded[at, trace.neuron] = np.interp(times[at], trace.time, trace.potential)
    return output_potentials(network, batch.weights, latencies, times, engine.dt), recorded


def _of_outputs(network: Network) -> list[Recorded]:
    return [Recorded("output", neuron) for neuron in range(network.outputs)]


@pytest.mark.parametrize("family", ["loops", "relays", "rules"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dt", [0.0, 0.7])
def test_they_are_those_of_the_event_engine(drawn: ModuleType, family: str, seed: int, dt: float) -> None:
    """Also with loops, and with delays of axons and of synapses."""
    network_of, batch_of = drawn.FAMILIES[family]
    network = network_of(seed)
    batch = dataclasses.replace(batch_of(network, 4, seed), silenced={}, thresholds={}, delays={})
    engine = EventEngine(network, dt=dt, record=_of_outputs(network))
    end = population_times(network, network.output, dt).end
    for times in (np.full(4, end), np.random.default_rng(seed).uniform(0.0, end, 4)):
        ours, recorded = _compared(engine, batch, times)
        assert np.abs(recorded).max() > 0
        np.testing.assert_allclose(ours, recorded, rtol=0, atol=1e-9)


@pytest.mark.parametrize("family", ["loops", "relays"])
def test_they_are_those_of_brian2(drawn: ModuleType, family: str) -> None:
    network_of, batch_of = drawn.FAMILIES[family]
    network = network_of(1)
    batch = dataclasses.replace(batch_of(network, 4, 1), silenced={}, thresholds={}, delays={})
    engine = Brian2Engine(network, dt=0.5, record=_of_outputs(network), target="numpy")
    ours, recorded = _compared(engine, batch, np.array([20.0, 41.5, 50.0, 60.0]))
    assert np.abs(recorded).max() > 0
    np.testing.assert_allclose(ours, recorded, rtol=0, atol=1e-9)
