"""What an event-driven loop keeps in order of time: events to come, and the next spike of every neuron."""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled


class Events(NamedTuple):
    """A binary heap of events: their times and codes, and how many are waiting, shape (1,)."""

    times: np.ndarray
    codes: np.ndarray
    waiting: np.ndarray


@compiled
def push(events: Events, time: float, code: int) -> None:
    """Add an event; there must be room for it."""
    times, codes, place = events.times, events.codes, events.waiting[0]
    events.waiting[0] += 1
    while place > 0:
        above = (place - 1) // 2
        if times[above] <= time:
            break
        times[place], codes[place] = times[above], codes[above]
        place = above
    times[place], codes[place] = time, code


@compiled
def pop(events: Events) -> int:
    """Take the code of the earliest event out of a heap that is not empty."""
    times, codes = events.times, events.codes
    earliest = codes[0]
    events.waiting[0] -= 1
    count = events.waiting[0]
    time, code, place = times[count], codes[count], 0
    while 2 * place + 1 < count:
        below = 2 * place + 1
        if below + 1 < count and times[below + 1] < times[below]:
            below += 1
        if times[below] >= time:
            break
        times[place], codes[place] = times[below], codes[below]
        place = below
    times[place], codes[place] = time, code
    return int(earliest)


@compiled
def schedule(due: np.ndarray, neuron: int, time: float) -> None:
    """Say when a neuron is due to fire, ``inf`` for never.

    `due` is a tree: its second half holds the neurons, each number before the lesser of the two below it, so that
    ``due[1]`` is the least of all.
    """
    place = due.size // 2 + neuron
    if due[place] == time:
        return
    due[place] = time
    while place > 1:
        place //= 2
        least = min(due[2 * place], due[2 * place + 1])
        if due[place] == least:
            return
        due[place] = least


@compiled
def next_due(due: np.ndarray) -> int:
    """The neuron that is due first, of several the one with the lowest number; see `schedule`."""
    place = 1
    while place < due.size // 2:
        place *= 2
        if due[place + 1] < due[place]:
            place += 1
    return int(place - due.size // 2)
