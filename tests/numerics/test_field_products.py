"""Products over receptive fields that visit active inputs: the sums of all, and the same bits by either way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from netsim.numerics import field_loops, field_products
from netsim.numerics.field_products import multiply_fields, multiply_signs
from netsim.numerics.signs import GROUP, active_groups, by_signs
from netsim.numerics.vectors import lanes_of, store

Case = tuple[np.ndarray, np.ndarray, int, int, int]


def _drawn_case(draw: st.DrawFn, channels: list[int], dtype: type, levels: list[float]) -> Case:
    """Maps, weights, size, stride and padding; of the inputs that are not silent there are few, or many."""
    size, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding = draw(st.integers(0, size - 1))
    height, width = draw(st.integers(size, 7)), draw(st.integers(size, 7))
    depth, outputs = draw(st.sampled_from(channels)), draw(st.sampled_from([1, 10, 32, 64, 70, 130]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    maps: np.ndarray = generator.uniform(-1, 1, (draw(st.integers(1, 9)), height, width, depth)).astype(dtype)
    maps[generator.uniform(size=maps.shape) > draw(st.sampled_from(levels))] = 0
    weights: np.ndarray = generator.uniform(-1, 1, (size * size * depth, outputs)).astype(dtype)
    return maps, weights, size, stride, padding


@st.composite
def products(draw: st.DrawFn) -> Case:
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return _drawn_case(draw, [1, 3, 20, 33, 70, 420], dtype, [0.0, 0.1, 0.5, 0.9, 1.0])


@st.composite
def sign_products(draw: st.DrawFn) -> Case:
    """The same with weights of one size onto each output; some are zero."""
    case = _drawn_case(draw, [4, 32, 36, 420], np.float32, [0.0, 0.02, 0.1, 0.5, 1.0])
    maps, weights, size, stride, padding = case
    sizes = np.where(np.arange(weights.shape[1]) % 10 == 9, 0, np.abs(weights[0]))
    return maps, np.where(weights > 0, sizes, -sizes).astype(np.float32), size, stride, padding


def in_whole_numbers(case: Case) -> Case:
    """The same with values whose sums are exact in single precision, in whatever order they are added up."""
    maps, weights, size, stride, padding = case
    return np.rint(8 * maps), np.rint(8 * weights), size, stride, padding


def by_definition(maps: np.ndarray, weights: np.ndarray, size: int, stride: int, padding: int) -> np.ndarray:
    framed = np.pad(maps.astype(np.float64), [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(framed, (1, size, size, maps.shape[3]))
    fields = windows[:, ::stride, ::stride, 0, 0]
    by_place = weights.astype(np.float64).reshape(size, size, maps.shape[3], -1)
    return np.einsum("brcyxn,yxnm->brcm", fields, by_place)


@given(products())
@settings(max_examples=60)
def test_sums_are_those_of_all_inputs(case: Case) -> None:
    case = in_whole_numbers(case)
    expected = by_definition(*case)
    result = np.full(expected.shape, np.nan, case[0].dtype)
    multiply_fields(*case, result)
    assert np.array_equal(result, expected)


@given(products())
@settings(max_examples=30)
def test_neither_the_way_nor_presentations_beside_it_change_a_bit(
    case: Case,
) -> None:
    """A presentation that is mostly silent, beside one of which all inputs are active, and alone."""
    maps, weights, size, stride, padding = case
    every = np.where(maps == 0, maps.dtype.type(1), maps)
    beside = np.concatenate([maps, *[every] * 9])
    shape = by_definition(*case).shape
    together, alone = (np.empty((count, *shape[1:]), maps.dtype) for count in (len(beside), 1))
    multiply_fields(beside, weights, size, stride, padding, together)
    for number, presentation in enumerate(maps):
        multiply_fields(presentation[None], weights, size, stride, padding, alone)
        assert np.array_equal(alone[0], together[number])


def test_both_ways_are_taken() -> None:
    """The test above would hold if there was but one."""
    assert field_products.is_dense(33 * 16, (1, 4, 4, 33), 3)
    assert not field_products.is_dense(33 * 4, (1, 4, 4, 33), 3)
    assert field_products.is_dense(1, (1, 4, 4, 1), 3)  # pieces of three inputs, each begun for one at most


@njit
def _of_three_and_of_eight(framed: np.ndarray, fields: np.ndarray, weights: np.ndarray, vectors: np.ndarray) -> None:
    for n, total in enumerate(field_loops._sums_of_three(framed, fields[:3], 10, 6, weights, np.uint64(0), 2)):
        store(vectors[n], 0, total)
    for n, total in enumerate(field_loops._sums_of_eight(framed, fields, 10, 6, weights, np.uint64(0), 2)):
        store(vectors[3 + n], 0, total)


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.nightly)])
def test_as_many_fields_at_once_as_registers_hold_have_the_same_sums(dtype: type) -> None:
    """A processor takes but one of the two; fields of two lines of six numbers, in maps whose lines have ten."""
    generator, lanes = np.random.default_rng(0), lanes_of(dtype())
    framed: np.ndarray = generator.normal(size=100).astype(dtype)
    weights: np.ndarray = generator.normal(size=12 * 2 * lanes).astype(dtype)
    fields = np.array([0, 3, 11, 20, 33, 51, 60, 74], np.uint64)
    vectors: np.ndarray = np.empty((11, lanes), dtype)
    _of_three_and_of_eight(framed, fields, weights, vectors)
    kernel = weights.astype(np.float64).reshape(2, 6, 2 * lanes)[..., :lanes]
    expected = [sum(framed[k + 10 * dy : k + 10 * dy + 6] @ kernel[dy] for dy in range(2)) for k in fields.astype(int)]
    np.testing.assert_allclose(vectors[3:], expected, atol=1e-5)
    assert np.array_equal(vectors[:3], vectors[3:6])


def test_no_presentations() -> None:
    multiply_fields(np.ones((0, 4, 4, 3)), np.ones((27, 70)), 3, 1, 1, np.empty((0, 4, 4, 70)))


@given(sign_products())
@settings(max_examples=100)
def test_sums_looked_up_are_those_of_all_inputs(case: Case) -> None:
    case = in_whole_numbers(case)
    maps, weights, size, stride, padding = case
    signs = by_signs(weights, maps.shape[3])
    assert signs is not None
    expected = by_definition(*case)
    result = np.full(expected.shape, np.nan, np.float32)
    multiply_signs(maps, signs, size, stride, padding, result)
    assert np.array_equal(result, expected)


@given(sign_products())
@settings(max_examples=60)
def test_neither_the_way_nor_presentations_beside_it_change_a_bit_of_sums_looked_up(
    case: Case,
) -> None:
    maps, weights, size, stride, padding = case
    signs = by_signs(weights, maps.shape[3])
    assert signs is not None
    beside = np.concatenate([maps, *[np.where(maps == 0, np.float32(1), maps)] * 9])
    shape = by_definition(*case).shape
    together, alone = (np.empty((count, *shape[1:]), np.float32) for count in (len(beside), 1))
    multiply_signs(beside, signs, size, stride, padding, together)
    for number, presentation in enumerate(maps):
        multiply_signs(presentation[None], signs, size, stride, padding, alone)
        assert np.array_equal(alone[0], together[number])


def test_both_ways_of_groups_are_taken() -> None:
    assert field_products.is_dense(33 * 16, (1, 4, 4, 33), 3)
    for active, channels in ((1.0, 36), (0.1, 420)):
        maps = np.random.default_rng(0).uniform(size=(2, 5, 5, channels)) < active / GROUP
        groups = active_groups(maps.astype(np.float32).reshape(-1))
        assert field_products.is_dense(int(groups.sum()), (2, 5, 5, channels // GROUP), 3) == (active == 1)


def test_zeros_of_either_sign_and_no_presentations_are_looked_up() -> None:
    weights = np.where(np.random.default_rng(0).uniform(size=(36, 70)) > 0.5, np.float32(0.5), np.float32(-0.5))
    signs = by_signs(weights, 4)
    assert signs is not None
    result = np.ones((1, 4, 4, 70), np.float32)
    multiply_signs(np.full((1, 4, 4, 4), -0.0, np.float32), signs, 3, 1, 1, result)
    assert not result.any()
    multiply_signs(np.empty((0, 4, 4, 4), np.float32), signs, 3, 1, 1, result[:0])


def test_what_cannot_be_looked_up() -> None:
    weights = np.where(np.random.default_rng(0).uniform(size=(36, 70)) > 0.5, np.float32(0.5), np.float32(-0.5))
    assert by_signs(weights, 4) is not None
    assert by_signs(weights, 6) is None  # no whole groups
    assert by_signs(weights.astype(np.float64), 4) is None
    assert by_signs(weights * np.float32(np.inf), 4) is None
    for other in (np.nextafter(np.float32(0.5), np.float32(1)), np.nan, np.inf):
        for row in range(32, 36):
            changed = weights.copy()
            changed[row, 69] = other
            assert by_signs(changed, 4) is None


def test_an_index_has_a_bit_for_each_input_of_a_group() -> None:
    """Against the definition: an output's is that of the sum of its signs."""
    weights = np.where(np.random.default_rng(0).uniform(size=(8, 70)) > 0.5, np.float32(2), np.float32(-2))
    signs = by_signs(weights, 4)
    assert signs is not None
    by_bits = (weights.reshape(2, 4, 70) > 0).transpose(0, 2, 1) @ np.array([1, 2, 4, 8])
    laid_out = signs.choices.reshape(2, 2, 64).transpose(1, 0, 2).reshape(2, 128)
    assert np.array_equal(laid_out[:, :70], by_bits)
