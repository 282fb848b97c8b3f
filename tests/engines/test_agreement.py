"""Both engines on the same grid give the same spikes, and the clock-driven one comes closer to the exact times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from netsim.engines import Batch, Latencies
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.specification import PSP, STIMULUS, Network, PSPShape

MakeNetwork = Callable[..., Network]
MakeBatch = Callable[..., Batch]


def identical_and_largest(first: Latencies, second: Latencies) -> tuple[float, float]:
    """Share of neuron-presentations with identical latencies, and the largest difference (ms) of the rest."""
    pairs = [(first[name].ravel(), second[name].ravel()) for name in first if name != STIMULUS]
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    same = np.isclose(a, b, rtol=0, atol=1e-6)
    return float(same.mean()), float(np.abs(a[~same] - b[~same]).max(initial=0.0))


# every regime and every PSP occurs once; other tests compare all pairs with the oracle
USUAL = [("free", "ramp"), ("staggered", "plateau"), ("phased", "triangle"), ("free", "breakpoints")]
PAIRS = [
    pytest.param(regime, psp, marks=[] if (regime, psp) in USUAL else pytest.mark.nightly)
    for regime in ("free", "staggered", "phased")
    for psp in ("ramp", "plateau", "triangle", "breakpoints")
]


@pytest.mark.parametrize("dt", [pytest.param(1.0, marks=pytest.mark.nightly), 0.3])
@pytest.mark.parametrize(("regime", "psp"), PAIRS, indirect=True)
def test_engines_agree_on_a_grid(
    layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape, dt: float
) -> None:
    network = layered(regime, psp)
    batch = random_batch(network, 40, seed=11)
    event = EventEngine(network, dt=dt).present(batch)
    brian2 = Brian2Engine(network, dt=dt, target="numpy", copies=40).present(batch)
    fired = np.isfinite(np.concatenate([layer.ravel() for layer in list(event.values())[1:]]))
    assert 0.1 < fired.mean() < 1
    np.testing.assert_allclose(brian2["stimulus"], event["stimulus"], rtol=0, atol=1e-9)
    share, largest = identical_and_largest(event, brian2)
    assert share >= 0.9999
    assert largest <= dt + 1e-6
    np.testing.assert_array_equal(event["output"].argmin(axis=1), brian2["output"].argmin(axis=1))


@pytest.mark.parametrize(
    "regime", ["free", pytest.param("staggered", marks=pytest.mark.nightly), "phased"], indirect=True
)
def test_clock_driven_times_converge_to_the_exact_ones(
    layered: MakeNetwork, random_batch: MakeBatch, regime: str
) -> None:
    network = layered(regime, PSP("plateau", rise=7.3))
    batch = random_batch(network, 10, seed=12)
    exact = EventEngine(network).present(batch)
    errors = []
    for dt in (2.0, 0.5, 0.125):
        clocked = Brian2Engine(network, dt=dt, target="numpy", copies=10).present(batch)
        pairs = [(exact[name].ravel(), clocked[name].ravel()) for name in exact if name != STIMULUS]
        a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
        fired = np.isfinite(a) & np.isfinite(b)
        errors.append(np.abs(a[fired] - b[fired]).mean())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.5
