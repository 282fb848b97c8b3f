"""The local derivative of neurons: how a spike time changes with each input.

The state ``x`` of a neuron moves from event to event, as its family defines. A small change of the state at its spike
changes the potential by its first row. Going back in time, the effect ``λ`` of a change of the state on this potential
is multiplied by the Jacobian of each movement. The spike time changes by ``-1/slope`` times the potential, so that ::

    change by an amount  = -λ·d(arrive)/d(amount) / slope
    change by an arrival = -λ·(field before the event - field after it) / slope
    change by the bias   = -Σ λ·d(advance)/d(rest) / slope
    change by threshold  = 1 / slope
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.specification.neurons import Neurons


class LocalDerivative(NamedTuple):
    """Changes of spike times by the inputs of neurons. Silent neurons have zeros.

    Attributes
    ----------
    slope : ndarray, shape (...)
        Slope of the potential just before the spike.
    amounts, times : ndarray, shape (events, ...)
        Change by the amount and by the time of each event. Both are 0 for events without effect: at the spike or later,
        or after the gate.
    shifts : ndarray, shape (events, ...)
        Change by the time of a small additional event at the time of each event, per amount.
    bias, threshold : ndarray, shape (...)
        Change by a constant current, and by the threshold.
    """

    slope: np.ndarray
    amounts: np.ndarray
    times: np.ndarray
    shifts: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray


def local_derivative(
    neurons: Neurons,
    times: np.ndarray,
    amounts: np.ndarray,
    spikes: np.ndarray,
    bias: np.ndarray | float = 0.0,
    *,
    recurrent: np.ndarray | bool = False,
    onset: float | None = None,
    slope: float | None = None,
    dt: float = 0.0,
) -> LocalDerivative:
    """Return how spike times change with each input: weights, arrival times, bias and threshold.

    It holds for every family and regime, as long as no spike appears or disappears. Arrays of neurons have any shape,
    here ``...``.

    Parameters
    ----------
    neurons : Neurons
        Family and parameters, the same for all neurons.
    times, amounts : ndarray of float, shape (events, ...)
        Times of the events (ms), in ascending order along the first axis, and what they add to the current. Families
        with PSPs have one event for each breakpoint: the weight times the change of slope. Shapes may broadcast. Events
        at ``inf`` never happen.
    spikes : ndarray of float, shape (...)
        First spikes (ms); ``inf`` for silence.
    bias : ndarray or float
        Constant current.
    recurrent : ndarray of bool or bool
        Events from within a loop. If their currents count from the onset (`Family.currents_from_onset`), earlier ones
        are sorted as if they came at the onset, and a gate does not stop them.
    onset : float, optional
        Time from which neurons may fire, if it is not the onset of `neurons`. A neuron that fires at an onset above 0
        keeps its spike time.
    slope : float, optional
        Slope by which changes of potentials become changes of times, for all neurons whose spike time is finite. By
        default it is the slope of each potential.
    dt : float
        If it is not 0, all times are in steps of `dt` ms.

    Returns
    -------
    LocalDerivative

    Examples
    --------
    A quadratic neuron with a constant current of 1 follows ``tan(t/10)``, and fires at ``10·atan(threshold)``.

    >>> import netsim
    >>> neurons = netsim.Neurons(threshold=1.0, tau=10.0, family="quadratic")
    >>> spike = np.array([10 * np.arctan(1.0)])
    >>> change = netsim.local_derivative(neurons, np.array([[0.0]]), np.array([[1.0]]), spike)
    >>> change.threshold.round(6).tolist(), change.times.round(6).tolist()
    ([5.0], [[1.0]])
    """
    family, p, spikes = neurons.kind, neurons.kind.parameters(neurons, dt), np.asarray(spikes, float)
    onset = neurons.onset if onset is None else onset
    moves, last = _moves(neurons, times, amounts, spikes, bias, recurrent, onset, dt)
    finite = np.isfinite(spikes)
    slopes = np.where(finite, family.field(last, moves[-1].rest, p)[0], 0.0)
    if slope is None:
        movable = finite & ((spikes > onset) | (onset == 0))
        per_potential = np.where(movable, -1.0 / np.where(movable, slopes, 1.0), 0.0)
    else:
        per_potential = np.where(finite, -1.0 / slope, 0.0)
    effect, of_bias = np.zeros_like(last), np.zeros(spikes.shape)
    effect[0] = per_potential
    by_amount, by_time, shifts = (np.zeros((len(times), *spikes.shape)) for _ in range(3))
    for move in reversed(moves):
        jacobian = family.jacobian(move.start, move.rest, move.span, p)
        of_bias += np.einsum("i...,i...", effect, jacobian[:, -1]) * move.biased
        effect = np.einsum("i...,ij...->j...", effect, jacobian[:, :-1])
        if move.event is None:
            effect[1:] = np.where(move.counts, effect[1:], 0.0)
            continue
        with_unit = family.arrive(move.before, np.ones(spikes.shape), p)
        before, after, by_unit = (family.field(each, move.rest, p) for each in (move.before, move.start, with_unit))
        changes = (with_unit - move.before, before - after, before - by_unit)
        for result, change in zip((by_amount, by_time, shifts), changes, strict=True):
            result[move.event] = np.where(move.counts, np.einsum("i...,i...", effect, change), 0.0)
    held = np.asarray(recurrent) & family.currents_from_onset & (np.asarray(times) < onset)
    by_time, shifts = (np.where(held, 0.0, each) for each in (by_time, shifts))
    return LocalDerivative(slopes, by_amount, by_time, shifts, of_bias, -per_potential)


def potentials_at(
    neurons: Neurons,
    times: np.ndarray,
    amounts: np.ndarray,
    recurrent: np.ndarray,
    samples: Sequence[np.ndarray],
    bias: np.ndarray,
    onset: float,
) -> list[np.ndarray]:
    """Return potentials of neurons at ascending times, which end with the last. A spike does not reset a potential.

    `samples` has the times (ms) of each neuron, and the other arrays the shape (events, neurons) or (neurons,). See
    `local_derivative` for the arguments.
    """
    family, p = neurons.kind, neurons.kind.parameters(neurons)
    until = np.array([each[-1] for each in samples])
    moves, _ = _moves(neurons, times, amounts, until, bias, recurrent, onset, 0.0)
    begins, rests = np.stack([each.at for each in moves]), np.stack([each.rest for each in moves])
    starts, potentials = np.stack([each.start for each in moves], axis=1), []
    for number, wanted in enumerate(samples):
        last = np.maximum(np.searchsorted(begins[:, number], wanted, side="right") - 1, 0)
        begin, rest, start = begins[last, number], rests[last, number], starts[:, last, number]
        potentials.append(family.advance(start, rest, np.maximum(wanted - begin, 0.0), p)[0])
    return potentials


class _Move(NamedTuple):
    """A movement of neurons without events, and what happens before it.

    This is the event with a number, or the onset if it is None. It happens `at` a time. Neurons have the state `before`
    it, and `start` after it. It `counts` for some of them. At the onset, the currents of others end, because their gate
    closes. `biased` tells whether the bias is part of `rest`.
    """

    event: int | None
    at: np.ndarray
    counts: np.ndarray
    before: np.ndarray
    start: np.ndarray
    span: np.ndarray
    rest: np.ndarray
    biased: bool


def _moves(
    neurons: Neurons,
    times: np.ndarray,
    amounts: np.ndarray,
    until: np.ndarray,
    bias: np.ndarray | float,
    recurrent: np.ndarray | bool,
    onset: float,
    dt: float,
) -> tuple[list[_Move], np.ndarray]:
    """Return the movements of neurons until some times, and their states then. Silent neurons do not move."""
    family, p, until = neurons.kind, neurons.kind.parameters(neurons, dt), np.asarray(until, float)
    shape = np.broadcast_shapes(np.shape(times), np.shape(amounts), (len(times), *until.shape))
    last, gated = np.where(np.isfinite(until), until, 0.0), neurons.gated
    apart = np.broadcast_to(np.asarray(recurrent) & family.currents_from_onset, shape)
    times = np.where(apart, np.maximum(times, onset), times)
    early = np.broadcast_to(np.asarray(bias, float), until.shape)
    late = np.broadcast_to((0.0 if gated else early) + neurons.drive, until.shape)
    state, now, moves = np.zeros((family.states, *until.shape)), np.zeros(until.shape), list[_Move]()
    event, counts, before, is_open = None, np.ones(until.shape, bool), state, np.zeros(until.shape, bool)

    def move(to: np.ndarray, rest: np.ndarray, biased: bool) -> None:
        nonlocal state, now
        span = np.maximum(to - now, 0.0)
        moves.append(_Move(event, now, counts, before, state, span, rest, biased))
        state, now = family.advance(state, rest, span, p), now + span

    with np.errstate(all="ignore"):
        for number, (time, amount, within) in enumerate(
            zip((*times, last), (*np.broadcast_to(amounts, shape), 0.0), (*apart, False), strict=True)
        ):
            to = np.minimum(time, last)
            if onset > 0:
                move(np.minimum(to, onset), early, True)
                opens = (to >= onset) & ~is_open
                event, counts, before, is_open = None, ~opens | (not gated), state, is_open | opens
                state = np.concatenate([state[:1], np.where(counts, state[1:], 0.0)])
            move(to, late, not gated)
            event, counts, before = number, (time < last) & ((time < onset) | (not gated) | within), state
            state = family.arrive(state, np.where(counts, amount, 0.0), p)
    return moves, before
