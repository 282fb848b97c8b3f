"""The Brian2 engine against a simulation of the neuron equation step by step."""

from __future__ import annotations

import math
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brian2 import Synapses, prefs
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engines import Batch, Latencies, Recorded, make_engine
from netsim.engines.brian2.engine import Brian2Engine
from netsim.errors import DataError, SpecificationError
from netsim.models import build_network
from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling, PSPShape
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

PSPS = {
    "ramp": PSP(),
    "plateau": PSP("plateau", rise=5.0),
    "triangle": PSP("triangle", rise=4.0, fall=9.0),
    # the last breakpoint comes after the end of every presentation
    "breakpoints": PSP("breakpoints", breakpoints=((2.0, 1.0), (6.0, -2.0), (11.0, 1.0), (70.0, 3.0))),
}


def neurons(regime: str, layer: int) -> Neurons:
    """Neurons of the given layer (0, 1, …) that fire at some stimuli and at others not."""
    if regime == "free":
        return Neurons(threshold=0.4 + 0.3 * layer, tau=8.0, bias=True)
    onset, end = (8.0 * (layer + 1), 8.0 * (layer + 3))
    return Neurons(regime, threshold=0.6 + 0.3 * layer, tau=8.0, onset=onset, end=end, drive=0.5, bias=True)


def convolutional(regime: str = "free", psp: PSPShape = PSPS["ramp"]) -> Network:
    """Convolution, two pooling layers in a row, two dense layers."""
    return Network.chain(
        "convolutional",
        IntensityEncoder((6, 6, 2), 10.0),
        (
            Layer("conv", Convolution(3, 3, padding=1), neurons=neurons(regime, 0), psp=psp),
            Layer("pool", Pooling(2)),
            Layer("overlapping", Pooling(2, stride=1)),
            Layer("hidden", Dense(7), neurons=neurons(regime, 1), psp=psp),
            Layer("output", Dense(4), neurons=neurons(regime, 2), psp=psp),
        ),
        duration=50.0,
    )


def excitable_weights(network: Network, seed: int) -> Weights:
    """Weights and biases that make most neurons fire."""
    generator = np.random.default_rng(seed)
    weights = initial_weights(network, seed)
    for name, array in weights.items():
        if name.endswith("bias"):
            array[:] = generator.normal(0.0, 0.1, array.shape)
        else:
            array += 1.0 / math.prod(array.shape[:-1])
    return weights


