"""What engines return: arrays of first-spike latencies by population, and potentials of recorded neurons."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.specification import Shape
from netsim.specification.checks import check_array

BATCH = 200
"""Presentations that are held at once, a multiple of the event engine's batch per thread."""

Latencies = dict[str, np.ndarray]
"""First-spike latencies (ms) of one batch: a dictionary from population name to array, in network order.

The stimulus is called ``stimulus``. Arrays have the shape (presentations, height, width, channels) or
(presentations, neurons). Silent neurons have the latency ``inf``.
"""


class Recorded(NamedTuple):
    """One neuron whose potential is recorded.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network, record=[netsim.Recorded("hidden", 3)])
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(1)), model.weights))
    >>> [trace.layer for trace in engine.potentials]
    ['hidden']
    """

    layer: str
    neuron: int


class Potential(NamedTuple):
    """The potential of one neuron during one presentation. Presentations are numbered from the start of the batch.

    Attributes
    ----------
    time, potential : ndarray of float, shape (samples,)
        Times in the presentation (ms), and potentials at these times.
    """

    presentation: int
    layer: str
    neuron: int
    time: np.ndarray
    potential: np.ndarray

    def __repr__(self) -> str:
        return short_repr(self)


def check_latencies(shapes: Mapping[str, Shape], latencies: Mapping[str, np.ndarray], count: int | None = None) -> int:
    """Return the number of presentations of latencies such as an engine returns.

    Raise DataError unless the latencies have these shapes, are times from 0 ms or ``inf``, and are of `count`
    presentations.
    """
    if not isinstance(latencies, Mapping):
        kind = type(latencies).__name__
        raise DataError(f"latencies: must be a mapping from population name to array, as an engine returns, not {kind}")
    if set(latencies) != set(shapes):
        raise DataError(f"latencies: are of {', '.join(latencies)}, but {', '.join(shapes)} are needed")
    arrays = {name: latencies[name] for name in shapes}
    for name, array in arrays.items():
        check_array(array, f"latencies of {name}:")
    if count is None:
        count = max(len(array) if array.ndim else 0 for array in arrays.values())
    for name, array in arrays.items():
        needed = (count, *shapes[name])
        if array.shape != needed:
            raise DataError(f"latencies of {name}: have shape {array.shape}, but {needed} is needed")
        if not array.min(initial=0) >= 0:  # also NaN
            raise DataError(f"latencies of {name}: contain NaN or negative times; a silent neuron has the latency inf")
    return count
