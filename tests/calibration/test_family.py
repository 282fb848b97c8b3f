"""Leaky neurons in Brian2 networks of users are recognised, and the event engine gives their spikes."""

from __future__ import annotations

import warnings
from typing import Any

import brian2 as b2
import numpy as np
import pytest
from scipy.optimize import brentq

import netsim
from netsim.engines.brian2.own import OwnBrian2Engine
from netsim.errors import DataError, DataWarning, SpecificationError

pytestmark = pytest.mark.usefixtures("brian2_compiles_nothing")

PLAIN = """
dv/dt = (current + bias - v)/tau : 1
dcurrent/dt = -current/tau_s : 1
bias : 1
"""
WITH_UNITS = """
dv/dt = (g_L*(E_L - v) + total)/C : volt
total = synaptic + bias : amp
dsynaptic/dt = -synaptic/tau_s : amp
bias : amp
"""
CONSTANTS = {
    **{"tau": 10 * b2.ms, "tau_s": 4 * b2.ms, "g_L": 10 * b2.nS, "C": 100 * b2.pF, "R": 1 * b2.Gohm},
    **{"E_L": -70 * b2.mV, "V_T": -65 * b2.mV, "height": 0.25},
}
NEURONS = netsim.Neurons("free", threshold=1.0, tau=5.0, bias=True, end=30.0)


def _engine(
    dt: float = 0.25,
    equations: str = PLAIN,
    on_pre: str = "current_post += w",
    threshold: str = "v > height",
    weight: str = "1",
    units: tuple[Any, ...] = (),
    bias_unit: tuple[Any, ...] = (),
    start: Any = 0.0,
    refractory: Any = "True",
    delay: Any = 0.0,
    bias: bool = True,
    settings: dict[str, Any] | None = None,
    **constants: Any,
) -> OwnBrian2Engine:
    """A network of 4 inputs, 3 hidden and 2 output neurons, for two presentations at once."""
    b2.defaultclock.dt = dt * b2.ms
    common = {"method": "exact", "namespace": CONSTANTS | constants, "refractory": refractory, "threshold": threshold}
    sizes = {"hidden": 3, "output": 2}
    groups = {"stimulus": b2.SpikeGeneratorGroup(8, [], [] * b2.ms)}
    groups |= {name: b2.NeuronGroup(2 * size, equations, **common) for name, size in sizes.items()}
    for name in sizes if start else ():
        groups[name].v = start
    synapses = {}
    for source, target, inputs in (("stimulus", "hidden", 4), ("hidden", "output", 3)):
        late = delay if source == "hidden" else 0.0
        made = b2.Synapses(groups[source], groups[target], f"w : {weight}", on_pre, delay=late * b2.ms)
        made.connect(f"i // {inputs} == j // {sizes[target]}")
        synapses[target] = made
    neurons = NEURONS if bias else netsim.Neurons("free")
    layers = [netsim.Layer(name, netsim.Dense(size), neurons) for name, size in sizes.items()]
    network = netsim.Network.chain("own", netsim.IntensityEncoder((2, 2, 1), 10.0), layers, 60.0, **(settings or {}))
    simulation = b2.Network(*groups.values(), *synapses.values())
    weights = {name: (each, "w", *units) for name, each in synapses.items()}
    biases = dict.fromkeys(sizes, ("bias", *bias_unit)) if bias else {}
    return netsim.brian2_engine(network, simulation, groups, weights, biases)


def _batch(network: netsim.Network, bias: float = 0.0, scale: float = 1.0) -> netsim.Batch:
    generator = np.random.default_rng(3)
    shapes = {name: array.shape for name, array in netsim.initial_weights(network, 0).items()}
    weights = {name: scale * generator.uniform(0.4, 0.9, shape) for name, shape in shapes.items()}
    weights |= {name: np.full(shape, scale * bias) for name, shape in shapes.items() if name.endswith("bias")}
    return netsim.Batch(generator.uniform(0, 10, (4, 2, 2, 1)), weights)


