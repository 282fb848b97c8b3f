"""Every family on both engines: the generic loop, the faster loops, the oracles and Brian2 agree."""

from __future__ import annotations

import dataclasses
from itertools import product
from types import ModuleType

import numpy as np
import pytest

from netsim.engines import Batch, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.engines.event.potentials import causes_of
from netsim.errors import SpecificationError
from netsim.seams import families
from netsim.specification import (
    PSP,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Population,
    PopulationWinners,
    Projection,
)
from netsim.specification.families import Exponential, Family, Rates
from netsim.weights.initial import initial_weights

KINDS = ["loops", "relays", "rules"]
NEW = ["quadratic", "non-leaky"]
SOLVED = ["leaky", *NEW]
"""Families with an oracle in this sense; `test_random_networks` tests piecewise-linear neurons."""


def _drawn(drawn: ModuleType, kind: str, family: str, seed: int, presentations: int = 2) -> tuple[Network, Batch]:
    network_of, batch_of = drawn.FAMILIES[kind]
    network = network_of(seed)
    network = network if family == "piecewise-linear" else drawn.version(network, family, seed)
    return network, batch_of(network, presentations, seed)


def _count(latencies: dict[str, np.ndarray]) -> int:
    return int(sum(np.isfinite(times).sum() for name, times in latencies.items() if name != "stimulus"))


@pytest.mark.parametrize("family", ["piecewise-linear", "leaky"])
@pytest.mark.parametrize("kind", KINDS)
def test_faster_loops_compute_the_spikes_of_the_generic_loop(drawn: ModuleType, kind: str, family: str) -> None:
    fired = 0
    for seed, dt in [*((seed, 0.0) for seed in range(5)), (5, 0.7), (6, 0.7)]:
        network, batch = _drawn(drawn, kind, family, seed)
        expected = EventEngine(network, dt=dt, generic=True).present(batch)
        for name, times in EventEngine(network, dt=dt).present(batch).items():
            np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-9, err_msg=f"seed {seed}, {name}")
        fired += _count(expected)
    assert fired > 100


def _agrees(oracle: ModuleType, drawn: ModuleType, kind: str, family: str, seed: int, dt: float) -> int:
    network, batch = _drawn(drawn, kind, family, seed, 1)
    changes = (batch.silenced, batch.thresholds, batch.delays)
    expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, dt, *changes)
    for name, times in EventEngine(network, dt=dt).present(batch).items():
        np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-9, err_msg=f"{kind}, seed {seed}, {name}")
    return _count(expected)


@pytest.mark.parametrize("family", SOLVED)
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_are_those_of_the_oracle(oracle: ModuleType, drawn: ModuleType, kind: str, family: str) -> None:
    """The networks have loops, delays of axons and synapses, winners, silenced neurons and own thresholds."""
    cases = [*((seed, 0.0) for seed in range(5)), (5, 0.7), (6, 0.7)]
    if (kind, family) == ("loops", "leaky"):
        cases.append((66, 0.0))  # nothing is due in a component when the last spike from outside has arrived
    assert sum(_agrees(oracle, drawn, kind, family, seed, dt) for seed, dt in cases) > 60


@pytest.mark.nightly
@pytest.mark.parametrize("family", SOLVED)
@pytest.mark.parametrize("first", range(0, 170, 10))
def test_many_networks_agree_with_the_oracle(oracle: ModuleType, drawn: ModuleType, first: int, family: str) -> None:
    for seed in range(first, first + 10):
        for kind in KINDS:
            for dt in (0.0, 0.7):
                _agrees(oracle, drawn, kind, family, seed, dt)


@pytest.mark.parametrize("family", NEW)
def test_the_oracle_solves_the_differential_equation(oracle: ModuleType, family: str) -> None:
    solver, generator, fired = oracle.SOLVERS[family], np.random.default_rng(3), 0
    given = {} if families[family].has_psp else {"tau_syn": 4.0, "regime": "staggered", "onset": 3.0, "drive": 0.1}
    neurons = Neurons(threshold=1.2, tau=7.0, family=family, **given)  # type: ignore[arg-type]
    for _ in range(12):
        arrivals = [(float(generator.uniform(0, 20)), float(generator.normal(0.3, 0.7)), ((0.0, 1.0),), False)] * 2
        arrivals += [(float(generator.uniform(0, 20)), float(generator.normal(0.3, 0.7)), ((0.0, 1.0),), False)] * 3
        expected = solver.by_integration(neurons, arrivals, 0.05, 60.0)
        assert solver.first_spike(neurons, arrivals, 0.05, 60.0) == pytest.approx(expected, abs=1e-7)
        fired += expected < 60.0
    assert fired > 3


