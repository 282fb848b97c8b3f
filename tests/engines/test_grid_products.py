"""Phased layers on a grid: products in single precision give the spikes of double precision, all of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.engines import Batch, Latencies
from netsim.engines.event import grid_products
from netsim.engines.event.engine import EventEngine
from netsim.numerics.receptive_fields import gather_patches
from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons
from netsim.specification.grid import TOLERANCE


def _network(psp: PSP, drive: float = 1.0) -> Network:
    def neurons(onset: float) -> Neurons:
        return Neurons("phased", 1.0, tau=10.0, onset=onset, end=onset + 40.0, drive=drive, bias=True)

    return Network.chain(
        "phased",
        IntensityEncoder((6, 6, 8), 20.0),
        (
            Layer("conv", Convolution(7, 4, padding=2), neurons=neurons(20.0), psp=psp),
            Layer("output", Dense(9), neurons=neurons(60.0), psp=psp),
        ),
        duration=100.0,
    )


def _batch(network: Network, scale: float, seed: int) -> Batch:
    generator = np.random.default_rng(seed)
    # large weights that nearly cancel: their sums are the most sensitive to rounding
    kernel = generator.normal(0, scale, (4, 4, 8, 7))
    kernel[:, :, 1::2] = -kernel[:, :, ::2] + generator.normal(0, 0.05, (4, 4, 4, 7))
    stimuli = generator.uniform(0, 20, (5, 6, 6, 4))
    stimuli[generator.random(stimuli.shape) < 0.2] = np.inf
    stimuli = np.repeat(stimuli, 2, axis=3)
    weights = {
        "conv.kernel": kernel,
        "conv.bias": generator.normal(0, 0.1, 7),
        "output.kernel": generator.normal(0, 0.05, (7 * 7 * 7, 9)),
        "output.bias": generator.normal(0, 0.1, 9),
    }
    return Batch(stimuli, weights)


def _with_errors(network: Network, batch: Batch, dt: float, error: float) -> Latencies:
    """Present with a bound on the error that is not the one of the synapses; with inf all is in double precision."""
    certain = grid_products.single_precision
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            grid_products,
            "single_precision",
            lambda kernel: certain(kernel)._replace(errors=np.full(kernel.shape[1], error)),
        )
        return EventEngine(network, dt=dt).present(batch)


def _same_both_ways(network: Network, batch: Batch, dt: float) -> None:
    """Present by products in single precision and by those in double precision, and compare."""
    rounded, double = EventEngine(network, dt=dt).present(batch), _with_errors(network, batch, dt, np.inf)
    for ours, theirs in zip(rounded.values(), double.values(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("psp", [PSP(), PSP("triangle", rise=5.2, fall=9.1)], ids=["ramp", "triangle"])
@given(scale=st.sampled_from([0.01, 0.3, 30.0, 3e6]), dt=st.sampled_from([1.0, 0.1]), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_every_spike_is_that_of_double_precision(psp: PSP, scale: float, dt: float, seed: int) -> None:
    network = _network(psp)
    _same_both_ways(network, _batch(network, scale, seed), dt)


def test_without_a_second_look_spikes_would_be_others() -> None:
    """The check above can fail: with the bound taken away, rounding moves spikes."""
    network = _network(PSP())
    batch = _batch(network, 3e4, seed=1)
    right, rounded = EventEngine(network, dt=0.1).present(batch), _with_errors(network, batch, 0.1, 0.0)
    assert any((ours != theirs).any() for ours, theirs in zip(rounded.values(), right.values(), strict=True))


def test_more_steps_than_single_precision_counts() -> None:
    """On the finest of grids spikes are at most a step later than at exact times."""
    network, dt = _network(PSP()), 1e-7
    batch = _batch(network, 0.3, seed=9)
    batch.stimuli[:] = np.round(batch.stimuli, 2)
    late = EventEngine(network, dt=dt).present(batch)["conv"] - EventEngine(network).present(batch)["conv"]
    assert np.isfinite(late).mean() > 0.2
    assert -0.1 * dt < np.nanmin(late)
    assert np.nanmax(late) < 1.1 * dt


def test_the_bound_holds() -> None:
    generator = np.random.default_rng(0)
    kernel = generator.normal(size=(500, 20))
    fields = generator.uniform(0, 60, (50, 500)) * (generator.random((50, 500)) < 0.5)
    rounded = grid_products.single_precision(kernel)
    error = np.abs(fields.astype(np.float32) @ rounded.kernel - fields @ kernel)
    roundings = (fields != 0).sum(axis=1) + 4
    bound = rounded.errors * (roundings * np.linalg.norm(fields, axis=1))[:, None]
    assert (error <= bound).all()
    assert (bound < 0.3).all()


def test_roundings_of_a_field_are_counted() -> None:
    generator = np.random.default_rng(0)
    network = _network(PSP())
    window = network.window(network.weighted[0])
    assert window is not None
    integrals = generator.uniform(0, 60, (2, 6, 6, 8)).astype(np.float32) * (generator.random((2, 6, 6, 8)) < 0.5)
    fields = gather_patches(integrals.astype(np.float32), window.size, window.stride, window.padding)
    reaches = np.empty((2, 7, 7), np.float32)
    grid_products._reach(integrals.astype(np.float32), window, reaches)
    expected = ((fields != 0).sum(axis=1) + 4) * np.linalg.norm(fields.astype(float), axis=1)
    np.testing.assert_allclose(reaches.ravel(), expected, rtol=1e-6)


@pytest.mark.parametrize(("dt", "steps", "beyond"), [(1.0, 17, 1e-7), (0.001, 3, 5e-4)])
def test_a_time_just_beyond_a_step_is_not_rounded_down(dt: float, steps: int, beyond: float) -> None:
    """Nothing is added up here: the roundings are those of what is missing, and of the time."""
    network = _network(PSP())
    conv = network.integrating[0].dynamics
    missing = steps + beyond  # after the onset, in steps
    weights = {name: np.zeros_like(array) for name, array in _batch(network, 0.3, 0).weights.items()}
    threshold = conv.threshold * conv.tau * (1 - TOLERANCE) / dt
    weights["conv.bias"][:] = (threshold - missing) / (conv.onset / dt)
    latencies = EventEngine(network, dt=dt).present(Batch(np.full((1, 6, 6, 8), np.inf), weights))
    assert np.float32(conv.onset / dt + missing) <= conv.onset / dt + steps
    np.testing.assert_allclose(latencies["conv"], conv.onset + (steps + 1) * dt, rtol=1e-12)


def test_the_bound_is_not_much_too_large() -> None:
    """One synapse, and factors that are rounded by nearly half of their last bit: a third of the bound is an error."""
    half = 1 + 0.49 * float(np.finfo(np.float32).eps)
    rounded = grid_products.single_precision(np.array([[half]]))
    error = abs(float(np.float32(half) * rounded.kernel[0, 0]) - half * half)
    bound = rounded.errors[0] * 5 * half
    assert bound / 3 < error < bound


def test_small_potentials_are_not_lost() -> None:
    """The squares of a field may be below the range of single precision."""
    network = _network(PSP("breakpoints", breakpoints=((0.0, 1e-25),)))
    batch = _batch(network, 0.3, seed=6)
    batch.weights["conv.kernel"][:] = np.random.default_rng(7).normal(0, 1e25, (4, 4, 8, 7))
    _same_both_ways(network, batch, 1.0)


@pytest.mark.parametrize(("change", "weight"), [(1e32, 1e-42), (1e-44, 5e37)])
def test_numbers_below_the_range_of_single_precision(change: float, weight: float) -> None:
    """They are rounded more coarsely there than the bound has it."""
    scale = change * weight
    neurons = Neurons("phased", 12 * scale, tau=10.0, onset=20.0, end=90.0, drive=3.3 * scale)
    psp = PSP("breakpoints", breakpoints=((0.0, change),))
    layers = (Layer("conv", Convolution(16, 4), neurons=neurons, psp=psp), Layer("output", Dense(2)))
    network = Network.chain("tiny", IntensityEncoder((20, 20, 8), 20.0), layers, duration=100.0)
    generator = np.random.default_rng(0)
    kernel = generator.normal(0, weight, (4, 4, 8, 16))
    batch = Batch(
        generator.uniform(0, 20, (20, 20, 20, 8)),
        {"conv.kernel": kernel, "output.kernel": np.zeros((17 * 17 * 16, 2))},
    )
    _same_both_ways(network, batch, 0.1)


def test_what_overflows_is_certain_of_nothing() -> None:
    network = _network(PSP())
    batch = _batch(network, 0.3, seed=8)
    batch.weights["conv.kernel"][:] = np.array([-4e38, 2e38, 1.2e38, 1.2e38] * 2)[None, None, :, None]
    batch.stimuli[:] = 19.0
    _same_both_ways(network, batch, 1.0)


@pytest.mark.parametrize("scale", [1e30, 1e300])
def test_weights_beyond_single_precision(scale: float) -> None:
    network = _network(PSP())
    batch = _batch(network, 0.3, seed=2)
    # nothing cancels here: in double precision, too, the order of a sum would decide what is left of it
    batch.weights["conv.kernel"][:] = np.random.default_rng(5).normal(0, scale, (4, 4, 8, 7))
    _same_both_ways(network, batch, 1.0)


def test_thresholds_of_single_neurons() -> None:
    network = _network(PSP())
    thresholds = {"conv": np.random.default_rng(4).uniform(0.5, 1.5, (7, 7, 7))}
    _same_both_ways(network, dataclasses.replace(_batch(network, 0.3, seed=3), thresholds=thresholds), 1.0)
