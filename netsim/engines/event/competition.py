"""Competition of neurons: keep the first spikes of each scope.

Without a loop, spikes of a population do not affect its other neurons. Stages order simultaneous spikes by potential
(`Dynamics.rank`). Times and numbers of neurons then determine the winners. Event loops let the neurons that are due at
the same time compete.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from netsim.engines.event.clock import Clock, Dynamics
from netsim.numerics.compilation import compiled, compiled_in_place
from netsim.numerics.groups import starts_of
from netsim.numerics.order import in_order_of_time
from netsim.numerics.vectors import (
    broadcast,
    count_at_least,
    from_a_line,
    lanes_of,
    least,
    load,
    smallest,
    where_at_least,
)
from netsim.specification import Population

MOST_WINNERS = 64
"""Maximum number of winners found by scanning all spikes of a scope per winner. Larger numbers use event loops."""


def is_decided_by_times(clock: Clock, population: Population, ranks: bool) -> bool:
    """Return whether times determine the winners of a population without loops.

    Some stages do not order spikes of one step or of the onset (`ranks` is False). For them, times suffice only in
    `free` with exact times. In overlapping scopes, the winner of one scope affects others.
    """
    winners = population.winners
    if winners is None:
        return True
    if winners.first > MOST_WINNERS:
        return False
    if not ranks and (clock.dt or population.dynamics.onset > 0):
        return False
    neurons, counted = winners.counted(population.shape)
    scopes = winners.scopes(population.shape).ravel()
    return np.array_equal(neurons, np.arange(scopes.size)) and np.array_equal(counted, scopes)


def silencing(clock: Clock, population: Population) -> Callable[[np.ndarray], None]:
    """Return a function that silences losers in spike times of shape (presentations, \\*population)."""
    winners = population.winners
    assert winners is not None
    scopes = winners.scopes(population.shape).ravel()
    neurons = np.argsort(scopes, kind="stable")
    in_place = np.array_equal(neurons, np.arange(neurons.size))
    firsts = starts_of(np.bincount(scopes))
    dynamics, instant = clock.dynamics(population), clock.dtype.type(clock.tie)

    def silence(spikes: np.ndarray) -> None:
        flat = spikes.reshape(len(spikes), scopes.size)
        by_scope = flat if in_place else np.take(flat, neurons, axis=1)  # C order, unlike flat[:, neurons]
        _silence_losers(firsts, winners.first, instant, dynamics, by_scope)
        if not in_place:
            flat[:, neurons] = by_scope

    return silence


@compiled
def _silence_losers(firsts: np.ndarray, most: int, instant: float, dynamics: Dynamics, spikes: np.ndarray) -> None:
    """Keep only the first spikes of each scope. Among simultaneous spikes, the lowest numbers come first.

    The members of a scope are contiguous, in order of their numbers, starting at its entry in `firsts`. The remaining
    spikes lose their ranks.
    """
    silent, lanes = spikes.dtype.type(np.inf), lanes_of(spikes)
    largest = np.max(firsts[1:] - firsts[:-1])
    times = from_a_line(-(-largest // lanes) * lanes, spikes)
    for b in range(len(spikes)):
        of_all = spikes[b]
        for scope in range(firsts.size - 1):
            begin, end = firsts[scope], firsts[scope + 1]
            scope_times, size, scanned, source = of_all[begin:end], end - begin, begin, of_all
            if size % lanes:  # whole vectors are read in place, others are copied and padded
                scanned, source = 0, times
                for member in range(size):
                    times[member] = scope_times[member]
                for beyond in range(size, times.size):
                    times[beyond] = silent
            after = scanned + -(-size // lanes) * lanes
            # proceed in time until enough have fired
            until, count = -silent, 0
            while count < most and until < silent:
                former, following = broadcast(until), broadcast(silent)
                for first in range(scanned, after, lanes):
                    some = load(source, first)
                    following = least(following, where_at_least(former, some, broadcast(silent), some))
                until = smallest(following)
                count = _count_until(source, scanned, after, until)
            until += instant
            if until < silent and _count_until(source, scanned, after, until) > most:
                _keep_lowest_numbers(most, instant, scope_times)
            for member in range(size):
                time = scope_times[member]
                fired = max(np.ceil(time) if dynamics.whole_steps else time, dynamics.onset)
                scope_times[member] = fired if time <= until else silent


@register_jitable
def _count_until(times: np.ndarray, first: int, after: int, until: float) -> int:
    """Count times from the first that are not later than `until`, in whole vectors."""
    count, lanes = 0, lanes_of(times)
    for index in range(first, after, lanes):
        count += count_at_least(broadcast(until), load(times, index))
    return count


@compiled
def _keep_lowest_numbers(most: int, instant: float, times: np.ndarray) -> None:
    """Keep the first `most` spikes of a scope. Among simultaneous spikes, keep the lowest numbers."""
    fires = np.zeros(times.size, np.bool_)
    while most > 0:
        earliest = times.dtype.type(np.inf)
        for member in range(times.size):
            if not fires[member]:
                earliest = min(earliest, times[member])
        for member in range(times.size):
            if most > 0 and not fires[member] and times[member] <= earliest + instant:
                fires[member] = True
                most -= 1
    for member in range(times.size):
        if not fires[member]:
            times[member] = np.inf


class Contest(NamedTuple):
    """The scopes of the neurons of an event loop.

    A neuron fires if fewer than `most` spikes have counted in its `scope` (-1 without competition). The spike of neuron
    ``j`` counts in the scopes `counted` starting at ``first_counted[j]``.
    """

    scope: np.ndarray
    most: np.ndarray
    first_counted: np.ndarray
    counted: np.ndarray


@compiled
def sort_by_lead(lead: np.ndarray, bits: np.ndarray, firing: np.ndarray) -> None:
    """Write neurons to `firing` by their lead in potential, then by number. The lead of neurons not due is ``-inf``.

    `bits` come from `netsim.numerics.order.bits_of`.
    """
    most = 0.0
    for neuron in range(lead.size):
        most = max(most, lead[neuron])
    for neuron in range(lead.size):
        lead[neuron] = most - lead[neuron]
    for place, neuron in enumerate(in_order_of_time(lead, lead.view(bits.dtype), lead.dtype.type(np.inf))):
        firing[place] = neuron


@compiled_in_place
def let_win(count: int, contest: Contest, tally: np.ndarray, firing: np.ndarray, spikes: np.ndarray) -> None:
    """Keep the spikes of the first `count` neurons of `firing` that win, followed by -1. `tally` is by scope."""
    fired = 0
    for position in range(count):
        neuron = firing[position]
        scope = contest.scope[neuron]
        if scope >= 0:
            if tally[scope] >= contest.most[neuron]:
                spikes[neuron] = np.inf
                continue
            for pair in range(contest.first_counted[neuron], contest.first_counted[neuron + 1]):
                tally[contest.counted[pair]] += 1
        firing[fired] = neuron
        fired += 1
    if fired < firing.size:
        firing[fired] = -1
