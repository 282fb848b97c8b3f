"""Augmentation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.data.augmentation import augment, jitter


def _shifted(stimulus: np.ndarray, down: int, right: int) -> np.ndarray:
    """One stimulus moved pixel by pixel."""
    height, width, _ = stimulus.shape
    moved = np.full_like(stimulus, np.inf)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                moved[y, x] = stimulus[y - down, x - right]
    return moved


@given(
    latencies=hnp.arrays(np.float64, (3, 4, 5, 2), elements=st.floats(0, 64) | st.just(np.inf)),
    flips=st.booleans(),
    shift=st.integers(0, 6),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=50)
def test_augmented_stimuli_are_mirrored_or_moved(latencies: np.ndarray, flips: bool, shift: int, seed: int) -> None:
    before = latencies.copy()
    moved = augment(latencies, np.random.default_rng(seed), flips, shift)
    again = augment(latencies, np.random.default_rng(seed), flips, shift)
    np.testing.assert_array_equal(moved, again)
    np.testing.assert_array_equal(latencies, before)
    assert moved.shape == latencies.shape
    for image, original in zip(moved, latencies, strict=True):
        assert any(
            (image == _shifted(source, down, right)).all()
            for source in ((original, original[:, ::-1]) if flips else (original,))
            for down in range(-shift, shift + 1)
            for right in range(-shift, shift + 1)
        )


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_mirroring_and_move_occurs_equally_often(kind: type) -> None:
    latencies: np.ndarray = np.tile(np.arange(9, dtype=kind).reshape(1, 3, 3, 1), (18_000, 1, 1, 1))
    moved = augment(latencies, np.random.default_rng(3), True, 1)
    assert moved.dtype == kind
    _, counts = np.unique(moved.reshape(len(moved), -1), axis=0, return_counts=True)
    assert len(counts) == 2 * 3 * 3
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


@given(side=st.integers(1, 12), seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_occlusion_silences_a_square_around_a_pixel(side: int, seed: int) -> None:
    latencies = np.arange(3 * 5 * 4, dtype=float).reshape(3, 5, 4, 1)
    covered = augment(latencies, np.random.default_rng(seed), occlusion=side)
    ahead, behind = side // 2, (side - 1) // 2
    for image, original in zip(covered, latencies, strict=True):
        squares = []
        for y, x in np.ndindex(5, 4):
            square = np.zeros((5, 4, 1), bool)
            square[max(y - ahead, 0) : y + behind + 1, max(x - ahead, 0) : x + behind + 1] = True
            squares.append(square)
        assert any((np.isinf(image) == square).all() for square in squares)
        np.testing.assert_array_equal(image[np.isfinite(image)], original[np.isfinite(image)])


def test_every_place_is_occluded_equally_often() -> None:
    covered = augment(np.zeros((12_000, 3, 4, 1)), np.random.default_rng(3), occlusion=1)
    counts = np.isinf(covered).sum(axis=0)
    assert counts.sum() == 12_000
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000)


def test_nothing_asked_for_changes_nothing_and_draws_nothing() -> None:
    latencies = np.zeros((2, 3, 3, 1))
    generator = np.random.default_rng(0)
    assert augment(latencies, generator) is latencies
    assert generator.random() == np.random.default_rng(0).random()


def test_jitter_moves_each_spike_of_each_stimulus_by_a_draw_of_its_own() -> None:
    latencies = np.full((300, 4, 5, 2), 50.0)
    latencies[:, 0] = np.inf
    moved = jitter(latencies, np.random.default_rng(3), 2.0, 100.0)
    np.testing.assert_array_equal(np.isinf(moved), np.isinf(latencies))
    shifts = moved[:, 1:] - 50.0
    assert abs(shifts.mean()) < 5 * 2.0 / np.sqrt(shifts.size)
    assert shifts.std() == pytest.approx(2.0, rel=0.03)
    assert len(np.unique(shifts)) == shifts.size
    early = jitter(latencies, np.random.default_rng(0), 200.0, 60.0)
    assert early.min() == 0.0
    assert early[np.isfinite(early)].max() < 60.0
    assert jitter(latencies, np.random.default_rng(0), 0.0, 60.0) is latencies


def test_jitter_to_the_end_of_the_presentation_or_behind_it_is_no_spike() -> None:
    latencies = np.full((100,), 10.0)
    moved = jitter(latencies, np.random.default_rng(3), 2.0, np.inf)
    end = float(np.sort(moved)[60])
    cut = jitter(latencies, np.random.default_rng(3), 2.0, end)
    np.testing.assert_array_equal(cut, np.where(np.argsort(np.argsort(moved)) < 60, moved, np.inf))