def random_stimuli(network: Network, presentations: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    stimuli = generator.uniform(0.0, network.encoder.t_max, (presentations, *network.encoder.shape))
    stimuli[generator.random(stimuli.shape) < 0.3] = math.inf
    return stimuli


def step_by_step(
    network: Network, weights: Weights, stimulus: np.ndarray, dt: float, silenced: dict[str, np.ndarray] | None = None
) -> tuple[list[np.ndarray], dict[str, list[np.ndarray]]]:
    """One presentation in plain numpy, all neurons of a layer at once, one step after another.

    Returns
    -------
    steps : list of ndarray of float
        Step of each neuron's spike, by layer, ``inf`` if there is none.
    potentials : dict
        For each layer with weights, the potentials at every step.
    """
    onto = [network.connections(projection) for projection in network.projections]
    shapes = list(network.shapes.values())
    steps = [np.floor(stimulus.ravel() / dt + 0.5)]
    steps += [np.full(math.prod(shape), math.inf) for shape in shapes[1:]]
    v = [np.zeros(math.prod(shape)) for shape in shapes[1:]]
    current = [np.zeros(math.prod(shape)) for shape in shapes[1:]]
    potentials: dict[str, list[np.ndarray]] = {population.name: [] for population in network.integrating}
    total = math.ceil(network.duration / dt - 1e-9)
    for step in range(total):
        for k, (layer, projection) in enumerate(zip(network.populations, network.projections, strict=True)):
            pre, post, index = onto[k]
            able = ~np.asarray((silenced or {}).get(layer.name, np.zeros(v[k].size, bool))).ravel()
            able &= steps[k + 1] == math.inf
            if layer.neurons is None:
                reached = np.zeros(v[k].size, bool)
                reached[post[steps[k][pre] <= step]] = True
                steps[k + 1][reached & able] = step
                continue
            its = layer.neurons
            end = math.ceil(min(its.end, network.duration) / dt - 1e-9)
            onset = math.ceil(its.onset / dt - 1e-9)
            gate = total if its.gate == math.inf else math.ceil(its.gate / dt - 1e-9)
            potentials[layer.name].append(v[k].copy())
            if onset <= step < end:
                steps[k + 1][able & (v[k] >= its.threshold * (1 - 1e-9))] = step
            for delay, change in projection.psp.kernel:
                arrived = steps[k][pre] + math.floor(delay / dt + 0.5) == step
                np.add.at(current[k], post[arrived], change * weights[f"{layer.name}.kernel"].ravel()[index[arrived]])
            bias = np.broadcast_to(weights[f"{layer.name}.bias"], shapes[k + 1]).ravel() if its.bias else 0.0
            v[k] += dt / its.tau * ((bias + current[k]) * (step < gate) + its.drive * (step >= onset))
    return steps, potentials


def expected(
    network: Network, weights: Weights, stimuli: np.ndarray, dt: float, silenced: dict[str, np.ndarray] | None = None
) -> Latencies:
    """Latencies of `step_by_step` in the form of an engine; silenced neurons with an axis of presentations."""
    presentations = [
        step_by_step(network, weights, stimulus, dt, {name: mute[k] for name, mute in (silenced or {}).items()})[0]
        for k, stimulus in enumerate(stimuli)
    ]
    return Latencies(
        {
            name: np.stack([steps[layer].reshape(shape) for steps in presentations]) * dt
            for layer, (name, shape) in enumerate(network.shapes.items())
        }
    )


def assert_equal(actual: Latencies, reference: Latencies) -> None:
    assert list(actual) == list(reference)
    for ours, theirs in zip(actual.values(), reference.values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def small() -> Network:
    """A dense network without biases, so that without input nothing fires."""
    hidden = Neurons(threshold=0.5, tau=8.0)
    psp = PSPS["triangle"]
    layers = (Layer("hidden", Dense(6), neurons=hidden, psp=psp), Layer("output", Dense(3), neurons=hidden, psp=psp))
    return Network.chain("small", IntensityEncoder((3, 3, 1), 10.0), layers, duration=40.0)


# neurons of the regime staggered are those of the regime phased without the gate
@pytest.mark.parametrize(
    ("regime", "psp"),
    [
        *((regime, psp) for regime in ("free", "phased") for psp in PSPS),
        ("staggered", "triangle"),
        *(pytest.param("staggered", psp, marks=pytest.mark.nightly) for psp in PSPS if psp != "triangle"),
    ],
)
def test_latencies_are_those_of_the_equation(regime: str, psp: str) -> None:
    network = convolutional(regime, PSPS[psp])
    weights = excitable_weights(network, 1)
    stimuli = random_stimuli(network, 4, 2)
    stimuli[2] = math.inf
    actual = Brian2Engine(network, 1.0, target="numpy", copies=1).present(Batch(stimuli, weights))
    assert_equal(actual, expected(network, weights, stimuli, 1.0))
    assert all(np.isfinite(latencies).any() for latencies in list(actual.values())[1:-1])
    assert any(np.isinf(latencies[[0, 1, 3]]).any() for latencies in list(actual.values())[1:])


def test_a_grid_on_which_no_time_of_the_network_lies() -> None:
    network = convolutional("phased", PSPS["plateau"])
    weights = excitable_weights(network, 1)
    stimuli = random_stimuli(network, 3, 2)
    actual = Brian2Engine(network, 0.7, target="numpy").present(Batch(stimuli, weights))
    assert_equal(actual, expected(network, weights, stimuli, 0.7))


@pytest.mark.parametrize("copies", [1, 3, 8])
def test_presentations_side_by_side_are_those_one_after_another(copies: int) -> None:
    network = convolutional("staggered", PSPS["triangle"])
    weights = excitable_weights(network, 1)
    stimuli = random_stimuli(network, 7, 3)
    generator = np.random.default_rng(4)
    silenced = {"conv": generator.random((7, 6, 6, 3)) < 0.2, "pool": generator.random((7, 3, 3, 3)) < 0.2}
    actual = Brian2Engine(network, 1.0, target="numpy", copies=copies).present(Batch(stimuli, weights, silenced))
    assert_equal(actual, expected(network, weights, stimuli, 1.0, silenced))
    for name, mute in silenced.items():
        assert np.isinf(actual[name][mute]).all()
        assert np.isfinite(actual[name]).any()


@pytest.mark.slow
@pytest.mark.nightly
def test_cython_gives_the_spikes_of_numpy() -> None:
    network = convolutional("staggered", PSPS["plateau"])
    weights = excitable_weights(network, 1)
    batch = Batch(random_stimuli(network, 5, 2), weights, {"pool": np.random.default_rng(0).random((3, 3, 3)) < 0.2})
    try:
        engine = Brian2Engine(network, 1.0, target="cython", copies=2)
    except SpecificationError as error:
        pytest.skip(str(error))
    assert_equal(engine.present(batch), Brian2Engine(network, 1.0, target="numpy", copies=1).present(batch))


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.0, 4.0))
def test_any_weights_and_stimuli(small: Network, seed: int, scale: float) -> None:
    weights = {name: scale * array for name, array in excitable_weights(small, seed).items()}
    stimuli = random_stimuli(small, 3, seed)
    assert_equal(
        Brian2Engine(small, 1.0, target="numpy").present(Batch(stimuli, weights)),
        expected(small, weights, stimuli, 1.0),
    )


