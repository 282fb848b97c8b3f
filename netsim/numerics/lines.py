"""Straight lines that events bend, some of them at a time; for compiled loops.

A line ``a + b·t``, such as the potential of a neuron between two events, is a pair of neighbouring numbers. Those that
an event reaches lie anywhere: each pair is fetched and put back on its own, and the arithmetic is that of vectors.
"""

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types

from netsim.numerics.vectors import everywhere, intrinsic

ABREAST = 4
"""So many lines are bent at a time."""

_FLAGS = ("contract",)  # as in the loops that this is used in
_INDEX, _PLACE = ir.IntType(32), ir.IntType(64)


def places_of(dtype: Any) -> int:
    """How many places of eight bytes a line takes."""
    return 2 * dtype.itemsize // 8


@intrinsic
def bend(typing: Any, lines: Any, listed: Any, weights: Any, first: Any, change: Any, now: Any, bound: Any) -> Any:
    """Bend `ABREAST` lines at the time `now` by their weights times a change of slope; not those at `bound` or above.

    Where lines are, in places of eight bytes, is `listed`; that and weights are read from `first` on. A line may come
    twice only if its weights are 0. Nothing is checked. A branch would take longer than to bend a line by nothing.
    """
    if lines.dtype not in (types.float32, types.float64) or weights.dtype != lines.dtype:
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, numbers, own = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args[:3], arguments[:3], strict=True)
        )
        first = arguments[3]
        vector, pair = ir.VectorType(base.type.pointee, ABREAST), ir.VectorType(base.type.pointee, 2)
        change, now, bound = (everywhere(builder, vector, number) for number in arguments[4:])
        align = lines.dtype.bitwidth // 8
        places = []
        for lane in range(ABREAST):
            number = builder.load(builder.gep(numbers, [builder.add(first, ir.Constant(first.type, lane))]))
            place = builder.gep(builder.bitcast(base, _PLACE.as_pointer()), [builder.zext(number, _PLACE)])
            places.append(builder.bitcast(place, pair.as_pointer()))
        found = [builder.load(place, align=align) for place in places]
        # the first and third line in one vector, the others in the other: few steps bring them back apart
        some, others = (_chosen(builder, found[lane], found[lane + 2], range(4)) for lane in (0, 1))
        heights, rises = (_chosen(builder, some, others, [part, part + 4, part + 2, part + 6]) for part in (0, 1))
        step = builder.load(builder.bitcast(builder.gep(own, [first]), vector.as_pointer()), align=align)
        above = builder.fadd(heights, builder.fmul(rises, now, flags=_FLAGS), flags=_FLAGS)
        above = builder.fcmp_ordered(">=", above, bound)
        step = builder.select(above, ir.Constant(vector, [0.0] * ABREAST), builder.fmul(step, change))
        heights = builder.fsub(heights, builder.fmul(step, now, flags=_FLAGS), flags=_FLAGS)
        rises = builder.fadd(rises, step, flags=_FLAGS)
        some, others = (_chosen(builder, heights, rises, [lane, lane + 4, lane + 2, lane + 6]) for lane in (0, 1))
        for lane, place in enumerate(places):
            pair_of = others if lane % 2 else some
            first_of = 2 * (lane // 2)
            builder.store(_chosen(builder, pair_of, pair_of, [first_of, first_of + 1]), place, align=align)
        return context.get_dummy_value()

    return types.void(lines, listed, weights, types.uint64, lines.dtype, lines.dtype, lines.dtype), code


def _chosen(builder: Any, one: Any, other: Any, which: Iterable[int]) -> Any:
    which = list(which)
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_INDEX, len(which)), which))
