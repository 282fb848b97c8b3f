"""Compiled loops of the event engine, where they can be checked by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.engines.event.sweep import _in_order_of_time

TIMES = {
    dtype: hnp.arrays(
        dtype,
        st.integers(0, 300),
        elements=st.floats(0, 256, width=8 * dtype().itemsize) | st.sampled_from([0.0, 1.0, 64.0, float("inf")]),
    )
    for dtype in (np.float32, np.float64)
}


@pytest.mark.parametrize("dtype", TIMES)
@given(data=st.data(), end=st.sampled_from([0.5, 64.0, float("inf")]))
@settings(deadline=None, max_examples=60)
def test_neurons_are_sorted_by_time_then_number(dtype: type, data: st.DataObject, end: float) -> None:
    times = data.draw(TIMES[dtype])
    order = _in_order_of_time(times, times.view(f"u{times.itemsize}"), dtype(end))
    expected = np.argsort(times, kind="stable")
    np.testing.assert_array_equal(order, expected[times[expected] < end])
