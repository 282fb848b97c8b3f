"""Data for the experiments."""

from pathlib import Path

import numpy as np
import pytest

from netsim.data.idx import write_idx


@pytest.fixture
def images(tmp_path: Path) -> str:
    """A folder of IDX files with random images of 28 x 28 pixels."""
    folder, generator = tmp_path / "images", np.random.default_rng(0)
    folder.mkdir()
    for part, count in (("train", 60), ("t10k", 20)):
        pixels = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte", pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8))
    return str(folder)
