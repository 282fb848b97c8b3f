"""Compact files of trained weights: synapses in half precision, or one bit each if binary.

A packed file of a binary network contains ``<layer>.signs`` (signs of the flattened kernel, eight per byte) and
``<layer>.scale`` (per projection or output channel) instead of ``<layer>.kernel``. For weights per synapse,
``<projection>.synapses`` is the SHA-256 of the list of synapses.
"""

import math
from pathlib import Path

import numpy as np

from netsim.errors import DataError
from netsim.files import Digest, read_arrays, write_arrays
from netsim.specification import Network
from netsim.weights.binary import forward_weights
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, check_weights, kernel_name
from netsim.weights.synapses import as_arrays, without_checksums


def pack(network: Network, weights: Weights) -> dict[str, np.ndarray]:
    """Return compact arrays for the forward weights, from forward or stored weights."""
    forward = forward_weights(network, weights)
    if not network.weighting.is_binary:
        # errors of delays shift latencies, and errors of biases shift latencies of neurons at rest
        return {
            name: array.astype(np.float16 if name.endswith(".kernel") else np.float32)
            for name, array in forward.items()
        }
    packed: dict[str, np.ndarray] = {
        name: array.astype(np.float32) for name, array in forward.items() if not name.endswith(".kernel")
    }
    for projection in network.weighted:
        kernel = forward[kernel_name(projection)]
        packed[f"{projection.name}.signs"] = np.packbits(kernel.ravel() > 0)
        _, scale = Incoming(network, projection).extremes(np.abs(kernel))
        scale = scale.astype(np.float32)
        packed[f"{projection.name}.scale"] = scale.max(keepdims=True) if network.weighting.shares_scale else scale
    return packed


def unpack(network: Network, packed: dict[str, np.ndarray], origin: str) -> Weights:
    """Return the forward weights in double precision, or raise DataError with the `origin`."""
    arrays = dict(packed)
    if network.weighting.is_binary:
        for projection in network.weighted:
            name, shape = projection.name, network.weight_shape(projection)
            signs, scale = arrays.pop(f"{name}.signs", None), arrays.pop(f"{name}.scale", None)
            count = math.prod(shape)
            if signs is None or scale is None or signs.dtype != np.uint8 or signs.shape != (-(-count // 8),):
                raise DataError(
                    f"{origin}: does not contain the signs and scales of {name} of {network.name}; choose others"
                )
            each = (network.receivers(projection),)
            if scale.shape not in ((1,), each):
                raise DataError(f"{origin}: {name}.scale has shape {scale.shape}, not (1,) or {each}; choose others")
            scale = Incoming(network, projection).spread(scale)
            bits = np.unpackbits(signs, count=count).astype(np.float64)
            arrays[kernel_name(projection)] = (2 * bits - 1).reshape(shape) * scale.astype(np.float64)
    checked = check_weights(network, arrays, origin)
    return {name: array.astype(np.float64) for name, array in checked.items()}


def write_packed(network: Network, weights: Weights, path: Path) -> None:
    """Pack and write weights. The file is written completely or not at all."""
    write_arrays(path, pack(network, weights) | as_arrays(network))


def read_packed(network: Network, path: Path, digest: Digest | None = None) -> Weights:
    """Read packed weights as forward weights. `read_arrays` explains `digest`.

    Raises DataError if the file is missing, damaged, or of another network.
    """
    return unpack(network, without_checksums(network, read_arrays(path, digest), str(path)), str(path))
