"""The effect of a spike on the potential of an additive family, for compiled loops over synapses.

Loops call `effect_after` and `slope_after`. The type of the effects chooses the functions.
"""

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from netsim.numerics.compilation import FORWARDED, compiled_with
from netsim.numerics.flows import by_current

_inlined = compiled_with(_nrt=False, forceinline=True)


class Bent(NamedTuple):
    """Piecewise-linear PSPs, one per row: see `netsim.numerics.psp.Breakpoints` and `Slopes`. Padded with zeros."""

    delays: np.ndarray
    changes: np.ndarray
    after: np.ndarray
    until: np.ndarray
    slopes: np.ndarray


class Fading(NamedTuple):
    """Exponential currents, one pair of rates per row (`netsim.specification.families.Rates`)."""

    leak: np.ndarray
    decay: np.ndarray


@_inlined
def _bent_effect(effects: Bent, row: int, since: float) -> float:
    potential = 0.0
    for k in range(effects.delays.shape[1]):
        if since > effects.delays[row, k]:
            potential += effects.changes[row, k] * (since - effects.delays[row, k])
    return potential


@_inlined
def _bent_slope(effects: Bent, row: int, since: float) -> float:
    slope = effects.slopes.dtype.type(0)
    for k in range(effects.slopes.shape[1]):
        if effects.after[row, k] < since <= effects.until[row, k]:
            slope += effects.slopes[row, k]
    return slope


@_inlined
def _fading_effect(effects: Fading, row: int, since: float) -> float:
    return by_current(effects.leak[row], effects.decay[row], since) if since > 0 else 0.0


@_inlined
def _fading_slope(effects: Fading, row: int, since: float) -> float:
    leak, decay = effects.leak[row], effects.decay[row]
    return np.exp(-decay * since) - leak * by_current(leak, decay, since) if since > 0 else 0.0


_OF = {Bent: (_bent_effect, _bent_slope), Fading: (_fading_effect, _fading_slope)}


def effect_after(effects: Bent | Fading, row: int, since: float) -> float:
    """Return the potential times ``tau``, a time after a spike of weight 1."""
    potential: float = _OF[type(effects)][0](effects, row, since)
    return potential


def slope_after(effects: Bent | Fading, row: int, since: float) -> float:
    """Return the slope of this potential just before a time after the spike."""
    slope: float = _OF[type(effects)][1](effects, row, since)
    return slope


@overload(effect_after, jit_options=FORWARDED)
def _effect_after(effects: Any, row: Any, since: Any) -> Any:
    chosen = _OF[effects.instance_class][0]

    def call(effects: Any, row: Any, since: Any) -> Any:
        return chosen(effects, row, since)

    return call


@overload(slope_after, jit_options=FORWARDED)
def _slope_after(effects: Any, row: Any, since: Any) -> Any:
    chosen = _OF[effects.instance_class][1]

    def call(effects: Any, row: Any, since: Any) -> Any:
        return chosen(effects, row, since)

    return call
