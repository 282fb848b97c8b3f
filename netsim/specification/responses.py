"""Potentials of additive neurons as sums over their inputs: what each spike and each constant current adds.

Potentials are times `tau`, and times are in ms. Currents end at the gate, if there is one, and the potential stays.
Currents of loops count from the onset, if the family says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from netsim.specification.grid import PopulationTimes
from netsim.specification.neurons import Neurons
from netsim.specification.psps import rounded

ALWAYS = PopulationTimes(0.0, math.inf, math.inf)
"""The times of neurons without onset and gate."""
Kernel = Iterable[tuple[float, float]]
"""Breakpoints of a PSP: delays (ms) after the arrival of a spike, and changes of the current."""


def effect(
    neurons: Neurons,
    kernel: Kernel,
    arriving: np.ndarray | float,
    times: np.ndarray | float,
    window: PopulationTimes = ALWAYS,
    recurrent: bool = False,
) -> np.ndarray:
    """Return what spikes of weight 1 add to a potential by given times. A sum of rounding errors is 0.

    Parameters
    ----------
    neurons : Neurons
        Neurons of an additive family.
    kernel : iterable of pairs
        Breakpoints of the PSP.
    arriving : ndarray or float
        When the spikes arrive (ms). Silence is ``inf``.
    times : ndarray or float
        When the potential is read (ms). The shape broadcasts with that of `arriving`.
    window : PopulationTimes
        Onset and gate of the neurons. The default is neither.
    recurrent : bool
        Whether the spikes come from within a loop.

    Returns
    -------
    ndarray of float

    Examples
    --------
    A plateau that rises for 4 ms, before and after the gate closes at 10 ms.

    >>> neurons = Neurons("phased", onset=10.0, drive=1.0)
    >>> window = PopulationTimes(10.0, 20.0, 10.0)
    >>> effect(neurons, [(0.0, 1.0), (4.0, -1.0)], np.array([2.0, 7.0, np.inf]), 12.0, window).tolist()
    [4.0, 3.0, 0.0]
    """
    apart = recurrent and neurons.kind.currents_from_onset
    until = np.minimum(times, window.gate) if neurons.gated and not apart else times
    total = sizes = np.zeros(np.broadcast_shapes(np.shape(arriving), np.shape(times)))
    for delay, change in kernel:
        begin = arriving + delay
        since = np.asarray(until - (np.maximum(begin, window.onset) if apart else begin))
        added = change * neurons.kind.response(neurons, since)
        total, sizes = total + added, sizes + np.abs(added)
    return rounded(total, sizes)


def effect_of_bias(neurons: Neurons, times: np.ndarray, window: PopulationTimes) -> np.ndarray:
    """Return what a bias of 1 adds to the potential by given times."""
    return neurons.by_constant(np.minimum(times, window.gate) if neurons.gated else times)