def test_a_model_without_units_is_recognised() -> None:
    exact = netsim.match_family(_engine(delay=2.0, settings={"training": netsim.Training(dt=0.25)}))
    assert exact.population("hidden").neurons == netsim.Neurons(
        "free", threshold=0.25, tau=10.0, bias=True, family="leaky", tau_syn=4.0
    )
    assert [exact.projection(name).delay for name in ("hidden", "output")] == [0.0, 2.0]
    assert exact.training.dt == 0
    slow = netsim.match_family(_engine(tau=3 * b2.second, tau_s=2 * b2.second)).population("hidden").dynamics
    assert (slow.tau, slow.tau_syn) == (3000.0, 2000.0)


def test_a_model_in_millivolts_and_picoamperes_is_recognised() -> None:
    given = {"equations": WITH_UNITS, "on_pre": "synaptic_post += w", "threshold": "V_T < v", "start": CONSTANTS["E_L"]}
    engine = _engine(weight="amp", units=(b2.pA,), bias_unit=(b2.pA,), **given)
    exact = netsim.match_family(engine)
    neurons = exact.population("output").dynamics
    assert (neurons.threshold, neurons.tau, neurons.tau_syn) == (50.0, 10.0, 4.0)  # 5 mV are 50 pA over g_L
    assert neurons.scale == netsim.Scale(potential=0.1, current=1.0, rest=-70.0)
    batch = _batch(exact, bias=0.0, scale=200.0)
    event, own = netsim.make_engine("event", exact, dt=0.25).present(batch), engine.present(batch)
    for name in ("hidden", "output"):
        np.testing.assert_array_equal(np.rint(event[name] / 0.25), np.rint(own[name] / 0.25))
        assert np.isfinite(event[name]).mean() > 0.5


@pytest.mark.parametrize("delay", [0.0, 1.5])
def test_the_event_engine_gives_the_same_steps(delay: float) -> None:
    engine = _engine(delay=delay)
    exact = netsim.match_family(engine)
    batch = _batch(exact)
    event, own = netsim.make_engine("event", exact, dt=0.25).present(batch), engine.present(batch)
    for name in ("hidden", "output"):
        np.testing.assert_array_equal(np.rint(event[name] / 0.25), np.rint(own[name] / 0.25))
        assert np.isfinite(event[name]).mean() > 0.5


def test_brian2_converges_to_the_exact_times() -> None:
    """With a bias. Brian2 moves potentials before it applies thresholds, so its steps begin one step earlier."""
    errors = []
    for dt in (0.4, 0.1):
        engine = _engine(dt=dt)
        exact = netsim.match_family(engine)
        batch = _batch(exact, bias=0.1)
        event, own = netsim.make_engine("event", exact).present(batch), engine.present(batch)
        both = np.isfinite(event["output"]) & np.isfinite(own["output"])
        assert both.mean() > 0.5
        errors.append(np.abs(event["output"] - own["output"])[both].mean())
    assert errors[1] < errors[0] / 2.5


def test_the_recognised_network_trains_without_a_fit() -> None:
    training = netsim.Training("digits", validation=20, epochs=2, batch=20)
    exact = netsim.match_family(_engine(settings={"training": training}))
    assert exact.learning.derivative == "exact"
    sizes = (*(netsim.Layer(name, netsim.Dense(10), exact.population(name).neurons) for name in ("hidden", "output")),)
    wide = netsim.Network.chain("wide", netsim.IntensityEncoder((8, 8, 1), 10.0), sizes, 60.0, training=training)
    run = netsim.open_training("run", wide, seed=0, limit=100)
    run.train()
    losses = netsim.analysis.metrics_table(run.folder.metrics)["training_loss"]
    assert losses.iloc[-1] < losses.iloc[0]


