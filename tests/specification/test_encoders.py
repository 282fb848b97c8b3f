"""Encoders: the latency code of images, and encoders of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsim.data.stimuli import Stimuli, load_splits
from netsim.errors import DataError, SpecificationError
from netsim.models.presets import load_preset
from netsim.seams import encoders
from netsim.specification import Encoder, EventEncoder, IntensityEncoder, LatencyEncoder, PopulationEncoder
from netsim.specification.toml import network_from_dict, network_to_dict

ENCODER = IntensityEncoder((2, 3, 1), 64.0)


def test_latencies_are_those_of_the_formula() -> None:
    images = np.array([[0, 1, 64], [128, 254, 255]], dtype=np.uint8).reshape(1, 2, 3, 1)
    latencies = ENCODER.latencies(images, 255)
    assert latencies.dtype == np.float64
    expected = [np.inf, 254 / 255 * 64, 191 / 255 * 64, 127 / 255 * 64, 1 / 255 * 64, 0.0]
    np.testing.assert_allclose(latencies.ravel(), expected, rtol=1e-15)


@given(images=hnp.arrays(np.uint8, (4, 2, 3, 1), elements=st.integers(0, 16)), t_max=st.floats(1e-3, 1e3))
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


def test_latencies_stay_what_they_are() -> None:
    encoder = LatencyEncoder((2, 3, 1), t_max=10.0)
    times = np.array([[0.0, 1.5, np.inf, 10.0, 2.0, np.inf]], np.float32)
    samples = encoder.prepare(times)
    assert samples.shape == (1, 2, 3, 1)
    np.testing.assert_array_equal(encoder.latencies(samples, None).ravel(), times.ravel())
    narrow = LatencyEncoder((1, 2, 1), t_max=20.1)  # a float32 of 20.1 is a little more
    assert narrow.latencies(narrow.prepare(np.full((1, 2), 20.1, np.float32))).dtype == np.float64


@given(t_max=st.floats(1e-3, 1e6), kind=st.sampled_from([np.float32, np.float64]))
def test_a_latency_at_the_end_of_the_window_is_within_it(t_max: float, kind: type[np.floating]) -> None:
    encoder = LatencyEncoder((1, 3, 1), t_max)
    times = np.array([[t_max, 0.5 * t_max, np.inf]]).astype(kind)
    presented = Stimuli(encoder.prepare(times), np.zeros(1, int), None, encoder).latencies(np.arange(1)).ravel()
    assert presented[0] <= t_max
    np.testing.assert_array_equal(presented.astype(kind), times.ravel())


def test_receptive_fields_of_a_population_code() -> None:
    table = np.array([[0.0, -5.0], [1.0, 5.0], [0.3, 2.0]])
    encoder = PopulationEncoder.of(table, neurons=6, t_max=20.0)
    times = encoder.latencies(encoder.prepare(table), None)
    assert times.shape == (3, 1, 2, 6)
    for row, column, neuron in np.ndindex(3, 2, 6):
        low, high = table[:, column].min(), table[:, column].max()
        centre = low + (neuron - 0.5) * (high - low) / 4
        deviation = (high - low) / 4 / 1.5
        response = np.exp(-((table[row, column] - centre) ** 2) / (2 * deviation**2))
        assert times[row, 0, column, neuron] == (pytest.approx(20 * (1 - response)) if response >= 0.1 else np.inf)
    assert np.isfinite(times).any(axis=-1).all()
    assert np.isfinite(encoder.latencies(encoder.prepare([[1.1, 5.5]]), None)).any(axis=-1).all()  # beyond the range
    table_of = {"encoder": {"kind": "population", "shape": [1, 2, 6], "low": [0, -5], "high": [1, 5], "t_max": 20.0}}
    assert network_from_dict(network_to_dict(load_preset("digits")) | table_of).encoder == encoder
    assert PopulationEncoder.of([[1.0], [1.0]]).low == (0.5,)
    assert PopulationEncoder.of([[1e17], [1e17]]).low < (1e17,)


@pytest.mark.parametrize("shape", [(2, 3, 2), (3, 3, 1), (1, 12, 1)])
def test_samples_of_a_user_are_brought_into_shape(shape: tuple[int, int, int]) -> None:
    encoder = IntensityEncoder(shape)
    images = np.arange(5 * np.prod(shape), dtype=np.uint8).reshape(5, *shape)
    forms = [images, images.reshape(5, -1), images.tolist(), list(images), pd.DataFrame(images.reshape(5, -1))]
    forms.append(np.moveaxis(images, -1, 1))  # as torch has them
    if shape[-1] == 1:
        forms.append(images[..., 0])
    for form in forms:
        np.testing.assert_array_equal(encoder.prepare(form), images)
    assert np.shares_memory(encoder.prepare(images.reshape(5, -1)), images)
    assert encoder.largest(images) == 255
    assert encoder.largest(encoder.prepare(images > 3)) == 1
    for wrong in (images.reshape(5, -1)[:, 1:], [[1, 2], [3]], [["a"] * 12] * 5, images[0].ravel()):
        with pytest.raises(DataError, match=r"^images: "):
            encoder.prepare(wrong)


@pytest.mark.parametrize("given", [(12, 2), (3, 8), (1, 3, 8), (24, 1, 1), (2, 1, 12), (12, 2, 1), (2, 12), (1, 24)])
def test_samples_of_another_shape_are_not_poured_into_it(given: tuple[int, ...]) -> None:
    encoder = LatencyEncoder((2, 12, 1), t_max=64.0)
    samples = np.arange(5 * 24, dtype=np.float64).reshape(5, *given) % 60
    fits = tuple(size for size in given if size > 1) in ((2, 12), (24,))
    if fits:
        np.testing.assert_array_equal(encoder.prepare(samples).ravel(), samples.ravel())
    else:
        with pytest.raises(DataError, match=r"latencies: have shape .* needs \(2, 12, 1\), or the same flattened"):
            encoder.prepare(samples)


def test_encoders_know_what_they_are_called() -> None:
    assert list(encoders)[:3] == ["intensity", "events", "latencies"]
    assert ENCODER.kind == "intensity"
    assert EventEncoder((2, 3, 1)).kind == "events"


@dataclass(frozen=True)
class OnOff(Encoder):
    """Bright pixels early in one channel, dark ones in another."""

    least: float = 0.0

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (*self.shape[:2], self.shape[2] // 2)

    def latencies(self, samples: np.ndarray, intensity_max: float | None) -> np.ndarray:
        assert intensity_max is not None
        bright = samples / intensity_max
        contrast = np.concatenate([bright, 1 - bright], axis=-1)
        return np.where(contrast > self.least, (1 - contrast) * self.t_max, np.inf)

    def stimuli_text(self) -> str:
        return "images of bright and dark pixels"

    def code_text(self) -> str:
        return "the higher the contrast, the earlier"


@pytest.fixture
def on_off() -> Iterator[None]:
    encoders.add("two-sided", OnOff, __name__)
    yield
    del encoders._entries["two-sided"], encoders._modules["two-sided"]


def test_an_encoder_of_another_package(on_off: None) -> None:
    table = network_to_dict(load_preset("digits"))
    table["encoder"] = {"kind": "two-sided", "shape": [8, 8, 2], "t_max": 16.0, "least": 0.25}
    network = network_from_dict(table)
    assert network.encoder == OnOff((8, 8, 2), 16.0, 0.25)
    assert network_to_dict(network)["encoder"] == table["encoder"] | {"constant": []}  # all parameters
    splits = load_splits(network)
    latencies = splits.test.latencies(np.arange(50))
    assert latencies.shape == (50, 8, 8, 2)
    np.testing.assert_array_equal(latencies[..., 0] == 0, splits.test.images[:50, ..., 0] == 16)
    np.testing.assert_array_equal(latencies[..., 1] == 0, splits.test.images[:50, ..., 0] == 0)
    table["encoder"] |= {"shape": [8, 8, 4]}
    with pytest.raises(DataError, match=r"digits: has images of shape \(8, 8, 1\), digits needs \(8, 8, 2\)"):
        load_splits(network_from_dict(table))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "on"}, "encoder.kind: must be one of intensity, events, "),
        ({"kind": "intensity"}, 'encoder.least: has a meaning for images, kind = "two-sided"'),
        ({"windows": 2}, 'encoder.windows: has a meaning for recordings, kind = "events"'),
        ({"lest": 0.1}, "encoder.lest: is not a key here; did you mean 'encoder.least'?"),
        ({"least": "0.1"}, "encoder.least: must be of type float"),
    ],
)
def test_its_mistakes_are_named(changes: dict[str, object], message: str, on_off: None) -> None:
    table = network_to_dict(load_preset("digits"))
    table["encoder"] = {"kind": "two-sided", "shape": [8, 8, 2], "t_max": 16.0, "least": 0.25} | changes
    with pytest.raises(SpecificationError) as caught:
        network_from_dict(table)
    assert message in str(caught.value)


def test_rows_of_a_table_are_coded_as_samples() -> None:
    """Numpy stretched some shapes, and raised an error of its own for others."""
    rows = np.random.default_rng(0).normal(size=(5, 3))
    encoder = PopulationEncoder.of(rows, neurons=4)
    expected = encoder.latencies(rows.reshape(5, 1, 3, 1))
    assert expected.shape == (5, 1, 3, 4)
    np.testing.assert_array_equal(encoder.latencies(rows), expected)
    with pytest.raises(DataError, match="shape"):
        encoder.latencies(rows[:, :1])


def test_defaults_of_other_encoders_are_accepted() -> None:
    table = network_to_dict(load_preset("digits"))
    table["encoder"] |= {"kind": "intensity", "windows": 1, "polarity": "separate", "origin": "recording"}
    table["encoder"] |= {"thresholds": [8.0], "constant": []}
    assert network_from_dict(table) == load_preset("digits")
