"""Leaky neurons solved one at a time in extended precision, from sums over all spikes. It shares no code with engines.

    tau·v' = -v + I + bias + drive·[t >= onset],     tau_syn·I' = -I,     v(0) = I(0) = 0

A spike adds its weight to ``I``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from netsim.specification import Neurons

GRID_TOLERANCE = 1e-9
LONG = np.longdouble


def _kernel(tau: Any, syn: Any, since: Any) -> Any:
    """The potential that a weight of 1 gives some time after its spike."""
    if tau == syn:
        return since / tau * np.exp(-since / tau)
    # expm1 of the smaller exponent, for time constants near each other
    if np.max(since, initial=0) * (1 / syn - 1 / tau) > 1000:
        return syn / (tau - syn) * (np.exp(-since / tau) - np.exp(-since / syn))
    return syn / (tau - syn) * np.exp(-since / syn) * np.expm1(since * (1 / syn - 1 / tau))


def _terms(neurons: Neurons, arrivals: list[Any], bias: float, onset: Any, at: np.ndarray) -> tuple[Any, Any]:
    """The potential and its slope at times, with spikes at these very times counted."""
    tau, syn = LONG(neurons.tau), LONG(neurons.tau_syn or neurons.tau)
    at = np.asarray(at, LONG)
    sent = np.array([time for time, *_ in arrivals], LONG)
    weight = np.array([weight for _, weight, *_ in arrivals], LONG)
    since = at[:, None] - sent
    counts, since = since >= 0, np.maximum(since, 0)
    kernel, fading = _kernel(tau, syn, since), np.exp(-since / syn)
    open_for = np.maximum(at - LONG(onset), 0)
    v = (kernel * counts) @ weight - LONG(bias) * np.expm1(-at / tau) - LONG(neurons.drive) * np.expm1(-open_for / tau)
    current = (fading * counts) @ weight + LONG(bias) + LONG(neurons.drive) * (at >= LONG(onset))
    return v, (current - v) / tau


def _between(neurons: Neurons, v: Any, slope: Any, bias: float, begin: Any) -> Callable[[Any], Any]:
    """The potential and its slope after `begin` as functions of time, after the onset and without further spikes."""
    tau, syn = LONG(neurons.tau), LONG(neurons.tau_syn or neurons.tau)
    constant = LONG(bias) + LONG(neurons.drive)
    synaptic = slope * tau + v - constant

    def at(time: Any) -> tuple[Any, Any]:
        since = time - begin
        moved = v * np.exp(-since / tau) + synaptic * _kernel(tau, syn, since) - constant * np.expm1(-since / tau)
        return moved, (synaptic * np.exp(-since / syn) + constant - moved) / tau

    return at


def potential(neurons: Neurons, arrivals: list[Any], bias: float, at: np.ndarray, dt: float = 0.0) -> np.ndarray:
    onset = math.ceil(neurons.onset / dt - 1e-9) * dt if dt else neurons.onset
    return _terms(neurons, arrivals, bias, onset, at)[0]


def first_spike(neurons: Neurons, arrivals: list[Any], bias: float, end: float) -> float:
    """Between two events the slope changes its sign once at most, so that bisection finds extremum and crossing."""
    corners = {neurons.onset, end} | {time for time, *_ in arrivals if neurons.onset < time < end}
    at = np.array(sorted(corners), LONG)
    v, after = _terms(neurons, arrivals, bias, neurons.onset, at)
    jumps = np.array([sum(weight for time, weight, *_ in arrivals if time == corner) for corner in sorted(corners)])
    before = after - jumps / LONG(neurons.tau)  # slopes on the left of the corners
    if v[0] >= neurons.threshold:
        return neurons.onset
    for k, (left, right) in enumerate(pairwise(at)):
        rises, still = after[k] > 0, before[k + 1] > 0
        most = v[k] + after[k] * (right - left) if rises and not still else v[k + 1]
        if most < neurons.threshold:
            continue
        of_interval = _between(neurons, v[k], after[k], bias, left)
        low, high = left, right
        if v[k + 1] < neurons.threshold:  # only before a maximum can it be higher
            begin, until = left, right
            for _ in range(70):
                middle = (begin + until) / 2
                begin, until = (middle, until) if of_interval(middle)[1] > 0 else (begin, middle)
            high = until
            if of_interval(high)[0] < neurons.threshold:
                continue
        for _ in range(70):
            middle = (low + high) / 2
            low, high = (low, middle) if of_interval(middle)[0] >= neurons.threshold else (middle, high)
        return float(high) if high < end else math.inf
    return math.inf


def first_spike_on_grid(neurons: Neurons, arrivals: list[Any], bias: float, end: float, dt: float) -> float:
    onset, last = math.ceil(neurons.onset / dt - 1e-9), math.ceil(end / dt - 1e-9)
    moved = [(round(time / dt) * LONG(dt), *rest) for time, *rest in arrivals]
    steps = np.arange(onset, last)
    v = _terms(neurons, moved, bias, onset * LONG(dt), steps * LONG(dt))[0]
    over = v >= neurons.threshold * (1 - GRID_TOLERANCE)
    return float(steps[over.argmax()] * dt) if over.any() else math.inf
