"""Compiled sums over breakpoints: the values of the specification's PSP."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.numerics.psp import Breakpoints, Slopes, integrate, multiply_by_slope
from netsim.specification import PSP, PSPShape

PSPS = [PSP(), PSP("plateau", rise=4.0), PSP("triangle", rise=4.0, fall=8.0)]


def test_potentials_rise_until_their_last_rising_slope_ends() -> None:
    late = PSP("breakpoints", breakpoints=((2.0, 0.5), (5.0, -0.7), (9.0, 0.3), (11.0, -0.1)))
    assert [psp.rises_until for psp in (*PSPS, late)] == [np.inf, 4.0, 4.0, 11.0]


@pytest.mark.parametrize("psp", PSPS, ids=["ramp", "plateau", "triangle"])
@pytest.mark.parametrize("count", [7, 3000])
def test_potentials_and_slopes_are_those_of_the_psp(psp: PSPShape, count: int) -> None:
    source = np.random.default_rng(3).uniform(0, 30, count)
    source[::5] = np.inf
    source[1:3] = 20.0, 16.0  # breakpoints at the gate itself are not counted
    breakpoints = Breakpoints(*np.array(psp.kernel).T.copy())
    potential = np.full_like(source, np.nan)
    integrate(source, 20.0, breakpoints, potential)
    np.testing.assert_allclose(potential, psp.potential(20.0 - source), atol=1e-12)
    values = np.random.default_rng(4).normal(size=count)
    sloped = values.copy()
    multiply_by_slope(sloped, source, 20.0, Slopes(*np.array(psp.slopes).T.copy()))
    np.testing.assert_allclose(sloped, values * psp.slope(20.0 - source), atol=1e-12)
