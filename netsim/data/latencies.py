"""First-spike latencies by population."""

import numpy as np

Latencies = dict[str, np.ndarray]
"""First-spike latencies (ms) of one batch: a dictionary from population name to array, in network order.

The stimulus is called ``stimulus``. Arrays have the shape (presentations, height, width, channels) or
(presentations, neurons). Silent neurons have the latency ``inf``.
"""
