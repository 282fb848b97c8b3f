"""Brian2 networks of one's own as engines: the neurons of netsim written by hand, and what a user adds to them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import brian2 as b2
import numpy as np
import pytest

from netsim.engines import Batch, Latencies, Recorded, make_engine
from netsim.engines.brian2.firing import Firing
from netsim.engines.brian2.own import OwnBrian2Engine, brian2_engine
from netsim.errors import DataError, RunError, SpecificationError, warn_user
from netsim.models.neurons import SCHEDULE
from netsim.specification import Convolution, Delays, Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

INTEGRATE = """
dv/dt = (I + bias)/tau : 1
I : 1
bias : 1
"""
ENCODER = IntensityEncoder((2, 2, 1), 10.0)
Make = Callable[..., OwnBrian2Engine]


@pytest.fixture(autouse=True)
def _step(brian2_compiles_nothing: None) -> None:
    b2.defaultclock.dt = 0.5 * b2.ms


def _network(rule: Any = None) -> Network:
    neurons = Neurons("free", threshold=1.0, tau=8.0, bias=True)
    layers = [Layer("hidden", rule or Dense(3), neurons), Layer("output", Dense(2), neurons)]
    return Network.chain("own", ENCODER, layers, 40.0)


def _weights(network: Network, seed: int = 1) -> Weights:
    weights = initial_weights(network, seed)
    for name, array in weights.items():
        array += 0.2 if name.endswith("bias") else 0.4
    return weights


def _stimuli(count: int = 5) -> np.ndarray:
    latencies = np.random.default_rng(4).uniform(0, 10, (count, 2, 2, 1))
    latencies[latencies > 8] = np.inf
    return latencies


class Own:
    """Integrators of one's own, `copies` side by side."""

    def __init__(self, copies: int = 1, refractory: str = "True", **settings: Any) -> None:
        common = {"threshold": "v >= 1*(1 - 1e-9)", "refractory": refractory, "method": "euler", "reset": ""}
        self.tau = 8 * b2.ms
        self.stimulus = b2.SpikeGeneratorGroup(4 * copies, [], [] * b2.ms)
        self.hidden = b2.NeuronGroup(3 * copies, INTEGRATE, namespace={"tau": self.tau}, **common)
        self.output = b2.NeuronGroup(2 * copies, INTEGRATE, namespace={"tau": self.tau}, **common)
        self.first = b2.Synapses(self.stimulus, self.hidden, "w : 1", on_pre="I_post += w", **settings)
        self.second = b2.Synapses(self.hidden, self.output, "strength : 1", on_pre="I_post += strength")
        self.first.connect("i // 4 == j // 3")
        self.second.connect("i // 3 == j // 2")
        self.network = b2.Network(self.stimulus, self.hidden, self.output, self.first, self.second)
        self.network.schedule = SCHEDULE

    def engine(self, **parts: Any) -> OwnBrian2Engine:
        given = {
            "populations": {"stimulus": self.stimulus, "hidden": self.hidden, "output": self.output},
            "weights": {"hidden": self.first, "output": (self.second, "strength")},
            "biases": {"hidden": "bias", "output": "bias"},
        } | parts
        return brian2_engine(given.pop("network", _network()), self.network, **given)


