"""Vectors in registers: each operation is that of numpy, lane by lane."""

from __future__ import annotations

import math
import os
from typing import Any

import llvmlite.binding
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba import njit

from netsim.numerics.vectors import (
    TABLE,
    below,
    broadcast,
    count_at_least,
    from_a_line,
    has_avx512,
    lanes_of,
    least,
    load,
    looked_up,
    maybe_positive,
    plus,
    prefetch,
    rounded_up,
    smallest,
    store,
    where_at_least,
)


@njit(error_model="numpy", fastmath={"contract"})
def _calculate(first: np.ndarray, second: np.ndarray, number: float, results: np.ndarray) -> None:
    a, b, c = load(first, 0), load(second, 0), broadcast(number)
    store(results[0], 0, a + b)
    store(results[1], 0, a - b)
    store(results[2], 0, a * b)
    store(results[3], 0, a / b)
    store(results[4], 0, -a)
    store(results[5], 0, c)
    store(results[6], 0, rounded_up(a))
    store(results[7], 0, least(a, b))
    store(results[8], 0, where_at_least(a, b, c, a))
    store(results[9], 0, plus(a * b, c))


@njit
def _ask(first: np.ndarray, second: np.ndarray) -> tuple[int, bool, int, float]:
    a, b = load(first, 0), load(second, 0)
    return count_at_least(a, b), maybe_positive(a), below(a, b), smallest(a)


@njit
def _room(count: int, like: np.ndarray) -> np.ndarray:
    return from_a_line(count, like)


@njit
def _load_from(numbers: np.ndarray, first: int, result: np.ndarray) -> None:
    prefetch(numbers, first)
    store(result, first, load(numbers, first))


def _pair(dtype: type) -> Any:
    lanes = lanes_of(dtype())
    numbers = st.floats(-1e6, 1e6, width=8 * dtype().itemsize) | st.sampled_from([0.0, 1.0, math.inf, -math.inf])
    return st.tuples(hnp.arrays(dtype, lanes, elements=numbers), hnp.arrays(dtype, lanes, elements=numbers))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_arithmetic_and_choices(dtype: type, data: st.DataObject) -> None:
    left, right = data.draw(_pair(dtype))
    results = np.empty((10, left.size), dtype)
    _calculate(left, right, dtype(2.5), results)
    with np.errstate(all="ignore"):
        expected = [
            left + right, left - right, left * right, left / right, -left, np.full_like(left, 2.5), np.ceil(left),
            np.minimum(left, right), np.where(left >= right, dtype(2.5), left),
            left * right + dtype(2.5),
        ]  # fmt: skip
    np.testing.assert_array_equal(results, np.array(expected))
    count, _, bits, first = _ask(left, right)
    assert first == left.min()
    assert count == (left >= right).sum()
    assert [bits >> lane & 1 for lane in range(32)] == (left < right).tolist() + [False] * (32 - left.size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_single_number_that_is_not_negative_is_seen_in_every_lane(dtype: type) -> None:
    lanes = lanes_of(dtype())
    negative: np.ndarray = np.full(lanes, -np.inf, dtype)
    assert not _ask(negative, negative)[1]
    for lane in range(lanes):
        for number in (0.0, 1e-30, np.inf):
            changed = negative.copy()
            changed[lane] = number
            assert _ask(changed, negative)[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_may_begin_anywhere(dtype: type) -> None:
    lanes = lanes_of(dtype())
    numbers: np.ndarray = np.arange(3 * lanes, dtype=dtype)
    result = np.zeros_like(numbers)
    _load_from(numbers, 5, result)
    np.testing.assert_array_equal(result[5 : 5 + lanes], numbers[5 : 5 + lanes])
    assert result[:5].sum() == 0
    assert result[5 + lanes :].sum() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_room_begins_at_a_line_of_the_cache(dtype: type) -> None:
    like: np.ndarray = np.empty(0, dtype)
    rooms = [_room(count, like) for count in range(1, 40)]  # all at a time, so that no two are at the same place
    assert [room.size for room in rooms] == list(range(1, 40))
    assert {room.ctypes.data % 64 for room in rooms} == {0}
    assert {room.dtype for room in rooms} == {like.dtype}


@njit
def _look_up(tables: np.ndarray, number: int, choices: np.ndarray, first: int, result: np.ndarray) -> None:
    store(result, 0, looked_up(tables, number, choices, first))


@given(st.integers(0, 2), st.integers(0, 5), st.integers(0, 2**32))
def test_numbers_are_looked_up_in_the_table_of_a_number(number: int, first: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    tables = generator.uniform(-1, 1, (3, TABLE)).astype(np.float32)
    choices, result = generator.integers(0, TABLE, 40, np.uint8), np.empty(32, np.float32)
    _look_up(tables.reshape(-1), number, choices, first, result)
    assert np.array_equal(result, tables[number, choices[first : first + 32]])


def test_a_look_up_is_one_step_where_it_is_said_to_be() -> None:
    """A compiler that does not know the pattern any more would take some thirty."""
    _look_up(np.zeros(TABLE, np.float32), 0, np.zeros(32, np.uint8), 0, np.empty(32, np.float32))
    (code,) = _look_up.inspect_asm().values()
    if not {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"} & os.environ.keys():
        assert has_avx512() == bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
    assert has_avx512() == ("vpermd" in code or "vpermps" in code)
