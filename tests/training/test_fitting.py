"""Initial weights and learning rates that fit a network."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Literal

import brian2 as b2
import numpy as np
import pytest

import netsim
from netsim.specification import (
    Delays,
    Dense,
    Distance,
    EdgeList,
    InitialWeights,
    IntensityEncoder,
    Learning,
    Network,
    Neurons,
    Population,
    Projection,
    Random,
    Training,
    Weighting,
)
from netsim.spikes.latencies import Latencies
from netsim.training.checking import weights_before_learning
from netsim.training.fitting import Fitted, _Potentials, describe_fit, fit
from netsim.training.loop import run_training
from netsim.training.starting import fit_state, start_training
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

T_MAX = 16.0
REGIMES = ["phased", "staggered", "free"]


def neurons(regime: str, depth: int, unit: float = 1.0, *, bias: bool = True) -> Neurons:
    """Neurons of a hidden population, or with a depth of 3 of the output; thresholds are counted in a unit."""
    if regime == "free":
        return Neurons("free", threshold=unit, tau=1.5 * T_MAX, bias=bias)
    onset = T_MAX * depth
    return Neurons(regime, threshold=2.0 * unit, tau=T_MAX, onset=onset, end=onset + 2 * T_MAX, drive=unit, bias=bias)


def graph(
    regime: str, unit: float = 1.0, learning: Learning | None = None, *, bias: bool = True, size: int = 40
) -> Network:
    """Excitation and inhibition in a loop, by distance and with delays, and a random skip onto the output."""
    excitatory = Population("excitatory", (4, size // 4, 1), neurons(regime, 1, unit, bias=bias), inhibitory=0.0)
    inhibitory = Population("inhibitory", (2, 5, 1), neurons(regime, 1, unit, bias=bias), inhibitory=1.0)
    output = Population("output", (10,), neurons(regime, 3, unit, bias=bias))
    projections = (
        Projection("stimulus", "excitatory", Dense()),
        Projection("stimulus", "inhibitory", Dense()),
        Projection("excitatory", "inhibitory", Dense(), delay=2.0),
        Projection("inhibitory", "excitatory", Distance(sigma=2.0), delay=1.0),
        Projection("excitatory", "output", Dense(), delay=1.0),
        Projection("inhibitory", "output", Dense()),
        Projection("stimulus", "output", Random(probability=0.3, seed=2), name="skip"),
    )
    training = Training("digits", epochs=1, batch=20, validation=180)
    populations = (excitatory, inhibitory, output)
    encoder = IntensityEncoder((8, 8, 1), T_MAX)
    return Network(
        "graph", encoder, populations, projections, 12 * T_MAX, learning=learning or Learning(), training=training
    )


def stimuli(network: Network) -> np.ndarray:
    chosen = netsim.load_splits(network).training.first(60)
    return chosen.latencies(np.arange(60))


def fitted(network: Network, seed: int = 0) -> tuple[Fitted, Weights, Latencies]:
    """What fits, the weights with it, and the latencies that these lead to."""
    engine, weights, presented = netsim.make_engine("event", network), initial_weights(network, seed), stimuli(network)
    fit_result = fit(engine, network, weights, presented)
    fit_result.apply(weights)
    return fit_result, weights, engine.present(netsim.Batch(presented, weights))


@pytest.mark.parametrize("regime", REGIMES)
def test_populations_fire_within_their_window(regime: str) -> None:
    network = graph(regime)
    latencies = fitted(network)[2]
    for population in network.integrating:
        times = latencies[population.name]
        assert np.isfinite(times).mean() > 0.4, population.name
        assert (times <= population.dynamics.onset).mean() < 0.06, population.name
    outputs = latencies["output"]
    assert np.isfinite(outputs).mean() > 0.95
    assert not netsim.decide(outputs).tied.any()
    assert 0.5 < outputs[np.isfinite(outputs).all(axis=1)].std(axis=1).mean() < 4.0


def test_spikes_come_in_time_for_the_gates_of_their_targets() -> None:
    """Neurons may fire until 48 ms, but half of their window lies behind the gate of the next population."""
    populations = [
        Population("early", (60,), neurons("phased", 1)),
        Population("middle", (40,), neurons("phased", 2)),
        Population("output", (10,), neurons("phased", 4)),
    ]
    projections = [
        Projection("stimulus", "early", Dense()),
        Projection("early", "middle", Dense(), delay=2.0),
        Projection("middle", "output", Dense()),
    ]
    encoder, training = IntensityEncoder((8, 8, 1), T_MAX), Training("digits", batch=20, validation=360)
    network = Network("gates", encoder, tuple(populations), tuple(projections), 100.0, training=training)
    latencies = fitted(network)[2]
    for name, gate in (("early", 2 * T_MAX - 2.0), ("middle", 4 * T_MAX)):
        assert (latencies[name] <= gate).mean() > 0.5, name


def test_measured_rates_respect_signs() -> None:
    network = graph("free")
    weights, engine = initial_weights(network, 0), netsim.make_engine("event", network)
    engine.solves_equation = False  # type: ignore[attr-defined]
    measured = fit(engine, network, weights, stimuli(network))
    assert not measured.scales
    assert set(measured.rates) == set(weights)
    assert all(0 < rate < np.inf for rate in measured.rates.values())


def test_drawn_weights_of_this_network_saturate_its_outputs() -> None:
    network = graph("phased")
    weights, presented = initial_weights(network, 0), stimuli(network)
    outputs = netsim.make_engine("event", network).present(netsim.Batch(presented, weights))["output"]
    assert ((outputs <= network.output.dynamics.onset) | np.isinf(outputs)).mean() > 0.3


@pytest.mark.parametrize("regime", REGIMES)
def test_signs_and_relations_of_drawn_weights_stay(regime: str) -> None:
    network = graph(regime)
    drawn, weights = initial_weights(network, 0), fitted(network)[1]
    for projection in network.weighted:
        name = f"{projection.name}.kernel"
        given = drawn[name] != 0
        scales = weights[name][given] / drawn[name][given]
        assert scales.min() > 0
        np.testing.assert_allclose(scales, scales.flat[0])
        assert not weights[name][~given].any()


def test_what_a_specification_says_of_weights_stays(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("pre,post,weight\n" + "".join(f"{pre},{pre % 10},0.01\n" for pre in range(40)))
    network = graph("phased")
    excitatory, *others, skip = network.projections
    changed = (
        dataclasses.replace(excitatory, initial=InitialWeights(spread=0.7, bias=0.3)),
        *(projection if projection.source != "excitatory" or projection.target != "output" else dataclasses.replace(
            projection, connectivity=EdgeList(10, str(edges))) for projection in others),
        dataclasses.replace(skip, plastic=False),
    )  # fmt: skip
    network = dataclasses.replace(network, projections=changed)
    result, weights, _ = fitted(network)
    drawn = initial_weights(network, 0)
    kept = {"excitatory.kernel", "excitatory.bias", "skip.kernel", "output.kernel"}
    assert not kept & (result.scales.keys() | result.biases.keys())
    for name in kept:
        np.testing.assert_array_equal(weights[name], drawn[name])
    assert {"inhibitory.kernel", "inhibitory_to_output.kernel"} <= result.scales.keys()
    assert "output.bias" in result.biases


def _joined(*onto_output: Projection, neurons: Neurons) -> Network:
    """Populations of excitatory and inhibitory neurons that converge on the output."""
    populations = tuple(Population(name, (size,), neurons) for name, size in (("e", 40), ("i", 20), ("output", 10)))
    first = [Projection("stimulus", name, Dense(size), sign="excitatory") for name, size in (("e", 40), ("i", 20))]
    training = Training("digits", validation=100, epochs=1)
    encoder = IntensityEncoder((8, 8, 1), 16.0)
    return Network("joined", encoder, populations, (*first, *onto_output), 64.0, training=training)


def test_a_proposal_keeps_what_signs_would_undo() -> None:
    """The fit weakens inhibition, which a draw of both signs balances again."""
    onto = [
        Projection("e", "output", Dense(10), sign="excitatory", name="excited"),
        Projection("i", "output", Dense(10), sign="inhibitory", name="inhibited"),
    ]
    network = _joined(*onto, neurons=Neurons("free", 1.0, 16.0))
    checked = netsim.check(network)
    assert "e" in checked.proposed
    changed = (
        dataclasses.replace(each, initial=checked.proposed.get(each.name, each.initial)) for each in network.projections
    )
    again = netsim.check(dataclasses.replace(network, projections=tuple(changed)))
    for before, after in zip(checked.populations, again.populations, strict=True):
        assert after.median_ms == pytest.approx(before.median_ms, rel=0.05)
        assert after.silent == pytest.approx(before.silent, abs=0.02)


def test_strong_inhibition_of_ones_own_leaves_the_proposal_without_warnings() -> None:
    neurons = Neurons("free", 1.0, 16.0)
    sizes = (("e", 40, 0.0), ("i", 20, 1.0), ("output", 10, None))
    populations = tuple(Population(name, (size,), neurons, inhibitory=share) for name, size, share in sizes)
    strong = InitialWeights(mean=-400.0, spread=1.0)
    projections = (
        Projection("stimulus", "e", Dense(40)),
        Projection("e", "i", Dense(20)),
        Projection("i", "e", Dense(40), initial=strong, delay=1.0),
        Projection("e", "output", Dense(10)),
    )
    training = Training("digits", validation=100, epochs=1)
    network = Network("loop", IntensityEncoder((8, 8, 1), 16.0), populations, projections, 64.0, training=training)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        netsim.check(network)


def test_a_proposal_counts_the_biases_of_static_projections() -> None:
    onto = [
        Projection("e", "output", Dense(10), name="learned"),
        Projection("i", "output", Dense(10), name="static", plastic=False, initial=InitialWeights(bias=0.5)),
    ]
    network = _joined(*onto, neurons=Neurons("free", 1.0, 16.0, bias=True))
    proposed = netsim.check(network).proposed
    state = start_training(network, 0)
    stimuli = netsim.load_splits(network).training
    fitted = fit_state(netsim.make_engine("event", network), network, [], stimuli, state, 0)
    assert proposed["learned"].bias + 0.5 == pytest.approx(fitted.biases["output.bias"].mean(), rel=0.01)


@pytest.mark.parametrize("regime", REGIMES)
def test_neurons_without_a_bias_fire_too(regime: str) -> None:
    network = graph(regime, bias=False)
    latencies = fitted(network)[2]
    assert np.isfinite(latencies["excitatory"]).mean() > 0.15
    assert np.isfinite(latencies["output"]).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("regime", REGIMES)
def test_the_unit_of_weights_and_thresholds_does_not_matter(regime: str) -> None:
    unit = 1000.0
    (small, weights, latencies), (large, of_large, also) = (fitted(graph(regime, each)) for each in (1.0, unit))
    for name, scale in small.scales.items():
        assert large.scales[name] == pytest.approx(unit * scale, rel=1e-3)
    for name, rate in small.rates.items():
        assert large.rates[name] == pytest.approx(unit * rate, rel=1e-2)
    np.testing.assert_allclose(of_large["output.bias"], unit * weights["output.bias"], rtol=0.05, atol=0.05 * unit)
    both = np.isfinite(latencies["output"]) & np.isfinite(also["output"])
    np.testing.assert_allclose(also["output"][both], latencies["output"][both], atol=0.5)


@pytest.mark.parametrize("regime", ["phased", "staggered"])
def test_outputs_without_biases_do_not_begin_at_their_onset(regime: str) -> None:
    layers = [
        netsim.Layer(name, Dense(size), neurons(regime, depth, bias=False))
        for name, size, depth in (("hidden", 40, 1), ("output", 10, 3))
    ]
    training = Training("digits", validation=180)
    network = Network.chain("unbiased", IntensityEncoder((8, 8, 1), T_MAX), layers, 8 * T_MAX, training=training)
    for seed in range(8):
        health = netsim.check(network, seed=seed, limit=100).populations[-1]
        assert health.at_onset < 0.15, seed
        assert health.silent < 0.75, seed


@pytest.mark.parametrize("tau", [4.0, 16.0])
def test_neurons_that_leak_fire_before_they_forget_early_spikes(tau: float) -> None:
    """They fired long after the last stimulus spike, and all outputs fell silent in the second epoch."""
    leaky = Neurons("free", threshold=0.25, tau=tau, family="leaky", bias=True)
    layers = [netsim.Layer("hidden", Dense(60), leaky), netsim.Layer("output", Dense(10), leaky)]
    training = Training("digits", batch=20, validation=360)
    network = Network.chain("leaky", IntensityEncoder((8, 8, 1), T_MAX), layers, 6 * T_MAX, training=training)
    latencies = fitted(network)[2]
    for name in ("hidden", "output"):
        assert 0.3 * T_MAX < np.median(latencies[name]) < T_MAX, name


def test_neurons_that_leak_wait_for_sources_without_a_leak() -> None:
    """Their biases alone made all outputs fire at once, before any source, with weights of thousands."""
    leaky = Neurons("free", threshold=0.3, tau=T_MAX, family="leaky", tau_syn=8.0, bias=True)
    layers = [
        netsim.Layer("hidden", Dense(60), Neurons("free", threshold=1.0, tau=T_MAX, bias=True)),
        netsim.Layer("second", Dense(60), leaky),
        netsim.Layer("output", Dense(10), leaky),
    ]
    training = Training("digits", batch=20, validation=360)
    network = Network.chain("mixed", IntensityEncoder((8, 8, 1), T_MAX), layers, 6 * T_MAX, training=training)
    _, weights, latencies = fitted(network)
    for name in ("second", "output"):
        assert T_MAX < np.median(latencies[name]) < 2 * T_MAX, name
        assert latencies[name].std() > 0.1, name
        assert abs(weights[f"{name}.kernel"]).max() < 10, name


@pytest.mark.parametrize("per", ["axon", "synapse", None])
def test_outputs_without_a_window_wait_for_delayed_spikes(per: Literal["axon", "synapse"] | None) -> None:
    """They would fire by their biases alone, before spikes of the hidden population arrive."""

    def heard(delay: float) -> float:
        given = Delays(per, mean=delay, spread=0.0) if per and delay else delay
        populations = (Population("hidden", (60,), neurons("free", 1)), Population("output", (10,), neurons("free", 3)))
        projections = tuple(
            Projection(source, target, Dense(), delay=given)
            for source, target in (("stimulus", "hidden"), ("hidden", "output"))
        )
        encoder, training = IntensityEncoder((8, 8, 1), T_MAX), Training("digits", batch=20, validation=360)
        latencies = fitted(Network("late", encoder, populations, projections, 120.0, training=training))[2]
        decided = latencies["output"].min(axis=1, keepdims=True)
        return float((latencies["hidden"].reshape(len(decided), -1) + delay < decided).mean())

    assert heard(8.0) > 0.9 * heard(0.0)


def test_populations_that_only_a_loop_reaches_wait_for_it() -> None:
    """The inhibitory population fired by its biases alone, with far larger weights than without the loop."""

    def weights_onto_inhibition(back: bool) -> float:
        populations = (
            Population("excitatory", (40,), neurons("free", 1), inhibitory=0.0),
            Population("inhibitory", (10,), neurons("free", 1), inhibitory=1.0),
            Population("output", (10,), neurons("free", 3)),
        )
        ends = [
            ("stimulus", "excitatory"),
            ("excitatory", "inhibitory"),
            ("excitatory", "output"),
            ("inhibitory", "output"),
        ]
        projections = tuple(
            Projection(source, target, Random(probability=0.3, seed=1), delay=2.0)
            for source, target in [*ends, *([("inhibitory", "excitatory")] if back else [])]
        )
        training = Training("digits", validation=180)
        network = Network(
            "loop", IntensityEncoder((8, 8, 1), T_MAX), populations, projections, 120.0, training=training
        )
        _, weights, latencies = fitted(network)
        assert np.median(latencies["inhibitory"]) > np.median(latencies["excitatory"])
        return float(abs(weights["inhibitory.kernel"]).mean())

    assert weights_onto_inhibition(True) < 4 * weights_onto_inhibition(False)


def test_what_a_description_says_of_the_fit_is_what_is_done() -> None:
    """Outputs without a window have no share of it, and outputs that are not fitted are not mentioned."""
    free, phased = (describe_fit(graph(regime)) for regime in ("free", "phased"))
    assert "Half of the neurons without a window fire by $1.5" in free
    assert "of their window, with" not in free
    assert "The latencies of outputs have a standard deviation" in free
    assert "Half of the outputs fire by a share of 0.4 of their window" in phased
    assert "without a window" not in phased
    centred = dataclasses.replace(graph("phased"), learning=Learning(centred_outputs=True))
    assert "outputs" not in describe_fit(centred)


def test_outputs_that_only_synapses_reach_are_not_left_silent() -> None:
    gated = Neurons("phased", threshold=2.0, tau=T_MAX, onset=T_MAX, end=3 * T_MAX, drive=0.01)
    layer = netsim.Layer("output", Dense(10), gated)
    training = Training("digits", validation=180)
    network = Network.chain("undriven", IntensityEncoder((8, 8, 1), T_MAX), [layer], 4 * T_MAX, training=training)
    assert all(netsim.check(network, seed=seed, limit=100).populations[-1].silent < 0.8 for seed in range(4))


def test_a_step_onto_many_active_neurons_is_smaller() -> None:
    few, many = (fitted(graph("phased", size=size))[0].rates for size in (20, 160))
    assert many["output.kernel"] < few["output.kernel"] / 2


def trained(network: Network, seed: int = 0) -> tuple[list[float], float]:
    """Tie rates and the best strict accuracy by epoch, on validation stimuli."""
    splits, engine = netsim.load_splits(network), netsim.make_engine("event", network, precision="single")
    state = start_training(network, seed)
    history = run_training(engine, network, splits.training, splits.validation, state, seed).history
    accuracies = [row["validation_strict_accuracy"] for row in history]
    return [row["validation_tie_rate"] for row in history], max(accuracies)


def test_a_network_whose_outputs_all_tied_learns() -> None:
    epochs = Training("digits", epochs=2, batch=20, validation=180)
    as_before = dataclasses.replace(graph("phased", learning=Learning(fitted=False, edges="pass")), training=epochs)
    before = trained(as_before)[1]
    now_ties, now = trained(dataclasses.replace(graph("phased"), training=epochs))
    assert now > 0.75
    assert now > before
    assert now_ties[-1] < 0.05


def test_a_training_with_binary_or_pretrained_weights_fits_nothing() -> None:
    binary = dataclasses.replace(netsim.load_preset("digits"), weighting=Weighting("binary"), learning=Learning())
    assert not start_training(binary, 0).to_fit
    assert not start_training(netsim.load_preset("digits"), 0).to_fit
    assert start_training(graph("free"), 0).to_fit


def leaky_rates(unit: b2.Quantity, weight: float, current: float) -> dict[str, float]:
    """Rates fitted to leaky neurons of the user's, in mV and in a unit of currents."""
    leak = {"gL": 10 * b2.nS, "EL": -70 * b2.mV, "C": 200 * b2.pF, "tau": 5 * b2.ms}
    equations = "dv/dt = (gL * (EL - v) + I + bias) / C : volt\ndI/dt = -I / tau : amp\nbias : amp"
    pixels = b2.SpikeGeneratorGroup(4, [], [] * b2.ms)
    cells = b2.NeuronGroup(3, equations, threshold="v > -50 * mV", refractory="True", method="exact", namespace=leak)
    cells.v = leak["EL"]
    synapses = b2.Synapses(pixels, cells, "w : amp", on_pre="I_post += w")
    synapses.connect()
    layer = netsim.Layer("cells", Dense(3), Neurons(tau=20.0, bias=True))
    network = Network.chain("leaky", IntensityEncoder((2, 2, 1), T_MAX), [layer], 60.0)
    groups = {"stimulus": pixels, "cells": cells}
    simulation = b2.Network(pixels, cells, synapses)
    weights = {"cells.kernel": np.full((4, 3), weight), "cells.bias": np.full(3, current)}
    engine = netsim.brian2_engine(
        network, simulation, groups, {"cells": (synapses, "w", unit)}, {"cells": ("bias", unit)}
    )
    stimuli = np.random.default_rng(0).uniform(0.0, T_MAX, (2, 2, 2, 1))
    return fit(engine, network, weights, stimuli).rates


