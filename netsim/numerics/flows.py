"""Potentials that leak, for compiled loops: how they move, and when they reach threshold.

Between events ``u' = -leak·u + I + rest`` and ``I' = -decay·I``, with a constant ``rest``. See
`netsim.specification.families.Rates`. All functions are accurate for equal rates and for rates near each other or 0.
"""

import math

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with

_inlined = compiled_with(forceinline=True)

DOUBLE = np.dtype(np.float64)
"""Type of the arithmetic of leaky potentials, in engines and in learning."""

_MOST_TURNS = 100
"""Iterations of Newton's method; a bracket that is halved in each has no more numbers between its ends."""
_THIRD = 1e-5
"""Relative step of Halley's method after which the next one is below rounding."""
_CUBIC = 1e-6
"""Share of the interval, and relative change of the slope, in a step of Halley's method that is exact to rounding."""
_NEAR = 1e-9
"""Step of Newton's method, as a fraction of the interval, after which a closed form is exact to rounding."""
_FAR = 30.0
"""Largest exponent of a closed form; beyond it rounding errors grow."""
_ROUNDING = 4.4e-16
"""Relative change of a time at which iterations end."""


@compiled
def by_constant(leak: float, span: float) -> float:
    """Return the potential that a constant current of 1 adds within a time."""
    return -math.expm1(-leak * span) / leak if leak > 0 else span


@compiled
def by_current(leak: float, decay: float, span: float) -> float:
    """Return the potential that a decaying current of 1 adds within a time."""
    slow, apart = min(leak, decay), abs(decay - leak)
    built = -math.expm1(-apart * span) / apart if apart > 0 else span
    return math.exp(-slow * span) * built


@compiled
def potential_after(u: float, current: float, rest: float, leak: float, decay: float, span: float) -> float:
    """Return the potential after a time without events."""
    return u + (rest - leak * u) * by_constant(leak, span) + current * by_current(leak, decay, span)


@_inlined
def interval(leak: float, decay: float, span: float) -> tuple[float, float, float]:
    """Return `by_constant`, `by_current` and the remaining share of a current, with as few exponentials as possible."""
    rise = by_constant(leak, span)
    left = 1.0 - leak * rise
    if leak == decay:
        return rise, span * left, left
    apart = decay - leak
    if apart > 0:
        built = -math.expm1(-apart * span) / apart
        return rise, left * built, left * (1.0 - apart * built)
    fade = math.exp(-decay * span)
    return rise, fade * math.expm1(apart * span) / apart, fade


@_inlined
def _after(u: float, current: float, rest: float, leak: float, decay: float, span: float) -> tuple[float, float]:
    """Return potential and slope after a time without events."""
    rise, push, fade = interval(leak, decay, span)
    steepness = rest - leak * u
    return u + steepness * rise + current * push, steepness * (1.0 - leak * rise) + current * (fade - leak * push)


@compiled
def crossing_before(
    u: float, current: float, rest: float, threshold: float, leak: float, decay: float, span: float, last: float
) -> float:
    """Return the time until a potential reaches threshold if it is below now, and not below after `span` (`last`).

    Halley's method begins at the root of the parabola through both potentials and the first slope.
    """
    missing, slope = threshold - u, rest - leak * u + current
    bend = (last - u - slope * span) / (span * span)
    inside = slope * slope + 4 * bend * missing
    time = span * missing / (last - u)
    if slope > 0 and inside >= 0:
        time = 2 * missing / (slope + math.sqrt(inside))
    low, high = 0.0, span
    if not low < time < high:
        time = 0.5 * span
    for _ in range(_MOST_TURNS):
        rise, push, fade = interval(leak, decay, time)
        reached = u + (rest - leak * u) * rise + current * push
        if reached < threshold:
            low = time
        else:
            high = time
        left = current * fade
        slope = rest - leak * reached + left
        following = low
        if slope > 0:
            step = (threshold - reached) / slope
            turn = 0.5 * step * (leak + decay * left / slope)
            following = time + step / max(0.5, 1.0 - turn)
            if abs(turn) <= _CUBIC and abs(following - time) <= _CUBIC * span:
                return min(max(following, low), high)
        if not low < following < high:
            following = 0.5 * (low + high)
        time = following
    return time


@compiled
def turning_point(slope: float, current: float, leak: float, decay: float) -> float:
    """Return after which time the slope changes its sign, ``inf`` for never. A potential has one extremum at most."""
    share = slope / (decay * current)
    apart = decay - leak
    if apart == 0:
        return share if share > 0 else np.inf
    left = -apart * share
    if not left > -1:
        return np.inf
    turn = -math.log1p(left) / apart
    return turn if turn > 0 else np.inf


