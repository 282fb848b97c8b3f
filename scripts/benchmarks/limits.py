"""What the limit is: operations and bytes of a presentation against what this machine can do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.event_rows import FREE, PHASED, weights_of
from benchmarks.rows import Setting
from benchmarks.stimuli import latencies
from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.measuring.metrics import synaptic_operations
from netsim.models.presets import load_preset
from netsim.numerics.threads import over_presentations
from netsim.specification import Network
from netsim.specification.summary import summarise

_SINGLE = 4
"""Bytes of a number in single precision."""
_ADAM_NUMBERS = 7
"""Read: weight, gradient, two moments; written: weight, two moments."""
# The second convolution of as many presentations as one thread takes at a time.
_PRODUCT = (5000, 800, 64)
_PART = 50
_COPIED = 8_000_000
_TRIES = 7


def measure_limits(setting: Setting) -> dict[str, Any]:
    """Work of a presentation by layer, and the rates of this machine with as many threads as the rows have.

    Returns
    -------
    dict
        ``layers``: multiply-adds and bytes by layer; ``forward_operations``, ``training_operations`` (two for
        each multiply-add), ``forward_bytes``, ``optimizer_bytes``, and ``free_operations``, additions of a weight
        for a spike, all of a presentation; ``operations_per_second`` of a matrix product, ``bytes_per_second`` of
        a copy in memory.
    """
    network = load_preset(PHASED)
    layers = layer_work(network)
    operations = 2 * sum(layer["multiply_adds"] for layer in layers)
    parameters = summarise(network)["parameters"]
    return {
        "layers": layers,
        "forward_operations": operations,
        # a gradient and what is handed down cost as much as the forward pass; the first layer hands nothing down
        "training_operations": 3 * operations - 2 * layers[0]["multiply_adds"],
        "forward_bytes": sum(layer["bytes"] for layer in layers) + parameters * _SINGLE / len(setting.images),
        "optimizer_bytes": _ADAM_NUMBERS * _SINGLE * parameters / len(setting.images),
        "free_operations": _free_operations(setting),
        "operations_per_second": _product_rate(setting.threads),
        "bytes_per_second": _copy_rate(setting.threads),
    }


def layer_work(network: Network) -> list[dict[str, Any]]:
    """Multiply-adds of each layer with weights, and the bytes that its presentation moves in single precision.

    Bytes are those of the latencies read and written, and of receptive fields, written once and read once.
    """
    work = []
    for projection in network.weighted:
        window = network.window(projection)
        assert window is not None, "the benchmark's networks are chains of windows"
        inputs = window.size**2 * window.source[-1]
        positions = math.prod(window.shape[:-1])
        fields = positions * inputs if positions > 1 else 0
        moved = math.prod(window.source) + math.prod(window.shape) + 2 * fields
        operations = positions * inputs * window.shape[-1]
        work.append({"layer": projection.name, "multiply_adds": operations, "bytes": moved * _SINGLE})
    return work


def _free_operations(setting: Setting) -> float:
    network, weights = weights_of(FREE, True, setting.seed)
    seen = EventEngine(network).present(Batch(latencies(setting.images, network.encoder), weights))
    return sum(synaptic_operations(network, seen).values()) / len(setting.images)


def _product_rate(threads: int) -> float:
    """Operations per second of matrix products, one in each thread."""
    rows, inner, columns = _PRODUCT
    generator = np.random.default_rng(0)
    left = generator.random((rows, inner), dtype=np.float32)
    right = generator.random((inner, columns), dtype=np.float32)
    out = np.empty((threads, rows, columns), dtype=np.float32)
    seconds = _best(threads, lambda thread: np.matmul(left, right, out=out[thread]))
    return threads * 2 * rows * inner * columns / seconds


def _copy_rate(threads: int) -> float:
    """Bytes per second, read and written, of copies larger than the caches, one in each thread."""
    source, target = np.ones((threads, _COPIED)), np.zeros((threads, _COPIED))
    seconds = _best(threads, lambda thread: np.copyto(target[thread], source[thread]))
    return 2 * source.nbytes / seconds


def _best(threads: int, work: Callable[[int], object]) -> float:
    """Seconds of the quickest of several tries, in each of which every thread works once."""
    seconds = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        over_presentations(threads * _PART, lambda part: work(part.start // _PART), _PART)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
