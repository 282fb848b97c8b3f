"""The encoder of sounds: its filter bank, its drive, and first spikes that integrate the drive to threshold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netsim.description import describe, to_markdown
from netsim.specification import Dense, Layer, MelEncoder, Network, Neurons
from netsim.specification.encoders.mel import FLOOR
from netsim.specification.toml import network_from_dict, network_to_dict

SMALL = MelEncoder((3, 4, 2), 20.0, (3.0, 9.0), frame=8.0)
ABSOLUTE = dataclasses.replace(SMALL, reference="full-scale")
WAVES = arrays(np.float32, 480, elements=st.floats(-1, 1, width=32))


def _tone(frequency: float, milliseconds: float = 60.0, amplitude: float = 1.0) -> np.ndarray:
    time = np.arange(round(8 * milliseconds)) / 8000
    return amplitude * np.sin(2 * np.pi * frequency * time)


def _coded(encoder: MelEncoder, *waves: np.ndarray) -> np.ndarray:
    return encoder.latencies(encoder.prepare(waves))


@settings(max_examples=40, deadline=None)
@given(WAVES)
def test_latencies_are_in_their_window_and_not_before_the_threshold(wave: np.ndarray) -> None:
    coded = _coded(SMALL, wave)
    assert coded.shape == (1, 3, 4, 2)
    assert not np.isnan(coded).any()
    fired = coded[np.isfinite(coded)]
    assert ((fired >= 0) & (fired <= SMALL.t_max)).all()
    for number, threshold in enumerate(SMALL.thresholds):  # the drive is at most 1
        assert (coded[..., number] >= threshold - 1e-9).all()
    assert (coded[..., 1] >= coded[..., 0]).all()


@settings(max_examples=40, deadline=None)
@given(WAVES, st.floats(1.0, 100.0))
def test_a_louder_sound_fires_no_later(wave: np.ndarray, gain: float) -> None:
    soft, loud = _coded(ABSOLUTE, wave / np.float32(gain), wave)
    late = np.isfinite(soft) & (loud > soft + 1e-3)  # ms, for spectra in single precision
    assert not late.any()
    edge = np.isfinite(soft) & (soft > ABSOLUTE.t_max - 1e-3)
    assert (np.isfinite(loud) | ~np.isfinite(soft) | edge).all()


@given(st.integers(0, 6))
def test_the_volume_does_not_count_relative_to_the_sound(halvings: int) -> None:
    wave = _tone(700.0) + 0.3 * _tone(2500.0)
    loud, soft = _coded(SMALL, wave, wave / 2**halvings)
    np.testing.assert_allclose(loud, soft, atol=1e-3)


@pytest.mark.parametrize("encoder", [SMALL, ABSOLUTE])
def test_silence_stays_silent(encoder: MelEncoder) -> None:
    assert np.isinf(_coded(encoder, np.zeros(480), np.zeros(3, np.int16))).all()


@pytest.mark.parametrize("reference", ["sound", "full-scale"])
def test_latencies_are_those_of_spectra_summed_by_hand(reference: Any) -> None:
    """A discrete Fourier transform of each frame, triangles in mel, and a sum over a fine time grid."""
    encoder = dataclasses.replace(SMALL, dynamic_range=40.0, reference=reference)
    wave = np.random.default_rng(0).normal(0, 0.2, 480).cumsum().clip(-1, 1)
    sample = encoder.prepare([wave])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)  # 8 ms at 8 kHz
    padded = np.concatenate([np.zeros(16), wave, np.zeros(64)])  # the middle of a frame is that of its hop of 32
    frames = np.array([padded[begin : begin + 64] for begin in range(0, 480, 32)])
    waves = np.exp(-2j * np.pi * np.outer(np.arange(64), np.arange(33)) / 64)
    power = np.abs(frames * hann @ waves * 2 / hann.sum()) ** 2
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (60, 4000))
    edges = 700 * (10 ** ((low + (high - low) / 5 * np.arange(6)) / 2595) - 1)
    bands = np.array([np.interp(np.arange(33) * 125.0, edges[k : k + 3], [0, 1, 0]) for k in range(4)]).T
    levels = np.maximum(10 * np.log10(power @ bands), -120)
    np.testing.assert_allclose(encoder.levels(sample)[0], levels, atol=0.01)
    loudest = levels.max() if reference == "sound" else 0.0
    drive = np.repeat(np.clip(1 + (levels - loudest) / 40, 0, 1), 1000, axis=0).reshape(3, -1, 4)
    integral = np.cumsum(drive, axis=1) * encoder.hop / 1000
    coded = encoder.latencies(sample)[0]
    assert np.isinf(coded).any()
    for number, threshold in enumerate(encoder.thresholds):
        reached = integral >= threshold
        first = np.where(reached.any(axis=1), (reached.argmax(axis=1) + 1) * encoder.hop / 1000, np.inf)
        np.testing.assert_allclose(coded[..., number], first, atol=0.02)


def test_a_tone_is_loudest_in_its_band_and_a_sine_of_full_scale_has_0_db() -> None:
    encoder = MelEncoder((1, 12, 1), 64.0)
    for band, centre in enumerate(encoder.centres()):
        (levels,) = encoder.levels(encoder.prepare([_tone(centre, 64.0)]))
        assert (levels[6:10].argmax(axis=1) == band).all()
        assert abs(levels[6:10].max()) < 2.0  # a Hann window spreads a tone over neighbouring frequencies


def test_a_window_sees_only_its_part_of_the_sound() -> None:
    wave = np.zeros(480)
    wave[240:260] = _tone(900.0, 2.5)
    coded = _coded(dataclasses.replace(SMALL, frame=4.0, dynamic_range=30.0), wave)[0]
    assert np.isinf(coded[[0, 2]]).all()
    assert np.isfinite(coded[1]).any()


@pytest.mark.parametrize(
    ("wave", "value"),
    [
        (np.array([0, 16384, -32768], np.int16), [0.0, 0.5, -1.0]),
        (np.array([128, 192, 0], np.uint8), [0.0, 0.5, -1.0]),
        (np.array([0, 2**30, -(2**31)], np.int32), [0.0, 0.5, -1.0]),
        (np.array([0.0, 0.5, -1.0]), [0.0, 0.5, -1.0]),
        (np.array([[0.0], [0.5], [-1.0]]), [0.0, 0.5, -1.0]),
    ],
)
def test_types_of_waveforms(wave: np.ndarray, value: list[float]) -> None:
    sample = SMALL.prepare([wave])
    assert sample.shape == (1, *SMALL.sample_shape) == (1, 1, 480, 1)
    np.testing.assert_allclose(sample[0, 0, :4, 0], [*value, 0.0], atol=1e-6)
    assert not sample[0, 0, 3:].any()


def test_a_long_sound_is_cut() -> None:
    wave = _tone(500.0, 200.0)
    np.testing.assert_array_equal(SMALL.prepare([wave])[0, 0, :, 0], wave[:480].astype(np.float32))


def test_decimals_that_floats_round_are_whole_numbers_of_samples_and_hops() -> None:
    encoder = MelEncoder((2, 4, 1), t_max=3.3, thresholds=(3.0,), rate=10_000, frame=8.8, hop=1.1)
    sound = np.sin(2 * np.pi * 1000 * np.arange(66) / 10_000)
    assert encoder.levels(encoder.prepare([sound])).shape == (1, 6, 4)
    assert MelEncoder((2, 4, 1), t_max=16.1, thresholds=(5.0,), rate=30_000, frame=9.2, hop=2.3).sample_shape[1] == 966


def test_the_network_file_and_the_description() -> None:
    neurons = Neurons("phased", threshold=1.0, tau=20.0, onset=20.0, end=60.0, drive=1.0)
    network = Network.chain("heard", SMALL, [Layer("output", Dense(2), neurons)], 60.0)
    again = network_from_dict(network_to_dict(network))
    assert again == network
    assert network_to_dict(network)["encoder"]["kind"] == "mel"
    text = to_markdown(describe(network))
    for words in ("sounds at 8000 Hz in 3 time windows and 4 mel bands", "2 stimulus neurons", "60 to 4000 Hz"):
        assert words in text


def test_the_floor_is_below_every_dynamic_range() -> None:
    levels = ABSOLUTE.levels(ABSOLUTE.prepare([np.zeros(480)]))
    assert (levels <= FLOOR).all()
    assert not ABSOLUTE.drive(levels).any()
