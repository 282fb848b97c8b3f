"""Optimizers against their published equations."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.seams import schedules


def test_adam_follows_its_equations() -> None:
    """Kingma and Ba (2015), algorithm 1, with decoupled weight decay (Loshchilov and Hutter 2019)."""
    generator = np.random.default_rng(0)
    weights = {"a.kernel": generator.normal(size=(3, 4)), "a.bias": generator.normal(size=4)}
    expected = {name: array.copy() for name, array in weights.items()}
    first = {name: np.zeros_like(array) for name, array in weights.items()}
    second = {name: np.zeros_like(array) for name, array in weights.items()}
    optimizer = Adam(weight_decay=0.1)
    optimizer.begin(weights)
    for step in range(1, 6):
        gradients = {name: generator.normal(size=array.shape) for name, array in weights.items()}
        optimizer.step(weights, gradients, rate=0.01)
        for name, gradient in gradients.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            change = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            decay = 0.1 * expected[name] if name.endswith("kernel") else 0.0
            expected[name] = expected[name] - 0.01 * (change + decay)
    for name in weights:
        np.testing.assert_allclose(weights[name], expected[name], rtol=1e-9)


def test_sgd_with_momentum() -> None:
    weights = {"a.kernel": np.array([1.0, 2.0])}
    optimizer = SGD(momentum=0.5)
    optimizer.begin(weights)
    for _ in range(2):
        optimizer.step(weights, {"a.kernel": np.array([1.0, -1.0])}, rate=0.1)
    np.testing.assert_allclose(weights["a.kernel"], [1.0 - 0.1 - 0.15, 2.0 + 0.1 + 0.15])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_schedules_stay_within_the_peak_and_end_as_they_say(schedule: str) -> None:
    rates = [schedules[schedule](progress) for progress in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1.0)
    assert min(rates) >= 0
    assert rates[-1] == pytest.approx(1.0 if schedule == "constant" else 0.0)