ALPHA = PLAIN.replace("-current/tau_s", "(rise - current)/tau_s") + "drise/dt = -rise/tau_s : 1\n"
TWO = PLAIN.replace("current + bias", "current + slow + bias") + "dslow/dt = -slow/(2*tau_s) : 1\n"
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"equations": ALPHA, "on_pre": "rise_post += w"}, "dcurrent/dt also has rise"),
    ({"equations": PLAIN.replace("current + bias - v", "current*(2 - v) + bias - v")}, "is not linear"),
    ({"equations": PLAIN.replace("current + bias - v", "current + bias")}, "v does not leak"),
    ({"equations": PLAIN.replace("bias - v", "bias + 0.1*sin(t/tau) - v")}, "depends on t"),
    ({"equations": PLAIN.replace("-current/tau_s", "current/tau_s")}, "current does not decay"),
    ({"equations": PLAIN.replace("v", "u"), "threshold": "u > height"}, "name the potential, as in netsim.brian2_eng"),
    ({"on_pre": "v_post += w"}, "adds to none of current"),
    ({"on_pre": "current_post += w*w"}, "is not linear"),
    ({"on_pre": "current_post += w + 0.1"}, "adds more than the weight"),
    ({"on_pre": "current_post += w\nw *= 0.9"}, "needs one statement"),
    ({"on_pre": "current_post -= w"}, "spikes must raise it"),
    ({"threshold": "v > height + current"}, "threshold changes with current"),
    ({"threshold": "v > height and t > 2*ms"}, "has another form"),
    ({"start": 0.1}, "v starts at 0.1, rests at 0"),
    ({"refractory": 5 * b2.ms}, "may fire repeatedly"),
    ({"equations": PLAIN.replace("+ bias", "+ 2*bias")}, "give the unit 0.5 to the bias"),
    ({"on_pre": "current_post += w; v_post += 0.0*w"}, "family leaky needs one statement such as current_post"),
    ({"equations": PLAIN.replace("/tau ", "/(tau*factor) ") + "factor : 1\n"}, "give all neurons the same"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_one_line_names_the_difference(given: dict[str, Any], message: str) -> None:
    engine = _engine(**given)
    if "factor" in given.get("equations", ""):
        engine.model.groups["hidden"].factor = [1, 2] * 3
    with pytest.raises(SpecificationError, match=message.replace("(", r"\(")) as raised:
        netsim.match_family(engine)
    assert "\n" not in str(raised.value)


def test_refractory_neurons_that_stand_still_are_recognised() -> None:
    """Each neuron fires once, so what happens after its spike does not matter."""
    assert netsim.match_family(_engine(equations=PLAIN.replace("/tau : 1", "/tau : 1 (unless refractory)", 1)))
    assert "(unless refractory)" in PLAIN.replace("/tau : 1", "/tau : 1 (unless refractory)", 1)


def test_projections_with_other_currents_differ_in_one_line() -> None:
    engine = _engine(equations=TWO)
    engine.model.owners["output"].pre.code = "slow_post += w"
    assert netsim.match_family(engine).population("output").dynamics.tau_syn == 8.0  # each population has its own


SMALL = "dv/dt = (I - v)/(20*ms) : 1\ndI/dt = -I/(5*ms) : 1\n"
WITH_G = SMALL.replace("I - v", "I*(1 + g) - v")


def _small(
    equations: str = SMALL,
    on_pre: str | None = "I_post += w",
    add: Any = None,
    dt: float = 0.01,
    bias: str | None = None,
    weight: str = "w : 1",
    group: dict[str, Any] | None = None,
    **synapses: Any,
) -> OwnBrian2Engine:
    """One neuron with two inputs. `add` gets inputs, neuron and synapses, and returns more objects."""
    b2.defaultclock.dt = dt * b2.ms
    inputs = b2.SpikeGeneratorGroup(2, [], [] * b2.ms)
    common = {"threshold": "v > 0.3", "refractory": "True", "method": "euler"}
    cells = b2.NeuronGroup(1, equations, **common | (group or {}))
    made = b2.Synapses(inputs, cells, weight, on_pre, **synapses)
    made.connect()
    objects = [inputs, cells, made, *((add and add(inputs, cells, made)) or ())]
    neurons = netsim.Neurons("free", bias=bias is not None)
    layers = [netsim.Layer("cells", netsim.Dense(1), neurons)]
    network = netsim.Network.chain("own", netsim.IntensityEncoder((1, 2, 1), 10.0), layers, 40.0)
    groups, biases = {"stimulus": inputs, "cells": cells}, {"cells": bias} if bias else None
    return netsim.brian2_engine(network, b2.Network(*objects), groups, {"cells": made}, biases)


def _connected(source: Any, target: Any, *model: str, **settings: Any) -> list[Any]:
    synapses = b2.Synapses(source, target, *model, name="further", **settings)
    synapses.connect()
    return [group for group in (source, target) if group.name == "outside"] + [synapses]


def _outside(equations: str = "y : 1", **settings: Any) -> Any:
    return b2.NeuronGroup(1, equations, name="outside", **settings)


def _linked(_: Any, cells: Any, __: Any) -> list[Any]:
    outside = _outside("dy/dt = -y/(5*ms) : 1")
    cells.g = b2.linked_var(outside, "y")
    return [outside]


def _regularly(which: int, code: str) -> Any:
    return lambda *groups: groups[which].run_regularly(code, dt=1 * b2.ms) and None


DECAYING = "dw/dt = -w/(5*ms) : 1 (event-driven)"
OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("reversal", {"on_pre": "I_post += w*(1 - v_post)"}, "on_pre depends on v_post"),
    ("saturation", {"on_pre": "I_post += w*(1 - I_post)"}, "on_pre depends on I_post"),
    ("assignment", {"on_pre": "I_post = clip(I_post + w, 0, 1)"}, "adds to none of I"),
    ("condition", {"on_pre": "I_post += w*int(v_post < 0.2)"}, "on_pre depends on v_post"),
    ("random weight", {"on_pre": "I_post += w*rand()"}, "on_pre depends on rand"),
    ("trace", {"weight": "w : 1\ndx/dt = -x/(5*ms) : 1 (event-driven)", "on_pre": "I_post += w*x"}, "depends on x"),
    ("decaying weight", {"weight": DECAYING}, "has equations that change over time"),
    ("on_post alone", {"on_pre": None, "on_post": "I_post += w"}, "needs one statement"),
    ("nothing", {"on_pre": None}, "needs one statement"),
    ("own event", {"on_event": "half", "group": {"events": {"half": "v > 0.1"}}, "on_pre": None}, "one statement"),
    (
        "moving bias",
        {"equations": SMALL.replace("I - v", "I + b - v") + "db/dt = -b/ms : 1", "bias": "b"},
        "bias b chang",
    ),
    ("random threshold", {"group": {"threshold": "v > 0.3 + 0.1*rand()"}}, "threshold depends on rand"),
    ("once a step", {"equations": WITH_G + "g = 1 - v : 1 (constant over dt)"}, "dv/dt depends on g"),
    ("linked", {"equations": WITH_G + "g : 1 (linked)", "add": _linked}, "dv/dt depends on g"),
    ("reset of a parameter", {"equations": SMALL + "k : 1", "group": {"reset": "k = 1"}}, "reset 'k = 1' changes k"),
    (
        "event of neurons",
        {
            "group": {"events": {"half": "v > 0.1"}},
            "add": lambda _, cells, __: cells.run_on_event("half", "v = 0") and None,
        },
        "at events 'half'",
    ),
    ("regular neurons", {"add": _regularly(1, "v *= 0.95")}, "acts on populations.cells"),
    ("regular weights", {"add": _regularly(2, "w *= 0.9")}, "acts on projections.cells"),
    ("lateral", {"add": lambda _, cells, __: _connected(cells, cells, on_pre="I_post -= 0.1")}, "further acts on pop"),
    (
        "to the source",
        {"add": lambda _, cells, __: _connected(cells, _outside(threshold="y > 1"), on_post="v_pre += 1")},
        "further acts",
    ),
    (
        "summed",
        {
            "equations": WITH_G + "g : 1",
            "add": lambda _, cells, __: _connected(_outside(), cells, "g_post = y_pre : 1 (summed)"),
        },
        "further acts on populations.cells",
    ),
    ("Poisson", {"add": lambda _, cells, __: [b2.PoissonInput(cells, "v", 9, 99 * b2.Hz, 0.1)]}, "acts on populations"),
    ("operation", {"add": lambda *_: [b2.NetworkOperation(lambda: None)]}, "acts on the network"),
    ("inactive", {"add": lambda _, __, synapses: setattr(synapses, "active", False)}, "not active"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_a_model_with_other_spikes_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecificationError, match=message) as raised:
        netsim.match_family(_small(**given))
    assert "\n" not in str(raised.value)


def _watched(_: Any, cells: Any, __: Any) -> list[Any]:
    return [b2.SpikeMonitor(cells), b2.StateMonitor(cells, "v", record=True), b2.PopulationRateMonitor(cells)]


SAME: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("exact method", {"group": {"method": "exact"}}),
    ("not refractory", {"on_pre": "I_post += w*int(not_refractory_post)"}),
    ("parameter", {"equations": SMALL + "k : 1", "on_pre": "I_post += w*(1 + k_post)"}),
    ("reset", {"group": {"reset": "v = 0; I = 0"}}),
    ("delayed", {"delay": 2 * b2.ms}),
    ("monitors", {"add": _watched}),
    ("readout", {"add": lambda _, cells, __: _connected(cells, _outside(), on_pre="y_post += 1")}),
]