def test_times_converge_to_the_exact_ones() -> None:
    """Two spikes of weight 1/2 at 0 and 2.3 ms reach threshold 1 (tau 8 ms) at t = (8 + 1.15) ms."""
    network = Network.chain(
        "two", IntensityEncoder((1, 2, 1), 4.0), (Layer("output", Dense(1), neurons=Neurons(tau=8.0)),), duration=20.0
    )
    batch = Batch(np.array([0.0, 2.3]).reshape(1, 1, 2, 1), {"output.kernel": np.full((2, 1), 0.5)})
    errors = []
    for dt in (1.0, 0.25, 0.05, 0.025):
        latency = Brian2Engine(network, dt, target="numpy").present(batch)["output"].item()
        errors.append(abs(latency - 9.15))
        assert errors[-1] <= 1.25 * dt
    assert errors[-1] < errors[0]


@pytest.mark.parametrize("psp", PSPS)
def test_nothing_leaks_into_the_next_presentation(psp: str) -> None:
    """With every delayed breakpoint still on its way at the end: the input is late, the presentation short."""
    layers = (Layer("output", Dense(3), neurons=Neurons(threshold=0.3, tau=8.0), psp=PSPS[psp]),)
    network = Network.chain("short", IntensityEncoder((2, 2, 1), 10.0), layers, duration=12.0)
    weights = {"output.kernel": np.full((4, 3), 1.0)}
    full = np.array([1.0, 2.0, 9.0, 10.0]).reshape(2, 2, 1)
    stimuli = np.stack([full, np.full_like(full, math.inf), full, full])
    latencies = Brian2Engine(network, 1.0, target="numpy", copies=1).present(Batch(stimuli, weights))["output"]
    assert np.isfinite(latencies[0]).all()
    assert np.isinf(latencies[1]).all()
    np.testing.assert_array_equal(latencies[2], latencies[0])
    np.testing.assert_array_equal(latencies[3], latencies[0])


def test_weights_are_those_of_each_batch(small: Network) -> None:
    """Also if the arrays of the batch before were changed in place, as an optimizer does."""
    engine = Brian2Engine(small, 1.0, target="numpy")
    stimuli = random_stimuli(small, 5, 1)
    weights, answers = excitable_weights(small, 1), []
    sizes = (2, 0, 3)
    for size in sizes:
        answers.append(engine.present(Batch(stimuli[:size], weights)))
        weights["hidden.kernel"] *= 1.5
    assert [len(answer["output"]) for answer in answers] == list(sizes)
    fresh = excitable_weights(small, 1)
    for size, answer in zip(sizes, answers, strict=True):
        first = {name: layer[:size] for name, layer in expected(small, fresh, stimuli[:3], 1.0).items()}
        assert_equal(answer, Latencies(first))
        fresh["hidden.kernel"] *= 1.5
    assert not np.array_equal(answers[0]["hidden"], answers[2]["hidden"][:2])


def test_a_used_engine_can_be_given_to_another_process(small: Network) -> None:
    engine = Brian2Engine(small, 1.0)
    batch = Batch(np.zeros((1, *small.encoder.shape)), initial_weights(small, 0))
    latencies = engine.present(batch)
    again = pickle.loads(pickle.dumps(engine)).present(batch)
    for name, times in latencies.items():
        np.testing.assert_array_equal(again[name], times)


