"""What networks of many populations take: in proportion to their number, counted in calls of functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons, Pooling, Population, Projection
from netsim.specification.toml import dumps_network, loads_toml, network_from_dict

ENCODER, NEURONS, RULE = IntensityEncoder((4, 4, 1), 10.0), Neurons(threshold=1.0, tau=4.0), Dense()


def _chain(count: int) -> Network:
    return Network.chain("chain", ENCODER, [Layer(f"layer{i}", Dense(3), NEURONS) for i in range(count)], 100.0)


def _pooled(count: int) -> Network:
    """Relays behind each other, which pass on when spikes come and what sign they have."""
    relays = [Population(f"relays{i}", (4, 4, 1), None) for i in range(count - 1)]
    maps = Population("maps", (4, 4, 1), NEURONS, inhibitory=0.0)
    names = ["stimulus", "maps", *(relay.name for relay in relays), "output"]
    rules = [RULE, *[Pooling(1)] * (count - 1), RULE]
    projections = [Projection(*ends) for ends in zip(names, names[1:], rules, strict=False)]
    populations = (maps, *relays, Population("output", (3,), NEURONS))
    return Network("pooled", ENCODER, populations, tuple(projections), 100.0)


def _loop(count: int) -> Network:
    names = [f"ring{i}" for i in range(count)]
    projections = [Projection("stimulus", name, RULE, name=f"to_{name}") for name in names]
    projections += [Projection(first, second, RULE) for first, second in zip(names, names[1:] + names[:1], strict=True)]
    populations = tuple(Population(name, (3,), NEURONS) for name in names)
    return Network("loop", ENCODER, populations, tuple(projections), 100.0)


def _look_ups(network: Network) -> None:
    for population in network.populations:
        name = population.name
        network.population(name), network.incoming(name), network.outgoing(name), network.signs(name)
        network.neurons(name) if population.integrates else None
        network.position(name)
    for projection in network.projections:
        network.projection(projection.name)


def _round_trip(network: Network) -> None:
    assert network_from_dict(loads_toml(dumps_network(network), "text")) == network


def _calls(run: Callable[[Network], object], network: Network) -> int:
    """How many functions are called, and generators resumed."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(note)
    try:
        run(network)
    finally:
        sys.setprofile(former)
    return count


@pytest.mark.parametrize("make", [_chain, _pooled, _loop])
def test_it_takes_twice_as_long_for_twice_as_many(make: Callable[[int], Network]) -> None:
    _round_trip(make(3))  # what is done once is no more to do
    few, many = make(100), make(200)
    for take in (lambda network: make(len(network.populations)), _round_trip, _look_ups):
        assert _calls(take, many) < 2.1 * _calls(take, few), take


def test_relays_may_be_as_many_behind_each_other_as_one_likes() -> None:
    """More than functions may call each other."""
    assert len(_pooled(2 * sys.getrecursionlimit()).populations) > sys.getrecursionlimit()
