"""IDX, one file or a folder of four."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, content_of, gzipped
from fuzzing.targets._target import FolderTarget, Target
from netsim.data.idx import read_idx, write_idx
from netsim.data.loading import load_dataset


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _idx_seeds() -> list[Parts]:
    arrays = (_images(3, 4, 5), _images(7) % 10, _images(2, 3, 4, 2), _images(2, 0, 2))
    return [{"idx": content_of(partial(write_idx, array=array))} for array in arrays]


def _idx_folder_seeds() -> list[Parts]:
    arrays = {
        "train-images-idx3-ubyte": _images(6, 3, 4),
        "train-labels-idx1-ubyte": np.arange(6, dtype=np.uint8) % 3,
        "t10k-images-idx3-ubyte": _images(4, 3, 4),
        "t10k-labels-idx1-ubyte": np.arange(4, dtype=np.uint8) % 3,
    }
    return [{name: content_of(partial(write_idx, array=array)) for name, array in arrays.items()}]


def _read_idx_folder(path: Path) -> object:
    data = load_dataset(path)
    assert data.train_images.shape[1:] == data.test_images.shape[1:]
    return data.sha256


TARGETS = {
    "idx": Target(_idx_seeds, read_idx),
    "idx.gz": Target(_idx_seeds, read_idx, wrap=gzipped),
    "idx folder": FolderTarget(_idx_folder_seeds, _read_idx_folder, "images"),
}
