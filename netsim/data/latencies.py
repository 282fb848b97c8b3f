"""First-spike latencies by population."""

import numpy as np

from netsim.errors import warn_user


class Latencies(dict[str, np.ndarray]):
    """First-spike latencies (ms) of one batch: a dictionary from population name to array, in network order.

    The stimulus is called ``stimulus``. Arrays have the shape (presentations, height, width, channels) or
    (presentations, neurons). Silent neurons have the latency ``inf``.

    Examples
    --------
    >>> Latencies(hidden=np.array([[3.0, np.inf]]))["hidden"].shape
    (1, 2)
    """

    def __missing__(self, key: object) -> np.ndarray:
        """Accept an index instead of a name, as in earlier versions."""
        if not isinstance(key, int | np.integer):
            raise KeyError(key)
        name = list(self)[key]
        former = f'latencies[{key}] is deprecated; use the name of the population: latencies["{name}"]'
        warn_user(former, DeprecationWarning)
        return self[name]
