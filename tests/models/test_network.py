"""Brian2 networks as a Brian2 user has them: own monitors, own inputs, no engine."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Literal

import numpy as np
import pytest
from brian2 import NetworkOperation, SpikeGeneratorGroup, SpikeMonitor, StateMonitor, Synapses, ms, prefs
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

import netsim.models
from netsim.errors import DataError, SpecificationError
from netsim.models import NetworkModel, build_network
from netsim.models.presets import load_preset
from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

pytestmark = pytest.mark.usefixtures("brian2_compiles_nothing")  # neither networks nor monitors


@pytest.fixture(scope="module")
def specification() -> Network:
    neurons = Neurons(threshold=0.3, tau=8.0)
    layers = (
        Layer("conv", Convolution(3, 3, padding=1), neurons=neurons, psp=PSP("plateau", rise=6.0)),
        Layer("pool", Pooling(2)),
        Layer("pool_again", Pooling(2, stride=1)),
        Layer("output", Dense(4), neurons=Neurons(threshold=0.3, tau=8.0, bias=True)),
    )
    return Network.chain("alone", IntensityEncoder((6, 6, 2), 10.0), layers, duration=30.0)


@pytest.fixture(scope="module")
def weights(specification: Network) -> Weights:
    weights = initial_weights(specification, 1)
    for array in weights.values():
        array += 1.0 / math.prod(array.shape[:-1])
    return weights


@pytest.fixture
def model(specification: Network, weights: Weights) -> NetworkModel:
    return build_network(specification, weights, dt=0.5)


@pytest.fixture(scope="module")
def stimulus() -> np.ndarray:
    generator = np.random.default_rng(2)
    stimulus = generator.uniform(0.0, 10.0, (6, 6, 2))
    stimulus[generator.random(stimulus.shape) < 0.3] = math.inf
    return stimulus


def run(model: NetworkModel) -> None:
    model.network.run(model.duration, namespace={})


def test_spikes_are_seen_by_monitors_of_one_s_own(model: NetworkModel, stimulus: np.ndarray) -> None:
    monitors = {name: SpikeMonitor(group) for name, group in model.neurons.items()}
    model.network.add(monitors.values())
    model.begin(stimulus)
    run(model)
    for name, monitor in monitors.items():
        latency = np.full(len(model.neurons[name]), math.inf)
        assert len(set(monitor.i)) == len(monitor.i) > 0
        latency[monitor.i] = monitor.t / ms
        np.testing.assert_allclose(model.neurons[name].latency[:] / ms, latency)


def test_latencies_have_the_shapes_of_the_layers(model: NetworkModel, stimulus: np.ndarray) -> None:
    model.begin(stimulus)
    run(model)
    latencies = model.latencies()
    shapes = {name: (1, *shape) for name, shape in model.specification.shapes.items()}
    assert {name: times.shape for name, times in latencies.items()} == shapes
    np.testing.assert_array_equal(latencies["stimulus"][0], np.floor(stimulus / 0.5 + 0.5) * 0.5)
    for name, group in model.neurons.items():
        np.testing.assert_allclose(latencies[name].ravel(), group.latency[:] / ms)


def test_every_synapse_answers_for_both_its_neurons(model: NetworkModel, stimulus: np.ndarray) -> None:
    model.begin(stimulus)
    run(model)
    groups = list(model.neurons.values())
    for source, group, synapses in zip(groups, groups[1:], model.synapses.values(), strict=False):
        before, after = synapses.latency_pre[:] / ms, synapses.latency_post[:] / ms
        np.testing.assert_array_equal(before, (source.latency[:] / ms)[synapses.i[:]])
        np.testing.assert_array_equal(after, (group.latency[:] / ms)[synapses.j[:]])
        assert np.isfinite(before).any()
        assert np.isfinite(after).any()


def test_synapses_have_the_weights_of_their_index(model: NetworkModel, weights: Weights) -> None:
    specification = model.specification
    for projection in specification.projections:
        synapses, expected = model.synapses[projection.name], specification.connections(projection)
        np.testing.assert_array_equal(synapses.i[:], expected.pre)
        np.testing.assert_array_equal(synapses.j[:], expected.post)
        if projection in specification.weighted:
            assert len(synapses) == specification.synapse_count(projection)
            np.testing.assert_array_equal(synapses.w[:], weights[f"{projection.name}.kernel"].ravel()[expected.weight])


def test_the_positions_of_a_convolution_share_its_kernel(model: NetworkModel) -> None:
    assert len(model.kernels["conv"]) == 3 * 3 * 2 * 3
    model.kernels["conv"].w = 0
    model.kernels["conv"].w[7] = 5
    shared = model.synapses["conv"].w[:] == 5
    assert shared.sum() == (model.synapses["conv"].kernel_index[:] == 7).sum() > 1
    assert (model.synapses["conv"].w[~shared] == 0).all()


def test_pooling_neurons_fire_in_the_step_of_the_earliest_spike(model: NetworkModel, stimulus: np.ndarray) -> None:
    """Two pooling layers in a row: both at once with the convolution."""
    model.begin(stimulus)
    run(model)
    _, conv, pool, pool_again, _ = model.latencies().values()
    for row, column in np.ndindex(3, 3):
        field = conv[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_array_equal(pool[0, row, column], field.min(axis=(0, 1)))
    for row, column in np.ndindex(2, 2):
        field = pool[0, row : row + 2, column : column + 2]
        np.testing.assert_array_equal(pool_again[0, row, column], field.min(axis=(0, 1)))
    assert np.isfinite(pool_again).any()


def test_a_spike_is_stamped_with_the_first_step_at_threshold(model: NetworkModel, stimulus: np.ndarray) -> None:
    monitor = StateMonitor(model.neurons["output"], "v", record=True)
    model.network.add(monitor)
    model.begin(stimulus)
    run(model)
    latency = model.neurons["output"].latency[:] / ms
    assert np.isfinite(latency).any()
    for potential, spike in zip(monitor.v, latency, strict=True):
        reached = np.flatnonzero(potential >= 0.3 * (1 - 1e-9))
        assert spike == (reached[0] * 0.5 if len(reached) else math.inf)


def test_silenced_neurons_do_not_fire(model: NetworkModel, stimulus: np.ndarray) -> None:
    model.begin(stimulus)
    run(model)
    fired = np.flatnonzero(np.isfinite(model.neurons["output"].latency[:]))
    silenced = np.zeros(4, bool)
    silenced[fired[0]] = True
    model.begin(stimulus, {"output": silenced})
    run(model)
    again = np.flatnonzero(np.isfinite(model.neurons["output"].latency[:]))
    np.testing.assert_array_equal(again, fired[1:])


def test_a_new_presentation_may_begin_at_any_time(model: NetworkModel, stimulus: np.ndarray) -> None:
    """Spikes on their way through delayed pathways, sent in the presentation before, do not count."""
    model.begin(stimulus)
    run(model)
    undisturbed = model.latencies()
    for steps in (7, 13, 22):
        model.begin(stimulus)
        model.network.run(steps * model.clock.dt, namespace={})
        model.begin(stimulus)
        run(model)
        for after, reference in zip(model.latencies().values(), undisturbed.values(), strict=True):
            np.testing.assert_array_equal(after, reference)


def test_inputs_of_one_s_own(model: NetworkModel) -> None:
    """A spike at 4 ms of weight 1 takes the potential to 0.3 after 0.3·8 ms = 2.4 ms, seen at 6.5 ms."""
    model.neurons["output"].bias = 0
    generator = SpikeGeneratorGroup(1, [0], [4] * ms, clock=model.clock)
    synapses = Synapses(generator, model.neurons["output"], on_pre="current_post += 1", clock=model.clock)
    synapses.connect(j="2")
    seen = []
    probe = NetworkOperation(lambda: seen.append(model.neurons["output"].current[2]), clock=model.clock)
    model.network.add(generator, synapses, probe)
    model.begin()
    run(model)
    np.testing.assert_allclose(model.neurons["output"].latency[:] / ms, [math.inf, math.inf, 6.5, math.inf])
    assert seen[8] == 0
    assert seen[9] == 1


def test_weights_come_later_too(specification: Network, weights: Weights, stimulus: np.ndarray) -> None:
    model = build_network(specification, dt=0.5)
    model.begin(stimulus)
    run(model)
    assert np.isinf(model.latencies()["conv"]).all()
    model.set_weights(weights)
    np.testing.assert_array_equal(model.neurons["output"].bias[:], weights["output.bias"])
    model.begin(stimulus)
    run(model)
    assert np.isfinite(model.latencies()["conv"]).any()


def test_what_cannot_be_built_is_refused(specification: Network, weights: Weights, model: NetworkModel) -> None:
    with pytest.raises(SpecificationError, match="dt"):
        build_network(specification, dt=11.0)
    with pytest.raises(DataError, match=r"conv\.kernel"):
        build_network(specification, {name: array for name, array in weights.items() if name != "conv.kernel"})
    with pytest.raises(SpecificationError, match="'cnov'"):
        model.begin(silenced={"cnov": np.zeros(1, bool)})
    with pytest.raises(SpecificationError, match="thresholds of 'cnov': cannot be set; did you mean 'conv'"):
        model.set_thresholds({"cnov": np.ones(1)})
    with pytest.raises(SpecificationError, match="delays of 'cnov': cannot be set; did you mean 'conv'"):
        model.set_delays({"cnov": np.ones(1)})
    with pytest.raises(SpecificationError, match=r"delays of conv: cannot be set, .* with_delays=True"):
        model.set_delays({"conv": np.ones((6, 6, 2))})
    stimulus = np.full(specification.shapes["stimulus"], np.inf)
    for stimuli, message in (
        (stimulus.tolist(), "must be a numpy array, not list"),
        (stimulus[:1], "must have the shape"),
        (np.full_like(stimulus, -3.0), "contain negative latencies"),
    ):
        with pytest.raises(DataError, match=f"^stimuli: {message}"):
            model.begin(stimuli)
    with pytest.raises(DataError, match=r"^silenced: output must have the shape \(4,\) or \(1, 4\), not \(3,\)"):
        model.begin(stimulus, {"output": np.zeros(3, bool)})
    with pytest.raises(DataError, match="thresholds: output contains NaN or infinity"):
        model.set_thresholds({"output": np.full(4, np.nan)})
    with pytest.raises(DataError, match="thresholds: output contains values that are not positive"):
        model.set_thresholds({"output": np.zeros(4)})
    with pytest.raises(DataError, match="delays: conv contains negative delays"):
        model.set_delays({"conv": np.full(specification.shapes["stimulus"], -5.0)})


def test_a_second_network_needs_no_compiling(specification: Network, model: NetworkModel) -> None:
    """Brian2 keeps compiled code by its text, in which the names of all objects stand."""
    second = build_network(specification, dt=0.25)
    texts = []
    for built in (model, second):
        run(built)
        texts.append(
            {
                (runner.name, position): code.code.run
                for runner in built.network.sorted_objects
                for position, code in enumerate(runner.code_objects)
            }
        )
    assert texts[0] == texts[1]
    assert len(texts[0]) > 8


@pytest.mark.parametrize("target", ["numpy", None])
def test_the_target_is_the_one_asked_for(specification: Network, target: Literal["numpy"] | None) -> None:
    model = build_network(specification, target=target)
    run(model)
    runners = model.network.sorted_objects
    assert {code.class_name for runner in runners for code in runner.code_objects} == {"numpy"}
    with pytest.raises(SpecificationError, match="'fortran'"):
        build_network(specification, target="fortran")  # type: ignore[arg-type]


def test_brian2_is_imported_only_when_it_is_needed() -> None:
    program = "import sys, netsim.models; assert 'brian2' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert netsim.models.build_network.__module__ == "netsim.models.network"  # which imports it


@pytest.mark.parametrize(
    ("preference", "most", "expected"),
    [("auto", 100_000, NumpyCodeObject), ("auto", 100, None), ("cython", 100_000, None), ("numpy", 100, None)],
)
def test_numpy_runs_small_networks_unless_preferences_say_otherwise(
    preference: str, most: int, expected: type | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an object's own class of code objects; without one Brian2 goes by its preferences."""
    monkeypatch.setattr("netsim.models.machine_code._NOT_WORTH_COMPILING", most)
    before = prefs.codegen.target
    prefs.codegen.target = preference
    try:
        neurons = build_network(load_preset("digits"), dt=1.0).neurons["hidden"]
    finally:
        prefs.codegen.target = before
    assert neurons.codeobj_class is expected
