"""Files of CIFAR-10: the original binary batches, the original Python batches, and JPEG copies in class folders."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from netsim.data.source import OnProgress
from netsim.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (32, 32, 3)
ORDER_SEED = 2009  # files of class folders are presented in a fixed random order
_PLANES = (3, 32, 32)  # order of the bytes of an image
_BYTES = 3072  # per image
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
}
"""All that the pickles of the Python batches may call."""
Part = tuple[np.ndarray, np.ndarray]
Files = Iterator[tuple[str, bytes]]
"""Path and content of each file."""


class _Batches(pickle.Unpickler):
    """Reads arrays and lists, and refuses everything else that a pickle could execute."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"contains {module}.{name}")
        return _ALLOWED[module, name]


def binary_part(files: dict[str, bytes]) -> Part:
    """Return images and labels of binary batches, by path. A row is a label and the bytes of an image."""
    images, labels = [], []
    for path, content in files.items():
        if not content or len(content) % (_BYTES + 1):
            raise DataError(
                f"{path}: has {len(content):,} bytes, no multiple of {_BYTES + 1:,}, a label and an image;"
                " download it again"
            )
        rows = np.frombuffer(content, np.uint8).reshape(-1, _BYTES + 1)
        labels.append(_checked(rows[:, 0].astype(np.int64), path))
        images.append(_from_planes(rows[:, 1:]))
    return np.concatenate(images), np.concatenate(labels)


def python_part(files: dict[str, bytes]) -> Part:
    """Return images and labels of Python batches, by path. Nothing in a pickle is executed."""
    images, labels = [], []
    for path, content in files.items():
        try:
            batch = _Batches(io.BytesIO(content), encoding="bytes").load()
            rows = np.asarray(batch[b"data"])
            numbers = np.asarray(batch[b"labels"], dtype=np.int64)
        except Exception as error:  # damaged pickles raise any exception
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{path}: is not a Python batch of CIFAR-10 ({reason}); download it again") from error
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != _BYTES or numbers.shape != (len(rows),):
            message = (
                f"is {rows.dtype} of shape {rows.shape} with {numbers.size} labels, and needs rows of {_BYTES} bytes"
            )
            raise DataError(f"{path}: {message}; download it again")
        labels.append(_checked(numbers, path))
        images.append(_from_planes(rows))
    return np.concatenate(images), np.concatenate(labels)


def picture_part(files: Files, count: int, name: str, on_progress: OnProgress) -> Part:
    """Return images and labels of picture files. The last folder in the path of a file is its class.

    `count` is the expected number of files, for progress alone.
    """
    from PIL import Image, UnidentifiedImageError

    images, labels = [], []
    for path, content in files:
        word = path.replace("\\", "/").split("/")[-2] if "/" in path else ""
        if word not in CLASSES:
            raise DataError(f"{path}: lies in no folder of a class; folders are {', '.join(CLASSES)}")
        try:
            with Image.open(io.BytesIO(content)) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: is not a picture ({reason}); download it again") from error
        if pixels.shape != SHAPE:
            height, width, _ = pixels.shape
            raise DataError(f"{path}: has {width} x {height} pixels, and CIFAR-10 32 x 32; resize it")
        images.append(pixels)
        labels.append(CLASSES.index(word))
        on_progress(f"reading {name}", len(images), max(count, len(images)))
    if not images:
        raise DataError(f"{name}: contains no pictures in class folders; download it again")
    order = np.random.default_rng(ORDER_SEED).permutation(len(images))
    return np.stack(images)[order], np.array(labels, dtype=np.int64)[order]


def _from_planes(rows: np.ndarray) -> np.ndarray:
    """Return images with the channels last."""
    return np.ascontiguousarray(np.moveaxis(rows.reshape(-1, *_PLANES), 1, 3))


def _checked(labels: np.ndarray, path: str) -> np.ndarray:
    """Return labels, or raise DataError if one is not a class number."""
    wrong = labels[(labels < 0) | (labels >= len(CLASSES))]
    if wrong.size:
        raise DataError(f"{path}: has the label {wrong[0]}, and classes are numbered 0 to 9; download it again")
    return labels
