"""Targets and displacements of the output layer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsim
from netsim.errors import SpecificationError
from netsim.learning.targets.relative import Relative
from netsim.learning.targets.softmax import Softmax


def test_softmax_displacement_is_the_negative_gradient_of_its_loss() -> None:
    latencies = np.array([[3.0, 5.0, 9.0], [8.0, 2.0, 2.5]])
    labels = np.array([1, 0])
    targets = Softmax(t_max=10.0, sharpness=4.0, end=100.0, label_smoothing=0.1)
    result = targets.displacement(latencies, labels)
    step = 1e-6
    for row in range(2):
        for neuron in range(3):
            later = latencies.copy()
            later[row, neuron] += step
            change = targets.displacement(later, labels).loss[row] - result.loss[row]
            expected = -change / step * 10.0**2 / 4.0
            assert result.displacement[row, neuron] == pytest.approx(expected, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, (4, 5), elements=st.floats(0, 100)), st.floats(-50, 50))
def test_softmax_displacement_ignores_a_common_shift(latencies: np.ndarray, shift: float) -> None:
    labels = np.array([0, 1, 2, 3])
    targets = Softmax(t_max=10.0, sharpness=4.0, end=200.0)
    a, b = targets.displacement(latencies, labels), targets.displacement(latencies + shift, labels)
    np.testing.assert_allclose(a.displacement, b.displacement, atol=1e-6)
    np.testing.assert_allclose(a.displacement.sum(axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("dt", [0.1, 0.3, 0.4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_output_that_is_the_margin_later_is_not_displaced_by_rounding(dt: float, dtype: type) -> None:
    first = np.arange(60)
    latencies: np.ndarray = (np.stack([first, first + 8, first + 7], axis=1) * dt).astype(dtype)
    result = Relative(t_max=20 * dt, margin=8 * dt, end=100 * dt).displacement(latencies, np.zeros(60, int))
    assert (result.displacement[:, :2] == 0).all()
    np.testing.assert_allclose(result.displacement[:, 2], dt, rtol=1e-4)


def test_relative_targets() -> None:
    latencies = np.array([[5.0, 3.0, 4.0, 20.0], [5.0, 3.0, 4.0, 20.0], [30.0, 30.0, 30.0, 30.0]])
    result = Relative(t_max=10.0, margin=4.0, end=30.0).displacement(latencies, np.array([0, 1, 2]))
    np.testing.assert_allclose(result.displacement[0], [-2.0, 4.0, 3.0, 0.0])  # late label, early others
    np.testing.assert_allclose(result.displacement[1], [2.0, 0.0, 3.0, 0.0])  # the label is first already
    np.testing.assert_allclose(result.displacement[2], [0.0, 0.0, -4.0, 0.0])  # nobody fired
    np.testing.assert_allclose(result.loss, [0.5 * (4 + 16 + 9) / 100, 0.5 * (4 + 9) / 100, 0.5 * 16 / 100])


def test_a_margin_is_within_the_presentation() -> None:
    network = netsim.load_preset("digits")
    wide = dataclasses.replace(network.learning, targets="relative", margin=500.0)
    with pytest.raises(SpecificationError, match=r"learning\.margin: must be less than the end of the output window"):
        Relative.from_network(dataclasses.replace(network, learning=wide))
