"""Priority queues of an event-driven loop: pending events, and the next spike of every neuron."""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled_in_place


class Events(NamedTuple):
    """A binary heap of events: times, codes, and the number of pending events, shape (1,)."""

    times: np.ndarray
    codes: np.ndarray
    waiting: np.ndarray


@compiled_in_place
def push(events: Events, time: float, code: int) -> None:
    """Add an event. The heap must have space."""
    times, codes, node = events.times, events.codes, events.waiting[0]
    events.waiting[0] += 1
    while node > 0:
        above = (node - 1) // 2
        if times[above] <= time:
            break
        times[node], codes[node] = times[above], codes[above]
        node = above
    times[node], codes[node] = time, code


@compiled_in_place
def pop(events: Events) -> int:
    """Remove the earliest event from a heap that is not empty, and return its code."""
    times, codes = events.times, events.codes
    earliest = codes[0]
    events.waiting[0] -= 1
    count = events.waiting[0]
    time, code, node = times[count], codes[count], 0
    while 2 * node + 1 < count:
        below = 2 * node + 1
        if below + 1 < count and times[below + 1] < times[below]:
            below += 1
        if times[below] >= time:
            break
        times[node], codes[node] = times[below], codes[below]
        node = below
    times[node], codes[node] = time, code
    return int(earliest)


@compiled_in_place
def schedule(due: np.ndarray, neuron: int, time: float) -> None:
    """Set the time at which a neuron is due to fire, ``inf`` for never.

    `due` is a binary tree. Its second half contains the neurons. Each other element is the minimum of its two children,
    so that ``due[1]`` is the global minimum.
    """
    node = due.size // 2 + neuron
    if due[node] == time:
        return
    due[node] = time
    while node > 1:
        node //= 2
        least = min(due[2 * node], due[2 * node + 1])
        if due[node] == least:
            return
        due[node] = least


@compiled_in_place
def next_due(due: np.ndarray) -> int:
    """Return the neuron that is due first. Ties go to the lowest number (see `schedule`)."""
    node = 1
    while node < due.size // 2:
        node *= 2
        if due[node + 1] < due[node]:
            node += 1
    return int(node - due.size // 2)
