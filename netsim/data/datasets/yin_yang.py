"""The Yin-Yang points of Kriener et al. (2022): a task that small networks solve, and linear ones do not."""

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
_LARGE, _SMALL = 0.5, 0.1  # radius of the disc, and of each dot


class YinYang(Source):
    """Points of the unit square within a disc, by the part of a Yin-Yang symbol that they lie in.

    A sample is x, y, 1 - x and 1 - y, so that something is early wherever the point lies. The three parts are as
    frequent as each other. Geometry and sizes are those of Kriener, Göltz and Petrovici (2022), "The Yin-Yang dataset",
    doi:10.1145/3517343.3517380; the points are drawn anew, from a seed of their own.
    """

    notation = "yin-yang"
    summary = "points of the Yin-Yang symbol"
    order = 3

    def load(self, name: str, data_dir: str | Path | None, encoder: Encoder | None, on_progress: OnProgress) -> Dataset:
        """Draw them."""
        import numpy as np

        from netsim.data.dataset import Dataset

        seeds = np.random.SeedSequence(SEED).spawn(len(SIZES))
        parts = dict(zip(SIZES, map(_points, SIZES.values(), seeds), strict=True))
        return Dataset(
            name, "drawn by netsim", *parts["train"], *parts["test"], 1.0, CLASSES, validation=parts["validation"]
        )

    def places(self, name: str, data_dir: str | Path | None) -> list[Place]:
        """This module, which draws them."""
        return [Place("drawn by netsim", Path(__file__), True)]

    def not_fetched(self, name: str) -> str:
        """It is always there."""
        return "is drawn from a seed, there is nothing to fetch"


CLASSES = ("yin", "yang", "dot")


def part_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The class of points of the disc."""
    import numpy as np

    to_left, to_right = np.hypot(x - _LARGE / 2, y - _LARGE), np.hypot(x - 3 * _LARGE / 2, y - _LARGE)
    dot = np.minimum(to_left, to_right) < _SMALL
    yang = (to_left <= _LARGE / 2) | ((y > _LARGE) & (to_right > _LARGE / 2))
    return np.where(dot, 2, yang)


def _points(count: int, seed: np.random.SeedSequence) -> Part:
    """As many samples of each class as the count allows, in a drawn order, and their labels."""
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
