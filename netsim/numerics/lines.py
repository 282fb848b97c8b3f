"""Piecewise-linear functions whose slopes change at events, several at a time, for compiled loops.

A line ``a + b·t``, such as the potential of a neuron between two events, is a pair of neighbouring numbers. An event
changes lines anywhere in memory. Each pair is loaded and stored separately, and the arithmetic is vectorised.
"""

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import register_jitable

from netsim.numerics.vectors import everywhere, intrinsic

_BYTES = 32
"""Bytes of a vector of slopes."""

_FLAGS = ("contract",)  # as in the calling loops
_INDEX, _PLACE = ir.IntType(32), ir.IntType(64)


@register_jitable
def abreast_of(itemsize: int) -> int:
    """Return the number of lines that are changed at a time, for numbers of `itemsize` bytes."""
    return _BYTES // itemsize


def places_of(dtype: Any) -> int:
    """Return the size of a line in units of eight bytes."""
    return 2 * dtype.itemsize // 8


@intrinsic
def bend(typing: Any, lines: Any, listed: Any, weights: Any, first: Any, change: Any, now: Any, bound: Any) -> Any:
    """Change the slopes of `abreast_of` lines at the time `now` by weights times a change, except at or above `bound`.

    `listed` has the positions of lines in units of eight bytes. Positions and weights are read starting at `first`. A
    line may occur twice only if its weights are 0. Nothing is checked. Changing a line by 0 is faster than a branch.
    """
    if lines.dtype not in (types.float32, types.float64) or weights.dtype != lines.dtype:
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, numbers, steps = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args[:3], arguments[:3], strict=True)
        )
        first = arguments[3]
        align = lines.dtype.bitwidth // 8
        count = abreast_of(align)
        vector, pair = ir.VectorType(base.type.pointee, count), ir.VectorType(base.type.pointee, 2)
        change, now, bound = (everywhere(builder, vector, number) for number in arguments[4:])
        places = []
        for lane in range(count):
            number = builder.load(builder.gep(numbers, [builder.add(first, ir.Constant(first.type, lane))]))
            address = builder.gep(builder.bitcast(base, _PLACE.as_pointer()), [builder.zext(number, _PLACE)])
            places.append(builder.bitcast(address, pair.as_pointer()))
        loaded = [builder.load(address, align=align) for address in places]
        # processors operate within halves of a vector, so that the lines of each half are in two vectors
        half, quarter = count // 2, count // 4
        apart = [[lane for lane in range(count) if lane % half // quarter == part] for part in (0, 1)]
        where = {lane: 2 * index + part * count for part in (0, 1) for index, lane in enumerate(apart[part])}
        some, others = (_joined(builder, [loaded[lane] for lane in chosen]) for chosen in apart)
        heights, rises = (
            _chosen(builder, some, others, [where[lane] + part for lane in range(count)]) for part in (0, 1)
        )
        step = builder.load(builder.bitcast(builder.gep(steps, [first]), vector.as_pointer()), align=align)
        above = builder.fadd(heights, builder.fmul(rises, now, flags=_FLAGS), flags=_FLAGS)
        above = builder.fcmp_ordered(">=", above, bound)
        step = builder.select(above, ir.Constant(vector, [0.0] * count), builder.fmul(step, change))
        heights = builder.fsub(heights, builder.fmul(step, now, flags=_FLAGS), flags=_FLAGS)
        rises = builder.fadd(rises, step, flags=_FLAGS)
        for lanes in apart:
            bent = _chosen(builder, heights, rises, [part + lane for lane in lanes for part in (0, count)])
            if align == 4:  # a line of eight bytes is stored as one number instead of a vector of two
                bent = builder.bitcast(bent, ir.VectorType(ir.DoubleType(), half))
            for index, lane in enumerate(lanes):
                if align == 4:
                    line = builder.extract_element(bent, ir.Constant(_INDEX, index))
                    builder.store(line, builder.bitcast(places[lane], line.type.as_pointer()), align=align)
                else:
                    builder.store(_chosen(builder, bent, bent, [2 * index, 2 * index + 1]), places[lane], align=align)
        return context.get_dummy_value()

    return types.void(lines, listed, weights, types.uint64, lines.dtype, lines.dtype, lines.dtype), code


def _joined(builder: Any, parts: list[Any]) -> Any:
    """Concatenate vectors. Their number is a power of two."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [_chosen(builder, left, right, range(2 * left.type.count)) for left, right in pairs]
    return parts[0]


def _chosen(builder: Any, left: Any, right: Any, which: Iterable[int]) -> Any:
    which = list(which)
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INDEX, len(which)), which))
