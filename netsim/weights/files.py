"""Weights in ``.npz`` files, in double precision."""

from pathlib import Path

import numpy as np

from netsim.files import Digest, read_arrays, write_arrays
from netsim.specification import Network
from netsim.weights.layout import Weights, check_weights


def read_weights(network: Network, path: str | Path, digest: Digest | None = None) -> Weights:
    """Read and check the weights of a network from an ``.npz`` file, in double precision; `digest` as `read_arrays`.

    Raises
    ------
    DataError
        If the file is missing, damaged or belongs to another network.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> netsim.write_weights(model.weights, "weights.npz")
    >>> sorted(netsim.read_weights(model.network, "weights.npz"))
    ['hidden.bias', 'hidden.kernel', 'output.bias', 'output.kernel']
    """
    weights = check_weights(network, read_arrays(Path(path), digest), str(path))
    return {name: array.astype(np.float64) for name, array in weights.items()}


def write_weights(weights: Weights, path: str | Path) -> None:
    """Write weights as an ``.npz`` file; it appears whole or not at all.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> netsim.write_weights(model.weights, "digits.npz")
    >>> netsim.read_weights(model.network, "digits.npz")["output.bias"].shape
    (10,)
    """
    write_arrays(Path(path), weights)
