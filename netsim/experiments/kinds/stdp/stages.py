"""Two convolutional layers that learn by STDP one after the other, each as a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.data.stimuli import SpikeStimuli
from netsim.engines import Engine, make_engine
from netsim.learning.learners.stdp import STDP
from netsim.presenting.batches import Presented, as_they_are, present_parts
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    InitialWeights,
    LatencyEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    OnOffEncoder,
    Training,
)
from netsim.training.callbacks import Callbacks
from netsim.training.loop import run_training
from netsim.training.starting import start_training
from netsim.weights.layout import Weights

_WINDOW, _RISE = 64.0, 1.0
"""Encoding window, and rise of the postsynaptic potentials (ms)."""
_KERNEL, _POOL = 5, 2
_WINNERS = ((5, 2), (8, 1))
"""By layer: winners of a presentation, and the radius that each silences."""
_EPOCHS, _BATCH = 2, 10
_FITTED, _HALVINGS, _MOST = 200, 10, 8.0
"""Stimuli that fit a factor, steps of its bisection, and the largest factor."""
_CHUNK = 500
"""Presentations whose latencies are in memory at once."""


class Stages:
    """Two layers in sequence: on- and off-cells, convolution, inhibition and pooling, convolution, pooling."""

    def __init__(self, maps: Sequence[int], thresholds: Sequence[float], side: int = 28) -> None:
        self.encoder = OnOffEncoder((side, side, 2), _WINDOW)
        pooled = (side - _KERNEL + 1) // _POOL
        shapes = ((side, side, 2), (pooled, pooled, maps[0]))
        self.networks = [_network(*each) for each in zip(shapes, maps, thresholds, strict=True)]
        self.weights: list[Weights] = []

    def encoded(self, images: Any, largest: float | None) -> np.ndarray:
        """Return the latencies (ms) of on- and off-cells."""
        parts = [
            self.encoder.latencies(np.asarray(images[first : first + _CHUNK]), largest).astype(np.float32)
            for first in range(0, len(images), _CHUNK)
        ]
        return np.concatenate(parts)

    def learn(self, latencies: np.ndarray, seed: int) -> None:
        """Learn both layers by STDP, the second from the spikes of the first."""
        self.weights = []
        for layer, network in enumerate(self.networks):
            spikes = self._lower(latencies, self.weights) if layer else latencies
            stimuli = _stimuli(network, spikes.astype(float))
            state = start_training(network, seed)
            learner = STDP(network, 0.04, 0.03, *_WINNERS[layer])
            run_training(
                make_engine("event", network, precision="single"),
                network,
                stimuli,
                stimuli.first(0),
                state,
                seed,
                callbacks=Callbacks(on_warning=lambda text: None),  # the loss is flat, because STDP has none
                learner=learner,
            )
            self.weights.append(state.weights)

    def shuffled(self, latencies: np.ndarray, seed: int) -> list[Weights]:
        """Return the learned weights with those of each kernel in random order, times a factor for each layer.

        The factor is fitted with some stimuli, so that as many neurons fire as with learned weights.
        """
        generator, shuffled = np.random.default_rng([seed, 7]), []
        ours = theirs = latencies[:_FITTED]
        for network, weights in zip(self.networks, self.weights, strict=True):
            kernel = weights["conv.kernel"]
            mixed = generator.permuted(kernel.reshape(-1, kernel.shape[-1]), axis=0).reshape(kernel.shape)
            ours = _presented(network, weights, ours)
            low, high = 1 / _MOST, _MOST
            for _ in range(_HALVINGS):
                factor = (low * high) ** 0.5
                scaled = {**weights, "conv.kernel": (factor * mixed).astype(kernel.dtype)}
                active = np.isfinite(_presented(network, scaled, theirs)).mean()
                low, high = (factor, high) if active < np.isfinite(ours).mean() else (low, factor)
            shuffled.append(scaled)
            ours, theirs = (_pooled(_inhibited(each)) for each in (ours, _presented(network, scaled, theirs)))
        return shuffled

    def features(self, latencies: np.ndarray, weights: Sequence[Weights]) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of the pooled neurons of both layers, shape (presentations, neurons)."""
        first, second = [], []
        for start in range(0, len(latencies), _CHUNK):
            lower = self._lower(latencies[start : start + _CHUNK], weights)
            upper = _pooled(_presented(self.networks[1], weights[1], lower))
            first.append(self.values(_pooled(lower)).reshape(len(lower), -1))
            second.append(self.values(upper).reshape(len(upper), -1))
        return np.concatenate(first), np.concatenate(second)

    def _lower(self, latencies: np.ndarray, weights: Sequence[Weights]) -> np.ndarray:
        """Return the spikes of the first layer that reach the second one."""
        return _pooled(_inhibited(_presented(self.networks[0], weights[0], latencies)))

    def values(self, latencies: np.ndarray) -> np.ndarray:
        """Return 1 for a spike at the start, less for later ones, 0 for silence."""
        return np.clip(1 - latencies / (_WINDOW + 2 * _RISE), 0, 1).astype(np.float32)


