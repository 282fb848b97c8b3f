"""The event engine against the oracle, and its invariants."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Generator
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engines import Batch, Latencies, Recorded, make_engine
from netsim.engines.event.clock import Clock
from netsim.engines.event.closed_form import ClosedForm
from netsim.engines.event.engine import EventEngine
from netsim.engines.event.sweep import Sweep
from netsim.errors import DataError, FormerWarning, SpecificationError
from netsim.numerics import threads as parallel
from netsim.numerics.signs import Signs, by_signs
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Pooling,
    PSPShape,
    Weighting,
)
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights

MakeNetwork = Callable[..., Network]
MakeBatch = Callable[..., Batch]


def dense_network(
    neurons: Neurons | None = None, inputs: int = 12, size: int = 5, psp: PSPShape | None = None
) -> Network:
    """One dense layer."""
    layer = Layer("output", Dense(size), neurons or Neurons(threshold=1.0, tau=10.0), psp or PSP())
    return Network.chain("dense", IntensityEncoder((1, 1, inputs), 20.0), (layer,), duration=100.0)


def same_times(latencies: Latencies, expected: Latencies, tolerance: float = 1e-6) -> None:
    """Check that the same neurons fire, at times that differ by at most `tolerance` ms."""
    for got, wanted in zip(latencies.values(), expected.values(), strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)


def some_of_each(latencies: Latencies) -> None:
    """Check that the case is worth testing: neurons that fire at many times, and silent ones."""
    fired = np.concatenate([layer.ravel() for layer in list(latencies.values())[1:]])
    assert 0.1 < np.isfinite(fired).mean() < 1
    assert len(np.unique(fired)) > 20


@pytest.mark.parametrize("bias", [False, True])
def test_exact_times_are_the_oracles(
    oracle: ModuleType, layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape, bias: bool
) -> None:
    network = layered(regime, psp, bias)
    batch = random_batch(network, 6, seed=1)
    expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli)
    some_of_each(expected)
    same_times(EventEngine(network).present(batch), expected)


@pytest.mark.parametrize("dt", [1.0, 0.25, 0.7])
def test_grid_steps_are_the_oracles(
    oracle: ModuleType, layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape, dt: float
) -> None:
    network = layered(regime, psp)
    batch = random_batch(network, 4, seed=2)
    expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, dt)
    some_of_each(expected)
    latencies = EventEngine(network, dt=dt).present(batch)
    same_times(latencies, expected)
    for layer in latencies.values():
        steps = layer[np.isfinite(layer)] / dt
        np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dt", [0.0, 0.7])
@pytest.mark.parametrize("precision", ["single", "double"])
def test_sparse_kernels_give_the_times_of_those_for_windows(
    layered: MakeNetwork,
    without_windows: Callable[[Network], Network],
    random_batch: MakeBatch,
    regime: str,
    psp: PSPShape,
    dt: float,
    precision: str,
) -> None:
    network = layered(regime, psp)
    batch = random_batch(network, 6, seed=12)
    thresholds = {"strided": np.random.default_rng(1).uniform(0.3, 0.8, network.shapes["strided"])}
    batch = dataclasses.replace(batch, thresholds=thresholds)
    expected = EventEngine(network, dt=dt).present(batch)
    some_of_each(expected)
    latencies = EventEngine(without_windows(network), dt=dt, precision=precision).present(batch)
    if precision == "double" or dt:
        same_times(latencies, expected)
    else:
        same = [np.isclose(a, b, rtol=0, atol=1e-3) for a, b in zip(latencies.values(), expected.values(), strict=True)]
        assert np.concatenate([part.ravel() for part in same]).mean() > 0.995


@pytest.mark.parametrize("per_presentation", [False, True])
def test_silenced_neurons_never_fire(
    oracle: ModuleType, layered: MakeNetwork, random_batch: MakeBatch, regime: str, per_presentation: bool
) -> None:
    network = layered(regime, PSP())
    batch = random_batch(network, 5, seed=3)
    generator = np.random.default_rng(4)
    silenced = {
        name: generator.uniform(size=(5, *shape) if per_presentation else shape) < 0.4
        for name, shape in list(network.shapes.items())[1:4]
    }
    expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, silenced=silenced)
    latencies = EventEngine(network).present(dataclasses.replace(batch, silenced=silenced))
    same_times(latencies, expected)
    for layer, neurons in zip(list(latencies.values())[1:], silenced.values(), strict=False):
        assert np.isinf(layer[np.broadcast_to(neurons, layer.shape)]).all()


@pytest.mark.parametrize("maps", [16, 17, 33])
@pytest.mark.parametrize("dt", [0.0, 0.5])
def test_any_number_of_maps_is_swept(
    oracle: ModuleType, random_batch: MakeBatch, psp: PSPShape, regime: str, maps: int, dt: float
) -> None:
    """Sweeps take maps in blocks of 16: one that is full, and ones with a rest."""
    free = Neurons(threshold=0.4, tau=10.0)
    early, late = (free if regime == "free" else Neurons(regime, 0.4, 10.0, onset, 55.0, 0.3) for onset in (8.3, 28.3))
    layers = (Layer("conv", Convolution(maps, 2), neurons=early, psp=psp), Layer("output", Dense(35), late, psp))
    network = Network.chain("wide", IntensityEncoder((3, 3, 1), 20.0), layers, duration=60.0)
    batch = random_batch(network, 2, seed=8)
    expected = oracle.oracle_latencies(network, batch.weights, batch.stimuli, *([dt] if dt else []))
    same_times(EventEngine(network, dt=dt).present(batch), expected)


@pytest.mark.parametrize("window", [(20.2, 20.8), (89.5, math.inf)])
@pytest.mark.parametrize("regime", ["staggered", "phased"])
def test_nobody_fires_in_a_window_without_a_step(window: tuple[float, float], regime: str) -> None:
    onset, end = window
    network = dense_network(Neurons(regime, 0.4, 10.0, onset, end, 1.0), inputs=200)
    network = dataclasses.replace(network, duration=90.0)
    batch = Batch(np.zeros((2, 1, 1, 200)), {"output.kernel": np.full((200, 5), 1.0)})
    assert np.isinf(EventEngine(network, dt=1.0).present(batch)["output"]).all()
    assert (EventEngine(network).present(batch)["output"] == onset).all()


def test_a_negative_zero_is_a_zero() -> None:
    network = dense_network(inputs=3, size=2)
    batch = Batch(np.array([0.0, 5.0, 2.0]).reshape(1, 1, 1, 3), {"output.kernel": np.full((3, 2), 0.7)})
    negative = dataclasses.replace(batch, stimuli=np.array([-0.0, 5.0, 2.0]).reshape(1, 1, 1, 3))
    for dt in (0.0, 0.5):
        engine = EventEngine(network, dt=dt)
        same_times(engine.present(negative), engine.present(batch), tolerance=0.0)


def test_all_blocks_of_maps_are_swept_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    network = dense_network(size=100)
    generator = np.random.default_rng(0)
    batch = Batch(generator.uniform(0, 20, (3, 1, 1, 12)), {"output.kernel": generator.normal(0.3, 1.0, (12, 100))})
    whole = EventEngine(network).present(batch)
    some_of_each(whole)
    monkeypatch.setattr(parallel, "_LARGEST_RUN", 1)
    EventEngine(network).present(dataclasses.replace(batch, weights={"output.kernel": np.zeros((12, 100))}))
    same_times(EventEngine(network).present(batch), whole, tolerance=0.0)


def test_weights_that_overflow_give_times_or_silence() -> None:
    network = dense_network(inputs=2, size=2)
    batch = Batch(np.array([0.0, 1.0]).reshape(1, 1, 1, 2), {"output.kernel": np.array([[3e38, -3e38], [3e38, 1.0]])})
    latencies = EventEngine(network, precision="single").present(batch)["output"]
    assert not np.isnan(latencies).any()


@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_closed_form_and_sweep_agree(layered: MakeNetwork, random_batch: MakeBatch, psp: PSPShape, dt: float) -> None:
    network = layered("phased", psp)
    batch = random_batch(network, 20, seed=5)
    latencies = EventEngine(network, dt=dt).present(batch)
    clock = Clock(network, dt, "double")
    for projection in network.weighted:
        below, spikes = latencies[projection.source], latencies[projection.target]
        results = []
        for way in (ClosedForm, Sweep):
            result = np.empty(spikes.shape, clock.times)
            stage = way(clock, network.population(projection.target))
            stage.prepare(batch.weights)([clock.count(below)], result)
            results.append(result * (dt or 1.0))
        np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-6)
        np.testing.assert_allclose(results[0], spikes, rtol=0, atol=1e-9)


def test_single_precision_is_close(layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape) -> None:
    network = layered(regime, psp)
    batch = random_batch(network, 20, seed=6)
    single = EventEngine(network, precision="single").present(batch)
    double = EventEngine(network).present(batch)
    for low, high in zip(single.values(), double.values(), strict=True):
        assert low.dtype == np.float32
        assert high.dtype == np.float64
        both = np.isfinite(low) & np.isfinite(high)
        assert (np.isfinite(low) == np.isfinite(high)).mean() > 0.999
        assert np.median(np.abs(low[both] - high[both])) < 1e-4


def test_grid_is_in_double_precision(layered: MakeNetwork, random_batch: MakeBatch, regime: str) -> None:
    network = layered(regime, PSP())
    batch = random_batch(network, 3, seed=7)
    single = EventEngine(network, dt=0.1, precision="single").present(batch)
    same_times(single, EventEngine(network, dt=0.1).present(batch), tolerance=0.0)


@pytest.mark.parametrize(
    ("weighting", "looks_up", "taken"), [("binary", True, [False, True]), ("binary", False, []), ("real", True, [])]
)
def test_sums_of_signs_that_are_looked_up_are_those_of_weights(
    weighting: Literal["binary", "real"], looks_up: bool, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binary weights in single precision: the times of double precision, and the same bits alone and in a batch.

    Of those asked for, the first convolution has no groups, as it has one channel.
    """

    def neurons(onset: float) -> Neurons:
        return Neurons("phased", 0.5, tau=8.0, onset=onset, end=onset + 16.0, drive=1.0, bias=True)

    layers = (
        Layer("conv1", Convolution(8, 4), neurons=neurons(8.0), initial=InitialWeights(spread=2.0)),
        Layer("conv2", Convolution(70, 3), neurons=neurons(24.0), initial=InitialWeights(spread=2.0)),
        Layer("output", Dense(5), neurons=neurons(40.0)),
    )
    network = Network.chain(
        "binary", IntensityEncoder((9, 9, 1), 8.0), layers, duration=60.0, weighting=Weighting("binary")
    )
    weights = forward_weights(network, initial_weights(network, 3))
    network = dataclasses.replace(network, weighting=Weighting(weighting))
    stimuli = np.random.default_rng(0).uniform(0, 16, (9, 9, 9, 1))  # half of them after the end: silent
    stimuli[stimuli > 8] = np.inf
    result: list[Signs | None] = []

    def noted(weights: np.ndarray, channels: int) -> Signs | None:
        result.append(by_signs(weights, channels))
        return result[-1]

    monkeypatch.setattr("netsim.engines.event.closed_form.by_signs", noted)
    monkeypatch.setattr("netsim.engines.event.closed_form.has_avx512", lambda: looks_up)
    double, single = (EventEngine(network, precision=precision) for precision in ("double", "single"))
    expected = double.present(Batch(stimuli, weights))
    result.clear()
    together = single.present(Batch(stimuli, weights))
    assert [signs is not None for signs in result] == taken
    same_times(together, expected, tolerance=1e-4)
    some_of_each(expected)
    for number in range(len(stimuli)):
        alone = single.present(Batch(stimuli[number : number + 1], weights))
        assert all(
            np.array_equal(of_single[0], of_all[number])
            for of_single, of_all in zip(alone.values(), together.values(), strict=True)
        )


