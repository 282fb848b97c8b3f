"""The 1,797 handwritten digits of 8x8 pixels that come with scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place
from netsim.data.source import OnProgress, Source
from netsim.seams import datasets

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.dataset import Dataset
    from netsim.specification import Encoder

TEST_IMAGES = 360
SPLIT_SEED = 1797


class Digits(Source):
    """Digits in a fixed split into 1,437 training and 360 test images, with intensities up to 16."""

    notation = "digits"
    summary = "handwritten digits of scikit-learn"
    order = 0

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Split the digits."""
        import numpy as np

        from netsim.data.dataset import Dataset

        digits = _digits()
        images, labels = digits[:, :-1].astype(np.uint8).reshape(-1, 8, 8, 1), digits[:, -1].astype(np.int64)
        order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
        test, train = np.sort(order[:TEST_IMAGES]), np.sort(order[TEST_IMAGES:])
        splits = (images[train], labels[train], images[test], labels[test])
        return Dataset(name, "scikit-learn", *splits, 16, tuple("0123456789"))

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return the folder of scikit-learn."""
        folder = _folder()
        return [Place("scikit-learn", folder or Path("sklearn"), folder is not None)]

    def not_fetched(self, name: str) -> str:
        """Explain that scikit-learn includes the digits."""
        return "comes with scikit-learn, there is nothing to fetch"


def _folder() -> Path | None:
    """Return the folder of scikit-learn if it is installed."""
    spec = importlib.util.find_spec("sklearn")
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _digits() -> np.ndarray:
    """Return pixels and label of each digit, shape (digits, 65). Reading the file avoids a slow import."""
    import numpy as np

    folder = _folder()
    if folder is not None and (file := folder / "datasets" / "data" / "digits.csv.gz").exists():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    return np.column_stack(load_digits(return_X_y=True))


datasets.add("digits", Digits(), __name__)
