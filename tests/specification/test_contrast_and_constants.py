"""On- and off-cells, stimulus neurons that fire at constant times, and jitter of spikes in training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli, load_splits
from netsim.description import describe, to_markdown
from netsim.engines import Batch, Latencies
from netsim.engines.event.engine import EventEngine
from netsim.models.presets import load_preset
from netsim.specification import (
    Dense,
    Encoder,
    EventEncoder,
    IntensityEncoder,
    LatencyEncoder,
    Layer,
    Network,
    OnOffEncoder,
    PopulationEncoder,
)
from netsim.specification.toml import network_from_dict, network_to_dict
from netsim.training.loop import run_training
from netsim.training.starting import start_training


def _smoothed(image: np.ndarray, deviation: float) -> np.ndarray:
    """A Gaussian written out as a sum over all places, of an image that goes on beyond its edges as it ends."""
    reach = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    framed, smooth = np.pad(image, reach, mode="edge"), np.zeros_like(image)
    for y, x in np.ndindex(image.shape):
        smooth[y, x] = weights @ framed[y : y + 2 * reach + 1, x : x + 2 * reach + 1] @ weights
    return smooth


def test_responses_are_differences_of_gaussians() -> None:
    encoder = OnOffEncoder((6, 7, 8), 10.0, (0.8, 1.5), ratio=2.0, threshold=0.1)
    assert encoder.sample_shape == (6, 7, 2)
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 7, 2), dtype=np.uint8)
    for image, latencies in zip(images, encoder.latencies(images, 255.0), strict=True):
        cells = []
        for scale in (0.8, 1.5):
            planes = [image[..., channel].astype(float) for channel in (0, 1)]
            response = np.stack([_smoothed(plane, scale) - _smoothed(plane, 2 * scale) for plane in planes], axis=2)
            cells += [np.maximum(response, 0), np.maximum(-response, 0)]
        x = np.concatenate(cells, axis=2)
        x /= x.max()
        np.testing.assert_allclose(latencies, np.where(x >= 0.1, (1 - x) * 10.0, np.inf), rtol=1e-9, atol=1e-9)


def test_contrast_does_not_count_and_its_sign_is_the_cell() -> None:
    encoder = OnOffEncoder((6, 7, 2), 10.0)
    images = np.random.default_rng(1).uniform(0.2, 0.8, (4, 6, 7, 1))
    latencies = encoder.latencies(images, 1.0)
    np.testing.assert_allclose(encoder.latencies(0.5 * images + 0.3, 1.0), latencies, atol=1e-9)
    np.testing.assert_allclose(encoder.latencies(1.0 - images, 1.0), latencies[..., ::-1], atol=1e-9)
    assert (latencies.min(axis=(1, 2, 3)) == 0).all()
    assert np.isinf(encoder.latencies(np.full((1, 6, 7, 1), 0.3), 1.0)).all()  # nothing but rounding is left


@pytest.mark.parametrize(
    ("encoder", "samples", "largest"),
    [
        (IntensityEncoder((3, 4, 3), 5.0, constant=(0.0, 2.5)), np.full((2, 3, 4, 1), 255, np.uint8), 255.0),
        (OnOffEncoder((3, 4, 4), 5.0, constant=(0.0, 2.5)), np.arange(24).reshape(2, 3, 4, 1), 23.0),
        (LatencyEncoder((3, 4, 3), 5.0, constant=(0.0, 2.5)), np.full((2, 3, 4, 1), 1.5), None),
        (PopulationEncoder((1, 2, 6), 5.0, (0.0, 0.0), (1.0, 2.0), constant=(0.0, 2.5)), np.ones((2, 1, 2, 1)), None),
        (EventEncoder((3, 4, 4), 5.0, constant=(0.0, 2.5)), np.full((2, 3, 4, 2), 100, np.int32), None),
    ],
)
def test_every_encoder_can_have_neurons_that_fire_at_constant_times(
    encoder: Encoder, samples: np.ndarray, largest: float | None
) -> None:
    assert encoder.sample_shape == samples.shape[1:]
    latencies = Stimuli(samples, np.zeros(2, int), largest, encoder).latencies(np.arange(2))
    assert latencies.shape == (2, *encoder.shape)
    assert (latencies[..., -2] == 0.0).all()
    assert (latencies[..., -1] == 2.5).all()
    plain = dataclasses.replace(encoder, shape=encoder.coded_shape, constant=())
    np.testing.assert_array_equal(latencies[..., :-2], plain.latencies(samples, largest))
    layers = [Layer("output", Dense(2))]
    network = Network.chain("constant", encoder, layers, 20.0)
    assert network_from_dict(network_to_dict(network)) == network
    assert "fire in every presentation, at 0, 2.5 ms" in to_markdown(describe(network))


def test_a_training_presents_jittered_stimuli_and_constant_spikes() -> None:
    preset = load_preset("digits")
    encoder = OnOffEncoder((8, 8, 5), 16.0, (0.7, 1.4), constant=(3.0,))
    training = dataclasses.replace(preset.training, jitter=1.0, shift=1, epochs=1)
    network = dataclasses.replace(preset, encoder=encoder, training=training)
    splits = load_splits(network)
    presented = []

    class Engine(EventEngine):
        def present(self, batch: Batch) -> Latencies:
            presented.append(batch.stimuli)
            return super().present(batch)

    chosen = splits.training.first(100)
    run_training(Engine(network), network, chosen, splits.validation.first(50), start_training(network, 0), 0)
    stimuli, *_ = presented
    constant = stimuli[..., -1]
    assert abs(constant.mean() - 3.0) < 0.05  # neither moved nor covered, but jittered
    assert 0.9 < constant.std() < 1.1
    validated = presented[-1]
    assert (validated[..., -1] == 3.0).all()
    assert "with normal jitter of spike times with a standard deviation of" in to_markdown(describe(network))


def test_the_unit_of_intensities_does_not_count() -> None:
    encoder = OnOffEncoder((6, 7, 2), 10.0)
    images = np.random.default_rng(4).random((2, 6, 7, 1))
    np.testing.assert_allclose(encoder.latencies(1e-12 * images, 1e-12), encoder.latencies(images, 1.0))
