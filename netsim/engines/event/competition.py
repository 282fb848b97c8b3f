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
"""The winners of a scope are kept in order, which takes their square: more are found spike by spike."""


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
    # numbers that cannot be negative are places without a test
    one, room, silent = np.uint64(1), np.uint64(most), spikes.dtype.type(np.inf)
    winners, times = np.empty(most, np.uint64), np.empty(most, spikes.dtype)
    for b in range(len(spikes)):
        own = spikes[b]
        for scope in range(firsts.size - 1):
            count, last = np.uint64(0), silent
            for place in range(firsts[scope], firsts[scope + 1]):
                neuron = neurons[place]
                time = own[neuron]
                before = time + instant
                if not before < last:  # silent ones, too
                    own[neuron] = silent
                    continue
                if count == room:
                    own[winners[count - one]] = silent
                else:
                    count += one
                rank = count - one
                while rank > 0 and before < times[rank - one]:
                    winners[rank], times[rank] = winners[rank - one], times[rank - one]
                    rank -= one
                winners[rank], times[rank] = neuron, time
                if count == room:
                    last = times[room - one]
            for winner in range(count):
                time = np.ceil(times[winner]) if dynamics.whole_steps else times[winner]
                own[winners[winner]] = max(time, dynamics.onset)
