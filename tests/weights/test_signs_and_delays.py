"""Excitatory and inhibitory neurons, and delays of axons and synapses: how they are drawn, kept and refused."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise, permutations
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError, SpecificationError
from netsim.learning.constraints import constraints_of
from netsim.specification import (
    Convolution,
    Delays,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    Weighting,
)
from netsim.specification.toml import network_from_dict, network_to_dict
from netsim.weights.initial import initial_weights
from netsim.weights.layout import check_weights
from netsim.weights.packing import pack, unpack


def chain(*layers: dict[str, Any], duration: float = 100.0, **settings: Any) -> Network:
    made = [Layer(f"layer{number}", **layer) for number, layer in enumerate(layers)]
    return Network.chain("chain", IntensityEncoder((6, 6, 1), 10.0), made, duration, **settings)


MAPS = {"connectivity": Convolution(4, 3), "inhibitory": 0.25}


def test_the_sign_of_a_weight_is_that_of_its_neuron() -> None:
    network = chain(
        MAPS,
        {"connectivity": Pooling(2)},  # relays pass on the spikes of neurons, and their signs
        {"connectivity": Convolution(5, 2), "inhibitory": 0.4},
        {"connectivity": Dense(10), "inhibitory": 0.3},
        {"connectivity": Dense(3)},
    )
    weights = initial_weights(network, 0)
    assert {-1.0, 1.0} == set(np.sign(weights["layer0.kernel"]).ravel())  # the stimulus has no sign
    for name, inhibitory in (("layer2", [3]), ("layer3", [3, 4])):  # the last maps
        kernel = weights[f"{name}.kernel"].reshape(-1, 4 if name == "layer2" else 5, network.shapes[name][-1])
        expected = np.ones(kernel.shape[1])
        expected[inhibitory] = -1
        assert (kernel * expected[:, None] >= 0).all()
        assert 0.2 < (kernel == 0).mean() < 0.8  # the draws of the wrong sign
    assert (weights["layer4.kernel"][:7] >= 0).all()
    assert (weights["layer4.kernel"][7:] <= 0).all()


def test_signs_are_kept_after_each_step_and_static_weights_left_alone() -> None:
    network = chain({"connectivity": Dense(8), "inhibitory": 0.5}, {"connectivity": Dense(3)})
    (sign,) = constraints_of(network)
    weights = initial_weights(network, 0)
    before = weights["layer1.kernel"].copy()
    weights["layer1.kernel"] -= 0.05
    sign.enforce(weights)
    np.testing.assert_allclose(weights["layer1.kernel"][:4], np.maximum(before[:4] - 0.05, 0))
    np.testing.assert_allclose(weights["layer1.kernel"][4:], before[4:] - 0.05)
    weights["layer1.kernel"][5, 1] = 0.1
    message = r"^file: layer1.kernel contains weights that are not of the sign of their neuron; choose others$"
    with pytest.raises(DataError, match=message):
        check_weights(network, weights, "file")


@given(st.floats(0.1, 0.9), st.integers(0, 99), st.sampled_from(["normal", "uniform"]))
@settings(max_examples=20, deadline=None)
def test_excitation_and_inhibition_balance(inhibitory: float, seed: int, distribution: Any) -> None:
    """Weights of a neuron add up to zero on average, and their sum varies as without signs."""
    network = chain({"connectivity": Dense(400), "inhibitory": inhibitory}, {"connectivity": Dense(500)})
    onto = network.projections[1]
    drawn = dataclasses.replace(onto.initial, distribution=distribution)
    projections = (network.projections[0], dataclasses.replace(onto, initial=drawn))
    network = dataclasses.replace(network, projections=projections)
    sums = initial_weights(network, seed)["layer1.kernel"].sum(axis=0)
    assert abs(sums.mean()) < 5 * drawn.spread / math.sqrt(500)
    assert sums.std() == pytest.approx(drawn.spread, rel=0.2)


def test_two_populations_balance_as_one() -> None:
    populations = (
        Population("excitatory", (300,), inhibitory=0.0),
        Population("inhibitory", (100,), inhibitory=1.0),
        Population("output", (500,)),
    )
    ends = [("stimulus", "excitatory"), ("stimulus", "inhibitory"), ("excitatory", "output"), ("inhibitory", "output")]
    projections = tuple(Projection(*end, Dense()) for end in ends)
    network = Network("two", IntensityEncoder((6, 6, 1), 10.0), populations, projections, 100.0)
    weights = initial_weights(network, 0)
    excitation, inhibition = (weights[f"{name}.kernel"].sum(axis=0) for name in ("output", "inhibitory_to_output"))
    assert (weights["output.kernel"] >= 0).all()
    assert (weights["inhibitory_to_output.kernel"] <= 0).all()
    assert excitation.mean() == pytest.approx(-inhibition.mean(), rel=0.02)
    assert (excitation + inhibition).std() == pytest.approx(2.0, rel=0.1)  # root of twice the spread's square


def test_one_sign_alone_adds_up_to_a_standard_deviation() -> None:
    network = chain({"connectivity": Dense(400), "inhibitory": 0.0}, {"connectivity": Dense(500)})
    sums = initial_weights(network, 0)["layer1.kernel"].sum(axis=0)
    assert sums.mean() == pytest.approx(math.sqrt(2), rel=0.01)


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_a_mean_of_the_specification_is_kept(spread: float) -> None:
    layers = [Layer("output", Dense(10), sign="excitatory", initial=InitialWeights(mean=6.4, spread=spread))]
    network = Network.chain("excited", IntensityEncoder((8, 8, 1), 16.0), layers, 64.0)
    sums = initial_weights(network, 0)["output.kernel"].sum(axis=0)
    np.testing.assert_allclose(sums, 6.4, atol=5 * spread)


def test_eight_layers_neither_saturate_nor_fall_silent() -> None:
    """Of each layer as many fire as a normal law of potentials has it, whose mean the balance of weights bounds.

    A neuron's potential at the onset is a sum over many weights: normal, with the mean and variance that the weights
    and the inputs of a presentation have. The drive brings to threshold who is above 0 then, and who is above the
    threshold fires at once. Excitation and inhibition would cancel but for the chance by which one of them is the more
    active: of a mean over n neurons its deviation is at most 1 / sqrt(n), in units of the root mean square.
    """
    excitatory, inhibitory, threshold = 150, 50, 2.0
    neurons = [Neurons("phased", threshold, 10.0, 10.0 + 20.0 * depth, 30.0 + 20.0 * depth, 1.0) for depth in range(8)]
    hidden = [{"connectivity": Dense(200), "neurons": each, "inhibitory": 0.25} for each in neurons]
    network = chain(*hidden, {"connectivity": Dense(10)}, duration=200.0)
    weights = initial_weights(network, 0)
    stimuli = np.random.default_rng(0).uniform(0, 10, (40, 6, 6, 1))
    latencies = EventEngine(network).present(Batch(stimuli, weights))
    # a share of 200 neurons, whatever the correlation of presentations, is known to so much
    tolerance = 4 * math.sqrt(1 / 4 / 200)
    for below, population in pairwise(network.populations[:-1]):
        times = latencies[population.name]
        built_up = np.maximum(population.dynamics.onset - latencies[below.name], 0) / 10.0
        kernel = weights[f"{population.name}.kernel"]
        mean = variance = np.zeros(40)
        for part in (slice(excitatory), slice(excitatory, None)):
            mean = mean + kernel[part].mean() * built_up[:, part].sum(axis=1)
            variance = variance + kernel[part].var() * (built_up[:, part] ** 2).sum(axis=1)
        excess, deviation = mean / np.sqrt(variance), kernel[:excitatory].sum(axis=0).mean() / InitialWeights().spread
        assert (np.abs(excess) < 3 * deviation * math.sqrt(1 / excitatory + 1 / inhibitory)).all(), population.name
        law, above = NormalDist(), threshold / np.sqrt(variance)
        fire = np.mean([law.cdf(value) for value in excess])
        at_once = np.mean([law.cdf(value) for value in excess - above])
        assert np.isfinite(times).mean() == pytest.approx(fire, abs=tolerance), population.name
        share = (times == population.dynamics.onset).mean()
        assert share == pytest.approx(at_once, abs=tolerance), population.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"inhibitory": 1.5}, {}], "layers.layer0.inhibitory: must be in [0, 1], not 1.5"),
        ([{"inhibitory": 0.01}, {}], "layers.layer0.inhibitory: 0.01 of 8 neurons is none of them; say 0 or 1"),
        ([{"inhibitory": 0.99}, {}], "layers.layer0.inhibitory: 0.99 of 8 neurons is all of them; say 0 or 1"),
        ([{"inhibitory": 0.5}, {"sign": "excitatory"}], "layers.layer1.sign: is given twice: the neurons of layer0"),
        ([{}, {"inhibitory": 0.5}], "layers.layer1.inhibitory: has no meaning for the output"),
        ([{}, {"delay": 100.0}], "layers.layer1.delay: 100.0 ms is not shorter than the presentation (100.0 ms)"),
        ([{}, {"delay": {"mean": 120.0}}], "layers.layer1.delay.mean: 120.0 ms is not shorter than the"),
        ([{}, {"delay": {"longest": 100.0}}], "layers.layer1.delay.longest: 100.0 ms is not shorter than the"),
        ([{}, {"delay": {"mean": -1.0}}], "layers.layer1.delay.mean: must be a time >= 0 ms, not -1.0"),
        ([{}, {"delay": {"mean": 3.0, "longest": 2.0}}], "layers.layer1.delay.mean: must be from 0.0 to 2.0 ms"),
        ([{}, {"delay": {"per": "dendrite"}}], "layers.layer1.delay.per: must be axon or synapse, not 'dendrite'"),
        ([{}, {"delay": {"sd": 1.0}}], "layers.layer1.delay.sd: is not a key here"),
        ([{}, {"delay": {"rate": 2.0}}], "layers.layer1.delay.rate: has a meaning only for learned delays"),
        ([{}, {"delay": "late"}], "layers.layer1.delay: must be of type float, not 'late'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes: list[dict[str, Any]], message: str) -> None:
    table = network_to_dict(chain({"connectivity": Dense(8)}, {"connectivity": Dense(3)}))
    for layer, change in zip(table["layers"], changes, strict=True):
        layer |= change
    with pytest.raises(SpecificationError) as caught:
        network_from_dict(table)
    assert str(caught.value).startswith(message)


def test_signs_mean_nothing_to_relays_and_binary_weights() -> None:
    with pytest.raises(SpecificationError, match=r"layers.layer1.inhibitory: has no meaning for relays"):
        chain(MAPS, {"connectivity": Pooling(2), "inhibitory": 0.5}, {"connectivity": Dense(3)})
    with pytest.raises(SpecificationError, match=r"layers.layer0.inhibitory: has no meaning for binary weights"):
        chain(MAPS, {"connectivity": Dense(3)}, weighting=Weighting("binary"))
    with pytest.raises(SpecificationError, match=r"layers.layer1.delay.per: must be axon where there are no weig"):
        chain(MAPS, {"connectivity": Pooling(2), "delay": Delays("synapse")}, {"connectivity": Dense(3)})


def test_delays_are_drawn_within_bounds_and_leave_the_weights_as_they_were() -> None:
    layers: list[dict[str, Any]] = [
        {"connectivity": Convolution(2, 3), "delay": Delays("axon", 3.0, 2.0, longest=6.0)},
        {"connectivity": Dense(3), "delay": Delays("synapse", 5.0, 4.0, "uniform", shortest=1.0)},
    ]
    network, without = chain(*layers), chain(*({"connectivity": layer["connectivity"]} for layer in layers))
    weights = initial_weights(network, 1)
    assert weights["layer0.delay"].shape == (6, 6, 1)
    assert weights["layer1.delay"].shape == (32, 3)
    assert (weights["layer0.delay"].min(), weights["layer0.delay"].max()) == (0.0, 6.0)
    assert weights["layer1.delay"].min() == 1.0
    assert weights["layer1.delay"].max() <= 5.0 + 4.0 * math.sqrt(3)
    for name, array in initial_weights(without, 1).items():
        np.testing.assert_array_equal(weights[name], array)
    assert network_from_dict(network_to_dict(network)) == network
    unpacked = unpack(network, pack(network, weights), "file")
    np.testing.assert_allclose(unpacked["layer1.delay"], weights["layer1.delay"], rtol=1e-6)
    weights["layer1.delay"][0, 0] = -0.1
    with pytest.raises(DataError, match=r"^file: layer1.delay contains negative delays; a spike cannot arrive before"):
        check_weights(network, weights, "file")


@pytest.mark.parametrize("per", ["axon", "synapse"])
def test_delays_have_nothing_to_do_with_the_weights_of_the_same_seed(per: Any) -> None:
    network = chain({"connectivity": Dense(30), "delay": Delays(per, 20.0, 3.0)}, {"connectivity": Dense(3)})
    weights = initial_weights(network, 1)
    delays = weights["layer0.delay"].ravel()
    drawn_first = weights["layer0.kernel"].ravel()[: delays.size]
    assert abs(np.corrcoef(drawn_first, delays)[0, 1]) < 0.5


def test_learned_delays_stay_within_their_bounds() -> None:
    delays = Delays("synapse", 2.0, 1.0, shortest=1.0, longest=4.0, learned=True)
    network = chain({"connectivity": Dense(5), "delay": delays}, {"connectivity": Dense(3), "delay": Delays()})
    (bounds,) = constraints_of(network)  # fixed delays need none
    weights = initial_weights(network, 0)
    weights["layer0.delay"] += np.linspace(-9, 9, 5)
    bounds.enforce(weights)
    assert (weights["layer0.delay"].min(), weights["layer0.delay"].max()) == (1.0, 4.0)


def _graph(populations: list[str], pairs: list[tuple[str, str]]) -> Network:
    """Excitatory and inhibitory neurons in a loop, two populations without order, and skips."""
    shares = {"e": 0.0, "i": 1.0, "b": 0.2, "a": 0.4}
    parts = [Population(name, (3 + len(populations),), inhibitory=shares.get(name)) for name in populations]
    delays = {"a": Delays("axon", 2.0, 0.5), "i": Delays("synapse", 2.0, 0.5)}
    between = [Projection(*pair, Dense(), delay=delays.get(pair[0], 0.0)) for pair in pairs]
    between.append(Projection("e", "output", Dense(), initial=InitialWeights(spread=0.3), name="more"))
    return Network("graph", IntensityEncoder((2, 3, 1), 10.0), tuple(parts), tuple(between), 60.0)


def test_draws_do_not_depend_on_the_order_of_populations_and_projections() -> None:
    """Names depend on it: the first projection onto a population has the name of the population."""
    pairs = [(source, target) for target in ("e", "i", "b", "a") for source in ("stimulus", "e", "i", "b", "a")]
    pairs = [pair for pair in pairs if pair[0] in ("stimulus", "e", "i")] + [
        (source, "output") for source in ("e", "i", "a", "b", "stimulus")
    ]
    known: dict[tuple[str, str, bool, str], bytes] = {}
    generator = np.random.default_rng(4)
    for populations in permutations(("e", "i", "b", "a")):
        network = _graph([*populations, "output"], [pairs[k] for k in generator.permutation(len(pairs))])
        drawn = initial_weights(network, 5)
        for each in network.projections:
            for part in ("kernel", "delay"):
                if f"{each.name}.{part}" in drawn:
                    key = each.source, each.target, each.name == "more", part
                    values = drawn[f"{each.name}.{part}"].tobytes()
                    assert known.setdefault(key, values) == values, key
    assert len(known) == len(set(known.values())) == 18 + 6  # kernels, and delays


def test_draws_follow_the_order_of_propagation_and_of_names() -> None:
    """The order by hand, which also is the order of a chain: stimulus, e, i, then a, b and the output."""
    pairs = [("b", "output"), ("i", "e"), ("stimulus", "i"), ("e", "a"), ("a", "output"), ("e", "i"), ("stimulus", "e")]
    names = [*(("stimulus", "e"), ("i", "e"), ("stimulus", "i"), ("e", "i")), ("e", "a"), ("e", "b")]
    network = _graph(["b", "i", "a", "e", "output"], [*pairs, ("e", "b")])
    assert [(each.source, each.target) for each in network.canonical[:6]] == names
    assert [(each.source, each.target) for each in network.canonical[6:]] == [
        (source, "output") for source in ("e", "a", "b")
    ]
