"""The Yin-Yang points: where they lie, how many of each class, and that they are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from netsim.data.datasets.yin_yang import SIZES, part_of
from netsim.data.loading import load_dataset


def test_points_are_of_the_disc_and_of_the_class_that_they_lie_in() -> None:
    dataset = load_dataset("yin-yang")
    for name, (samples, labels) in dataset.parts.items():
        x, y, *mirrored = np.asarray(samples).reshape(SIZES[name], 4).T
        assert (np.hypot(x - 0.5, y - 0.5) <= 0.5).all()
        np.testing.assert_array_equal(mirrored, (1 - x, 1 - y))
        np.testing.assert_array_equal(part_of(x, y), labels)
        assert np.ptp(np.bincount(labels)) <= 1


@pytest.mark.parametrize(
    ("point", "part"),
    [((0.25, 0.5), 2), ((0.75, 0.58), 2), ((0.5, 0.9), 1), ((0.25, 0.3), 1), ((0.5, 0.1), 0), ((0.75, 0.7), 0)],
)
def test_the_symbol_is_the_one_of_the_paper(point: tuple[float, float], part: int) -> None:
    assert part_of(*np.array(point)[:, np.newaxis]) == part


def test_parts_share_no_points_and_come_again() -> None:
    first, second = load_dataset("yin-yang"), load_dataset("yin-yang")
    assert first.sha256 == second.sha256
    points = np.concatenate([np.asarray(samples).reshape(-1, 4) for samples, _ in first.parts.values()])
    assert len(np.unique(points, axis=0)) == len(points) == sum(SIZES.values())
