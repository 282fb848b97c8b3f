"""Specifications: shapes, defaults, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netsim.engines import Batch, make_engine
from netsim.errors import SpecificationError
from netsim.models.presets import load_preset, preset_names
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Population,
    Projection,
    Training,
    Weighting,
)
from netsim.specification.grid import nearest_step, nearest_steps, on_grid, step_at_or_after
from netsim.specification.summary import architecture, summarise
from netsim.specification.wiring import components
from netsim.weights.initial import initial_weights
from netsim.weights.layout import kernel_name, latent_shapes

OUTPUT = Layer("output", Dense(10))


def test_presets_are_those_promised() -> None:
    expected = "digits mlp-mnist rcsnn-mnist bcsnn-mnist rcsnn-fashion bcsnn-fashion rcsnn-mnist-free ei-mnist "
    expected += "rcsnn-fashion-free rcsnn-fashion-free-clock bcsnn-mnist-free bcsnn-fashion-free deep-fashion "
    expected += "deep-fashion-binary deep-fashion-free deep-mnist deep-mnist-binary deep-cifar10 deep-cifar10-free "
    expected += "yin-yang sparse-mnist leaky-mnist leaky-yin-yang"
    assert set(expected.split()) <= set(preset_names())
    for name in preset_names():
        network = load_preset(name)
        assert network.name == name
        assert network.outputs == (3 if name.endswith("yin-yang") else 10)
        binary = name.startswith("b") or name.endswith("binary")
        assert network.weighting.kind == ("binary" if binary else "real")
        regimes = {population.dynamics.regime for population in network.integrating}
        free = "-free" in name or "leaky" in name or name == "yin-yang"
        assert regimes == ({"free"} if free else {"phased"})


def test_shapes_of_the_convolutional_preset() -> None:
    network = load_preset("rcsnn-fashion")
    maps = [(28, 28, 1), (28, 28, 32), (14, 14, 32), (10, 10, 64), (5, 5, 64)]
    assert [*network.shapes.values()] == [*maps, (1000,), (10,)]
    assert architecture(network) == "28x28-32C5-P2-64C5-P2-1000-10"
    assert summarise(network)["synapses"] == sum(map(network.synapse_count, network.weighted))


@settings(deadline=None, max_examples=60)
@given(
    side=st.integers(3, 9),
    channels=st.integers(1, 3),
    maps=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
)
def test_connections_are_those_of_the_definition(
    side: int, channels: int, maps: int, kernel: int, stride: int, padding: int
) -> None:
    if padding >= kernel or kernel > side + 2 * padding:
        return
    layer = Convolution(maps, kernel, stride, padding)
    source = (side, side + 1, channels)
    shape = height, width, _ = layer.target_shape(source)
    connections = layer.connections(source, shape)
    expected = set()
    for y in range(height):
        for x in range(width):
            for dy in range(kernel):
                for dx in range(kernel):
                    row, column = y * stride + dy - padding, x * stride + dx - padding
                    if 0 <= row < source[0] and 0 <= column < source[1]:
                        for channel in range(channels):
                            for m in range(maps):
                                pre = (row * source[1] + column) * channels + channel
                                post = (y * width + x) * maps + m
                                weight = ((dy * kernel + dx) * channels + channel) * maps + m
                                expected.add((pre, post, weight))
    assert set(zip(*(part.tolist() for part in connections), strict=True)) == expected
    assert len(connections.pre) == len(expected)
    assert (np.diff(connections.pre) >= 0).all()
    np.testing.assert_array_equal(
        np.bincount(connections.pre, minlength=math.prod(source)), layer.fan_out(source, shape).ravel()
    )
    assert layer.synapse_count(source, shape) == len(expected)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(-2, 2)), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
def test_a_potential_is_the_integral_of_its_slope(breakpoints: list[tuple[float, float]]) -> None:
    psp = PSP("breakpoints", breakpoints=tuple(sorted(breakpoints)))
    times = np.linspace(-5, 40, 9001)
    integral = np.concatenate([[0.0], np.cumsum(psp.slope((times[1:] + times[:-1]) / 2) * np.diff(times))])
    np.testing.assert_allclose(psp.potential(times), integral, atol=0.05)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.01, 90.0), st.floats(0.01, 90.0))
@example(5.2, 9.1)
@example(90.0, 1e-12)
def test_a_psp_that_has_ended_has_no_slope_at_all(rise: float, fall: float) -> None:
    """Nor where changes of slope, such as 0.1, 0.2 and -0.3, sum to 0 but for rounding."""
    later = np.array([0.0, 0.5, 1.0, 2.0, 1e6]) + rise + fall + 1e-9
    tenths = PSP("breakpoints", breakpoints=((0.0, 0.1), (rise, 0.2), (rise + fall, -0.3)))
    for psp in (PSP("plateau", rise=rise), PSP("triangle", rise=rise, fall=fall), tenths):
        assert (psp.slope(later) == 0).all()
    inside = PSP("triangle", rise=rise, fall=fall).slope(np.array([rise / 2, rise + fall / 2]))
    np.testing.assert_allclose(inside, [1.0, -rise / fall], rtol=1e-9)


def test_named_psps() -> None:
    since = np.array([-1.0, 0.0, 2.0, 4.0, 6.0, 10.0, 20.0])
    np.testing.assert_allclose(PSP().potential(since), [0, 0, 2, 4, 6, 10, 20])
    np.testing.assert_allclose(PSP("plateau", rise=4.0).potential(since), [0, 0, 2, 4, 4, 4, 4])
    np.testing.assert_allclose(PSP("triangle", rise=4.0, fall=8.0).potential(since), [0, 0, 2, 4, 3, 1, 0], atol=1e-12)
    assert PSP().potential(np.array([-math.inf])).tolist() == [0.0]


@pytest.mark.parametrize(("drive", "crossing", "slope"), [(0.0, None, 3 / 16), (0.5, None, 0.5 / 16), (0.5, 0.2, 0.2)])
def test_the_assumed_slope_is_that_of_the_drive_unless_it_is_given(
    drive: float, crossing: float | None, slope: float
) -> None:
    regime, onset = ("staggered", 8.0) if drive else ("free", 0.0)
    neurons = Neurons(regime, threshold=3.0, tau=16.0, onset=onset, drive=drive, crossing_slope=crossing)
    assert neurons.assumed_slope == pytest.approx(slope)


def test_the_assumed_slope_of_leaky_neurons_is_steeper() -> None:
    assert Neurons(threshold=3.0, tau=16.0, family="leaky").assumed_slope == pytest.approx(4 * 3 / 16)


def test_only_the_drive_decides_the_slope_of_gated_neurons() -> None:
    assert Neurons("phased", onset=8.0, drive=3.0, tau=2.0, crossing_slope=0.2).assumed_slope == 1.5


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.29, 29), (0.57, 57), (0.985, 99), (1.0, 100)])
@pytest.mark.parametrize("shape", [(100,), (2, 3, 100)])
def test_the_last_neurons_or_maps_are_inhibitory_as_many_as_are_nearest(
    share: float, count: int, shape: tuple[int, ...]
) -> None:
    signs = Population("mixed", shape, inhibitory=share).signs
    assert signs is not None
    assert signs.tolist() == [1] * (100 - count) + [-1] * count


@pytest.mark.parametrize(
    ("time", "dt", "step"),
    [(0.5, 1.0, 1), (1.5, 1.0, 2), (2.5, 1.0, 3), (2.4, 1.0, 2), (0.25, 0.5, 1), (1.25, 0.5, 3), (0.0, 0.5, 0)],
)
def test_a_time_that_may_move_goes_to_the_nearest_step_and_a_half_up(time: float, dt: float, step: int) -> None:
    """Single times, as delays, and arrays, as latencies, alike."""
    assert nearest_step(time, dt) == step
    assert nearest_steps(np.array([time, np.inf]), dt).tolist() == [step, np.inf]
    assert on_grid(np.array([time, np.inf]), dt).tolist() == [step * dt, np.inf]


@pytest.mark.parametrize(
    ("time", "dt", "step"), [(1.0, 1.0, 1), (1.01, 1.0, 2), (1.0 + 1e-12, 1.0, 1), (0.3, 0.1, 3), (0.0, 0.5, 0)]
)
def test_a_time_that_is_kept_goes_to_the_first_step_at_or_after_it(time: float, dt: float, step: int) -> None:
    assert step_at_or_after(time, dt) == step


def test_the_gate_follows_from_the_regime() -> None:
    assert Neurons("phased", onset=5.0, drive=1.0).gate == 5.0
    assert Neurons("free").gate == math.inf
    assert Neurons("staggered", onset=5.0, drive=2.0, tau=4.0).assumed_slope == 0.5


def _network(*layers: object, **changes: object) -> Network:
    settings = {
        "name": "n",
        "encoder": IntensityEncoder((8, 8, 1), 10.0),
        "layers": (*layers, OUTPUT),
        "duration": 50.0,
    }
    return Network.chain(**(settings | changes))  # type: ignore[arg-type]


def test_magnitudes_at_the_bounds_simulate_without_warnings() -> None:
    hidden = Neurons(threshold=1e30, tau=1e30)
    network = _network(Layer("hidden", Dense(3), hidden, initial=InitialWeights(spread=1e30)))
    batch = Batch(np.zeros((1, *network.encoder.shape)), initial_weights(network, 0))
    assert np.isinf(make_engine("event", network).present(batch)["hidden"]).all()


@pytest.mark.parametrize("family", ["leaky", "non-leaky"])
@pytest.mark.parametrize("name", ["tau", "tau_syn"])
def test_time_constants_of_exponentials_are_resolved_by_exact_times(name: str, family: str) -> None:
    given: dict[str, Any] = {"family": family, "tau": 1.0}
    assert Neurons(**given | {name: 1e-6}).rates is not None
    with pytest.raises(SpecificationError, match=f"neurons.{name}: must be at least 1e-06 ms"):
        Neurons(**given | {name: 1e-9})


def test_any_step_above_0_is_one() -> None:
    assert Training(engine="brian2", dt=0.05).dt == 0.05
    counts = [Training(validation=validation).set_aside(60) for validation in (0.0, 0.25, 7, 7.0)]
    assert counts == [0, 15, 7, 7]
    assert repr(Training(validation=7.0)) == "Training(dataset='digits', validation=7)"


def test_specifications_are_values() -> None:
    network = load_preset("digits")
    assert network == load_preset("digits")
    assert dataclasses.replace(network, duration=200.0) != network
    assert "Population(\n  name='hidden'" in repr(network.populations[0])
    assert repr(network).startswith("Network 'digits':\n  stimulus (8, 8, 1)")


def test_lists_are_taken_for_tuples() -> None:
    lists: Any = ([2, 2, 1], [[0.0, 1.0], [3.0, -1.0]], [1.0])
    shape, breakpoints, constant = lists
    encoder = IntensityEncoder([2, 2, 2], 10.0, constant=constant)  # type: ignore[arg-type]
    assert encoder == IntensityEncoder((2, 2, 2), 10.0, constant=(1.0,))
    psp = PSP("breakpoints", breakpoints=breakpoints)
    assert psp == PSP("breakpoints", breakpoints=((0.0, 1.0), (3.0, -1.0)))
    assert Population("hidden", shape) == Population("hidden", (2, 2, 1))
    assert len({encoder, IntensityEncoder((2, 2, 2), 10.0, constant=(1.0,))}) == 1
    assert len({psp, PSP("breakpoints", breakpoints=((0.0, 1.0), (3.0, -1.0)))}) == 1


def test_edges_of_a_graph_may_be_there_twice_and_lead_back() -> None:
    # two projections between the same populations: over this graph scipy 1.13.0 never came to an end
    edges = [(1, 0), (3, 1), (0, 1), (0, 1), (1, 1), (2, 2), (2, 3), (1, 4)]
    assert components(5, edges) == [[2], [3], [0, 1], [4]]


def test_a_name_of_its_own_avoids_names_that_are_given() -> None:
    network = load_preset("digits")
    skip = Projection("stimulus", "output", Dense())
    for projections in ((skip, *network.projections), (*network.projections, skip)):
        made = dataclasses.replace(network, projections=projections)
        assert {each.name for each in made.projections} == {"hidden", "output", "stimulus_to_output"}


def test_a_projection_from_elsewhere_has_its_source() -> None:
    network = Network(
        "skip",
        IntensityEncoder((8, 8, 2), 16.0),
        (Population("hidden", (20,)), Population("output", (10,))),
        (
            Projection("stimulus", "hidden", Dense()),
            Projection("hidden", "output", Dense()),
            Projection("stimulus", "output", Dense(), plastic=False),
        ),
        64.0,
    )
    assert architecture(network) == "8x8x2-20-10+10(stimulus)"
    assert summarise(network)["synapses"] == 128 * 20 + 20 * 10 + 128 * 10
    assert summarise(network)["parameters"] == 128 * 20 + 20 * 10


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize(
    "weighting",
    [Weighting(), *(Weighting("binary", scale, rate) for scale in ("channel", "layer") for rate in (0.0, 1.0))],
)
def test_parameters_are_those_that_a_training_changes(name: str, weighting: Weighting) -> None:
    network = load_preset(name)
    if weighting.is_binary:  # whose weights are nothing but signs, so that neurons cannot have some
        populations = tuple(dataclasses.replace(population, inhibitory=None) for population in network.populations)
        projections = tuple(dataclasses.replace(projection, sign="any") for projection in network.projections)
        network = dataclasses.replace(network, populations=populations, projections=projections)
    network = dataclasses.replace(network, weighting=weighting)
    static = {kernel_name(projection) for projection in network.weighted if not projection.plastic}
    shapes = latent_shapes(network)
    assert summarise(network)["parameters"] == sum(math.prod(shapes[name]) for name in shapes if name not in static)
