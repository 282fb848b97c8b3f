"""Gated populations on a grid: the spikes of double precision, mostly by products in single precision.

Spikes fall on whole steps, so a small error of a potential moves few of them. The product in single precision comes
with a bound on its error; where the spike is the same at both ends of the bound, it is certain. The other neurons are
computed again in double precision. Sums of double precision depend on their order, too, by some parts in 1e16; that is
what the tolerance of the grid is for.
"""

from typing import NamedTuple

import numpy as np

from netsim.engines.event.clock import Dynamics
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.field_products import multiply_fields
from netsim.numerics.psp import Breakpoints, integrate_fused
from netsim.numerics.receptive_fields import gather_field
from netsim.specification import Window

# With fewer positions rounding the synapses takes as long as it saves.
_LEAST_POSITIONS = 16
# So many synapses are summed before their sums are decided upon: those stay in the cache.
_AT_ONCE = 250_000
# With more steps most spikes are doubtful.
_MOST_STEPS = 2**16
# Shorter vectors hold numbers that single precision rounds more coarsely.
_TINY = 1e-30


class SinglePrecision(NamedTuple):
    """The synapses of a window in single precision, and how far off their sums can be.

    The exact ones are laid out map by map. The bound on the error of a potential is over the Euclidean length of a
    receptive field and the number of roundings.
    """

    kernel: np.ndarray
    exact: np.ndarray
    errors: np.ndarray


def single_precision(kernel: np.ndarray) -> SinglePrecision:
    """Prepare the synapses of a window, shape (inputs of a field, maps).

    A sum of ``n`` products, in any order, is off by at most ``n·u`` times the sum of their absolute values, to first
    order in the unit roundoff ``u`` (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and that sum
    is at most the product of the Euclidean lengths. Rounding both factors first adds ``2·u``; a product that is zero
    takes nothing away.
    """
    exact = np.ascontiguousarray(kernel.T)
    unit = np.finfo(np.float32).eps / 2
    with np.errstate(over="ignore"):  # what is infinite then is certain of nothing
        lengths = np.linalg.norm(exact, axis=1)
        errors = np.where((lengths > 0) & (lengths < _TINY), np.inf, 1.05 * unit * lengths)
        return SinglePrecision(kernel.astype(np.float32), exact, errors.astype(np.float32))


class Steps(NamedTuple):
    """What is to be known of a population to count its steps, all but `exact` in the type of the spikes.

    `exact`, of shape (rows, columns, maps) or (1, 1, maps), is what neurons miss to their threshold at the onset if no
    presynaptic spike arrives, and `missing` the same, rounded. `unit` is a rounding, and a little more for roundings of
    roundings; `one`, `few`, `never` and `unknown` are 1, 4, infinity and NaN.
    """

    exact: np.ndarray
    missing: np.ndarray
    onset: float
    end: float
    per_drive: float
    unit: float
    one: float
    few: float
    never: float
    unknown: float


def is_worthwhile(window: Window, neurons: Dynamics) -> bool:
    """Whether products in single precision save time: synapses are shared, and steps are few."""
    rows, columns, _ = window.shape
    return rows * columns >= _LEAST_POSITIONS and bool(neurons.end <= _MOST_STEPS)


def prepare(
    kernel: np.ndarray, bias: np.ndarray, start: np.ndarray | None, neurons: Dynamics, dtype: np.dtype
) -> tuple[SinglePrecision, Steps]:
    """Prepare a population for `first_spikes` of a type; shapes are those of `WindowStage.arrays`."""
    exact = (neurons.threshold - bias * neurons.onset).reshape(1, 1, -1)
    if start is not None:
        exact = exact - start
    numbers = (neurons.onset, neurons.end, 1 / neurons.drive, 0.55 * np.finfo(dtype).eps, 1.0, 4.0, np.inf, np.nan)
    return single_precision(kernel), Steps(exact, exact.astype(dtype), *(dtype.type(number) for number in numbers))


