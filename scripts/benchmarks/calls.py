"""Timed calls of the event engine, the learner and torch networks on a batch of images.

Each function returns a call without arguments. Encoding, weights and networks are prepared before the call.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import netsim
from netsim.learning.gradients import are_finite
from netsim.learning.optimizers.adam import Adam
from netsim.learning.optimizers.sgd import SGD
from netsim.training.fitting import fit

Call = Callable[[], object]
Weights = dict[str, np.ndarray]
Model = tuple[netsim.Network, Weights]
PHASED, FREE, BINARY, LOOP = "rcsnn-fashion", "rcsnn-fashion-free", "bcsnn-fashion", "ei-mnist"
RATE = 1e-6
"""Learning rate of all steps, small to keep the weights nearly constant."""
SINGLE = np.float32


def set_threads(threads: int) -> None:
    """Set the number of threads of netsim and, if imported, of torch."""
    os.environ["NETSIM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def random_images(count: int, active: int, seed: int = 0, shape: tuple[int, ...] = (28, 28, 1)) -> np.ndarray:
    """Draw images with `active` nonzero pixels each, at random positions with random intensities."""
    generator = np.random.default_rng([seed, active])
    images = np.zeros((count, int(np.prod(shape))), dtype=np.uint8)
    for image in images:
        image[generator.permutation(image.size)[:active]] = generator.integers(1, 256, active)
    return images.reshape(count, *shape)


def trained(preset: str, dtype: type = SINGLE) -> Model:
    """Return a preset with its trained weights."""
    model = netsim.load_model(preset)
    return model.network, {name: np.ascontiguousarray(array, dtype) for name, array in model.weights.items()}


def untrained(network: netsim.Network | str, seed: int = 0) -> Model:
    """Return a network or preset with its initial weights."""
    network = netsim.load_preset(network) if isinstance(network, str) else network
    weights = netsim.forward_weights(network, netsim.initial_weights(network, seed))
    return network, {name: np.ascontiguousarray(array, SINGLE) for name, array in weights.items()}


WITHOUT_LEAK = netsim.Neurons("free", threshold=1.0, tau=20.0, bias=True)


def fitted(neurons: netsim.Neurons | None, images: np.ndarray, dtype: type = SINGLE) -> Model:
    """Return 784-350-10 with initial weights that are fitted to images. None stands for neurons of `leaky-mnist`."""
    network = netsim.load_preset("leaky-mnist")
    if neurons is not None:
        network = network.with_layers([replace(layer, neurons=neurons) for layer in network.layers() or ()])
    weights = netsim.initial_weights(network, 0)
    stimuli = network.encoder.latencies(images, 255)
    fit(netsim.make_engine("event", network), network, weights, stimuli).apply(weights)
    return network, {name: np.ascontiguousarray(array, dtype) for name, array in weights.items()}


def without_competition(network: netsim.Network, weights: Weights) -> Model:
    """Return the network without its winners."""
    populations = tuple(replace(population, winners=None) for population in network.populations)
    return replace(network, populations=populations), weights


def without_loop(network: netsim.Network, weights: Weights) -> Model:
    """Return the network without the projections of its loops."""
    loops = {projection.name for projection in network.projections if network.is_recurrent(projection)}
    kept = tuple(projection for projection in network.projections if projection.name not in loops)
    others = {name: array for name, array in weights.items() if name.removesuffix(".kernel") not in loops}
    return replace(network, projections=kept), others


def as_real(network: netsim.Network, weights: Weights) -> Model:
    """Return a binary network with real weights. The first weight of each projection differs by a rounding error."""
    for projection in network.weighted:
        first = weights[f"{projection.name}.kernel"].reshape(-1)[:1]
        first[:] = np.nextafter(first, SINGLE(np.inf))
    return replace(network, weighting=netsim.Weighting()), weights


def forward(
    network: netsim.Network,
    weights: Weights,
    images: np.ndarray,
    precision: str = "single",
    dt: float = 0.0,
    size: int | None = None,
) -> Call:
    """Present images to the event engine, all at once or `size` at a time."""
    engine = netsim.make_engine("event", network, dt, precision)
    stimuli, size = network.encoder.latencies(images, 255), size or len(images)
    parts = [stimuli[first : first + size] for first in range(0, len(stimuli), size)]
    batches = [netsim.Batch(part, weights, weights_checked=size == 1) for part in parts]  # loading checks the weights

    def call() -> None:
        for batch in batches:
            engine.present(batch)

    return call


def training(
    network: netsim.Network, weights: Weights, images: np.ndarray, labels: np.ndarray, online: bool = False
) -> Call:
    """Present images, learn from them and update the weights. `online` learns from one image per step by SGD."""
    engine, learner = netsim.make_engine("event", network, precision="single"), netsim.STiDiBP(network)
    optimizer: Any = SGD(momentum=0.0) if online else Adam.from_network(network)
    optimizer.begin(weights)
    stimuli, size = network.encoder.latencies(images, 255), 1 if online else len(images)
    parts = [slice(first, first + size) for first in range(0, len(stimuli), size)]
    batches = [(netsim.Batch(stimuli[part], weights, weights_checked=online), labels[part]) for part in parts]

    def call() -> None:
        for batch, wanted in batches:
            learned = learner.learn(engine.present(batch), wanted, weights)
            assert not online or are_finite(learned.gradients)  # batches of one image are not checked
            optimizer.step(weights, learned.gradients, RATE)

    return call


def torch_images(images: np.ndarray, channels_last: bool = False) -> Any:
    """Convert images to torch, in its default layout or the layout that oneDNN prefers."""
    tensor = importlib.import_module("torch").from_numpy(images).float() / 255
    # with one channel, strides determine the layout
    return tensor.permute(0, 3, 1, 2) if channels_last else tensor.permute(0, 3, 1, 2).contiguous()


def dense_network(channels_last: bool = False, second_convolution: bool = False) -> Any:
    """Make 32C5-P2-64C5-P2-1000-10 with ReLUs, or only its second convolution, pooling and ten outputs."""
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    nn = torch.nn
    second = (nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    if second_convolution:
        network = nn.Sequential(*second, nn.Linear(1024, 10))
    else:
        first = (nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        network = nn.Sequential(*first, *second, nn.Linear(1600, 1000), nn.ReLU(), nn.Linear(1000, 10))
    return network.to(memory_format=torch.channels_last) if channels_last else network


def torch_forward(network: Any, images: Any, size: int | None = None) -> Call:
    """Present images to a torch network without gradients, all at once or `size` at a time."""
    torch = importlib.import_module("torch")
    batches = images.split(size or len(images))

    def call() -> None:
        with torch.inference_mode():
            for batch in batches:
                network(batch)

    return call


def torch_training(network: Any, images: Any, labels: np.ndarray, online: bool = False) -> Call:
    """Run forward, cross entropy, backward and Adam. `online` learns from one image per step by SGD."""
    torch = importlib.import_module("torch")
    size = 1 if online else len(images)
    batches = list(zip(images.split(size), torch.from_numpy(labels).long().split(size), strict=True))
    optimizer = (torch.optim.SGD if online else torch.optim.Adam)(network.parameters(), lr=RATE)

    def call() -> None:
        for batch, wanted in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(batch), wanted).backward()
            optimizer.step()

    return call
