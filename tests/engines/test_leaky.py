"""Leaky neurons alone. `test_families` tests what holds for every family."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from netsim.engines import Batch, Recorded
from netsim.engines.brian2.engine import Brian2Engine
from netsim.engines.event.engine import EventEngine
from netsim.engines.event.flow import FlowSweep
from netsim.engines.event.potentials import causes_of
from netsim.errors import SpecificationError
from netsim.measuring.potentials import output_potentials
from netsim.numerics.flows import lambert
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Population,
    PopulationWinners,
    Projection,
    PSPShape,
)
from netsim.specification.toml import network_from_dict
from netsim.weights.initial import initial_weights

RATIOS = [1.0, 0.5, 2.0, 0.9999999, 0.3, 3.7, 0.01]


def _neurons(ratio: float = 1.0, **given: object) -> Neurons:
    tau_syn = None if ratio == 1.0 else 10.0 * ratio
    return Neurons(**({"threshold": 0.25, "tau": 10.0, "family": "leaky", "tau_syn": tau_syn} | given))  # type: ignore[arg-type]


def _two_layers(ratio: float = 0.5, duration: float = 80.0, **given: object) -> Network:
    layers = [
        Layer(name, Dense(size), neurons=_neurons(ratio, **given)) for name, size in (("hidden", 30), ("output", 4))
    ]
    return Network.chain("two", IntensityEncoder((4, 4, 1), 20.0), layers, duration)


def _batch(network: Network, presentations: int = 8) -> Batch:
    generator = np.random.default_rng(1)
    weights = {key: value.astype(float) + 0.05 for key, value in initial_weights(network, seed=2).items()}
    return Batch(generator.uniform(0, 20, (presentations, *network.encoder.shape)), weights)


def test_brian2_converges_with_the_first_order_of_the_step() -> None:
    network = _two_layers()
    batch = _batch(network)
    exact = EventEngine(network).present(batch)["hidden"]
    errors = []
    for dt in (0.4, 0.2, 0.1):
        spikes = Brian2Engine(network, dt=dt, target="numpy", copies=8).present(batch)["hidden"]
        both = np.isfinite(exact) & np.isfinite(spikes)
        assert both.mean() > 0.3
        errors.append(np.abs(spikes[both] - exact[both]).mean())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 1) < 0.5).all(), orders


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_both_algorithms_agree(monkeypatch: pytest.MonkeyPatch, ratio: float, dt: float) -> None:
    network = _two_layers(ratio, bias=True, regime="staggered", onset=3.0, drive=0.1)
    batch = _batch(network)
    swept = EventEngine(network, dt=dt).present(batch)
    monkeypatch.setattr(FlowSweep, "suits", staticmethod(lambda *_: False))
    for name, times in EventEngine(network, dt=dt).present(batch).items():
        np.testing.assert_allclose(times, swept[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("regime", ["free", "staggered"])
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_both_algorithms_agree_on_maps_thresholds_and_long_gaps(
    monkeypatch: pytest.MonkeyPatch, regime: str, dt: float
) -> None:
    """Two blocks of maps, a block that overlaps another, spikes before and after the onset, and silent seconds."""
    neurons = _neurons(0.5, bias=True, regime=regime, **({"onset": 3.0, "drive": 0.1} if regime == "staggered" else {}))
    layers = [Layer("maps", Convolution(20, 3, padding=1), neurons), Layer("output", Dense(35), neurons)]
    network = Network.chain("gaps", IntensityEncoder((4, 4, 2), 1000.0), layers, 3000.0)
    batch, generator = _batch(network, 3), np.random.default_rng(3)
    stimuli = np.where(generator.random(batch.stimuli.shape) < 0.5, 0.2 * batch.stimuli, 900 + batch.stimuli)
    stimuli = np.where(generator.random(stimuli.shape) < 0.2, np.inf, stimuli)
    thresholds = {"maps": generator.uniform(0.2, 1.0, network.shapes["maps"])}
    batch = dataclasses.replace(batch, stimuli=stimuli, thresholds=thresholds)
    swept = EventEngine(network, dt=dt).present(batch)
    monkeypatch.setattr(FlowSweep, "suits", staticmethod(lambda *_: False))
    for name, times in EventEngine(network, dt=dt).present(batch).items():
        np.testing.assert_allclose(times, swept[name], rtol=0, atol=1e-9)
    late = np.concatenate([times.ravel() for name, times in swept.items() if name != "stimulus"])
    assert 0.1 < np.isfinite(late).mean() < 1
    assert (late[np.isfinite(late)] > 800).any()
    assert (late < 50).any()


def test_long_presentations_do_not_overflow() -> None:
    """The last spikes come after ten thousand time constants."""
    short, long = (_two_layers(0.1, duration) for duration in (80.0, 100_080.0))
    batch = _batch(short, 2)
    later = dataclasses.replace(batch, stimuli=batch.stimuli + 100_000.0)
    first, last = EventEngine(short).present(batch), EventEngine(long).present(later)
    for name, times in first.items():
        np.testing.assert_allclose(last[name] - 100_000.0, times, rtol=0, atol=1e-9)


def test_without_leak_and_decay_neurons_are_those_with_ramps() -> None:
    leaky = _two_layers(1.0, tau=1e9, threshold=1e-8)
    layers = leaky.layers()
    assert layers is not None
    lines = [dataclasses.replace(layer, neurons=Neurons(threshold=1e-8, tau=1e9)) for layer in layers]
    batch = _batch(leaky)
    spikes, expected = EventEngine(leaky).present(batch), EventEngine(leaky.with_layers(lines)).present(batch)
    for name, times in spikes.items():
        np.testing.assert_allclose(times, expected[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_potentials_reach_threshold_at_the_spike(ratio: float) -> None:
    network = _two_layers(ratio, bias=True)
    batch = _batch(network, 3)
    engine = EventEngine(network, record=[Recorded("output", 1)])
    latencies = engine.present(batch)
    (spikes,) = latencies["output"][:, 1:2].T
    assert np.isfinite(spikes).any()
    at_spikes = output_potentials(network, batch.weights, latencies, np.where(np.isfinite(spikes), spikes, 80.0))
    for trace, spike, potential in zip(engine.potentials, spikes, at_spikes[:, 1], strict=True):
        if np.isfinite(spike):
            assert np.interp(spike, trace.time, trace.potential) == pytest.approx(0.25)
            assert trace.potential[trace.time < spike].max() < 0.25
            assert potential == pytest.approx(0.25)
    causes = causes_of(network, batch, latencies, Recorded("output", 1), 30.0)
    alone = Batch(batch.stimuli[:1], batch.weights)
    first = output_potentials(
        network, alone.weights, {name: times[:1] for name, times in latencies.items()}, np.array([30.0])
    )
    assert sum(float(cause.potentials.sum()) for cause in causes) == pytest.approx(first[0, 1], abs=0.02 * 30)


def test_recorded_potentials_of_both_engines_agree() -> None:
    network = _two_layers(0.5, bias=True, regime="staggered", onset=3.0, drive=0.1)
    batch = _batch(network, 1)
    event, brian2 = (
        EventEngine(network, 0.5, record=[Recorded("hidden", 2)]),
        Brian2Engine(network, 0.5, record=[Recorded("hidden", 2)], target="numpy"),
    )
    event.present(batch)
    brian2.present(batch)
    (ours,), (theirs,) = event.potentials, brian2.potentials
    np.testing.assert_allclose(np.interp(theirs.time, ours.time, ours.potential), theirs.potential, rtol=0, atol=1e-3)


def test_lambert_inverts_its_definition() -> None:
    for z in (-0.36, -0.3, -0.1, 0.0, 0.5, 2.0, 10.0, 1e8):
        w = lambert(z)
        assert w * np.exp(w) == pytest.approx(z, rel=1e-12, abs=1e-15)
    assert np.isnan(lambert(-0.4))


LEAKY = {"name": "output", "neurons": {"family": "leaky"}}
RAMP = {"shape": "ramp"}
"""The default elsewhere."""


@pytest.mark.parametrize(
    ("field", "message", "make"),
    [
        ("neurons.regime", "does not support", lambda: _neurons(regime="phased", onset=3.0, drive=1.0)),
        ("neurons.tau_syn", "must be positive, not -1", lambda: _neurons(tau_syn=-1.0)),
        ("neurons.tau_syn", "must be positive and finite, not inf", lambda: _neurons(tau_syn=math.inf)),
        ("neurons.tau_syn", "leaky", lambda: Neurons(tau_syn=2.0)),
        ("neurons.family", "must be one of|must be", lambda: Neurons(family="cubic")),
        ("psp", "no meaning", lambda: _with(PSP("plateau", rise=3.0))),
        ("layers.output.psp", "no meaning", lambda: _read(layers=[{**LEAKY, "rule": "dense", "size": 3, "psp": RAMP}])),
        (
            "projections.stimulus_to_output.psp",
            "no meaning",
            lambda: _read(
                populations=[{**LEAKY, "shape": [3]}],
                projections=[
                    {"source": "stimulus", "target": "output", "connectivity": {"rule": "dense"}, "psp": RAMP}
                ],
            ),
        ),
        ("family", "differ within a loop", lambda: _mixed_loop()),
    ],
)
def test_unsupported_combinations_are_refused(field: str, message: str, make: object) -> None:
    with pytest.raises(SpecificationError, match=message) as raised:
        make()  # type: ignore[operator]
    assert field in str(raised.value)


def _read(**parts: object) -> Network:
    """Read a network of one leaky population from its parts."""
    return network_from_dict({"name": "psp", "duration": 80.0, "encoder": {"shape": [2, 2, 1], "t_max": 20.0}, **parts})


def _with(psp: PSPShape) -> Network:
    layer = Layer("output", Dense(3), neurons=_neurons(), psp=psp)
    return Network.chain("psp", IntensityEncoder((2, 2, 1), 20.0), [layer], 80.0)


def _mixed_loop() -> Network:
    pairs = [("stimulus", "e"), ("e", "i"), ("i", "e"), ("e", "output")]
    return Network(
        "mixed",
        IntensityEncoder((2, 2, 1), 20.0),
        (Population("e", (4,), _neurons()), Population("i", (2,)), Population("output", (2,), _neurons())),
        tuple(Projection(source, target, Dense()) for source, target in pairs),
        80.0,
    )


def test_families_may_differ_between_populations() -> None:
    layers = [
        Layer("hidden", Dense(6), neurons=_neurons(0.4)),
        Layer("output", Dense(3), neurons=Neurons(threshold=0.2, tau=10.0)),
    ]
    network = Network.chain("both", IntensityEncoder((3, 3, 1), 20.0), layers, 80.0)
    batch = _batch(network)
    event, brian2 = EventEngine(network, 0.5).present(batch), Brian2Engine(network, 0.5, target="numpy").present(batch)
    for name, times in event.items():
        np.testing.assert_array_equal(times, brian2[name])
    assert np.isfinite(event["output"]).any()


def test_competition_silences_losers() -> None:
    layers = [Layer("hidden", Dense(6), neurons=_neurons(), winners=PopulationWinners(2)), Layer("output", Dense(3))]
    network = Network.chain("winners", IntensityEncoder((3, 3, 1), 20.0), layers, 80.0)
    fired = np.isfinite(EventEngine(network).present(_batch(network))["hidden"]).sum(axis=1)
    assert fired.max() == 2


@pytest.mark.parametrize(
    ("tau", "tau_syn", "dt"),
    [(10.0, 9.99999999999, 0.4), (8.0, 8.000000000008, 0.5), (10.0, 10.0, 0.4), (10.0, 3.0, 0.4), (2.0, 9.0, 0.5)],
)
def test_brian2_is_exact_for_all_ratios_of_time_constants(tau: float, tau_syn: float, dt: float) -> None:
    """Brian2's own solution divides by the difference of both rates: neurons fired one step early or late."""
    neurons = Neurons("free", threshold=0.25, tau=tau, tau_syn=tau_syn, family="leaky", bias=True)
    layers = [Layer("output", Dense(16), neurons)]
    network = Network.chain("equal", IntensityEncoder((2, 2, 1), 10.0), layers, 60.0)
    weights = {"output.kernel": np.random.default_rng(1).uniform(0.15, 0.5, (4, 16)), "output.bias": np.zeros(16)}
    weights["output.bias"] += np.linspace(0.0, 0.1, 16)
    batch = Batch(np.random.default_rng(2).uniform(0, 10, (60, 2, 2, 1)), weights)
    event, brian2 = EventEngine(network, dt).present(batch), Brian2Engine(network, dt, target="numpy").present(batch)
    np.testing.assert_array_equal(event["output"], brian2["output"])
    assert len(np.unique(event["output"])) > 10


def test_time_constants_far_below_a_step_are_equal_in_brian2() -> None:
    def network(tau_syn: float) -> Network:
        neurons = Neurons("free", threshold=0.25, tau=10.0, tau_syn=tau_syn, family="leaky")
        layers = [Layer(name, Dense(size), neurons) for name, size in (("hidden", 20), ("output", 3))]
        return Network.chain("short", IntensityEncoder((2, 2, 1), 10.0), layers, 40.0)

    for tau_syn in (0.01, 0.001, 1e-5):
        short = network(tau_syn)
        weights = {name: 4 / tau_syn * np.abs(array) for name, array in initial_weights(short, 0).items()}
        batch = Batch(np.random.default_rng(0).uniform(0, 10, (20, 2, 2, 1)), weights)
        event = EventEngine(short, 1.0).present(batch)
        brian2 = Brian2Engine(short, 1.0, target="numpy").present(batch)
        assert np.isfinite(event["output"]).any()
        for name, latencies in event.items():
            np.testing.assert_array_equal(latencies, brian2[name])
