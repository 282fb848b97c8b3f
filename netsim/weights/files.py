"""Weights in ``.npz`` files, in double precision."""

from pathlib import Path

import numpy as np

from netsim.errors import DataError
from netsim.files import Digest, read_arrays, write_arrays
from netsim.specification import Network
from netsim.specification.checks import check_unmasked
from netsim.weights.layout import Weights, all_finite, check_weights

_EPOCH = "epoch"  # distinct from weights, whose names contain a dot


def read_weights(network: Network, path: str | Path) -> Weights:
    """Read and check the weights of a network from an ``.npz`` file, in double precision.

    Parameters
    ----------
    network : Network
    path : str or Path

    Returns
    -------
    dict of ndarray

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
    return read_weights_of_epoch(network, path)[0]


def read_weights_of_epoch(
    network: Network, path: str | Path, digest: Digest | None = None
) -> tuple[Weights, int | None]:
    """Read weights like `read_weights`, and their epoch, counted from 1. The epoch is None if the file has none."""
    arrays = read_arrays(Path(path), digest)
    epoch = arrays.pop(_EPOCH, None)
    if epoch is not None and not (epoch.dtype == np.int64 and epoch.shape == () and epoch >= 1):
        raise DataError(f"{path}: {_EPOCH} is not the number of an epoch; the file is damaged, restore it")
    weights = check_weights(network, arrays, str(path))
    double = {name: np.array(array, np.float64, order="C") for name, array in weights.items()}
    return double, None if epoch is None else int(epoch)


def write_weights(weights: Weights, path: str | Path, epoch: int | None = None) -> None:
    """Write weights to an ``.npz`` file, completely or not at all.

    Parameters
    ----------
    weights : dict of ndarray
    path : str or Path
    epoch : int, optional
        Epoch of the weights, counted from 1.

    Raises
    ------
    DataError
        If a weight is not finite.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> netsim.write_weights(model.weights, "digits.npz")
    >>> netsim.read_weights(model.network, "digits.npz")["output.bias"].shape
    (10,)
    """
    floats = {}
    for name, array in weights.items():
        check_unmasked(array, f"{path}: is not written, because {name}")
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "fiu" or not all_finite(numbers):
            raise DataError(
                f"{path}: is not written, because {name} contains NaN, infinity or other than numbers; replace them"
            )
        floats[name] = numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)  # as readers expect
    write_arrays(Path(path), floats if epoch is None else {**floats, _EPOCH: np.array(epoch, np.int64)})
