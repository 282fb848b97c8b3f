"""Compiled loops over synapses with one limit: the values of the specification's PSP."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.learning.gated import multiply_by_slope, potential_at, sum_over_positions
from netsim.specification import PSP

PSPS = [PSP(), PSP("plateau", rise=4.0), PSP("triangle", rise=4.0, fall=8.0)]


@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
@pytest.mark.parametrize("count", [7, 3000])
def test_potentials_and_slopes_are_those_of_the_psp(psp: PSP, count: int) -> None:
    source = np.random.default_rng(3).uniform(0, 30, (count, 2))
    source[::5] = np.inf
    source[0] = 20.0, 16.0  # breakpoints at the gate itself are not counted
    for order in (source, np.asfortranarray(source)):
        np.testing.assert_allclose(potential_at(20.0, order, psp, 0.5), 0.5 * psp.potential(20.0 - source), atol=1e-12)
    values = np.random.default_rng(4).normal(size=source.shape)
    sloped, ordered = values.copy(), values.copy()
    multiply_by_slope(sloped, 20.0, source, psp, 0.5, causal=False)
    np.testing.assert_allclose(sloped, values * 0.5 * psp.slope(20.0 - source), atol=1e-12)
    multiply_by_slope(ordered, 20.0, source, psp, 0.5, causal=True)
    np.testing.assert_allclose(ordered, values * 0.5 * (source < 20.0), atol=1e-12)


def test_sums_are_over_all_axes_but_the_maps() -> None:
    values = np.arange(24.0).reshape(2, 3, 2, 2)
    assert sum_over_positions(values).tolist() == values.sum(axis=(0, 1, 2)).tolist()
    assert sum_over_positions(values[:, ::2]).tolist() == values[:, ::2].sum(axis=(0, 1, 2)).tolist()
