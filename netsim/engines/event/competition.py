"""Competition of neurons whose spikes change nothing of their own population's: the first of each scope are kept.

Without a loop neurons reach threshold as they would alone. Their stages tell simultaneous spikes apart by potential
(`Dynamics.rank`), so that times and numbers say who wins.
"""

from collections.abc import Callable

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.numerics.compilation import compiled
from netsim.specification import Population

MOST_WINNERS = 64
"""Each spike is compared with all winners of a scope: more of them are found spike by spike."""


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
    neurons = np.argsort(scopes, kind="stable").astype(np.uint64)
    firsts = np.concatenate([[0], np.cumsum(np.bincount(scopes))])
    dynamics, instant = clock.dynamics(population), clock.dtype.type(clock.instant)

    def silence(spikes: np.ndarray) -> None:
        _silence_losers(neurons, firsts, winners.first, instant, dynamics, spikes.reshape(len(spikes), -1))

    return silence


@compiled
def _silence_losers(
    neurons: np.ndarray, firsts: np.ndarray, most: int, instant: float, dynamics: Dynamics, spikes: np.ndarray
) -> None:
    """Silence all but the first spikes of each scope; of one instant, those of the lowest numbers come first.

    The members of a scope, in order of their numbers, begin in `neurons` at its entry in `firsts`. Those that fire are
    ranked no more.
    """
    silent = spikes.dtype.type(np.inf)
    earliest = np.empty(most, spikes.dtype)
    for b in range(len(spikes)):
        own = spikes[b]
        for scope in range(firsts.size - 1):
            members = neurons[firsts[scope] : firsts[scope + 1]]
            # a time passes through all places, so that nothing depends on what it is
            for place in range(most):
                earliest[place] = silent
            for neuron in members:
                time = own[neuron]
                for place in range(most):
                    former = earliest[place]
                    earliest[place], time = min(former, time), max(former, time)
            until = earliest[most - 1] + instant
            if until < silent:
                count = 0
                for neuron in members:
                    count += own[neuron] <= until
                if count > most:
                    _keep_lowest_numbers(members, most, instant, own)
            for neuron in members:
                time = own[neuron]
                fired = max(np.ceil(time) if dynamics.whole_steps else time, dynamics.onset)
                own[neuron] = fired if time <= until else silent


@compiled
def _keep_lowest_numbers(members: np.ndarray, most: int, instant: float, own: np.ndarray) -> None:
    """Silence all but so many spikes of a scope: instant by instant, from the earliest spike on, the lowest numbers."""
    fires = np.zeros(members.size, np.bool_)
    while most > 0:
        earliest = own.dtype.type(np.inf)
        for place, neuron in enumerate(members):
            if not fires[place]:
                earliest = min(earliest, own[neuron])
        for place, neuron in enumerate(members):
            if most > 0 and not fires[place] and own[neuron] <= earliest + instant:
                fires[place] = True
                most -= 1
    for place, neuron in enumerate(members):
        if not fires[place]:
            own[neuron] = np.inf
