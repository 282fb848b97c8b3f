"""Vectors for compiled loops: neighbouring numbers of an array in the registers of the processor.

A compiler vectorises a loop over an array, but reads and writes the array at each pass. If successive events change the
same few numbers, this takes longer than the arithmetic. Here they are one value: `load` it, calculate with it as with a
number (``+``, ``-``, ``*``, ``/``), and `store` it.
"""

import operator
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, overload, register_jitable, register_model

from netsim.numerics.compilation import compiled

intrinsic: Any = _intrinsic  # its type lacks that compiled code omits the first parameter

VECTOR_BYTES = 128
"""Vector width in bytes; two accumulators plus operands fit in 16 registers of 32 bytes."""


@cache
def has_avx512() -> bool:
    """Return whether loops are compiled for AVX-512 (32 registers of 64 bytes, one step of `looked_up` each)."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return "+avx512f" in features.split(",")


@register_jitable
def from_a_line(count: int, like: Any) -> Any:
    """Allocate `count` numbers in the dtype of an array, aligned to a cache line.

    Unaligned vectors cross two lines and take twice as long.
    """
    room = np.empty(count + _LINE_BYTES, like.dtype)
    return room[-room.ctypes.data % _LINE_BYTES // room.itemsize :][:count]


_LINE_BYTES = 64


class Lanes(types.Type):
    """The numba type of a vector of float32 or float64, with its size in bytes."""

    def __init__(self, dtype: Any, size: int) -> None:
        self.dtype = dtype
        self.count = 8 * size // dtype.bitwidth
        super().__init__(name=f"Lanes({dtype} x {self.count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        number = ir.FloatType() if lanes.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, lanes, ir.VectorType(number, lanes.count))


class _Arithmetic(AbstractTemplate):
    """Lane-wise arithmetic on vectors of one type."""

    def generic(self, arguments: Any, keywords: Any) -> Any:
        fits = all(isinstance(each, Lanes) and each == arguments[0] for each in arguments)
        return signature(arguments[0], *arguments) if fits else None


def _arithmetic(operation: Any, instruction: str, operands: int) -> None:
    infer_global(operation)(type(f"_{instruction}", (_Arithmetic,), {"key": operation}))

    @lower_builtin(operation, *[Lanes] * operands)
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # "contract" as in the calling loops
        return getattr(builder, instruction)(*arguments, flags=("contract",))


_arithmetic(operator.add, "fadd", 2)
_arithmetic(operator.sub, "fsub", 2)
_arithmetic(operator.mul, "fmul", 2)
_arithmetic(operator.truediv, "fdiv", 2)
_arithmetic(operator.neg, "fneg", 1)


@intrinsic
def plus(typing: Any, first: Any, second: Any) -> Any:
    """Add two vectors. Unlike ``+``, this is never fused with a multiplication, which would change its rounding."""
    if first != second:
        return None

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return first(first, second), code


@intrinsic
def store(typing: Any, numbers: Any, first: Any, vector: Any) -> Any:
    """Write a vector to a contiguous one-dimensional array, starting at `first`. Nothing is checked."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _place_of(context, builder, numbers, arguments[0], arguments[1], arguments[2].type)
        builder.store(arguments[2], address, align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(numbers, types.intp, vector), code


def vectors_of(size: int) -> tuple[Any, Any, Any, Any]:
    """Return functions that make vectors of a size in bytes: `lanes_of`, `load`, `broadcast` and `prefetch`."""

    def lanes_of(numbers: Any) -> int:
        """Return the numbers per vector for an array's dtype, or for a dtype.

        In compiled code it is a constant. With `itemsize` of an array, loops would start with a division.
        """
        return int(size // numbers.itemsize)

    @overload(lanes_of)
    def _lanes_of(numbers: Any) -> Any:
        lanes = Lanes(numbers.dtype, size).count

        def constant(numbers: Any) -> int:
            return lanes

        return constant

    @intrinsic
    def load(typing: Any, numbers: Any, first: Any) -> Any:
        """Load a vector from a contiguous one-dimensional array, starting at `first`. Nothing is checked."""
        lanes = Lanes(numbers.dtype, size)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address = _place_of(context, builder, numbers, arguments[0], arguments[1], context.get_value_type(lanes))
            return builder.load(address, align=numbers.dtype.bitwidth // 8)

        return lanes(numbers, types.intp), code

    @intrinsic
    def broadcast(typing: Any, number: Any) -> Any:
        """Return a vector with a number in all lanes."""
        if number not in (types.float32, types.float64):
            return None
        lanes = Lanes(number, size)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            nothing, index = ir.Constant(context.get_value_type(lanes), ir.Undefined), ir.IntType(32)
            single = builder.insert_element(nothing, arguments[0], ir.Constant(index, 0))
            zeros = ir.Constant(ir.VectorType(index, lanes.count), [0] * lanes.count)
            return builder.shuffle_vector(single, nothing, zeros)

        return lanes(number), code

    @intrinsic
    def prefetch(typing: Any, numbers: Any, first: Any) -> Any:
        """Prefetch the vector of numbers starting at `first`."""
        lanes = Lanes(numbers.dtype, size)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
            fetching = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0i8")
            begin = builder.bitcast(
                _place_of(context, builder, numbers, arguments[0], arguments[1], context.get_value_type(lanes)), byte
            )
            for byte_of_line in (*range(0, size, _LINE_BYTES), size - 1):  # it may start within a line
                address = builder.gep(begin, [ir.Constant(ir.IntType(64), byte_of_line)])
                builder.call(fetching, [address, flag(0), flag(3), flag(1)])
            return context.get_dummy_value()

        return types.void(numbers, types.intp), code

    return lanes_of, load, broadcast, prefetch


lanes_of, load, broadcast, prefetch = vectors_of(VECTOR_BYTES)
# Vectors for loops in which each step waits for the one before: twice the size with AVX-512, which has the registers.
# The processor calculates with one half while it waits for the other.
lanes_of_wide, load_wide, broadcast_wide, prefetch_wide = vectors_of((2 if has_avx512() else 1) * VECTOR_BYTES)


@intrinsic
def rounded_up(typing: Any, vector: Any) -> Any:
    """Round each lane up to a whole number."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = ir.FunctionType(arguments[0].type, [arguments[0].type])
        name = f"llvm.ceil.v{vector.count}f{vector.dtype.bitwidth}"
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), arguments)

    return vector(vector), code


def _mask(builder: Any, comparison: str, first: Any, second: Any) -> Any:
    """Emit a comparison of two vectors, as an integer with one bit per lane."""
    lanes = builder.fcmp_ordered(comparison, first, second)
    return builder.bitcast(lanes, ir.IntType(lanes.type.count))


@intrinsic
def maybe_positive(typing: Any, vector: Any) -> Any:
    """Return whether any number of a vector may be zero or more: whether any has no negative sign.

    Signs are joined to one register first, which makes a whole sweep 9 % faster than a comparison of all lanes.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, index = vector.count, ir.IntType(32)
        bits = builder.bitcast(arguments[0], ir.VectorType(ir.IntType(vector.dtype.bitwidth), count))
        while count > vector.count // 4:
            count //= 2
            halves = [ir.Constant(ir.VectorType(index, count), [*range(first, first + count)]) for first in (0, count)]
            bits = builder.and_(*(builder.shuffle_vector(bits, bits, half) for half in halves))
        negative = builder.icmp_signed("<", bits, ir.Constant(bits.type, [0] * count))
        all_negative = ir.Constant(ir.IntType(count), 2**count - 1)
        return builder.icmp_unsigned("!=", builder.bitcast(negative, ir.IntType(count)), all_negative)

    return types.boolean(vector), code


@intrinsic
def count_at_least(typing: Any, vector: Any, bound: Any) -> Any:
    """Count the lanes of a vector that are at least `bound`."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.ctpop(_mask(builder, ">=", *arguments)), context.get_value_type(types.intp))

    return types.intp(vector, vector), code


@intrinsic
def total(typing: Any, vector: Any) -> Any:
    """Return the sum of the lanes of a vector, in the fastest order."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_value_type(vector.dtype)
        function = ir.FunctionType(number, [number, arguments[0].type])
        name = f"llvm.vector.reduce.fadd.v{vector.count}f{vector.dtype.bitwidth}"
        adding = cgutils.get_or_insert_function(builder.module, function, name)
        return builder.call(adding, [ir.Constant(number, 0.0), *arguments], fastmath=("reassoc",))

    return vector.dtype(vector), code


@intrinsic
def smallest(typing: Any, vector: Any) -> Any:
    """Return the smallest lane of a vector without NaN."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_value_type(vector.dtype)
        function = ir.FunctionType(number, [arguments[0].type])
        name = f"llvm.vector.reduce.fmin.v{vector.count}f{vector.dtype.bitwidth}"
        finding = cgutils.get_or_insert_function(builder.module, function, name)
        return builder.call(finding, arguments, fastmath=("nnan",))

    return vector.dtype(vector), code


@register_jitable
def least(first: Any, second: Any) -> Any:
    """Return the lane-wise minimum of two vectors."""
    return where_at_least(first, second, second, first)


@intrinsic
def where_at_least(typing: Any, vector: Any, bound: Any, yes: Any, no: Any) -> Any:
    """Return `yes` in lanes of at least `bound`, and `no` in others."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">=", *arguments[:2]), *arguments[2:])

    return vector(vector, vector, vector, vector), code


def _place_of(context: Any, builder: Any, array: Any, numbers: Any, first: Any, vector: Any) -> Any:
    """Return a pointer of an llvmlite vector type into an array of a numba type, starting at `first`."""
    data = context.make_array(array)(context, builder, numbers).data
    return builder.bitcast(builder.gep(data, [first]), vector.as_pointer())


@intrinsic
def not_zero(typing: Any, vector: Any) -> Any:
    """Return a bit mask of nonzero lanes, for at most 32 lanes."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.not_(_mask(builder, "==", arguments[0], ir.Constant(arguments[0].type, [0.0] * vector.count)))
        return bits if vector.count == 32 else builder.zext(bits, ir.IntType(32))

    return types.uint32(vector), code


@intrinsic
def below(typing: Any, vector: Any, bound: Any) -> Any:
    """Return a bit mask of lanes below `bound`, for at most 32 lanes."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = _mask(builder, "<", *arguments)
        return bits if vector.count == 32 else builder.zext(bits, ir.IntType(32))

    return types.uint32(vector, vector), code


@intrinsic
def lowest(typing: Any, bits: Any) -> Any:
    """Return the index of the lowest set bit. At least one must be set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint32(types.uint32), code


TABLE = 16
"""Entries per look-up table of `looked_up`: one per combination of four bits."""


@intrinsic
def looked_up(typing: Any, tables: Any, number: Any, choices: Any, first: Any) -> Any:
    """Return a vector of entries of the look-up table with a number. Each lane has its index. Nothing is checked.

    Tables of `TABLE` numbers are consecutive in an array of float32. Indices are consecutive in an array of bytes,
    starting at `first`.
    """
    if tables.dtype != types.float32 or choices.dtype != types.uint8:
        return None
    lanes = Lanes(tables.dtype, VECTOR_BYTES)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index, bytes_of_choices = ir.IntType(32), ir.VectorType(ir.IntType(8), lanes.count)
        table_type = ir.VectorType(ir.FloatType(), TABLE)
        begin = builder.mul(arguments[1], ir.Constant(arguments[1].type, TABLE))
        table = builder.load(_place_of(context, builder, tables, arguments[0], begin, table_type), align=4)
        address = _place_of(context, builder, choices, arguments[2], arguments[3], bytes_of_choices)
        chosen = builder.zext(builder.load(address, align=1), ir.VectorType(index, lanes.count))
        parts = []
        for left in range(0, lanes.count, TABLE):
            # compilers recognise look-up in a register only in this pattern
            lanes_of_part = ir.Constant(ir.VectorType(index, TABLE), list(range(left, left + TABLE)))
            part = builder.shuffle_vector(chosen, ir.Constant(chosen.type, ir.Undefined), lanes_of_part)
            lookup = ir.Constant(table_type, ir.Undefined)
            for lane in range(TABLE):
                at = ir.Constant(index, lane)
                number_of_lane = builder.extract_element(table, builder.extract_element(part, at))
                lookup = builder.insert_element(lookup, number_of_lane, at)
            parts.append(lookup)
        every = ir.Constant(ir.VectorType(index, lanes.count), list(range(lanes.count)))
        return builder.shuffle_vector(*parts, every)

    return lanes(tables, types.intp, choices, types.intp), code


_TILE = 8
"""Rows and columns of a tile, which use as many registers of 32 bytes in single precision."""


@intrinsic
def _transpose_tile(
    typing: Any, numbers: Any, first: Any, pitch: Any, target: Any, own_first: Any, own_pitch: Any
) -> Any:
    """Transpose one tile within registers, see `transpose`. Nothing is checked."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, index = ir.VectorType(context.get_value_type(numbers.dtype), _TILE), ir.IntType(32)
        alignment, lanes = numbers.dtype.bitwidth // 8, range(_TILE)

        def address(which: int, row: int) -> Any:
            begin, step = arguments[which + 1 : which + 3]
            number = builder.add(begin, builder.mul(step, ir.Constant(step.type, row)))
            return _place_of(context, builder, signature.args[which], arguments[which], number, vector)

        rows = [builder.load(address(0, row), align=alignment) for row in lanes]
        for side in (4, 2, 1):  # swap the two off-diagonal squares of this side within squares of twice the side
            upper = [lane if not lane & side else _TILE + lane - side for lane in lanes]
            lower = [lane + side if not lane & side else _TILE + lane for lane in lanes]
            masks = [ir.Constant(ir.VectorType(index, _TILE), chosen) for chosen in (upper, lower)]
            for row in (row for row in lanes if not row & side):
                pair = rows[row], rows[row + side]
                rows[row], rows[row + side] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for row, column in enumerate(rows):
            builder.store(column, address(3, row), align=alignment)
        return context.get_dummy_value()

    return types.void(numbers, types.intp, types.intp, target, types.intp, types.intp), code


@compiled
def transpose(
    numbers: np.ndarray,
    first: int,
    pitch: int,
    shape: tuple[int, int],
    target: np.ndarray,
    own_first: int,
    own_pitch: int,
) -> None:
    """Write a matrix, whose rows start `pitch` apart beginning at `first`, transposed into another array.

    Both arrays are flat, have one dtype and do not overlap. The rows of the target start `own_pitch` apart beginning at
    `own_first`. A pitch is a row stride, in numbers. Tiles in registers make the learning step of a dense layer 3 %
    faster than a loop over numbers.
    """
    rows, columns = shape
    down, across = rows - rows % _TILE, columns - columns % _TILE
    for i in range(0, down, _TILE):
        for j in range(0, across, _TILE):
            _transpose_tile(numbers, first + i * pitch + j, pitch, target, own_first + j * own_pitch + i, own_pitch)
    for i in range(rows):
        for j in range(across if i < down else 0, columns):
            target[own_first + j * own_pitch + i] = numbers[first + i * pitch + j]
