"""Products with a sparse matrix of synapses, for one vector of presentations at a time.

All arrays of numbers have one dtype. Arrays of neurons have the shape (presentations, neurons).
"""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.groups import starts_of
from netsim.numerics.vectors import broadcast, from_a_line, lanes_of, load, store, total

_SUMMED = 64
"""Neurons whose sums are contiguous before the transfer to their presentations."""


class Side(NamedTuple):
    """Synapses sorted by the neurons on one side: start of each neuron's synapses, and neurons on the other side.

    `first` has one additional entry for the end. `order` is the index of each synapse in the list of the matrix.
    """

    first: np.ndarray
    opposite: np.ndarray
    order: np.ndarray


class SparseMatrix(NamedTuple):
    """Synapses sorted by presynaptic and by postsynaptic neurons.

    `weight` has the unsigned index of each weight, in the order of presynaptic neurons.
    """

    by_source: Side
    by_target: Side
    weight: np.ndarray


def sparse_matrix(pre: np.ndarray, post: np.ndarray, weight: np.ndarray, sources: int, targets: int) -> SparseMatrix:
    """Return the matrix of synapses that are sorted by presynaptic neuron."""
    order = np.argsort(post, kind="stable")
    return SparseMatrix(
        _side(pre, post, np.arange(len(pre)), sources),
        _side(post[order], pre[order], order, targets),
        weight.view(np.uint32),
    )


def _side(ends: np.ndarray, opposite: np.ndarray, order: np.ndarray, neurons: int) -> Side:
    first = starts_of(np.bincount(ends, minlength=neurons))
    # unsigned indices need no check
    narrowest = np.uint16 if opposite.size and opposite.max() < 2**16 else np.uint32
    return Side(first.astype(np.uint64), opposite.astype(narrowest), order.astype(np.uint32))


def picked(values: np.ndarray, places: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values at unsigned indices, converted to a dtype, and 0 for indices beyond the last value.

    numpy would first convert the indices.
    """
    chosen = np.empty(places.size, dtype)
    _pick(values, places, chosen)
    return chosen


@compiled
def _pick(values: np.ndarray, places: np.ndarray, chosen: np.ndarray) -> None:
    for i in range(chosen.size):
        chosen[i] = values[places[i]] if places[i] < values.size else 0


@compiled_with(fastmath={"contract"})
def add_products(inputs: np.ndarray, side: Side, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add to each neuron of a side the weights of its synapses times the inputs from the other side.

    Weights are in the order of the side.
    """
    presentations, lanes = len(inputs), lanes_of(inputs)
    first, opposite = side.first, side.opposite
    nothing, unit, two, next_vector = broadcast(inputs.dtype.type(0)), np.uint64(1), np.uint64(2), np.uint64(lanes)
    abreast, totals = from_a_line(inputs.shape[1] * lanes, inputs), from_a_line(_SUMMED * lanes, inputs)
    abreast[:] = 0
    rounds = (presentations + lanes - 1) // lanes
    for part in range(rounds):  # nearly equal parts
        begin, end = presentations * part // rounds, presentations * (part + 1) // rounds
        _lay_abreast(inputs[begin:end], abreast)
        for lowest in range(0, first.size - 1, _SUMMED):
            some = sums[begin:end, lowest : lowest + _SUMMED]
            for neuron in range(some.shape[1]):
                s, beyond = first[lowest + neuron], first[lowest + neuron + 1]
                even, odd = nothing, nothing  # two accumulators hide the latency of additions
                while s + unit < beyond:
                    even = even + broadcast(weights[s]) * load(abreast, opposite[s] * lanes)
                    odd = odd + broadcast(weights[s + unit]) * load(abreast, opposite[s + unit] * lanes)
                    s += two
                if s < beyond:
                    even = even + broadcast(weights[s]) * load(abreast, opposite[s] * lanes)
                store(totals, neuron * lanes, even + odd)
            for b in range(len(some)):
                row, offset = some[b], np.uint64(b)
                for neuron in range(row.size):
                    row[neuron] += totals[offset]
                    offset += next_vector


@compiled_with(fastmath={"contract"})
def add_outer_products(inputs: np.ndarray, signals: np.ndarray, matrix: SparseMatrix, gradient: np.ndarray) -> None:
    """Add to the gradient of each weight the sum over presentations of its inputs times its target's signals.

    Inputs belong to presynaptic neurons, signals to postsynaptic neurons.
    """
    presentations, lanes = len(inputs), lanes_of(inputs)
    abreast, lane_signals = from_a_line(inputs.shape[1] * lanes, inputs), from_a_line(lanes, inputs)
    side = matrix.by_target
    rounds = (presentations + lanes - 1) // lanes
    for part in range(rounds):
        begin, end = presentations * part // rounds, presentations * (part + 1) // rounds
        abreast[:] = 0  # clear values of the round before
        lane_signals[:] = 0
        _lay_abreast(inputs[begin:end], abreast)
        for neuron in range(side.first.size - 1):
            signalling = False
            for b in range(begin, end):
                lane_signals[b - begin] = signals[b, neuron]
                signalling = signalling or signals[b, neuron] != 0
            if not signalling:
                continue
            signal = load(lane_signals, 0)
            for s in range(side.first[neuron], side.first[neuron + 1]):
                product = signal * load(abreast, side.opposite[s] * lanes)
                gradient[matrix.weight[side.order[s]]] += total(product)


@compiled
def _lay_abreast(some: np.ndarray, abreast: np.ndarray) -> None:
    """Transpose values of some presentations to one vector per neuron."""
    lanes = abreast.size // some.shape[1]
    for neuron in range(some.shape[1]):
        row = abreast[neuron * lanes : neuron * lanes + len(some)]
        for b in range(row.size):
            row[b] = some[b, neuron]
