"""Data sets in one file: an uncompressed ``.npz`` of samples, labels and a description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from netsim.data.dataset import Dataset, Part, check_name
from netsim.data.stored import StoredArray, store_arrays, stored_arrays
from netsim.errors import DataError
from netsim.specification.checks import path_in

SUFFIX = ".npz"
_ABOUT = "about"
_LARGEST_ABOUT = 10_000_000


def write_dataset(dataset: Dataset, path: str | Path) -> Path:
    """Write a data set to one file, for `netsim.load_dataset` and ``--dataset FILE.npz``.

    The file contains ``train_samples``, ``train_labels``, the same for ``test`` and any ``validation``, and ``about``,
    a text in JSON. It is written a few rows at a time. Equal data yield identical files.

    Parameters
    ----------
    dataset : Dataset
    path : str or Path
        File to write, with a name that ends in ``.npz``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If `dataset` is not a data set, or a name is not valid.
    RunError
        If the file cannot be written.
    SpecificationError
        If `path` is not a path.

    Examples
    --------
    >>> import netsim, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = netsim.write_dataset(netsim.load_dataset("digits"), f"{folder}/mine.npz")
    ...     netsim.load_dataset(path).sha256 == netsim.load_dataset("digits").sha256
    True
    """
    if not isinstance(dataset, Dataset):
        raise DataError(f"write_dataset: needs a Dataset and then a path, not {type(dataset).__name__} first")
    path = path_in(path, "path")
    if path.suffix != SUFFIX:
        raise DataError(f"{path}: the name of a data set's file must end in {SUFFIX}; rename it")
    check_name(dataset.name, str(path))
    about = {
        "name": dataset.name,
        "samples": dataset.samples,
        "intensity_max": dataset.intensity_max,
        "classes": list(dataset.classes),
    } | ({"coding": dict(dataset.coding)} if dataset.coding else {})
    arrays: dict[str, Any] = {_ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for split, (samples, labels) in dataset.parts.items():
        arrays |= {f"{split}_samples": samples, f"{split}_labels": labels}
    store_arrays(path, arrays)
    return path


def read_dataset(path: str | Path) -> Dataset:
    """Read a file from `write_dataset`. Samples stay in the file and are read when they are presented.

    Raises
    ------
    DataError
        If the file is missing, damaged or not a data set.
    """
    path = Path(path)
    arrays = stored_arrays(path)
    try:
        about = _about(arrays)
        check_name(about["name"], str(path))
        parts: dict[str, Part] = {
            split: (arrays[f"{split}_samples"], _labels(arrays[f"{split}_labels"]))
            for split in ("train", "test", "validation")
            if split != "validation" or "validation_samples" in arrays
        }
        return Dataset(
            about["name"],
            str(path),
            *parts["train"],
            *parts["test"],
            about["intensity_max"],
            tuple(about["classes"]),
            about["samples"],
            parts.get("validation"),
            coding=about.get("coding", {}),
        )
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: contains no data set ({error}); write one with netsim.write_dataset") from error


def _about(arrays: dict[str, StoredArray]) -> dict[str, Any]:
    if arrays[_ABOUT].dtype != np.uint8 or not 0 < arrays[_ABOUT].shape[0] <= _LARGEST_ABOUT:
        raise ValueError(f"no text in {_ABOUT}")
    about = json.loads(arrays[_ABOUT][:].tobytes())
    fits = {
        "name": isinstance(about["name"], str),
        "samples": isinstance(about["samples"], str),
        "classes": isinstance(about["classes"], list) and all(isinstance(name, str) for name in about["classes"]),
        "intensity_max": about["intensity_max"] is None or isinstance(about["intensity_max"], int | float),
        "coding": isinstance(about.get("coding", {}), dict),
    }
    if wrong := [name for name, is_right in fits.items() if not is_right]:
        raise ValueError(f"no {wrong[0]} that fits")
    return dict(about)


def _labels(stored: StoredArray) -> np.ndarray:
    if stored.dtype != np.int64:
        raise ValueError(f"labels are {stored.dtype}")
    return stored[:]
