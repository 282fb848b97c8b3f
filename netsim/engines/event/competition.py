"""Competition of neurons whose spikes change nothing of their own population's: the first of each scope are kept.

Without a loop neurons reach threshold as they would alone. Their stages tell simultaneous spikes apart by potential
(`Dynamics.rank`), so that times and numbers say who wins.
"""

from collections.abc import Callable

import numpy as np
from numba.extending import register_jitable

from netsim.engines.event.clock import Clock, Dynamics
from netsim.numerics.compilation import compiled
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
"""All spikes of a scope are looked at for the time of each winner: more of them are found spike by spike."""


def is_decided_by_times(clock: Clock, population: Population, ranks: bool) -> bool:
    """Whether times say who fires of a population's neurons, if no loop joins them.

    Stages that do not tell the spikes of one step and of the onset apart (`ranks`) do so in `free` and at exact times
    alone. In overlapping scopes a neuron that wins in one decides about others.
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
    """A function that silences those that lose, in an array of spike times of shape (presentations, \\*population)."""
    winners = population.winners
    assert winners is not None
    scopes = winners.scopes(population.shape).ravel()
    neurons = np.argsort(scopes, kind="stable")
    in_place = np.array_equal(neurons, np.arange(neurons.size))
    firsts = np.concatenate([[0], np.cumsum(np.bincount(scopes))])
    dynamics, instant = clock.dynamics(population), clock.dtype.type(clock.tie)

    def silence(spikes: np.ndarray) -> None:
        own = spikes.reshape(len(spikes), scopes.size)
        by_scope = own if in_place else np.take(own, neurons, axis=1)  # in C order, unlike own[:, neurons]
        _silence_losers(firsts, winners.first, instant, dynamics, by_scope)
        if not in_place:
            own[:, neurons] = by_scope

    return silence


@compiled
def _silence_losers(firsts: np.ndarray, most: int, instant: float, dynamics: Dynamics, spikes: np.ndarray) -> None:
    """Silence all but the first spikes of each scope; of one instant, those of the lowest numbers come first.

    The members of a scope lie side by side, in order of their numbers, from its entry in `firsts` on. Those that fire
    are ranked no more.
    """
    silent, lanes = spikes.dtype.type(np.inf), lanes_of(spikes)
    largest = np.max(firsts[1:] - firsts[:-1])
    times = from_a_line(-(-largest // lanes) * lanes, spikes)
    for b in range(len(spikes)):
        of_all = spikes[b]
        for scope in range(firsts.size - 1):
            begin, end = firsts[scope], firsts[scope + 1]
            own, size, scanned, source = of_all[begin:end], end - begin, begin, of_all
            if size % lanes:  # whole vectors are read where they lie, others are copied and filled up
                scanned, source = 0, times
                for member in range(size):
                    times[member] = own[member]
                for beyond in range(size, times.size):
                    times[beyond] = silent
            after = scanned + -(-size // lanes) * lanes
            # time after time, until enough have fired
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
                _keep_lowest_numbers(most, instant, own)
            for member in range(size):
                time = own[member]
                fired = max(np.ceil(time) if dynamics.whole_steps else time, dynamics.onset)
                own[member] = fired if time <= until else silent


@register_jitable
def _count_until(times: np.ndarray, first: int, after: int, until: float) -> int:
    """How many times from the first on are no later; whole vectors of them."""
    count, lanes = 0, lanes_of(times)
    for place in range(first, after, lanes):
        count += count_at_least(broadcast(until), load(times, place))
    return count


@compiled
def _keep_lowest_numbers(most: int, instant: float, own: np.ndarray) -> None:
    """Silence all but so many spikes of a scope: instant by instant, from the earliest spike on, the lowest numbers."""
    fires = np.zeros(own.size, np.bool_)
    while most > 0:
        earliest = own.dtype.type(np.inf)
        for member in range(own.size):
            if not fires[member]:
                earliest = min(earliest, own[member])
        for member in range(own.size):
            if most > 0 and not fires[member] and own[member] <= earliest + instant:
                fires[member] = True
                most -= 1
    for member in range(own.size):
        if not fires[member]:
            own[member] = np.inf
