"""Phased layers on a grid: the spikes of double precision, mostly by products in single precision.

Spikes fall on whole steps, so a small error of a potential moves few of them. The product in single precision comes
with a bound on its error; where the spike is the same at both ends of the bound, it is certain. The other neurons are
looked at again in double precision. Sums of double precision depend on their order, too, by some parts in 1e16; that is
what the tolerance of the grid is for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from netsim.engines.event_kernels import Constants
from netsim.patches import gather_patches, look

# With fewer synapses the product takes less time than the second look.
LEAST_INPUTS = 100


class Rounded(NamedTuple):
    """The synapses of a layer in single precision, and how far off their sums can be.

    Attributes
    ----------
    kernel : ndarray of float32, shape (inputs of a field, maps)
    errors : ndarray of float64, shape (maps,)
        Bound on the error of a potential, times the Euclidean length of a receptive field and the number of roundings.
    """

    kernel: np.ndarray
    errors: np.ndarray


def rounded(kernel: np.ndarray) -> Rounded:
    """Prepare the synapses of a layer.

    Parameters
    ----------
    kernel : ndarray of float64, shape (inputs of a field, maps)

    Notes
    -----
    A sum of ``n`` products, in any order, is off by at most ``n·u`` times the sum of their absolute values, to first
    order in the unit roundoff ``u`` (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and that sum
    is at most the product of the Euclidean lengths. Rounding both factors first adds ``2·u``; a product that is zero
    takes nothing away.
    """
    squares = np.zeros(kernel.shape[1])
    _add_squares(kernel, squares)
    unit = np.finfo(np.float32).eps / 2
    return Rounded(kernel.astype(np.float32), 1.05 * unit * np.sqrt(squares))


def first_spikes(
    integrals: np.ndarray,
    kernel: np.ndarray,
    synapses: Rounded,
    constant: np.ndarray,
    layer: Constants,
    spikes: np.ndarray,
) -> None:
    """First spikes of some presentations.

    Parameters
    ----------
    integrals : ndarray of float64, shape (presentations, height, width, channels)
        Postsynaptic potentials by the gate, before weights.
    kernel : ndarray of float64, shape (inputs of a field, maps)
    synapses : Rounded
        The same kernel.
    constant : ndarray of float64, shape (rows, columns, maps)
        Potentials without any presynaptic spike.
    layer : Constants
    spikes : ndarray of float64, shape (presentations, rows, columns, maps)
        The result is written here, in steps.
    """
    patches = gather_patches(integrals.astype(np.float32), layer.size, layer.stride, layer.padding)
    potentials = np.matmul(patches, synapses.kernel)
    _decide(integrals, patches, potentials, kernel, synapses.errors, constant, layer, spikes)


@njit(cache=True, nogil=True, error_model="numpy")
def _decide(
    integrals: np.ndarray,
    patches: np.ndarray,
    potentials: np.ndarray,
    kernel: np.ndarray,
    errors: np.ndarray,
    constant: np.ndarray,
    layer: Constants,
    spikes: np.ndarray,
) -> None:
    presentations, rows, columns, maps = spikes.shape
    seen = np.empty(len(kernel))
    too_much = (layer.end - layer.onset) * layer.drive  # for the drive to add before the end
    position = 0
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                looked, reach = False, _roundings(patches[position]) * _length(patches[position])
                for m in range(maps):
                    missing = layer.threshold - constant[row, column, m] - potentials[position, m]
                    lower, upper = missing - errors[m] * reach, missing + errors[m] * reach
                    if too_much <= lower < np.inf:
                        spikes[b, row, column, m] = np.inf
                        continue
                    spike = _spike(lower, layer)
                    # what overflows, or is not a number then, is certain of nothing
                    if not (lower > -np.inf and upper < np.inf) or spike != _spike(upper, layer):
                        if not looked:
                            look(integrals, b, row, column, layer.size, layer.stride, layer.padding, 0.0, seen)
                            looked = True
                        missing = layer.threshold - constant[row, column, m]
                        for i in range(seen.size):
                            if seen[i] != 0:
                                missing -= seen[i] * kernel[i, m]
                        spike = _spike(missing, layer)
                    spikes[b, row, column, m] = spike
                position += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _length(field: np.ndarray) -> float:
    """Euclidean length."""
    total = 0.0
    for i in range(field.size):
        total += np.float64(field[i]) * np.float64(field[i])  # which neither overflows nor vanishes
    return np.sqrt(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _roundings(field: np.ndarray) -> int:
    """How often a sum over a receptive field is rounded at most, with its factors, and some to spare."""
    roundings = 4
    for i in range(field.size):
        roundings += field[i] != 0
    return roundings


@njit(cache=True, nogil=True, error_model="numpy")
def _add_squares(kernel: np.ndarray, squares: np.ndarray) -> None:
    for i in range(len(kernel)):
        for m in range(squares.size):
            squares[m] += kernel[i, m] * kernel[i, m]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _spike(missing: float, layer: Constants) -> float:
    """When the drive alone has added what a potential misses at the onset; ``inf`` if that is not before the end."""
    step = layer.onset if missing <= 0 else np.ceil(layer.onset + missing / layer.drive)
    return step if step < layer.end else np.inf