@compiled
def first_spikes(
    times: np.ndarray,
    synapses: SinglePrecision,
    steps: Steps,
    neurons: Dynamics,
    psp: Breakpoints,
    window: Window,
    spikes: np.ndarray,
) -> None:
    """First spikes of some presentations, in steps, shape (presentations, rows, columns, maps).

    `times` are presynaptic, in steps, shape (presentations, height, width, channels).
    """
    presentations, rows, columns, maps = spikes.shape
    integrals = np.empty(times.shape, np.float32)
    integrate_fused(times.reshape(-1), neurons.onset, psp, integrals.reshape(-1))
    reaches = np.empty((presentations, rows, columns), np.float32)
    _reach(integrals, window, reaches)
    at_once = max(1, _AT_ONCE // (len(synapses.kernel) * rows * columns))
    potentials = np.empty((min(at_once, presentations), rows, columns, maps), np.float32)
    for first in range(0, presentations, at_once):
        part = slice(first, first + at_once)
        found = potentials[: len(times[part])]
        multiply_fields(integrals[part], synapses.kernel, window.size, window.stride, window.padding, found)
        _decide(times[part], found, reaches[part], synapses, steps, neurons, psp, window, spikes[part])


@compiled
def _decide(
    times: np.ndarray,
    potentials: np.ndarray,
    reaches: np.ndarray,
    synapses: SinglePrecision,
    steps: Steps,
    neurons: Dynamics,
    psp: Breakpoints,
    window: Window,
    spikes: np.ndarray,
) -> None:
    presentations, rows, columns, maps = spikes.shape
    tall, wide = len(steps.exact) > 1, steps.exact.shape[1] > 1
    field, one = np.empty(synapses.exact.shape[1]), np.empty(synapses.exact.shape[1])
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                without = steps.missing[row * tall, column * wide]
                added, found = potentials[b, row, column], spikes[b, row, column]
                reach = reaches[b, row, column]
                for m in range(maps):
                    time = steps.onset + (without[m] - added[m]) * steps.per_drive
                    certain = _is_certain(time, synapses.errors[m] * reach, without[m], steps)
                    found[m] = _in_window(np.ceil(time), steps) if certain else steps.unknown
                doubts = 0
                for m in range(maps):
                    doubts += found[m] != found[m]
                if doubts == 0:
                    continue
                gather_field(times, b, row, column, window.size, window.stride, window.padding, field)
                integrate_fused(field, neurons.onset, psp, one)
                for m in range(maps):
                    if found[m] != found[m]:
                        rest = steps.exact[row * tall, column * wide, m] - _product(one, synapses.exact[m])
                        step = max(np.ceil(neurons.onset + rest / neurons.drive), neurons.onset)
                        found[m] = step if step < neurons.end else np.inf


@compiled_with(fastmath={"contract", "reassoc"})
def _reach(integrals: np.ndarray, window: Window, reaches: np.ndarray) -> None:
    """Euclidean length of each receptive field, times how often a sum over it is rounded at most."""
    presentations, height, width, channels = integrals.shape
    rows, columns = reaches.shape[1:]
    border = window.padding
    # of single places, then of columns of a field, with the padding
    squares = np.zeros((height + 2 * border, width + 2 * border))
    counts = np.zeros(squares.shape)
    square, count = np.empty(squares.shape[1]), np.empty(squares.shape[1])
    for b in range(presentations):
        for y in range(height):
            for x in range(width):
                place = integrals[b, y, x]
                total, active = 0.0, 0
                for channel in range(channels):
                    value = np.float64(place[channel])  # whose square neither overflows nor vanishes
                    total += value * value
                    active += value != 0
                squares[border + y, border + x], counts[border + y, border + x] = total, active
        for row in range(rows):
            square[:], count[:] = 0.0, 0.0
            for y in range(row * window.stride, row * window.stride + window.size):
                for x in range(square.size):
                    square[x] += squares[y, x]
                    count[x] += counts[y, x]
            for column in range(columns):
                total, roundings = 0.0, 4.0  # of both factors, and some to spare
                for x in range(column * window.stride, column * window.stride + window.size):
                    total += square[x]
                    roundings += count[x]
                length = np.sqrt(total)
                reaches[b, row, column] = np.inf if 0 < length < _TINY else roundings * length


@compiled_with(fastmath={"contract", "reassoc"})
def _product(field: np.ndarray, weights: np.ndarray) -> float:
    total = 0.0
    for i in range(field.size):
        total += field[i] * weights[i]
    return total


@compiled_with(forceinline=True)
def _is_certain(time: float, error: float, without: float, steps: Steps) -> bool:
    """Whether a time makes the same spike wherever it truly is; what overflows is certain of nothing.

    The error is that of the product; to it come the roundings on the way from there to the time.
    """
    error = error * steps.per_drive + steps.unit * (
        abs(without) * steps.per_drive + steps.few * (abs(time) + steps.onset)
    )
    step = np.ceil(time)
    same = (step - time >= error) & (time - (step - steps.one) > error)
    never, at_onset = time - error > steps.end - steps.one, time + error <= steps.onset
    # without a branch, so that the compiler finds vectors
    return (abs(time) < steps.never) & (same | never | at_onset)


@compiled_with(forceinline=True)
def _in_window(step: float, steps: Steps) -> float:
    """The spike of a neuron that the drive alone carries to threshold by a step; ``inf`` after the window's end."""
    step = max(step, steps.onset)
    return step if step < steps.end else steps.never
