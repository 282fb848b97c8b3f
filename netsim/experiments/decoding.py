"""Decoders that experiments share: a linear one for any code, and a spiking network for latencies."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from netsim.experiments.experiment import Unit
from netsim.experiments.networks import RULE
from netsim.runs.model import Model
from netsim.specification import Network

Labelled = tuple[np.ndarray, np.ndarray]
"""Responses of shape (trials, neurons), and the label of each trial."""


def linear_accuracy(training: Labelled, *tests: Labelled) -> list[float]:
    """Return the accuracy of linear discriminant analysis, fitted once, on each of the tests.

    Parameters
    ----------
    training : tuple of ndarray
        Finite responses and their labels.
    *tests : tuple of ndarray

    Returns
    -------
    list of float
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    # shrinkage, because the covariance of few trials is poorly known
    decoder = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(*training)
    return [float(decoder.score(*test)) for test in tests]


def latency_network(name: str, afferents: int, hidden: int, classes: int, window: float, epochs: int) -> Network:
    """Return a network that classifies latencies within a `window` (ms) by its first output spike.

    All its neurons run at once, do not leak, and fire at most once.
    """
    from netsim.specification import Dense, LatencyEncoder, Layer, Learning, Neurons, Training

    neurons = Neurons("free", threshold=1.0, tau=window, bias=True, end=2 * window)
    output = Neurons("free", threshold=1.0, tau=window, bias=True)
    layers = (Layer("hidden", Dense(hidden), neurons), Layer("output", Dense(classes), output))
    return Network.chain(
        name,
        LatencyEncoder((1, 1, afferents), window),
        layers,
        duration=4 * window,
        learning=Learning(rate=0.003, schedule="cosine", sharpness=64.0, **RULE),
        training=Training(epochs=epochs, validation=0),
    )


@contextmanager
def latency_decoder(network: Network, unit: Unit, training: Labelled) -> Iterator[Model]:
    """Train a network of `latency_network` with latencies (ms, ``inf`` = silent), in a folder that vanishes.

    Warnings of silent stimuli and of training are left out: in some conditions stimuli are too weak by intention.
    """
    from netsim.data.making import make_dataset
    from netsim.experiments.training import trained

    samples = _samples(training[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        data = make_dataset((samples, training[1]), network.encoder, (samples, training[1]), name=network.name)
        with trained(network, unit, data=data) as model:
            yield model


def spiking_accuracy(model: Model, test: Labelled) -> float:
    """Return the accuracy of the first output spike; ties and silence are errors."""
    from netsim.data.stimuli import Stimuli
    from netsim.measuring.evaluation import evaluate

    stimuli = Stimuli(_samples(test[0]), test[1], None, model.network.encoder)
    return evaluate(model, stimuli).strict_accuracy


def _samples(latencies: np.ndarray) -> np.ndarray:
    return latencies.reshape(len(latencies), 1, 1, -1)