def linear_accuracy(
    training: np.ndarray, labels: np.ndarray, test: np.ndarray, expected: np.ndarray, penalty: float
) -> float:
    """Return the share of test samples that a linear read-out classifies correctly."""
    from sklearn.linear_model import RidgeClassifier

    return float(RidgeClassifier(alpha=penalty).fit(training, labels).score(test, expected))


def _network(shape: tuple[int, int, int], maps: int, threshold: float) -> Network:
    """Return a convolutional layer, with an output that is not used."""
    inputs = _KERNEL * _KERNEL * shape[2]
    layers = (
        Layer(
            "conv",
            Convolution(maps, _KERNEL),
            Neurons("free", threshold=threshold, tau=_RISE),
            psp=PSP("plateau", rise=_RISE),
            initial=InitialWeights(mean=0.8 * inputs, spread=0.05 * inputs**0.5),
        ),
        Layer("output", Dense(1), Neurons("free"), plastic=False),
    )
    learning = Learning(
        learner="stdp", optimizer="sgd", momentum=0.0, schedule="constant", rate=float(_BATCH), fitted=False
    )
    training = Training(epochs=_EPOCHS, batch=_BATCH, validation=0)
    encoder, end = LatencyEncoder(shape, _WINDOW + _RISE), _WINDOW + 2 * _RISE
    return Network.chain("stdp", encoder, layers, duration=end, learning=learning, training=training)


def _presented(network: Network, weights: Weights, latencies: np.ndarray) -> np.ndarray:
    """Return the latencies (ms) of the convolution."""
    engine = make_engine("event", network, precision="single")
    return np.concatenate(present_parts(engine, _stimuli(network, latencies), as_they_are(weights), _of_convolution))


def _of_convolution(_: Engine, presented: Presented) -> np.ndarray:
    return presented.latencies["conv"].astype(np.float32)


def _stimuli(network: Network, latencies: np.ndarray) -> SpikeStimuli:
    """Return latencies as stimuli of one class, because STDP needs no labels."""
    return SpikeStimuli(latencies, np.zeros(len(latencies), int), None, network.encoder, ("any",))


def _inhibited(latencies: np.ndarray) -> np.ndarray:
    """Return the latencies with only the earliest map of each position; of equal ones the first."""
    winner = latencies.argmin(axis=-1)[..., None]
    return np.where(np.arange(latencies.shape[-1]) == winner, latencies, np.inf)


def _pooled(latencies: np.ndarray) -> np.ndarray:
    """Return the earliest spike of each square and map; rows and columns that are left over do not count."""
    count, height, width, maps = latencies.shape
    rows, columns = height // _POOL, width // _POOL
    squares = latencies[:, : rows * _POOL, : columns * _POOL].reshape(count, rows, _POOL, columns, _POOL, maps)
    earliest: np.ndarray = squares.min(axis=(2, 4))
    return earliest