def test_batches_larger_than_a_part(layered: MakeNetwork, random_batch: MakeBatch, regime: str) -> None:
    network = layered(regime, PSP())
    batch = random_batch(network, 130, seed=8)
    engine = EventEngine(network)
    alone = [engine.present(Batch(batch.stimuli[k : k + 1], batch.weights)) for k in range(130)]
    one_by_one = Latencies({name: np.concatenate([latencies[name] for latencies in alone]) for name in network.shapes})
    same_times(engine.present(batch), one_by_one, tolerance=1e-9)


def test_empty_batch(layered: MakeNetwork, random_batch: MakeBatch, regime: str) -> None:
    network = layered(regime, PSP())
    latencies = EventEngine(network).present(random_batch(network, 0, seed=0))
    assert {name: layer.shape for name, layer in latencies.items()} == {
        name: (0, *shape) for name, shape in network.shapes.items()
    }


@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_empty_stimulus(layered: MakeNetwork, random_batch: MakeBatch, regime: str, dt: float) -> None:
    """Without spikes and bias, free neurons rest and the drive alone brings the others to threshold."""
    network = layered(regime, PSP(), bias=False)
    batch = random_batch(network, 1, seed=9)
    first = EventEngine(network, dt=dt).present(
        dataclasses.replace(batch, stimuli=np.full_like(batch.stimuli, np.inf))
    )["padded"]
    if regime == "free":
        assert np.isinf(first).all()
    else:
        expected = 15.3 + 10.0 * 0.4 / 0.3 if dt == 0 else 16.0 + 14.0
        np.testing.assert_allclose(first, expected)