def test_the_unit_of_weights_of_own_neurons_does_not_matter(brian2_compiles_nothing: None) -> None:
    picoamperes = leaky_rates(b2.pA, 50.0, 300.0)
    nanoamperes = leaky_rates(b2.nA, 0.05, 0.3)
    assert set(picoamperes) == {"cells.kernel", "cells.bias"}
    for name, rate in picoamperes.items():
        assert rate == pytest.approx(1000 * nanoamperes[name], rel=0.01)
    # a bias moves a spike by more than a synapse of the same strength does, but counts as two of the four synapses
    assert picoamperes["cells.kernel"] > picoamperes["cells.bias"] > 0


def test_static_weights_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed inhibition does not change how many neurons fire in time."""
    network = Network(
        "static",
        IntensityEncoder((8, 8, 1), T_MAX),
        (Population("hidden", (200,), neurons("free", 1)), Population("output", (10,), neurons("free", 3))),
        (
            Projection("stimulus", "hidden", Dense()),
            Projection("stimulus", "hidden", Dense(), name="fixed", plastic=False),
            Projection("hidden", "output", Dense()),
        ),
        12 * T_MAX,
        training=Training("digits", validation=180),
    )
    weights, presented = initial_weights(network, 0), stimuli(network)
    engine, shares = netsim.make_engine("event", network), []
    for inhibition in (0.0, -0.02, 0.02):
        weights["fixed.kernel"][...] = inhibition
        chosen = {name: array.copy() for name, array in weights.items()}
        result = fit(engine, network, chosen, presented)
        assert "fixed.kernel" not in result.scales
        result.apply(chosen)
        times = engine.present(netsim.Batch(presented, chosen))["hidden"]
        shares.append(np.isfinite(times).mean())
    assert max(shares) - min(shares) < 0.1, shares


def test_a_drive_from_the_start_acts_from_the_start() -> None:
    network = Network.chain(
        "driven",
        IntensityEncoder((8, 8, 1), T_MAX),
        [
            netsim.Layer("hidden", Dense(4), Neurons("staggered", tau=T_MAX, drive=1.0, end=20.0)),
            netsim.Layer("output", Dense(10)),
        ],
        60.0,
        training=Training("digits", validation=180),
    )
    hidden = network.population("hidden")
    latencies = {"stimulus": np.full((1, 8, 8, 1), np.inf)}
    potentials = _Potentials.of(network, hidden, network.incoming("hidden"), initial_weights(network, 0), latencies)
    np.testing.assert_allclose(potentials.by_drive, potentials.window.times / T_MAX)


def test_a_population_waits_for_the_onset_of_its_source() -> None:
    """Without it, weights from spikes that come after the target time grew thousands of times."""
    populations = (
        Population("excitatory", (40,), neurons("phased", 1), inhibitory=0.0),
        Population("inhibitory", (10,), Neurons("free", tau=4.0), inhibitory=1.0),
        Population("output", (10,), neurons("phased", 3)),
    )
    projections = (
        Projection("stimulus", "excitatory", Dense()),
        Projection("excitatory", "inhibitory", Dense()),
        Projection("inhibitory", "excitatory", Dense()),
        Projection("excitatory", "output", Dense()),
    )
    training = Training("digits", validation=180)
    network = Network(
        "loop", IntensityEncoder((8, 8, 1), T_MAX), populations, projections, 12 * T_MAX, training=training
    )
    result, _, latencies = fitted(network)
    assert result.scales["inhibitory.kernel"] < 100
    times = latencies["inhibitory"]
    assert 1.5 * T_MAX < np.median(times[np.isfinite(times)]) < 2.6 * T_MAX


def test_the_weights_before_learning_are_the_fitted_ones(tmp_path: Path) -> None:
    network = graph("phased", learning=Learning(rate=1e-12))
    model = netsim.train(network, tmp_path / "run", limit=60)
    before = weights_before_learning(model, seed=7)
    assert before is not None
    drawn = netsim.forward_weights(network, initial_weights(network, 0))
    assert not np.allclose(before["excitatory.kernel"], drawn["excitatory.kernel"], rtol=0.01, atol=0)
    for name, array in model.weights.items():
        np.testing.assert_allclose(before[name], array, rtol=1e-4, atol=1e-6)
