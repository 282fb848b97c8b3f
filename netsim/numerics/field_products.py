"""Products over receptive fields. The cost grows with the number of nonzero inputs.

An active input adds its value times its contiguous weights to the sums of its targets, in vectors. If most inputs are
active, all are visited, because this is faster. Both ways sum in the order of the inputs of the field, and zeros change
no bit. Weights that differ only by their signs have special products, which visit groups of inputs
(`netsim.numerics.signs`).
"""

import math
from typing import TypeAlias

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.field_loops import (
    Active,
    Fields,
    add_up_active,
    add_up_all,
    add_up_few,
    channels_at_once,
    fields_in,
    lay_out,
    list_active,
    pixels_at_once,
    with_padding,
)
from netsim.numerics.signs import GROUP, Signs, active_groups, tables_of_active, tables_of_all
from netsim.numerics.threads import count_nonzero
from netsim.numerics.vectors import TABLE, from_a_line, lanes_of

Shape: TypeAlias = tuple[int, int, int, int]

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
    count, window = count_nonzero(maps.reshape(-1)), (size, stride, padding)
    if math.prod(products.shape[:3]) * count <= _FEW_VISITS * maps.size:
        add_up_few(maps.shape, list_active(maps, maps.shape[3]), weights, *window, products)
        return
    if is_dense(count, maps.shape, size):
        fields = fields_in(maps.shape, *products.shape[1:3], *window)
        _multiply_all(with_padding(maps, padding), fields, weights, products.reshape(-1, products.shape[3]))
    else:
        _multiply_active(maps.shape, list_active(maps, channels_at_once(maps.shape[3])), weights, *window, products)


@compiled
def _multiply_all(framed: np.ndarray, fields: Fields, weights: np.ndarray, products: np.ndarray) -> None:
    """Sum all blocks of outputs from all inputs."""
    block = 2 * lanes_of(weights)
    of_a_block = from_a_line(len(weights) * block, weights)
    for left in range(0, products.shape[1], block):
        lay_out(weights, left, of_a_block.reshape(len(weights), block))
        add_up_all(framed, fields, of_a_block, left, products)


@compiled
def _multiply_active(
    shape: Shape, active: Active, weights: np.ndarray, size: int, stride: int, padding: int, products: np.ndarray
) -> None:
    """Sum all blocks of outputs from active inputs."""
    block = 2 * lanes_of(weights)
    of_a_block = from_a_line(len(weights) * block, weights)
    for left in range(0, products.shape[3], block):
        lay_out(weights, left, of_a_block.reshape(len(weights), block))
        add_up_active(shape, active, of_a_block, left, size, stride, padding, products)


def multiply_signs(maps: np.ndarray, signs: Signs, size: int, stride: int, padding: int, products: np.ndarray) -> None:
    """The same with weights as signs, in single precision. Channels must be whole groups."""
    presentations, height, width, channels = maps.shape
    groups = channels // GROUP
    active = active_groups(maps.reshape(-1)).reshape(presentations, height, width, groups)
    every = is_dense(count_nonzero(active.reshape(-1)), active.shape, size)
    at_once = max(1, _TABLES_BYTES // (height * width * groups * TABLE * maps.itemsize))
    for first in range(0, presentations, at_once):
        part = slice(first, first + at_once)
        _multiply_part(maps[part], active[part], every, signs.choices, size, stride, padding, products[part])
    products *= signs.sizes


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
    window, block = (size, stride, padding), 2 * lanes_of(products)
    if every:
        tables = tables_of_all(with_padding(maps, padding))
        fields = fields_in(active.shape, *products.shape[1:3], *window)
        for number, chosen in enumerate(choices):
            add_up_all(tables, fields, chosen, number * block, products.reshape(-1, products.shape[3]))
        return
    listed = list_active(active, active.shape[3])
    listed = listed._replace(segments=1, values=tables_of_active(maps.reshape(-1), active.shape, listed))
    for number, chosen in enumerate(choices):
        add_up_active(active.shape, listed, chosen, number * block, *window, products)


def is_dense(count: int, shape: Shape, size: int) -> bool:
    """Return whether visiting all inputs of maps is faster than visiting active inputs."""
    piece = min(size, pixels_at_once(shape[3])) * channels_at_once(shape[3])
    return _PER_ACTIVE * count > (1 - _PER_PIECE / piece) * math.prod(shape)
