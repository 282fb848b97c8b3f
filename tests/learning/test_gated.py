"""Compiled loops over synapses with one limit: the values of the specification's PSP."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from netsim.learning.gated import build_up, multiply_by_slope, step_gated, sum_over_positions
from netsim.learning.gradients import Factors
from netsim.specification import PSP, Dense, Neurons

PSPS = [PSP(), PSP("plateau", rise=4.0), PSP("triangle", rise=4.0, fall=8.0)]


@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
@pytest.mark.parametrize("count", [7, 3000])
def test_potentials_and_slopes_are_those_of_the_psp(psp: PSP, count: int) -> None:
    source = np.random.default_rng(3).uniform(0, 30, count)
    source[::5] = np.inf
    source[1:3] = 20.0, 16.0  # breakpoints at the gate itself are not counted
    delays, changes = np.array(psp.kernel).T.copy()
    potential = np.full_like(source, np.nan)
    build_up(source, 20.0, delays, changes, potential)
    np.testing.assert_allclose(potential, psp.potential(20.0 - source), atol=1e-12)
    values = np.random.default_rng(4).normal(size=count)
    sloped = values.copy()
    multiply_by_slope(sloped, source, 20.0, delays, changes)
    np.testing.assert_allclose(sloped, values * psp.slope(20.0 - source), atol=1e-12)


def test_sums_are_those_of_the_columns() -> None:
    values = np.arange(24.0).reshape(12, 2)
    total = np.full(2, np.nan)
    sum_over_positions(values, total)
    assert total.tolist() == values.sum(axis=0).tolist()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
def test_the_step_of_a_dense_layer_is_that_of_the_definition(psp: PSP, causal: bool) -> None:
    generator = np.random.default_rng(5)
    neurons = Neurons(regime="phased", threshold=2.0, tau=10.0, onset=20.0, end=50.0, drive=2.0, bias=True)
    layer = Dense("output", 3, neurons=neurons, psp=psp)
    source, kernel, signal = (
        generator.uniform(0, 30, (4, 7)),
        generator.normal(size=(7, 3)),
        generator.normal(size=(4, 3)),
    )
    source[0, :2] = np.inf, 20.0
    step = step_gated(layer, source, 20.0, signal, kernel, causal)
    assert isinstance(step.kernel, Factors)
    np.testing.assert_allclose(step.kernel.inputs, psp.potential(20.0 - source) / 2)
    np.testing.assert_array_equal(step.kernel.signal, signal)
    np.testing.assert_allclose(step.bias, signal.sum(axis=0) * 20.0 / 2)
    slope = (source < 20.0) if causal else psp.slope(20.0 - source)
    np.testing.assert_allclose(step.displacement, signal @ kernel.T * slope / 2)
    static = step_gated(dataclasses.replace(layer, plastic=False), source, 20.0, signal, kernel, causal)
    assert static.kernel is None
    np.testing.assert_array_equal(static.displacement, step.displacement)