@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_simultaneous_spikes_add_up(dt: float) -> None:
    weights = {"output.kernel": np.full((12, 5), 0.25)}
    latencies = EventEngine(dense_network(), dt=dt).present(Batch(np.full((2, 1, 1, 12), 3.0), weights))["output"]
    # v = 12·0.25·(t - 3)/10
    np.testing.assert_allclose(latencies, 3.0 + (4.0 if dt else 10.0 / 3.0))


@pytest.mark.parametrize("dt", [0.0, 1.0])
@pytest.mark.parametrize(("regime", "last"), [("staggered", 20.0 / 1.01), ("phased", 19.9)])
@pytest.mark.parametrize("listed", [False, True], ids=["dense", "listed"])
def test_window(
    regime: str, last: float, listed: bool, dt: float, without_windows: Callable[[Network], Network]
) -> None:
    """A neuron that would fire at the end of its window is silent; one that is over threshold fires at the onset."""
    neurons = Neurons(regime, threshold=1.0, tau=10.0, onset=10.0, end=20.0, drive=1.0)
    weights = {"output.kernel": np.array([[-1.0, 0.0, 0.01, 5.0]])}
    network = dense_network(neurons, inputs=1, size=4)
    network = without_windows(network) if listed else network
    latencies = EventEngine(network, dt=dt).present(Batch(np.zeros((1, 1, 1, 1)), weights))["output"]
    # 0.01·t + (t - 10) = 10, or 0.01·10 + (t - 10) = 10 where the gate closes at the onset
    expected = [np.inf, np.inf, np.inf if dt else last, 10.0]
    np.testing.assert_allclose(latencies[0], expected)