@pytest.mark.parametrize("copies", [1, 2])
def test_integrators_by_hand_fire_as_those_of_netsim(copies: int) -> None:
    network = _network()
    mute = {"hidden": np.random.default_rng(0).random((5, 3)) < 0.3}
    batches = [Batch(_stimuli(), _weights(network), mute), Batch(_stimuli(), _weights(network, 2))]
    record = [Recorded("hidden", 1)]
    engine = Own(copies).engine(record=record)
    reference = make_engine("event", network, dt=0.5, record=record)
    for batch in batches:
        latencies = reference.present(batch)
        assert np.isfinite(latencies["output"]).any()
        for ours, theirs in zip(engine.present(batch).values(), latencies.values(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert [(trace.presentation, trace.layer) for trace in engine.potentials] == [(k, "hidden") for k in range(5)]
    assert all(trace.potential[0] == 0 and trace.potential.size == 80 for trace in engine.potentials)


def test_a_second_thread_leaves_a_batch_alone() -> None:
    """It is refused before it touches the state of the network."""
    custom = Own()
    custom.hidden.v = 0.25
    begun, ended = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert ended.wait(60)

    custom.network.add(b2.NetworkOperation(wait, dt=20 * b2.ms))
    engine, batch = custom.engine(), Batch(_stimuli(), _weights(_network()))
    heard: list[Latencies] = []
    thread = threading.Thread(target=lambda: heard.append(engine.present(batch)))
    thread.start()
    assert begun.wait(60)
    try:
        with pytest.raises(RunError, match="is presenting already"):
            engine.present(batch)
    finally:
        ended.set()
        thread.join(60)
    for first, second in zip(heard[0].values(), engine.present(batch).values(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert len(engine.begun) == 5
    np.testing.assert_array_equal(custom.hidden.v, [0.25] * 3)


def test_objects_with_clocks_of_their_own_run_at_their_times() -> None:
    """Also in presentations that are no whole number of their steps, and if the user changes an object in between."""
    custom, fine, coarse = Own(), list[float](), list[float]()
    custom.network.add(
        b2.NetworkOperation(lambda t: fine.append(t / b2.ms), dt=0.2 * b2.ms),
        b2.NetworkOperation(lambda t: coarse.append(t / b2.ms), dt=7 * b2.ms),
    )
    engine, batch = custom.engine(), Batch(_stimuli()[:3], _weights(_network()))
    expected = Own().engine().present(batch)
    for ours, theirs in zip(engine.present(batch).values(), expected.values(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(fine, 0.2 * np.arange(600))
    np.testing.assert_allclose(coarse, 7 * np.arange(18))
    np.testing.assert_allclose(engine.begun, [0, 40, 80])
    custom.first.delay = 2 * b2.ms
    hidden = engine.present(batch)["hidden"]
    np.testing.assert_allclose(coarse, 7 * np.arange(35))
    assert (hidden >= expected["hidden"]).all()
    assert (hidden > expected["hidden"]).any()


def test_shared_weights_and_parts_of_groups() -> None:
    """A convolution by linked variables, onto a part of a group that holds other neurons too."""
    network = _network(Convolution(1, 1))
    projection = network.projection("hidden")
    connections = network.connections(projection)
    custom = Own()
    cells = b2.NeuronGroup(
        7,
        INTEGRATE,
        threshold="v >= 1*(1 - 1e-9)",
        refractory="True",
        reset="",
        method="euler",
        namespace={"tau": custom.tau},
    )
    hidden, output = cells[1:5], cells[5:7]
    kernel = b2.NeuronGroup(1, "w : 1")
    first = b2.Synapses(custom.stimulus, hidden, "w : 1 (linked)\nindex : integer (constant)", on_pre="I_post += w")
    first.connect(i=connections.pre, j=connections.post)
    first.index = connections.weight
    first.w = b2.linked_var(kernel, "w", index="index")
    second = b2.Synapses(hidden, output, "w : 1", on_pre="I_post += w")
    second.connect()
    custom.network = b2.Network(custom.stimulus, cells, kernel, first, second)
    custom.network.schedule = SCHEDULE
    engine = custom.engine(
        network=network,
        populations={"stimulus": custom.stimulus, "hidden": hidden, "output": output},
        weights={"hidden": kernel, "output": second},
    )
    batch = Batch(_stimuli(), _weights(network), {"hidden": np.arange(4).reshape(2, 2, 1) == 2})
    for ours, theirs in zip(
        engine.present(batch).values(), make_engine("event", network, dt=0.5).present(batch).values(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    bias = _weights(network)["output.bias"]
    np.testing.assert_array_equal(cells.bias[:], [0, *[_weights(network)["hidden.bias"][0]] * 4, *bias])


@pytest.mark.parametrize("copies", [1, 2])
def test_several_synapses_of_two_neurons(copies: int, drawn: ModuleType) -> None:
    """Their weights are those of the list, in its order; others may lie between them."""
    network = _network(drawn.DrawnPairs(2, size=3))
    pre, post, _ = network.connections(network.projection("hidden"))
    assert len(set(zip(pre, post, strict=True))) < len(pre)
    order = np.random.default_rng(0).permutation(len(pre))
    custom = Own(copies)
    first = b2.Synapses(custom.stimulus, custom.hidden, "w : 1", on_pre="I_post += w")
    copy = np.arange(copies)[:, None]
    first.connect(i=(pre[order] + 4 * copy).ravel(), j=(post[order] + 3 * copy).ravel())
    custom.network.remove(custom.first)
    custom.network.add(first)
    engine = custom.engine(network=network, weights={"hidden": first, "output": (custom.second, "strength")})
    batch = Batch(_stimuli(), _weights(network))
    for ours, theirs in zip(engine.present(batch), make_engine("event", network, dt=0.5).present(batch), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    i, j, weights = (np.asarray(values[: len(pre)]) for values in (first.i, first.j, first.w))
    for pair in set(zip(pre, post, strict=True)):
        own_weights = _weights(network)["hidden.kernel"][(pre == pair[0]) & (post == pair[1])]
        np.testing.assert_array_equal(weights[(i == pair[0]) & (j == pair[1])], own_weights)
    other = b2.Synapses(custom.stimulus, custom.hidden, "w : 1", on_pre="I_post += w")
    pre, post = pre.copy(), post.copy()
    pre[order[0]], post[order[0]] = pre[order[1]], post[order[1]]
    other.connect(i=(pre + 4 * copy).ravel(), j=(post + 3 * copy).ravel())
    custom.network.remove(first)
    custom.network.add(other)
    with pytest.raises(SpecificationError, match=rf"has {11 * copies} synapses, which are not the {11 * copies} of"):
        custom.engine(network=network, weights={"hidden": other, "output": (custom.second, "strength")})


def test_other_spikes_of_a_part_of_a_group_leave_those_of_the_rest() -> None:
    cells = b2.NeuronGroup(6, "x : 1", threshold="True")
    part, seen = Firing(cells[2:5]), list[list[int]]()

    def silence_two() -> None:
        seen.append(part.now().tolist())
        part.replace(np.array([1], np.int32))

    monitor = b2.SpikeMonitor(cells, when="thresholds", order=10)
    network = b2.Network(cells, monitor, b2.NetworkOperation(silence_two, when="thresholds", order=9))
    network.run(0.5 * b2.ms)
    assert seen == [[0, 1, 2]]
    assert monitor.i[:].tolist() == [0, 1, 3, 5]


def test_what_a_user_adds_stays_in_the_run() -> None:
    """A monitor goes on, a current drives and a lateral synapse inhibits, in each presentation anew."""
    weights = _weights(_network())
    plain, custom = Own().engine(), Own()
    push = b2.SpikeGeneratorGroup(1, [0], [3] * b2.ms, period=40 * b2.ms)
    onto = b2.Synapses(push, custom.hidden, on_pre="v_post += 2")
    onto.connect(i=0, j=0)
    lateral = b2.Synapses(custom.hidden, custom.hidden, on_pre="v_post -= 5", delay=1 * b2.ms)
    lateral.connect("i != j")
    monitor = b2.SpikeMonitor(custom.hidden)
    custom.network.add(push, onto, lateral, monitor)
    engine = custom.engine()
    stimuli = np.full((3, 2, 2, 1), np.inf)
    stimuli[:, 0, 0, 0] = 9.0
    hidden = engine.present(Batch(stimuli, weights))["hidden"]
    np.testing.assert_array_equal(hidden, np.broadcast_to(hidden[0], (3, 3)))
    assert hidden[0, 0] == 3.5
    assert (hidden[:, 1:] > plain.present(Batch(stimuli, weights))["hidden"][:, 1:]).all()
    begun = np.repeat(engine.begun, np.isfinite(hidden).sum(axis=1))
    np.testing.assert_allclose(np.sort(monitor.t / b2.ms - begun), np.sort(hidden[np.isfinite(hidden)]))
    seen = len(monitor.t)
    again = engine.present(Batch(stimuli[:1], weights))["hidden"]
    assert engine.begun.shape == (1,)
    np.testing.assert_allclose(np.sort(monitor.t[seen:] / b2.ms - engine.begun[0]), np.sort(again[np.isfinite(again)]))


@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=[pytest.mark.slow, pytest.mark.nightly])])
def test_spikes_on_their_way_do_not_reach_the_next_presentation(target: str) -> None:
    b2.prefs.codegen.target = target
    engine = Own(delay=38 * b2.ms).engine()
    weights = _weights(_network())
    for name in weights:
        weights[name][:] = 0 if name.endswith("bias") else 50
    stimuli = np.full((2, 2, 2, 1), np.inf)
    stimuli[0] = 5.0
    hidden = engine.present(Batch(stimuli, weights))["hidden"]
    assert np.isinf(hidden).all()


def test_state_is_left_as_it_was() -> None:
    custom = Own()
    custom.hidden.v = [0.1, 0.2, 0.3]
    engine, weights = custom.engine(), _weights(_network())
    first = engine.present(Batch(_stimuli(), weights))
    np.testing.assert_array_equal(custom.hidden.v[:], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(custom.first.w[:].reshape(4, 3), weights["hidden.kernel"])
    custom.hidden.v = 0
    assert (engine.present(Batch(_stimuli(), weights))["hidden"] > first["hidden"]).any()


def test_a_neuron_that_fires_twice_is_named() -> None:
    engine = Own(refractory="1*ms").engine()
    with pytest.raises(DataError, match=r'^hidden: neuron . fired twice in a presentation, .* refractory="True"$'):
        engine.present(Batch(_stimuli(), _weights(_network())))
    with pytest.raises(DataError):  # it can be used again, and has not forgotten it
        engine.present(Batch(_stimuli(), _weights(_network())))


def test_potentials_that_become_nan_are_refused() -> None:
    """As the exact solution of equal time constants does, whose neurons seemed silent."""
    custom = Own()
    custom.hidden.v = np.nan
    with pytest.raises(DataError, match=r"^hidden: v becomes NaN, as in the exact solution of equal time constants"):
        custom.engine().present(Batch(_stimuli(), _weights(_network())))


def test_a_presentation_in_which_no_neuron_fires_twice_is_not_refused_for_an_earlier_one() -> None:
    engine, weights = Own(refractory="1*ms").engine(), _weights(_network())
    with pytest.raises(DataError, match="fired twice"):
        engine.present(Batch(_stimuli(), weights))
    silent = {name: np.zeros_like(array) for name, array in weights.items()}
    assert np.isinf(engine.present(Batch(_stimuli(), silent))["output"]).all()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"populations": {"stimulus": 0, "hidden": 0, "outptu": 0}}, "'outptu' is none of the network; did you mean"),
        ({"weights": {"hidden": 0}}, "weights: lack output"),
        ({"biases": {"hidden": "bias"}}, "biases: lack output"),
        (
            {"biases": {"hidden": "biass", "output": "bias"}},
            "'biass' is no variable of neurongroup.*did you mean 'bias'",
        ),
        ({"network": _network(Dense(4))}, "has 3 neurons, the population has 4"),
    ],
)
def test_what_does_not_fit_is_named(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        Own().engine(**parts)


def test_other_synapses_than_those_of_the_network_are_refused() -> None:
    custom = Own(2)
    across = b2.Synapses(custom.stimulus, custom.hidden, "w : 1", on_pre="I_post += w")
    across.connect()
    few = b2.Synapses(custom.stimulus, custom.hidden, "w : 1", on_pre="I_post += w")
    few.connect("i // 4 == j // 3 and i != 2")
    for synapses, message in (
        (across, "connects copies with each other"),
        (few, "21 synapses, .* not the 24 of Dense"),
    ):
        with pytest.raises(SpecificationError, match=rf"^weights.hidden: .*{message}"):
            custom.engine(weights={"hidden": synapses, "output": (custom.second, "strength")})
    with pytest.raises(SpecificationError, match=r"does not connect the groups stimulus and hidden"):
        custom.engine(weights={"hidden": (custom.second, "strength"), "output": (custom.second, "strength")})


def test_weights_with_a_unit_say_what_one_stands_for() -> None:
    custom = Own()
    first = b2.Synapses(custom.stimulus, custom.hidden, "w : volt", on_pre="I_post += w/mV")
    first.connect()
    custom.network.remove(custom.first)
    custom.network.add(first)
    weights = _weights(_network())
    with pytest.raises(SpecificationError, match=r"^weights.hidden: 'w' has a unit; say what 1 stands for"):
        custom.engine(weights={"hidden": first, "output": (custom.second, "strength")})
    with pytest.raises(SpecificationError, match=r"^weights.hidden: 'w' has the dimensions"):
        custom.engine(weights={"hidden": (first, "w", b2.ms), "output": (custom.second, "strength")})
    engine = custom.engine(weights={"hidden": (first, "w", b2.mV), "output": (custom.second, "strength")})
    batch = Batch(_stimuli(), weights)
    for ours, theirs in zip(
        engine.present(batch).values(),
        make_engine("event", _network(), dt=0.5).present(batch).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_biases_with_a_unit_are_in_what_one_stands_for() -> None:
    custom = Own(2)
    in_volts = INTEGRATE.replace("bias)", "bias/mV)").replace("bias : 1", "bias : volt")
    common = {"threshold": "v >= 1*(1 - 1e-9)", "refractory": "True", "method": "euler", "reset": ""}
    custom.output = b2.NeuronGroup(4, in_volts, namespace={"tau": custom.tau}, **common)
    custom.second = b2.Synapses(custom.hidden, custom.output, "strength : 1", on_pre="I_post += strength")
    custom.second.connect("i // 3 == j // 2")
    custom.network = b2.Network(custom.stimulus, custom.hidden, custom.output, custom.first, custom.second)
    custom.network.schedule = SCHEDULE
    with pytest.raises(SpecificationError, match=r"^biases.output: 'bias' has a unit; say what 1 stands for"):
        custom.engine()
    engine = custom.engine(biases={"hidden": "bias", "output": ("bias", b2.mV)})
    batch = Batch(_stimuli(), _weights(_network()))
    for ours, theirs in zip(
        engine.present(batch), make_engine("event", _network(), dt=0.5).present(batch), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(custom.output.bias[:] / b2.mV, np.tile(batch.weights["output.bias"], 2))


def test_potentials_that_brian2_does_not_store_are_refused_at_once() -> None:
    with pytest.raises(SpecificationError, match=r"^potentials.hidden: 'u' is no state variable of .*; name another$"):
        Own().engine(potentials={"hidden": "u"})
    with pytest.raises(SpecificationError, match=r"'tau' is no state variable"):
        Own().engine(potentials={"output": "tau"})


def test_a_warning_during_a_simulation_names_the_line_of_the_user() -> None:
    names: dict[str, Any] = {"__name__": "netsim.within", "warn_user": warn_user}
    exec(compile("def step():\n    warn_user('one line')", "within.py", "exec"), names)
    network = b2.Network(b2.NetworkOperation(names["step"]))
    with pytest.warns(UserWarning, match="one line") as warned:
        network.run(b2.defaultclock.dt)
    assert {each.filename for each in warned} == {__file__}


def test_thresholds_and_delays_of_a_batch_are_refused() -> None:
    engine, weights = Own().engine(), _weights(_network())
    with pytest.raises(SpecificationError, match=r"^batch.thresholds: cannot be set in a custom Brian2 network"):
        engine.present(Batch(_stimuli(), weights, thresholds={"hidden": np.ones(3)}))
    with pytest.raises(SpecificationError, match=r"^batch.delays: "):
        engine.present(Batch(_stimuli(), weights, delays={"hidden": np.ones((2, 2, 1))}))


def test_delays_of_a_specification_are_refused() -> None:
    network = _network()
    first, *others = network.projections
    delayed = dataclasses.replace(network, projections=(dataclasses.replace(first, delay=Delays(mean=2.0)), *others))
    with pytest.raises(SpecificationError, match=r"^layers.hidden.delay: a custom Brian2 network"):
        Own().engine(network=delayed)