@pytest.mark.parametrize("given", [row[1] for row in SAME], ids=[row[0] for row in SAME])
def test_a_model_that_matches_has_the_spikes_of_brian2(given: dict[str, Any]) -> None:
    """Euler steps of 0.01 ms differ from exact times by about as much."""
    engine = _small(**given)
    batch = netsim.Batch(np.array([1.0, 6.0]).reshape(1, 1, 2, 1), {"cells.kernel": np.full((2, 1), 1.5)})
    exact = netsim.make_engine("event", netsim.match_family(engine)).present(batch)["cells"]
    np.testing.assert_allclose(exact, 7.20609631 + (2 if "delay" in given else 0), rtol=0, atol=1e-7)
    np.testing.assert_allclose(exact, engine.present(batch)["cells"], rtol=0, atol=0.02)


EQUAL = "dv/dt = (I + b - v)/tau_m : 1\ndI/dt = -I/tau_s : 1\nb : 1"


@pytest.mark.parametrize(
    ("method", "equations", "is_nan"),
    [("exact", EQUAL, True), ("exact", EQUAL.replace("tau_s", "tau_m"), False), ("euler", EQUAL, False)],
    ids=["NaN", "one name", "euler"],
)
def test_equal_time_constants_that_are_nan_in_brian2_warn(method: str, equations: str, is_nan: bool) -> None:
    """Both remedies give the spike by hand: ``0.1 (1 - e^(-t/5)) + 1.1 s/5 e^(-s/5)`` reaches 0.3, with s = t - 1."""
    names = {"tau_m": 5 * b2.ms, "tau_s": 5 * b2.ms}
    engine = _small(equations, bias="b", group={"method": method, "namespace": names})
    weights = {"cells.kernel": np.full((2, 1), 1.1), "cells.bias": np.full(1, 0.1)}
    batch = netsim.Batch(np.array([1.0, 6.0]).reshape(1, 1, 2, 1), weights)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = netsim.match_family(engine)
    given = [str(each.message) for each in caught if issubclass(each.category, DataWarning)]
    assert len(given) == is_nan
    spike = brentq(lambda t: 0.1 - 0.1 * np.exp(-t / 5) + 0.22 * (t - 1) * np.exp((1 - t) / 5) - 0.3, 1.0, 5.0)
    exact = netsim.make_engine("event", network).present(batch)["cells"]
    np.testing.assert_allclose(exact, spike, rtol=1e-9)
    if is_nan:
        assert given[0].startswith("populations.cells: v becomes NaN in Brian2")
        with pytest.raises(DataError, match="v becomes NaN"):
            engine.present(batch)
    else:
        np.testing.assert_allclose(engine.present(batch)["cells"], exact, rtol=0, atol=0.02)
