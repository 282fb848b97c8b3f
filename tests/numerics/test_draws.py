"""Streams of random numbers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import netsim
from netsim.numerics.draws import Purpose, generator_for


@given(st.integers(0, 2**32 - 1))
def test_no_two_purposes_share_a_stream(seed: int) -> None:
    """Not of one seed, nor of the next ones."""
    purposes = Purpose.__members__.values()
    streams = [generator_for(purpose, seed + later).random(4).tolist() for purpose in purposes for later in range(3)]
    for first, second in combinations(streams, 2):
        assert set(first).isdisjoint(second)


def test_synapses_are_drawn_as_their_description_says() -> None:
    rule = netsim.Random(20, probability=0.1, seed=7)
    assert "`numpy.random.default_rng([seed, 6])`" in rule.note()
    pre, post, _ = rule.connections((1, 30, 1), (1, 20, 1))
    gaps = np.random.default_rng([7, 6]).geometric(0.1, pre.size)
    assert (pre * 20 + post).tolist() == (np.cumsum(gaps) - 1).tolist()
