"""The Yin-Yang points of Kriener et al. (2022), a task that small networks solve and linear models do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netsim.data.places import Place
from netsim.data.source import OnProgress, Source
from netsim.seams import datasets

if TYPE_CHECKING:
    import numpy as np

    from netsim.data.dataset import Dataset, Part
    from netsim.specification import Encoder

SIZES = {"train": 5000, "validation": 1000, "test": 1000}
SEED = 2102
_LARGE, _SMALL = 0.5, 0.1  # radius of the disc and of each dot


class YinYang(Source):
    """Points within a disc in the unit square. The class is the part of a Yin-Yang symbol around the point.

    A sample is x, y, 1 - x and 1 - y, so that every point has early spikes. The three classes are equally frequent.
    Geometry and sizes follow Kriener, Göltz and Petrovici (2022), "The Yin-Yang dataset", doi:10.1145/3517343.3517380.
    netsim draws new points.
    """

    notation = "yin-yang"
    summary = "points of the Yin-Yang symbol"
    order = 3

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Draw the points."""
        import numpy as np

        from netsim.data.dataset import Dataset

        seeds = np.random.SeedSequence(SEED).spawn(len(SIZES))
        parts = dict(zip(SIZES, map(_points, SIZES.values(), seeds), strict=True))
        return Dataset(
            name, "drawn by netsim", *parts["train"], *parts["test"], 1.0, CLASSES, validation=parts["validation"]
        )

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """Return this module, which draws the points."""
        return [Place("drawn by netsim", Path(__file__), True)]

    def not_fetched(self, name: str) -> str:
        """Explain that the points are drawn."""
        return "is drawn from a seed, there is nothing to fetch"


CLASSES = ("yin", "yang", "dot")


def part_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the class of points within the disc."""
    import numpy as np

    to_left, to_right = np.hypot(x - _LARGE / 2, y - _LARGE), np.hypot(x - 3 * _LARGE / 2, y - _LARGE)
    dot = np.minimum(to_left, to_right) < _SMALL
    yang = (to_left <= _LARGE / 2) | ((y > _LARGE) & (to_right > _LARGE / 2))
    return np.where(dot, 2, yang)


def _points(count: int, seed: np.random.SeedSequence) -> Part:
    """Return samples and labels in random order, with almost equal numbers of each class."""
    import numpy as np

    generator = np.random.default_rng(seed)
    wanted = generator.permutation(np.arange(count) % len(CLASSES))
    points = np.empty((count, 2))
    missing = np.ones(count, bool)
    while missing.any():
        drawn = generator.random((count, 2)) * 2 * _LARGE
        inside = np.hypot(*(drawn - _LARGE).T) <= _LARGE
        fits = missing & inside & (part_of(*drawn.T) == wanted)
        points[fits] = drawn[fits]
        missing &= ~fits
    return np.hstack([points, 1 - points]).reshape(count, 1, 1, 4), wanted


datasets.add("yin-yang", YinYang(), __name__)
