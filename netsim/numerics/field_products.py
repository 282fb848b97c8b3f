"""Products over receptive fields. The cost grows with the number of nonzero inputs.

An active input adds its value times its contiguous weights to the sums of its targets, in vectors. If most inputs are
active, all are visited, because this is faster. Both ways sum in the order of the inputs of the field, and zeros change
no bit. Weights that differ only by their signs have special products, which visit groups of inputs
(`netsim.numerics.signs`).
"""

import math

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.counting import count_nonzero
from netsim.numerics.field_loops import (
    Active,
    add_up_active,
    add_up_all,
    add_up_few,
    channels_at_once,
    lay_out,
    list_active,
    pixels_at_once,
    places_of_fields,
    with_padding,
)
from netsim.numerics.signs import (
    GROUP,
    Signs,
    active_groups,
    tables_of_active,
    tables_of_all,
)
from netsim.numerics.vectors import TABLE, from_a_line, lanes_of

# Largest number of uses of each weight for which copying weights does not pay off.
_FEW_VISITS = 8
# Bytes of tables that stay in the cache during look-up.
_TABLES_BYTES = 2**18
# Cost of visiting an active input, and of starting a piece of a field, relative to one input in a visit of all
# (measured).
_PER_ACTIVE = 1.5
_PER_PIECE = 6


def multiply_fields(
    maps: np.ndarray, weights: np.ndarray, size: int, stride: int, padding: int, products: np.ndarray
) -> None:
    """Multiply the receptive field of each position with the synapses of each map. Padding counts as zero.

    The padding must be smaller than the field. All arrays have one dtype and C order. Shapes are (presentations,
    height, width, channels) for maps and (size · size · channels, outputs) for weights. The result goes to products
    (presentations, rows, columns, outputs). The choice is not compiled, so that only the loops in use are compiled.
    """
    count, fields = count_nonzero(maps.reshape(-1)), (size, stride, padding)
    if math.prod(products.shape[:3]) * count <= _FEW_VISITS * maps.size:
        add_up_few(maps.shape, list_active(maps, maps.shape[3]), weights, *fields, products)
    elif is_dense(count, maps.shape, size):
        _multiply_all(maps, weights, *fields, products)
    else:
        _multiply_active(maps, weights, *fields, products)


@compiled
def _multiply_all(
    maps: np.ndarray, weights: np.ndarray, size: int, stride: int, padding: int, products: np.ndarray
) -> None:
    (_, _, width, channels), (presentations, rows, columns, outputs) = maps.shape, products.shape
    framed, fields = with_padding(maps, padding), places_of_fields(maps.shape, rows, columns, stride, padding)
    line, by_field = (width + 2 * padding) * channels, products.reshape(presentations * rows * columns, outputs)
    block = 2 * lanes_of(weights)
    of_a_block = from_a_line(len(weights) * block, weights)
    for left in range(0, outputs, block):
        lay_out(weights, left, of_a_block.reshape(len(weights), block))
        add_up_all(framed, fields, line, size * channels, of_a_block, left, size, by_field)


@compiled
def _multiply_active(
    maps: np.ndarray, weights: np.ndarray, size: int, stride: int, padding: int, products: np.ndarray
) -> None:
    active = list_active(maps, channels_at_once(maps.shape[3]))
    block = 2 * lanes_of(weights)
    laid_out = from_a_line(len(weights) * block, weights)
    for left in range(0, products.shape[3], block):
        lay_out(weights, left, laid_out.reshape(len(weights), block))
        add_up_active(maps.shape, active, laid_out, left, size, stride, padding, products)


@compiled
def multiply_signs(maps: np.ndarray, signs: Signs, size: int, stride: int, padding: int, products: np.ndarray) -> None:
    """The same with weights as signs, in single precision. Channels must be whole groups."""
    presentations, height, width, channels = maps.shape
    _, rows, columns, outputs = products.shape
    groups = channels // GROUP
    active = active_groups(maps.reshape(-1))
    every = is_dense(count_nonzero(active), (presentations, height, width, groups), size)
    of_groups = active.reshape(presentations, height, width, groups)
    at_once = max(1, _TABLES_BYTES // (height * width * groups * TABLE * maps.itemsize))
    for first in range(0, presentations, at_once):
        part = slice(first, first + at_once)
        _multiply_part(maps[part], of_groups[part], every, signs.choices, size, stride, padding, products[part])
    for of_a_field in products.reshape(presentations * rows * columns, outputs):
        for m in range(outputs):
            of_a_field[m] *= signs.sizes[m]


@compiled
def _multiply_part(
    maps: np.ndarray,
    active: np.ndarray,
    every: bool,
    choices: np.ndarray,
    size: int,
    stride: int,
    padding: int,
    products: np.ndarray,
) -> None:
    """Sum fields of a few presentations from all groups of inputs (`every`), or from active groups."""
    presentations, height, width, groups = active.shape
    _, rows, columns, outputs = products.shape
    shape, block = (presentations, height, width, groups), 2 * lanes_of(products)
    if every:
        tables = tables_of_all(with_padding(maps, padding))
        fields = places_of_fields(shape, rows, columns, stride, padding)
        by_field = products.reshape(presentations * rows * columns, outputs)
        for number in range(len(choices)):
            line, left = (width + 2 * padding) * groups, number * block
            add_up_all(tables, fields, line, size * groups, choices[number], left, size, by_field)
        return
    listed = list_active(active, groups)
    listed = Active(1, listed.first, listed.places, tables_of_active(maps.reshape(-1), shape, listed))
    for number in range(len(choices)):
        add_up_active(shape, listed, choices[number], number * block, size, stride, padding, products)


@compiled
def is_dense(count: int, shape: tuple[int, int, int, int], size: int) -> bool:
    """Return whether visiting all inputs of maps is faster than visiting active inputs."""
    presentations, height, width, channels = shape
    piece = min(size, pixels_at_once(channels)) * channels_at_once(channels)
    return bool(_PER_ACTIVE * count / (presentations * height * width * channels) + _PER_PIECE / piece > 1)
