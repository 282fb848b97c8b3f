"""Compiled loops of the event engine, where they can be checked by themselves, and the layout of their weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.numerics.order import in_order_of_time
from netsim.specification import Dense, IntensityEncoder, Layer, Network, Neurons

_WIDTHS: dict[type, Literal[32, 64]] = {np.float32: 32, np.float64: 64}
TIMES: dict[type, st.SearchStrategy[np.ndarray]] = {
    dtype: hnp.arrays(
        dtype,
        st.integers(0, 300),
        elements=st.floats(0, 256, width=width) | st.sampled_from([0.0, 1.0, 64.0, float("inf")]),
    )
    for dtype, width in _WIDTHS.items()
}


@pytest.mark.parametrize("dtype", TIMES)
@given(data=st.data(), end=st.sampled_from([0.5, 64.0, float("inf")]))
@settings(deadline=None, max_examples=60)
def test_neurons_are_sorted_by_time_then_number(dtype: type, data: st.DataObject, end: float) -> None:
    times = data.draw(TIMES[dtype])
    order = in_order_of_time(times, times.view(f"u{times.itemsize}"), dtype(end))
    expected = np.argsort(times, kind="stable")
    np.testing.assert_array_equal(order, expected[times[expected] < end])


@pytest.mark.parametrize("dtype", TIMES)
@pytest.mark.parametrize("power", [1, 60], ids=["spread", "crowded"])
@pytest.mark.parametrize("late", [[], [1e6]], ids=["none-late", "one-late"])
def test_neither_spread_nor_crowded_times_are_out_of_order(dtype: type, power: int, late: list[float]) -> None:
    """Times of which most crowd in one class are sorted in another way than those that are spread."""
    generator = np.random.default_rng(power)
    for count in (2, 50, 700):
        times: np.ndarray = np.append(generator.uniform(0, 1, count) ** power, late).astype(dtype)
        times[generator.random(times.size) < 0.2] = np.inf
        order = in_order_of_time(times, times.view(f"u{times.itemsize}"), dtype(np.inf))
        np.testing.assert_array_equal(order, np.argsort(times, kind="stable")[: order.size])
        assert order.size == np.isfinite(times).sum()


def test_more_times_than_single_precision_can_count_are_in_order() -> None:
    """In it the number of the last class is one too many for so many times."""
    times = np.linspace(0, 1, 2**23 + 2, dtype=np.float32)
    assert np.float32(2 * times.size - 1) == 2 * times.size
    order = in_order_of_time(times, times.view("u4"), np.float32(np.inf))
    np.testing.assert_array_equal(order, np.argsort(times, kind="stable"))


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("heterogeneous", [False, True])
def test_the_spike_of_a_neuron_does_not_depend_on_its_neighbours_in_a_block(
    precision: str, heterogeneous: bool
) -> None:
    """Weights of dense synapses are read where they are: the last vectors reach back into those before."""
    generator, neurons = np.random.default_rng(4), Neurons(threshold=1.0, tau=40.0, bias=True)
    stimuli: np.ndarray = generator.uniform(0, 10, (3, 1, 1, 50))
    kernel, bias = generator.normal(0.1, 0.5, (50, 83)), generator.normal(size=83)
    thresholds = generator.uniform(0.5, 1.5, 83)

    def latencies(members: np.ndarray) -> np.ndarray:
        layer = Layer("output", Dense(members.size), neurons=neurons)
        network = Network.chain("one", IntensityEncoder((1, 1, 50), 10.0), (layer,), duration=100.0)
        weights = {"output.kernel": kernel[:, members], "output.bias": bias[members]}
        given = {"output": thresholds[members]} if heterogeneous else {}
        return EventEngine(network, precision=precision).present(Batch(stimuli, weights, thresholds=given))["output"]

    together = latencies(np.arange(83))
    assert 0.2 < np.isfinite(together).mean() < 0.95
    shuffled = generator.permutation(83)
    np.testing.assert_array_equal(latencies(shuffled), together[:, shuffled])
    np.testing.assert_array_equal(latencies(np.arange(5)), together[:, :5])  # fewer than a vector
