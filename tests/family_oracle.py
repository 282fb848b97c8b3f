"""Quadratic and non-leaky neurons solved one at a time, from event to event. It shares no code with engines.

Quadratic neurons follow ``v(t) = w·tan(atan(v/w) + w·t/tau)`` with ``w² = c``, in complex numbers for every sign of the
current ``c``. `by_integration` integrates the differential equations numerically, as a check on the solutions.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from netsim.specification import Neurons

GRID_TOLERANCE = 1e-9


def _quadratic(tau: float, v: float, c: float) -> tuple[Callable[[float], float], float]:
    """The potential after a time with a constant current, and when it becomes infinite."""
    w = cmath.sqrt(c)
    if c > 0:
        root = math.sqrt(c)
        until = (math.pi / 2 - math.atan(v / root)) / root
    elif c == 0:
        return lambda t: v / (1 - v * t / tau), tau / v if v > 0 else math.inf
    else:
        root = math.sqrt(-c)
        until = math.atanh(root / v) / root if v > root else math.inf
        if abs(v) == root:
            return lambda _: v, math.inf
    begin = cmath.atan(v / w)
    return lambda t: (w * cmath.tan(begin + w * t / tau)).real, tau * until


def _moves(neurons: Neurons, v: float, current: float, rest: float) -> tuple[Callable[[float], float], list[float]]:
    """The potential after a time, and the times at which it may turn or becomes infinite."""
    if neurons.family == "quadratic":
        potential, until = _quadratic(neurons.tau, v, current + rest)
        return potential, [until]
    syn = neurons.tau_syn or neurons.tau
    turns = [syn * math.log(-current / rest)] if rest and -current / rest > 1 else []
    return lambda t: v + (rest * t - current * syn * math.expm1(-t / syn)) / neurons.tau, turns


def _events(neurons: Neurons, arrivals: list[Any], dt: float = 0.0) -> list[tuple[float, float]]:
    """Times and amounts by which currents change, in order."""
    events = [
        ((round(time / dt) + math.floor(delay / dt + 0.5)) * dt if dt else time + delay, weight * change)
        for time, weight, psp, _ in arrivals
        for delay, change in psp
    ]
    onset = math.ceil(neurons.onset / dt - 1e-9) * dt if dt else neurons.onset
    return sorted([*events, (onset, math.nan)])  # nan: the onset


def _segments(neurons: Neurons, arrivals: list[Any], bias: float, end: float, dt: float = 0.0) -> Any:
    """Yield start, length and whether neurons may fire, and potential, turns, of each interval without events."""
    v, current, rest, now, is_open = 0.0, 0.0, bias, 0.0, False
    syn = neurons.tau_syn or neurons.tau
    for time, amount in [*_events(neurons, arrivals, dt), (end, 0.0)]:
        span = min(time, end) - now
        potential, turns = _moves(neurons, v, current, rest)
        yield now, span, is_open, potential, turns
        if time >= end:
            return
        if neurons.family == "quadratic" and span >= turns[0]:
            return  # the potential has become infinite, after threshold
        v, now = potential(span), time
        current *= math.exp(-span / syn) if neurons.family == "non-leaky" else 1.0
        if math.isnan(amount):
            is_open, rest = True, rest + neurons.drive
        else:
            current += amount


def potential(neurons: Neurons, arrivals: list[Any], bias: float, at: np.ndarray, dt: float = 0.0) -> np.ndarray:
    result = np.full(len(at), math.inf)
    for begin, span, _, moved, turns in _segments(neurons, arrivals, bias, float(max(at)) + 1.0, dt):
        for k, time in enumerate(at):
            since = min(max(time - begin, 0.0), span)
            if abs(time - begin - since) < 1e-9 and (neurons.family != "quadratic" or since < turns[0]):
                result[k] = moved(since)
    return result


def first_spike(neurons: Neurons, arrivals: list[Any], bias: float, end: float) -> float:
    for begin, span, is_open, moved, turns in _segments(neurons, arrivals, bias, end):
        if not is_open:
            continue
        if moved(0.0) >= neurons.threshold:
            return begin if begin < end else math.inf
        corners = sorted({0.0, span, *(turn for turn in turns if 0 < turn < span)})
        for low, high in pairwise(corners):
            infinite = neurons.family == "quadratic" and high >= turns[0]
            if not infinite and moved(high) < neurons.threshold:
                continue
            for _ in range(80):
                middle = (low + high) / 2
                low, high = (low, middle) if moved(middle) >= neurons.threshold else (middle, high)
            return begin + high if begin + high < end else math.inf
    return math.inf


def first_spike_on_grid(neurons: Neurons, arrivals: list[Any], bias: float, end: float, dt: float) -> float:
    onset, last = math.ceil(neurons.onset / dt - 1e-9), math.ceil(end / dt - 1e-9)
    v = potential(neurons, arrivals, bias, np.arange(last) * dt, dt)
    over = (v >= neurons.threshold * (1 - GRID_TOLERANCE)) & (np.arange(last) >= onset)
    return float(over.argmax() * dt) if over.any() else math.inf


def by_integration(neurons: Neurons, arrivals: list[Any], bias: float, end: float) -> float:
    """The first spike by numerical integration with a Runge-Kutta method of order 8."""
    now, state, rest, is_open = 0.0, np.zeros(2), bias, False

    def slopes(_: float, x: np.ndarray, constant: float) -> list[float]:
        if neurons.family == "quadratic":
            return [(x[0] ** 2 + x[1] + constant) / neurons.tau, 0.0]
        return [(x[1] + constant) / neurons.tau, -x[1] / (neurons.tau_syn or neurons.tau)]

    def reaches(_: float, x: np.ndarray, __: float) -> float:
        return float(x[0] - neurons.threshold)

    reaches.terminal, reaches.direction = True, 1.0  # type: ignore[attr-defined]
    for time, amount in [*_events(neurons, arrivals), (end, 0.0)]:
        until = min(time, end)
        if until > now:
            solved = solve_ivp(
                slopes, (now, until), state, "DOP853", args=(rest,), rtol=1e-12, atol=1e-13,
                events=reaches if is_open else None,
            )  # fmt: skip
            if is_open and solved.t_events[0].size:
                return float(solved.t_events[0][0])
            state, now = solved.y[:, -1], until
        if math.isnan(amount):
            is_open, rest = True, rest + neurons.drive
        else:
            state = state + [0.0, amount]
    return math.inf