@pytest.fixture
def in_the_foreground() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, even if the tests run in the background, where shells ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("in_the_foreground")
@pytest.mark.parametrize("step", [0, 7, 19])
def test_what_interrupts_a_step_is_raised_and_the_engine_goes_on(
    small: Network, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C as well as an error inside of Brian2, in the middle of a presentation."""
    engine = Brian2Engine(small, 1.0, target="numpy", copies=2)
    batch = Batch(random_stimuli(small, 3, 1), excitable_weights(small, 1))
    before = engine.present(batch)
    for end in (lambda: signal.raise_signal(signal.SIGINT), lambda: dict[str, int]()["inside of Brian2"]):
        left, run = [3 * 20 + step], Synapses.run

        def ending(self: Synapses, left: list[int] = left, run: Any = run, end: Callable[[], Any] = end) -> None:
            left[0] -= 1
            run(self)
            if not left[0]:
                end()

        monkeypatch.setattr(Synapses, "run", ending)
        with pytest.raises((KeyboardInterrupt, KeyError)):
            engine.present(batch)
        monkeypatch.undo()
        assert_equal(engine.present(batch), before)


def test_a_bad_batch_is_refused(small: Network) -> None:
    engine = Brian2Engine(small, 1.0, target="numpy")
    weights = excitable_weights(small, 1)
    good = random_stimuli(small, 1, 1)
    with pytest.raises(DataError, match="NaN"):
        engine.present(Batch(np.full_like(good, math.nan), weights))
    with pytest.raises(DataError, match=r"hidden\.kernel"):
        engine.present(Batch(good, weights | {"hidden.kernel": np.zeros((1, 1))}))
    with pytest.raises(DataError, match="silenced: hidden"):
        engine.present(Batch(good, weights, {"hidden": np.zeros(5, bool)}))
    with pytest.raises(SpecificationError, match="hiden"):
        engine.present(Batch(good, weights, {"hiden": np.zeros(6, bool)}))


def test_potentials_of_recorded_neurons() -> None:
    network = convolutional("staggered", PSPS["triangle"])
    weights = excitable_weights(network, 1)
    stimuli = random_stimuli(network, 3, 2)
    record = (Recorded("conv", 17), Recorded("output", 2))
    engine = Brian2Engine(network, 0.5, record=record, target="numpy", copies=2)
    for _ in range(2):
        engine.present(Batch(stimuli, weights))
    kept = [(trace.presentation, trace.layer, trace.neuron) for trace in engine.potentials]
    assert kept == [(presentation, *recorded) for presentation in range(3) for recorded in record]
    for trace in engine.potentials:
        _, potentials = step_by_step(network, weights, stimuli[trace.presentation], 0.5)
        reference = np.array(potentials[trace.layer])[:, trace.neuron]
        np.testing.assert_allclose(trace.potential, reference, rtol=0, atol=1e-12)
        np.testing.assert_allclose(trace.time, 0.5 * np.arange(100))


def test_a_stimulus_moves_to_the_grid(small: Network) -> None:
    stimuli = np.full((1, 3, 3, 1), math.inf)
    stimuli[0, 0, :, 0] = (0.4, 0.5, 7.49)
    latencies = Brian2Engine(small, 1.0, target="numpy").present(Batch(stimuli, excitable_weights(small, 1)))[
        "stimulus"
    ]
    np.testing.assert_array_equal(latencies[0, 0, :, 0], (0.0, 1.0, 7.0))
    assert np.isinf(latencies[0, 1:]).all()


def test_brian2_stays_quiet_and_keeps_its_preferences(small: Network, capfd: pytest.CaptureFixture[str]) -> None:
    before = prefs.as_file
    Brian2Engine(small, 1.0, target="numpy").present(Batch(random_stimuli(small, 1, 1), excitable_weights(small, 1)))
    assert prefs.as_file == before
    assert capfd.readouterr() == ("", "")


PAPER_SCALE = """
import numpy as np
from netsim.engines import Batch
from netsim.engines.brian2.engine import Brian2Engine
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.initial import initial_weights

neurons = Neurons(threshold=0.1)
layers = (
    Layer("conv", Convolution(40, 5), neurons),
    Layer("pool", Pooling()),
    Layer("hidden", Dense(1000), neurons),
    Layer("output", Dense(10), neurons),
)
network = Network.chain("paper", IntensityEncoder((28, 28, 1)), layers, duration=100.0)
stimuli = np.random.default_rng(0).uniform(0.0, 64.0, (2, 28, 28, 1))
latencies = Brian2Engine(network, 1.0, target="numpy").present(Batch(stimuli, initial_weights(network, 0)))
assert np.isfinite(latencies["hidden"]).mean() > 0.1
# getrusage would count the process that started this one, too
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(network.synapses, peak.split()[1])
"""


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_six_million_synapses_stay_below_a_gigabyte() -> None:
    run = subprocess.run([sys.executable, "-c", PAPER_SCALE], check=True, capture_output=True, text=True)
    synapses, kilobytes = map(int, run.stdout.split())
    assert synapses > 6_000_000
    assert kilobytes < 1_000_000


def test_by_name(small: Network) -> None:
    engine = make_engine("brian2", small, dt=0.5)
    assert isinstance(engine, Brian2Engine)
    assert repr(engine) == "Brian2Engine('small', dt=0.5)"


def test_what_cannot_be_built_is_refused(small: Network) -> None:
    with pytest.raises(SpecificationError, match="dt"):
        Brian2Engine(small, 0.0)
    with pytest.raises(SpecificationError, match="encoding window"):
        Brian2Engine(small, 11.0)
    with pytest.raises(SpecificationError, match="'fortran'"):
        Brian2Engine(small, 1.0, target="fortran")  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="hidden:6"):
        Brian2Engine(small, 1.0, record=[Recorded("hidden", 6)])
    for copies in (0, 2.5):
        for make in (Brian2Engine, build_network):
            with pytest.raises(SpecificationError, match=f"copies: must be an integer >= 1, not {copies}"):
                make(small, dt=1.0, copies=copies)  # type: ignore[arg-type]