def test_threshold_reached_exactly_on_a_step() -> None:
    """Ten weights of 0.1 add up to a little less than 1 in floating point, and the potential likewise."""
    weights = {"output.kernel": np.full((10, 1), 0.1)}
    engine = EventEngine(dense_network(inputs=10, size=1), dt=1.0)
    assert engine.present(Batch(np.full((1, 1, 1, 10), 5.0), weights))["output"].item() == 15.0


def test_stimulus_that_the_grid_moves_past_the_end() -> None:
    network = Network.chain(
        "late",
        IntensityEncoder((1, 1, 1), 10.0),
        (Layer("pool", Pooling(1)), Layer("output", Dense(1), Neurons())),
        duration=10.0,
    )
    batch = Batch(np.full((1, 1, 1, 1), 9.8), {"output.kernel": np.ones((1, 1))})
    assert EventEngine(network).present(batch)["pool"].item() == 9.8
    assert EventEngine(network, dt=1.0).present(batch)["pool"].item() == math.inf


@settings(deadline=None, max_examples=25)
@given(shift=st.floats(0.0, 30.0), seed=st.integers(0, 2**32 - 1))
def test_free_spikes_move_with_the_stimulus(shift: float, seed: int) -> None:
    network = dense_network(psp=PSP("triangle", rise=6.0, fall=8.0))
    generator = np.random.default_rng(seed)
    stimuli = generator.uniform(0, 20, (4, 1, 1, 12))
    weights = {"output.kernel": generator.normal(0.2, 0.5, (12, 5))}
    engine = EventEngine(network)
    before = engine.present(Batch(stimuli, weights))["output"]
    after = engine.present(Batch(stimuli + shift, weights))["output"]
    assert before[np.isfinite(before)].max(initial=0) < 60  # well inside the presentation
    np.testing.assert_allclose(after, before + shift, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), chosen=st.sampled_from(["free", "staggered", "phased"]))
