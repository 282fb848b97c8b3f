"""Leaky potentials between events, against scipy's integration of their equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from netsim.numerics.flows import by_constant, by_current, interval, potential_after

RATES = [(0.0, 0.0), (0.0, 0.3), (0.2, 0.0), (0.2, 0.2), (0.2, 0.5), (0.5, 0.2), (0.3, 0.3 + 1e-9)]


@pytest.mark.parametrize(("leak", "decay"), RATES)
def test_potentials_solve_their_equations(leak: float, decay: float) -> None:
    u, current, rest, span = 0.7, 1.3, 0.4, 2.5

    def moved(u: float, current: float, rest: float) -> list[float]:
        """Potential and current after the span."""
        solved = solve_ivp(
            lambda _, y: [rest + y[1] - leak * y[0], -decay * y[1]], (0, span), [u, current], rtol=1e-11, atol=1e-12
        )
        return [float(each) for each in solved.y[:, -1]]

    constant, pushed, remaining = moved(0, 0, 1)[0], moved(0, 1, 0)[0], moved(0, 1, 0)[1]
    assert by_constant(leak, span) == pytest.approx(constant, rel=1e-8)
    assert by_current(leak, decay, span) == pytest.approx(pushed, rel=1e-8)
    np.testing.assert_allclose(interval(leak, decay, span), [constant, pushed, remaining], rtol=1e-8)
    assert potential_after(u, current, rest, leak, decay, span) == pytest.approx(moved(u, current, rest)[0], rel=1e-8)