@compiled
def crossing(u: float, current: float, rest: float, threshold: float, leak: float, decay: float, limit: float) -> float:
    """Return the time until a potential reaches threshold, 0 if it already has, ``inf`` if not within the limit.

    The potential rises on one interval only: up to its maximum if it begins by rising, else from its minimum on. If it
    is at threshold at the end of this interval, there is one crossing in it.
    """
    if u >= threshold:
        return 0.0
    slope = rest - leak * u + current
    low, high = 0.0, limit
    if slope > 0:
        if current > 0 and decay > 0:
            high = min(high, turning_point(slope, current, leak, decay))
    else:
        if not (current < 0 and decay > 0):
            return np.inf
        low = turning_point(slope, current, leak, decay) if slope < 0 else 0.0
    if not low < high:
        return np.inf
    guess = _closed_form(u, current, rest, threshold, leak, decay)
    if low < guess < high:
        reached, rise = _after(u, current, rest, leak, decay, guess)
        polished = guess + (threshold - reached) / rise
        if rise > 0 and low < polished < high and abs(polished - guess) <= _NEAR * (high - low):
            return polished
    if potential_after(u, current, rest, leak, decay, high) < threshold:
        return np.inf
    # a rise that becomes slower lies below its tangents: Newton's method from its start stays before the crossing
    time = low if slope > 0 and current > 0 else high
    for _ in range(_MOST_TURNS):
        reached, rise = _after(u, current, rest, leak, decay, time)
        missing = threshold - reached
        if missing > 0:
            low = time
        else:
            high = time
        following = time + missing / rise if rise != 0 else low
        if not low < following < high:
            if abs(following - time) <= _ROUNDING * time:
                return time
            following = 0.5 * (low + high)
        if abs(following - time) <= _ROUNDING * following:
            return following
        time = following
    return time


@compiled
def crossings(
    u: np.ndarray,
    current: np.ndarray,
    rest: np.ndarray,
    threshold: np.ndarray,
    leak: np.ndarray,
    decay: np.ndarray,
    limit: np.ndarray,
    times: np.ndarray,
) -> None:
    """Write the `crossing` of each neuron. All arrays have the shape (neurons,)."""
    for j in range(times.size):
        times[j] = crossing(u[j], current[j], rest[j], threshold[j], leak[j], decay[j], limit[j])


@compiled
def _closed_form(u: float, current: float, rest: float, threshold: float, leak: float, decay: float) -> float:
    """Return the first crossing where it has a closed form, else NaN. Rounding may move it by some of its last digits.

    If one rate is twice the other, it is the root of a quadratic equation in ``exp(-rate·t)``. If rates are equal, it
    follows from Lambert's function W.
    """
    if not leak > 0 or not decay > 0 or current == 0:
        return np.nan
    level = rest / leak
    if decay == leak:
        # (u - level + current·t)·exp(-leak·t) = threshold - level
        shift = (u - level) / current
        if not (current > 0 and abs(leak * shift) < _FAR):
            return np.nan
        argument = -leak * (threshold - level) / current * math.exp(-leak * shift)
        return -lambert(argument) / leak - shift
    if decay == 2 * leak:
        rate, square, linear = leak, -current / leak, u - level + current / leak
    elif leak == 2 * decay:
        rate, square, linear = decay, u - level - current / decay, current / decay
    else:
        return np.nan
    # square·x² + linear·x + level - threshold = 0, x = exp(-rate·t)
    constant = level - threshold
    inside = linear * linear - 4 * square * constant
    if not inside >= 0:
        return np.nan
    half = -0.5 * (linear + math.copysign(math.sqrt(inside), linear))
    first, second = half / square, constant / half
    # the earlier crossing is the larger x within (0, 1)
    x = max(first if first < 1 else -1.0, second if second < 1 else -1.0)
    return -math.log(x) / rate if x > 0 else np.nan


@compiled
def lambert(z: float) -> float:
    """Return the principal branch of Lambert's function W, ``W·exp(W) = z``, or NaN below ``-1/e``."""
    if not z >= -math.exp(-1.0):
        return np.nan
    if z < -0.25:
        root = math.sqrt(2 * (math.e * z + 1))
        w = -1 + root - root * root / 3 + 11 / 72 * root**3
    elif z < math.e:
        w = z / (1 + z) if z > 0 else z
    else:
        w = math.log(z) - math.log(math.log(z))
    for _ in range(20):
        if w == -1:
            break
        grown = math.exp(w)
        excess = w * grown - z
        step = excess / (grown * (w + 1) - (w + 2) * excess / (2 * w + 2))
        w -= step
        # Halley's method triples the number of right digits
        if abs(step) <= _THIRD * abs(w):
            break
    return w
