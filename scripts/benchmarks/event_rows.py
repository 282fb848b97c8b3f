"""Rows of the event engine: forward in every regime, and the training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.rows import ANN_FORWARD_ONE, ANN_ONLINE, ANN_TRAINING, Prepared, Row, Setting
from benchmarks.stimuli import latencies
from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.learning import Optimizer
from netsim.learning.gradients import are_finite
from netsim.learning.learners.stidi_bp import STiDiBP
from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.runs.model import load_model
from netsim.specification import Network, Weighting
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights, kernel_name

PHASED = "rcsnn-fashion"
FREE = "rcsnn-fashion-free"
BINARY = "bcsnn-fashion"
GRID = 1.0
"""Time step (ms) of the rows on a grid."""
RATE = 1e-6
"""Learning rate of all training steps: small, so that a row stays what it is while it is timed."""


def weights_of(preset: str, trained: bool, seed: int, dtype: type = np.float64) -> tuple[Network, Weights]:
    """A preset and its weights in the arithmetic of a training, or in that of an evaluation.

    Without trained weights in the package they are the initial ones.
    """
    model = load_model(preset, seed)
    network, weights = model.network, model.weights
    if not trained:
        weights = forward_weights(network, initial_weights(network, seed))
    return network, {name: np.ascontiguousarray(array, dtype) for name, array in weights.items()}


def forward_call(network: Network, weights: Weights, images: np.ndarray, precision: str, dt: float = 0.0) -> Prepared:
    """Present images to the event engine."""
    engine = EventEngine(network, dt=dt, precision=precision)
    batch = Batch(latencies(images, network.encoder), weights)
    return Prepared(lambda: engine.present(batch), len(images))


def forward(preset: str, trained: bool, precision: str, dt: float, setting: Setting) -> Prepared:
    """Present the images to a preset."""
    dtype = np.float32 if precision == "single" else np.float64
    return forward_call(*weights_of(preset, trained, setting.seed, dtype), setting.images, precision, dt)


def forward_without_winners(preset: str, setting: Setting) -> Prepared:
    """Present the images to a preset with its trained weights and without competition."""
    network, weights = weights_of(preset, True, setting.seed, np.float32)
    populations = tuple(replace(population, winners=None) for population in network.populations)
    return forward_call(replace(network, populations=populations), weights, setting.images, "single")


def forward_as_real(preset: str, setting: Setting) -> Prepared:
    """Present the images to a binary preset whose weights differ by more than their signs, if by a rounding error."""
    network, weights = weights_of(preset, True, setting.seed, np.float32)
    for projection in network.weighted:
        first = weights[kernel_name(projection)].reshape(-1)[:1]
        first[:] = np.nextafter(first, np.float32(np.inf))
    return forward_call(replace(network, weighting=Weighting()), weights, setting.images, "single")


def training(preset: str, trained: bool, setting: Setting, online: bool = False) -> Prepared:
    """Present the images to a preset, learn from them, and move the weights; see `training_call`."""
    network, weights = weights_of(preset, trained, setting.seed, np.float32)
    return training_call(network, weights, setting.images, setting.labels, online)


def training_call(
    network: Network, weights: Weights, images: np.ndarray, labels: np.ndarray, online: bool = False
) -> Prepared:
    """Present images, learn from them, and move the weights.

    Online a step is of one image, each in turn, and of plain stochastic gradient descent.
    """
    engine = EventEngine(network, precision="single")
    learner = STiDiBP(network)
    optimizer: Optimizer = SGD(momentum=0.0) if online else Adam.from_network(network)
    optimizer.begin(weights)
    stimuli = latencies(images, network.encoder)
    size = 1 if online else len(stimuli)
    firsts = range(0, len(stimuli), size)
    # online as in scripts/online.py: whether weights stay finite is seen from what moves them
    batches = [Batch(stimuli[first : first + size], weights, weights_checked=online) for first in firsts]

    def step() -> None:
        for number, batch in enumerate(batches):
            learned = learner.learn(engine.present(batch), labels[number * size : (number + 1) * size], weights)
            assert not online or are_finite(learned.gradients)
            optimizer.step(weights, learned.gradients, RATE)

    return Prepared(step, len(images))


def forward_one_by_one(preset: str, setting: Setting) -> Prepared:
    """Present the images to a preset with its trained weights, one at a time."""
    network, weights = weights_of(preset, True, setting.seed, np.float32)
    engine = EventEngine(network, precision="single")
    stimuli = latencies(setting.images, network.encoder)
    batches = [Batch(stimulus[None], weights, weights_checked=True) for stimulus in stimuli]  # as they were loaded

    def forward() -> None:
        for batch in batches:
            engine.present(batch)

    return Prepared(forward, len(batches))


def _forward_row(name: str, what: str, preset: str, trained: bool, precision: str, dt: float = 0.0) -> Row:
    return Row(name, what, partial(forward, preset, trained, precision, dt))


def _one_by_one(name: str, regime: str, prepare: Callable[[Setting], Prepared], reference: str) -> Row:
    what = "a step an image, SGD" if reference == ANN_ONLINE else "one image at a time"
    return Row(name, f"{regime}, trained weights, {what}", prepare, reference)


ROWS = (
    _forward_row("event-phased-forward", "phased, initial weights", PHASED, False, "single"),
    _forward_row("event-phased-forward-trained", "phased, trained weights", PHASED, True, "single"),
    _forward_row("event-phased-forward-double", "phased, trained weights, double precision", PHASED, True, "double"),
    _forward_row("event-phased-forward-grid", "phased, trained weights, grid of 1 ms", PHASED, True, "double", GRID),
    _forward_row("event-free-forward", "free, exact times, initial weights", FREE, False, "single"),
    _forward_row("event-free-forward-trained", "free, exact times, trained weights", FREE, True, "single"),
    Row("event-free-forward-all", "the same, without competition", partial(forward_without_winners, FREE)),
    _forward_row("event-free-forward-double", "free, trained weights, double precision", FREE, True, "double"),
    _forward_row("event-free-forward-grid", "free, trained weights, grid of 1 ms", FREE, True, "double", GRID),
    _forward_row("event-binary-forward", "phased, trained binary weights", BINARY, True, "single"),
    Row("event-binary-forward-as-real", "the same, taken as real weights", partial(forward_as_real, BINARY)),
    Row("event-phased-training", "phased, initial weights", partial(training, PHASED, False), ANN_TRAINING),
    Row("event-phased-training-trained", "phased, trained weights", partial(training, PHASED, True), ANN_TRAINING),
    Row("event-free-training", "free, trained weights", partial(training, FREE, True), ANN_TRAINING),
    _one_by_one("event-phased-forward-one", "phased", partial(forward_one_by_one, PHASED), ANN_FORWARD_ONE),
    _one_by_one("event-phased-online", "phased", partial(training, PHASED, True, online=True), ANN_ONLINE),
    _one_by_one("event-free-online", "free", partial(training, FREE, True, online=True), ANN_ONLINE),
)
