"""Targets and displacements of the output layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netsim.learning.targets import label_targets, log_softmax, relative_displacement, softmax_displacement

TARGETS = np.array([[0.1, 0.7, 0.2], [1.0, 0.0, 0.0]])


def test_softmax_displacement_is_the_negative_gradient_of_its_loss() -> None:
    latencies = np.array([[3.0, 5.0, 9.0], [8.0, 2.0, 2.5]])
    found = softmax_displacement(latencies, TARGETS, t_max=10.0, sharpness=4.0)
    step = 1e-6
    for row in range(2):
        for neuron in range(3):
            later = latencies.copy()
            later[row, neuron] += step
            change = softmax_displacement(later, TARGETS, 10.0, 4.0).loss[row] - found.loss[row]
            expected = -change / step * 10.0**2 / 4.0
            assert found.displacement[row, neuron] == pytest.approx(expected, rel=1e-4)


def test_the_loss_is_least_where_the_softmax_is_the_target() -> None:
    latencies = -np.log(TARGETS[:1]) * 10.0 / 4.0
    np.testing.assert_allclose(np.exp(log_softmax(latencies, 10.0, 4.0)), TARGETS[:1])
    found = softmax_displacement(latencies, TARGETS[:1], 10.0, 4.0)
    np.testing.assert_allclose(found.displacement, 0, atol=1e-14)
    np.testing.assert_allclose(found.loss, -(TARGETS[:1] * np.log(TARGETS[:1])).sum())


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, (4, 5), elements=st.floats(0, 100)), st.floats(-50, 50))
def test_softmax_displacement_ignores_a_common_shift(latencies: np.ndarray, shift: float) -> None:
    targets = label_targets(np.array([0, 1, 2, 3]), 5, 0.0, np.dtype(float))
    a = softmax_displacement(latencies, targets, 10.0, 4.0)
    b = softmax_displacement(latencies + shift, targets, 10.0, 4.0)
    np.testing.assert_allclose(a.displacement, b.displacement, atol=1e-6)
    np.testing.assert_allclose(a.displacement.sum(axis=1), 0, atol=1e-9)


def test_smoothed_labels() -> None:
    targets = label_targets(np.array([2, 0]), 4, 0.2, np.dtype(float))
    np.testing.assert_allclose(targets, [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]])


def test_relative_targets() -> None:
    latencies = np.array([[5.0, 3.0, 4.0, 20.0], [5.0, 3.0, 4.0, 20.0], [30.0, 30.0, 30.0, 30.0]])
    found = relative_displacement(latencies, np.array([0, 1, 2]), t_max=10.0, margin=4.0, end=30.0)
    np.testing.assert_allclose(found.displacement[0], [-2.0, 4.0, 3.0, 0.0])  # late label, early others
    np.testing.assert_allclose(found.displacement[1], [2.0, 0.0, 3.0, 0.0])  # the label is first already
    np.testing.assert_allclose(found.displacement[2], [0.0, 0.0, -4.0, 0.0])  # nobody fired
    np.testing.assert_allclose(found.loss, [0.5 * (4 + 16 + 9) / 100, 0.5 * (4 + 9) / 100, 0.5 * 16 / 100])