def _looped(family: str) -> tuple[Network, Batch]:
    """A loop with delays of synapses, PSPs where the family has them, and competing outputs."""
    has_psp = families[family].has_psp
    neurons = Neurons(threshold=1.0, tau=10.0, family=family, bias=True, tau_syn=None if has_psp else 5.0)
    psp = PSP("plateau", rise=8.0) if has_psp else PSP()
    populations = (
        Population("e", (12,), neurons),
        Population("i", (5,), neurons),
        Population("output", (4,), neurons, winners=PopulationWinners(2)),
    )
    delays: dict[tuple[str, str], float | Delays] = {("e", "i"): 1.3, ("i", "e"): Delays("synapse", 2.0, 1.0)}
    pairs = [("stimulus", "e"), ("e", "i"), ("i", "e"), ("e", "output")]
    projections = tuple(Projection(*pair, Dense(), psp, delay=delays.get(pair, 0.0)) for pair in pairs)
    network = Network("loop", IntensityEncoder((4, 4, 1), 20.0), populations, projections, 80.0)
    weights = {name: 0.3 * name.endswith("bias") + array for name, array in initial_weights(network, seed=2).items()}
    return network, Batch(np.random.default_rng(1).uniform(0, 20, (4, 4, 4, 1)), weights)


@pytest.mark.parametrize(("kind", "family"), [*product(KINDS, SOLVED), *product(["loop"], NEW)])
def test_brian2_gives_the_same_steps(drawn: ModuleType, kind: str, family: str) -> None:
    network, batch = _looped(family) if kind == "loop" else _drawn(drawn, kind, family, 1, 4)
    event = EventEngine(network, 0.5).present(batch)
    brian2 = Brian2Engine(network, 0.5, target="numpy", copies=2).present(batch)
    for name, times in event.items():
        np.testing.assert_array_equal(np.rint(times / 0.5), np.rint(brian2[name] / 0.5), err_msg=name)
    if kind == "loop":
        assert 0 < np.isfinite(event["e"]).mean() < 1
        assert (np.isfinite(event["output"]).sum(axis=1) == 2).all()


@pytest.mark.parametrize("current", [0.04, 0.0, -0.04])
def test_a_quadratic_potential_follows_tan_tanh_or_a_line_above_its_unstable_point(current: float) -> None:
    """A pulse of 4 ms raises the potential, and a constant current remains. Times follow by hand from the integrals."""
    neurons = Neurons(threshold=2.0, tau=5.0, family="quadratic", bias=True)
    layer = Layer("output", Dense(1), neurons, psp=PSP("plateau", rise=4.0))
    network = Network.chain("one", IntensityEncoder((1, 1, 1), 20.0), [layer], 80.0)
    weights = {"output.kernel": np.array([[0.25 - current]]), "output.bias": np.array([current])}
    # the bias alone acts for 0 ms, because the pulse begins at once
    engine = EventEngine(network, record=[Recorded("output", 0)])
    spike = engine.present(Batch(np.zeros((1, 1, 1, 1)), weights))["output"].item()
    v = 0.5 * np.tan(0.5 * 4 / 5)
    w = np.sqrt(abs(current))
    if current > 0:
        later = (np.arctan(2.0 / w) - np.arctan(v / w)) / w
    elif current == 0:
        later = 1 / v - 1 / 2.0
    else:
        assert v > w
        later = (np.arctanh(w / v) - np.arctanh(w / 2.0)) / w
    assert spike == pytest.approx(4 + 5 * later, rel=1e-12)
    (trace,) = engine.potentials
    assert np.interp([4.0, spike], trace.time, trace.potential) == pytest.approx([v, 2.0])


def test_what_a_family_does_not_support_is_refused() -> None:
    network, batch = _looped("quadratic")
    spikes = EventEngine(network).present(batch)
    with pytest.raises(SpecificationError, match="quadratic has a potential that is no sum of the effects"):
        causes_of(network, batch, spikes, Recorded("output", 0), 20.0)
    with pytest.raises(SpecificationError, match=r"staggered.*quadratic does not support; use free"):
        Neurons("staggered", onset=3.0, drive=1.0, family="quadratic")
    with pytest.raises(SpecificationError, match=r"tau_syn: .*decaying current"):
        Neurons(family="quadratic", tau_syn=3.0)


def test_a_family_with_rates_alone_warns_and_works() -> None:
    """As in netsim 0.3."""

    def define() -> type[Family]:
        @families.register("faint")
        class Faint(Family):
            @classmethod
            def rates(cls, neurons: Neurons) -> Rates:
                return Rates(0.0, 1 / 5)

        return Faint

    try:
        with pytest.warns(DeprecationWarning, match="derive families with rates from"):
            assert issubclass(define(), Exponential)
        network, batch = _looped("non-leaky")
        populations = tuple(
            dataclasses.replace(each, neurons=dataclasses.replace(each.dynamics, family="faint", tau_syn=None))
            for each in network.populations
        )
        expected = EventEngine(network).present(batch)
        spikes = EventEngine(dataclasses.replace(network, populations=populations)).present(batch)
        for name, times in spikes.items():
            np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-9)
    finally:
        del families._entries["faint"], families._modules["faint"]
