"""Inhibition that arrives less than 1e-9 ms before or after a crossing: each path decides by the order of times."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.specification import Delays, Dense, IntensityEncoder, Network, Neurons, Population, Projection, Random
from netsim.weights.layout import delay_name, kernel_name, weight_shapes

THRESHOLD, TAU, LATE = 0.5, 8.0, 1.25
WEIGHTS = np.array([[2.9, 3.1, 3.7, 4.3, 0.0], [1.1, 0.7, 1.3, 0.9, 0.0]])
"""Of two excitatory inputs onto four cells and an interneuron, which fires only by the third input."""
ONTO_INTERNEURON = 7.3


def _crossing(inputs: list[tuple[Any, float]], leak: Any) -> Any:
    """The first crossing with 40 digits. Between arrivals the potential is ``(a + b·t)·exp(-leak·t)``."""
    a = b = mpmath.mpf(0)
    inputs = sorted(inputs)
    for (time, weight), following in zip(inputs, [each for each, _ in inputs[1:]] + [mpmath.inf], strict=True):
        strength = mpmath.mpf(weight) / TAU * mpmath.exp(leak * time)
        a, b = a - strength * time, b + strength
        if b <= 0:
            continue
        if not leak:
            spike = (THRESHOLD - a) / b
        else:
            x = -leak * THRESHOLD / b * mpmath.exp(-leak * a / b)
            spike = (-b / leak * mpmath.lambertw(x) - a) / b if x >= -mpmath.exp(-1) else mpmath.inf
        if spike <= following:
            return spike
    return mpmath.inf


def _network(family: str, path: str) -> Network:
    neurons = Neurons("free", THRESHOLD, TAU, family=family)
    forward = Projection(
        "stimulus",
        "cells",
        Random(probability=1.0) if path == "listed" else Dense(),
        delay=Delays("synapse", 0.0, 0.0) if path == "synaptic" else 0.0,
    )
    lateral = (Projection("cells", "cells", Dense(), delay=LATE if path == "delayed loop" else 0.0),)
    populations = (Population("cells", (5,), neurons),)
    projections = (forward, *lateral) if "loop" in path else (forward,)
    return Network("grazing", IntensityEncoder((1, 3, 1), 10.0), populations, projections, 60.0)


@pytest.mark.parametrize("path", ["dense", "listed", "synaptic", "outside a loop", "loop", "delayed loop"])
@pytest.mark.parametrize("family", ["piecewise-linear", "leaky"])
def test_inhibition_prevents_a_spike_if_and_only_if_it_arrives_before(family: str, path: str) -> None:
    """Each presentation aims at one of the cells. Exact times have 40 digits."""
    network, generator = _network(family, path), np.random.default_rng(5)
    weights = {name: np.zeros(shape) for name, shape in weight_shapes(network).items()}
    within = path in ("loop", "delayed loop")
    forward = np.vstack([WEIGHTS, [0, 0, 0, 0, ONTO_INTERNEURON] if within else [-20.0, -20.0, -20.0, -20.0, 0]])
    with mpmath.workdps(40):
        leak = mpmath.mpf(1) / mpmath.mpf(TAU) if family == "leaky" else mpmath.mpf(0)
        lag = _crossing([(mpmath.mpf(0), ONTO_INTERNEURON)], leak) if within else mpmath.mpf(0)
        lag += LATE if path in ("delayed loop", "synaptic") else 0
        stimuli, expected = np.zeros((80, 3)), np.zeros((80, 4))
        for b, times in enumerate(stimuli):
            times[:2] = generator.uniform([5.0, 5.0], [6.0, 5.5])
            arrivals = [mpmath.mpf(time) for time in times[:2]]
            target = _crossing(list(zip(arrivals, WEIGHTS[:, b % 4], strict=True)), leak)
            gap = generator.choice([-1, 1]) * 10.0 ** -generator.uniform(9.1, 11.5)
            times[2] = float(target + gap - lag)
            arrivals.append(mpmath.mpf(times[2]) + lag)
            for cell in range(4):
                inputs = list(zip(arrivals, [*WEIGHTS[:, cell], -20.0], strict=True))
                expected[b, cell] = float(_crossing(inputs, leak))
    outer, *inner = network.projections
    weights[kernel_name(outer)].reshape(3, 5)[...] = forward
    if path == "synaptic":
        weights[delay_name(outer)][2] = LATE
    if within:
        weights[kernel_name(inner[0])][4, :4] = -20.0
    spikes = EventEngine(network).present(Batch(stimuli.reshape(80, 1, 3, 1), weights))["cells"][:, :4]
    np.testing.assert_allclose(spikes, expected, rtol=0, atol=1e-12)
    assert 0.05 < np.isfinite(expected).mean() < 0.95