def test_order_of_neurons_and_presentations_does_not_matter(seed: int, chosen: str) -> None:
    neurons = Neurons() if chosen == "free" else Neurons(chosen, onset=12.0, drive=1.0, tau=20.0)
    network = dense_network(neurons)
    generator = np.random.default_rng(seed)
    stimuli, kernel = generator.uniform(0, 20, (6, 1, 1, 12)), generator.normal(0.5, 2.0, (12, 5))
    inputs, presentations = generator.permutation(12), generator.permutation(6)
    engine = EventEngine(network)
    before = engine.present(Batch(stimuli, {"output.kernel": kernel}))["output"]
    after = engine.present(Batch(stimuli[presentations][..., inputs], {"output.kernel": kernel[inputs]}))["output"]
    np.testing.assert_allclose(after, before[presentations], rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    factor=st.floats(1.0, 3.0),
    chosen=st.sampled_from(["free", "staggered", "phased"]),
    dt=st.sampled_from([0.0, 1.0]),
)
def test_higher_threshold_never_fires_earlier(seed: int, factor: float, chosen: str, dt: float) -> None:
    low = Neurons(threshold=0.6, tau=10.0)
    if chosen != "free":
        low = Neurons(chosen, threshold=0.6, tau=10.0, onset=12.0, drive=0.5)
    high = dataclasses.replace(low, threshold=0.6 * factor)
    generator = np.random.default_rng(seed)
    batch = Batch(generator.uniform(0, 20, (6, 1, 1, 12)), {"output.kernel": generator.normal(0.1, 0.5, (12, 5))})
    psp = PSP("plateau", rise=5.0)
    early = EventEngine(dense_network(low, psp=psp), dt=dt).present(batch)["output"]
    late = EventEngine(dense_network(high, psp=psp), dt=dt).present(batch)["output"]
    assert (late >= early - 1e-9).all()


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_any_convolution_is_the_oracles(oracle: ModuleType, data: st.DataObject) -> None:
    kernel = data.draw(st.integers(1, 4), "kernel")
    padding = data.draw(st.integers(0, kernel - 1), "padding")
    side = st.integers(max(1, kernel - 2 * padding), 6)
    shape = (data.draw(side, "height"), data.draw(side, "width"), data.draw(st.integers(1, 3), "channels"))
    stride = data.draw(st.integers(1, 3), "stride")
    psp = data.draw(st.sampled_from([PSP(), PSP("triangle", rise=3.0, fall=4.0)]), "psp")
    dt = data.draw(st.sampled_from([0.0, 1.0]), "dt")
    chosen: str = data.draw(st.sampled_from(["free", "staggered", "phased"]), "regime")
    neurons = Neurons(threshold=0.3, tau=5.0)
    if chosen != "free":
        neurons = Neurons(chosen, threshold=0.3, tau=5.0, onset=6.0, drive=0.23)
    # with one threshold, outputs that the drive alone carries would fire at the very time of their inputs: a tie that
    # rounding decides
    outputs = dataclasses.replace(neurons, threshold=0.37, onset=2 * neurons.onset)
    network = Network.chain(
        "convolution",
        IntensityEncoder(shape, 10.0),
        (Layer("conv", Convolution(3, kernel, stride, padding), neurons, psp), Layer("output", Dense(2), outputs, psp)),
        duration=40.0,
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    stimuli = np.where(generator.uniform(size=(3, *shape)) < 0.7, generator.uniform(0, 10, (3, *shape)), np.inf)
    weights = {
        "conv.kernel": generator.normal(0.1, 0.5, (kernel, kernel, shape[2], 3)),
        "output.kernel": generator.normal(0.1, 0.5, (network.populations[0].size, 2)),
    }
    expected = oracle.oracle_latencies(network, weights, stimuli, dt)
    same_times(EventEngine(network, dt=dt).present(Batch(stimuli, weights)), expected)


@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_recorded_potentials_solve_the_equation(
    oracle: ModuleType, layered: MakeNetwork, random_batch: MakeBatch, regime: str, psp: PSPShape, dt: float
) -> None:
    network = layered(regime, psp)
    batch = random_batch(network, 3, seed=10)
    record = [Recorded("padded", 7), Recorded("strided", 1), Recorded("output", 4)]
    engine = EventEngine(network, dt=dt, record=record)
    latencies = engine.present(batch)
    assert [(p.presentation, p.layer, p.neuron) for p in engine.potentials] == [
        (presentation, *recorded) for presentation in range(3) for recorded in record
    ]
    for trace in engine.potentials:
        layer, (projection,) = network.population(trace.layer), network.incoming(trace.layer)
        neurons = layer.dynamics
        spike = latencies[layer.name][trace.presentation].ravel()[trace.neuron]
        assert trace.time[0] == 0
        assert trace.time[-1] == network.duration
        assert (np.diff(trace.time) > 0).all()
        in_window = (trace.time >= neurons.onset) & (trace.time < min(spike, network.window_end(layer)))
        assert (trace.potential[in_window] < neurons.threshold).all()
        if np.isfinite(spike):
            at_spike = trace.potential[trace.time == spike].item()
            assert at_spike >= neurons.threshold * (1 - 1e-8)
        if dt == 0:
            index = tuple(int(k) for k in np.unravel_index(trace.neuron, layer.shape))
            source = latencies[projection.source][trace.presentation]
            synapses = oracle.synapses_of(network, projection, source, index)
            arrivals = oracle.arrivals_of([projection], [synapses], batch.weights)
            bias = batch.weights[f"{layer.name}.bias"][index[-1]]
            between = np.linspace(0, network.duration, 500)
            expected = oracle.potential(neurons, arrivals, bias, between)
            np.testing.assert_allclose(np.interp(between, trace.time, trace.potential), expected, atol=1e-9)


def test_weights_are_those_of_each_batch_and_the_former_run_presents_each() -> None:
    network = dense_network(inputs=1, size=1)
    engine = make_engine("event", network)
    batches = [Batch(np.zeros((1, 1, 1, 1)), {"output.kernel": np.array([[weight]])}) for weight in (1.0, 2.0, 4.0)]
    assert [engine.present(batch)["output"].item() for batch in batches] == pytest.approx([10.0, 5.0, 2.5])

    def conversation() -> Generator[Batch, Latencies, float]:
        first = yield batches[2]
        second = yield batches[0]
        return float(second["output"].item() - first["output"].item())

    with pytest.warns(FormerWarning, match="engine.run: is a former name; call engine.present for each batch"):
        assert EventEngine(network).run(conversation()) == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("stimulus", "message"), [(math.nan, "NaN"), (-1.0, "negative"), (100.0, "at or after the end of the presentation")]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_stimuli_that_are_no_latencies(stimulus: float, message: str, dtype: type) -> None:
    stimuli: np.ndarray = np.ones((3, 1, 1, 12), dtype)
    stimuli[1, 0, 0, 5] = stimulus
    weights = {"output.kernel": np.ones((12, 5))}
    with pytest.raises(DataError, match=message):
        EventEngine(dense_network()).present(Batch(stimuli, weights))
    stimuli[1, 0, 0, 5] = np.inf
    EventEngine(dense_network()).present(Batch(stimuli, weights))


@pytest.mark.parametrize("dt", [0.0, 1.0])
def test_no_latency_in_a_later_part_of_a_batch(dt: float) -> None:
    stimuli = np.ones((130, 1, 1, 12))
    batch = Batch(stimuli, {"output.kernel": np.ones((12, 5))})
    engine = EventEngine(dense_network(), dt=dt)
    expected = engine.present(batch)
    stimuli[129, 0, 0, 11] = math.nan
    stimuli[0, 0, 0, 0] = -1.0  # which is not told of, whichever part is the first to be copied
    with pytest.raises(DataError, match="NaN"):
        engine.present(batch)
    stimuli[[129, 0], 0, 0, [11, 0]] = 1.0
    same_times(engine.present(batch), expected, tolerance=0.0)


def test_stimuli_of_whole_numbers_and_of_any_order_in_memory() -> None:
    stimuli = np.random.default_rng(0).integers(0, 20, (5, 1, 1, 12))
    weights = {"output.kernel": np.ones((12, 5))}
    engine = EventEngine(dense_network(), precision="single")
    expected = engine.present(Batch(stimuli.astype(float), weights))
    for same in (stimuli, np.asfortranarray(stimuli.astype(float)), np.repeat(stimuli, 2, axis=3)[..., ::2]):
        same_times(engine.present(Batch(same, weights)), expected, tolerance=0.0)


@pytest.mark.parametrize("name", ["output.kernel", "hidden.kernel"])
def test_weights_of_another_network(name: str) -> None:
    batch = Batch(np.zeros((1, 1, 1, 12)), {name: np.ones((11, 5))})
    with pytest.raises(DataError, match=rf"weights: .*{name}"):
        EventEngine(dense_network()).present(batch)


@pytest.mark.parametrize("shape", [(4,), (1,), (), (5, 1), (1, 5), (3, 5)])
def test_silenced_neurons_of_another_shape(shape: tuple[int, ...]) -> None:
    batch = Batch(np.zeros((2, 1, 1, 12)), {"output.kernel": np.ones((12, 5))}, {"output": np.ones(shape, dtype=bool)})
    with pytest.raises(DataError, match=rf"silenced: output has shape {re.escape(str(shape))}, but \(5,\) is needed"):
        EventEngine(dense_network()).present(batch)


def test_silenced_neurons_of_an_unknown_layer() -> None:
    batch = Batch(np.zeros((1, 1, 1, 12)), {"output.kernel": np.ones((12, 5))}, {"hidden": np.zeros(4, dtype=bool)})
    with pytest.raises(SpecificationError, match="hidden"):
        EventEngine(dense_network()).present(batch)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"dt": -1.0}, "dt"),
        ({"dt": math.nan}, "dt"),
        ({"dt": 21.0}, "dt"),
        ({"precision": "half"}, "precision"),
        ({"record": [Recorded("output", 5)]}, "neuron output:5"),
    ],
)
def test_engines_that_cannot_be_made(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecificationError) as error:
        EventEngine(dense_network(), **arguments)
    assert error.value.field == field


