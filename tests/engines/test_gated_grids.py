"""Phased layers on a grid: times just before and just beyond a step."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, PSPShape
from netsim.specification.grid import TOLERANCE


def _network(psp: PSPShape, drive: float = 1.0) -> Network:
    def neurons(onset: float) -> Neurons:
        return Neurons("phased", 1.0, tau=10.0, onset=onset, end=onset + 40.0, drive=drive, bias=True)

    return Network.chain(
        "phased",
        IntensityEncoder((6, 6, 8), 20.0),
        (
            Layer("conv", Convolution(7, 4, padding=2), neurons=neurons(20.0), psp=psp),
            Layer("output", Dense(9), neurons=neurons(60.0), psp=psp),
        ),
        duration=100.0,
    )


def _batch(network: Network, scale: float, seed: int) -> Batch:
    generator = np.random.default_rng(seed)
    # large weights that nearly cancel: their sums are the most sensitive to rounding
    kernel = generator.normal(0, scale, (4, 4, 8, 7))
    kernel[:, :, 1::2] = -kernel[:, :, ::2] + generator.normal(0, 0.05, (4, 4, 4, 7))
    stimuli = generator.uniform(0, 20, (5, 6, 6, 4))
    stimuli[generator.random(stimuli.shape) < 0.2] = np.inf
    stimuli = np.repeat(stimuli, 2, axis=3)
    weights = {
        "conv.kernel": kernel,
        "conv.bias": generator.normal(0, 0.1, 7),
        "output.kernel": generator.normal(0, 0.05, (7 * 7 * 7, 9)),
        "output.bias": generator.normal(0, 0.1, 9),
    }
    return Batch(stimuli, weights)


def test_more_steps_than_single_precision_counts() -> None:
    """On the finest of grids spikes are at most a step later than at exact times."""
    network, dt = _network(PSP()), 1e-7
    batch = _batch(network, 0.3, seed=9)
    batch.stimuli[:] = np.round(batch.stimuli, 2)
    late = EventEngine(network, dt=dt).present(batch)["conv"] - EventEngine(network).present(batch)["conv"]
    assert np.isfinite(late).mean() > 0.2
    assert -0.1 * dt < np.nanmin(late)
    assert np.nanmax(late) < 1.1 * dt


@pytest.mark.parametrize(("dt", "steps", "beyond"), [(1.0, 17, 1e-7), (0.001, 3, 5e-4)])
def test_a_time_just_beyond_a_step_is_not_rounded_down(dt: float, steps: int, beyond: float) -> None:
    """Nothing is added up here: the roundings are those of what is missing, and of the time."""
    network = _network(PSP())
    conv = network.integrating[0].dynamics
    missing = steps + beyond  # after the onset, in steps
    weights = {name: np.zeros_like(array) for name, array in _batch(network, 0.3, 0).weights.items()}
    threshold = conv.threshold * conv.tau * (1 - TOLERANCE) / dt
    weights["conv.bias"][:] = (threshold - missing) / (conv.onset / dt)
    latencies = EventEngine(network, dt=dt).present(Batch(np.full((1, 6, 6, 8), np.inf), weights))
    assert np.float32(conv.onset / dt + missing) <= conv.onset / dt + steps
    np.testing.assert_allclose(latencies["conv"], conv.onset + (steps + 1) * dt, rtol=1e-12)
