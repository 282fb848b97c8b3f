"""Components of graphs of any sort."""

from __future__ import annotations

from netsim.specification.graph import components


def test_edges_may_be_there_twice_and_lead_back() -> None:
    # two projections between the same populations: over this graph scipy 1.13.0 never came to an end
    edges = [(1, 0), (3, 1), (0, 1), (0, 1), (1, 1), (2, 2), (2, 3), (1, 4)]
    assert components(5, edges) == [[2], [3], [0, 1], [4]]