def test_weights_that_were_checked_are_looked_at_by_name_shape_and_type_alone(random_batch: MakeBatch) -> None:
    network = dense_network()
    batch = random_batch(network, 3, seed=1)
    engine, kernel = EventEngine(network), batch.weights["output.kernel"]
    checked = dataclasses.replace(batch, weights_checked=True)
    for first, second in zip(engine.present(batch).values(), engine.present(checked).values(), strict=True):
        np.testing.assert_array_equal(first, second)
    wrong = {"output.kernel": np.full_like(kernel, np.nan)}
    with pytest.raises(DataError, match=r"output.kernel contains NaN or infinity"):
        engine.present(dataclasses.replace(batch, weights=wrong))
    engine.present(dataclasses.replace(checked, weights=wrong))  # by the word of whoever made the batch
    for changed in (
        {"output.kernel": kernel[:-1]},
        {"output.kernel": kernel.astype(int)},
        {"output.kernel": kernel.tolist()},
        {"other.kernel": kernel},
        {},
    ):
        with pytest.raises(DataError, match=r"(other|output)\.kernel"):
            engine.present(dataclasses.replace(checked, weights=changed))


def test_arrays_in_another_order_of_bytes_are_taken(layered: MakeNetwork, random_batch: MakeBatch) -> None:
    network = layered("phased", PSP())
    batch = random_batch(network, 4, seed=3)
    swapped = {name: array.astype(array.dtype.newbyteorder()) for name, array in batch.weights.items()}
    stimuli = batch.stimuli.astype(batch.stimuli.dtype.newbyteorder())
    engine = EventEngine(network)
    for first, second in zip(
        engine.present(batch).values(), engine.present(Batch(stimuli, swapped)).values(), strict=True
    ):
        np.testing.assert_array_equal(first, second)
