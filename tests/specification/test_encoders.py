"""Encoders: the latency code of images, and encoders of other packages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.errors import DataError
from netsim.specification import IntensityEncoder

ENCODER = IntensityEncoder((2, 3, 1), 64.0)


def test_latencies_are_those_of_the_formula() -> None:
    images = np.array([[0, 1, 64], [128, 254, 255]], dtype=np.uint8).reshape(1, 2, 3, 1)
    latencies = ENCODER.latencies(images, 255)
    assert latencies.dtype == np.float64
    expected = [np.inf, 254 / 255 * 64, 191 / 255 * 64, 127 / 255 * 64, 1 / 255 * 64, 0.0]
    np.testing.assert_allclose(latencies.ravel(), expected, rtol=1e-15)


@given(
    images=hnp.arrays(np.uint8, (4, 2, 3, 1), elements=st.integers(0, 16)),
    t_max=st.floats(1e-3, 1e3),
)
@settings(deadline=None, max_examples=50)
def test_stronger_is_earlier_and_every_type_gives_the_same(images: np.ndarray, t_max: float) -> None:
    encoder = IntensityEncoder((2, 3, 1), t_max)
    latencies = encoder.latencies(images, 16)
    fired = np.isfinite(latencies)
    np.testing.assert_array_equal(fired, images > 0)
    assert (latencies[fired] < t_max).all()
    assert (latencies[images == 16] == 0).all()
    by_strength = np.argsort(-images.ravel().astype(int), kind="stable")
    assert (np.diff(latencies.ravel()[by_strength][: fired.sum()]) >= 0).all()
    back = np.where(fired, 16 * (1 - latencies / t_max), 0)
    np.testing.assert_allclose(back, images, atol=1e-9)
    for other in (np.int64, np.float32, np.float64):
        np.testing.assert_array_equal(encoder.latencies(images.astype(other), 16), latencies)


def test_no_stimuli_give_no_latencies() -> None:
    assert ENCODER.latencies(np.zeros((0, 2, 3, 1), np.uint8), 255).shape == (0, 2, 3, 1)


@pytest.mark.parametrize(
    ("images", "intensity_max", "message"),
    [
        (np.zeros((1, 3, 2, 1), np.uint8), 255, r"have shape \(3, 2, 1\), the encoder needs \(2, 3, 1\)"),
        (np.zeros((2, 3, 1), np.uint8), 255, r"have shape \(3, 1\), the encoder needs"),
        (np.full((1, 2, 3, 1), np.nan), 1, "hold NaN"),
        (np.full((1, 2, 3, 1), np.inf), 1, "from inf to inf; they must lie in 0 to 1"),
        (np.full((1, 2, 3, 1), -1), 1, "from -1 to -1; they must lie in 0 to 1"),
        (np.full((1, 2, 3, 1), 17, np.uint8), 16, "from 17 to 17; they must lie in 0 to 16"),
        (np.zeros((1, 2, 3, 1), complex), 1, "must be integers or floats, not complex128"),
        (np.zeros((1, 2, 3, 1), bool), 1, "must be integers or floats, not bool"),
        (np.zeros((1, 2, 3, 1)), 0, "intensity_max: must be positive, not 0"),
        (np.zeros((1, 2, 3, 1)), np.nan, "intensity_max: must be positive, not nan"),
    ],
)
def test_bad_images_are_refused(images: np.ndarray, intensity_max: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ENCODER.latencies(images, intensity_max)
