"""Timed calls of clock-driven simulators: Brian2, snnTorch and SpikingJelly."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

import netsim
from benchmarks.calls import PHASED, Call, torch_images, trained

DECAY = 0.9
"""Decay factor of the membrane potential per step, in snnTorch."""


def by_brian2(images: np.ndarray) -> Call:
    """Present images to the Brian2 engine, on a grid of 1 ms."""
    network, weights = trained(PHASED, float)
    engine = netsim.make_engine("brian2", network, dt=1.0)
    batch = netsim.Batch(network.encoder.latencies(images, 255), weights)
    return lambda: engine.present(batch)


def by_hand(images: np.ndarray) -> Call:
    """Return one Brian2 run in which an operation reads spikes and writes the next stimulus between presentations."""
    from brian2 import Clock, NetworkOperation

    network, weights = trained(PHASED, float)
    stimuli = network.encoder.latencies(images, 255)
    model = netsim.build_network(network, weights, dt=1.0)
    waiting: list[np.ndarray] = []

    def next_presentation() -> None:
        if len(waiting) < len(stimuli):
            model.latencies()
        model.begin(waiting.pop(0))

    clock = Clock(model.duration, name="presentation_clock")
    model.network.add(NetworkOperation(next_presentation, clock=clock, when="before_start"))

    def call() -> None:
        waiting[:] = list(stimuli)
        model.network.run(len(stimuli) * model.duration, namespace={})
        model.latencies()

    return call


def same_latencies(images: np.ndarray) -> tuple[int, int]:
    """Count the bit-identical latencies of the Brian2 and event engines, and all latencies."""
    network, weights = trained(PHASED, float)
    batch = netsim.Batch(network.encoder.latencies(images, 255), weights)
    event, other = (netsim.make_engine(name, network, dt=1.0).present(batch) for name in ("event", "brian2"))
    same = [times == other[name] for name, times in event.items()]
    return sum(int(each.sum()) for each in same), sum(each.size for each in same)


def by_snntorch(images: np.ndarray, steps: int) -> Call:
    """Run leaky integrate-and-fire neurons in the layers of the dense network, in inference mode, a spike per pixel."""
    torch, snntorch = importlib.import_module("torch"), importlib.import_module("snntorch")
    nn = torch.nn
    pool = nn.MaxPool2d(2)
    layers = (nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5), nn.Linear(1600, 1000), nn.Linear(1000, 10))
    neurons = [snntorch.Leaky(beta=DECAY) for _ in layers]
    fired = _steps(images, steps)

    def call() -> None:
        potentials = [neuron.init_leaky() for neuron in neurons]
        with torch.inference_mode():
            for step in range(steps):
                spikes = (fired == step).float()
                for depth, (layer, neuron) in enumerate(zip(layers, neurons, strict=True)):
                    spikes, potentials[depth] = neuron(layer(spikes), potentials[depth])
                    spikes = pool(spikes) if depth < 2 else spikes
                    spikes = spikes.flatten(1) if depth == 1 else spikes

    return call


def by_spikingjelly(images: np.ndarray, steps: int) -> Call:
    """Run integrate-and-fire neurons in the layers of the dense network, in inference mode, a spike per pixel."""
    torch, base = importlib.import_module("torch"), "spikingjelly.activation_based"
    layer, neuron, functional = (
        importlib.import_module(f"{base}.{name}") for name in ("layer", "neuron", "functional")
    )
    network = torch.nn.Sequential(
        *(layer.Conv2d(1, 32, 5, padding=2), neuron.IFNode(), layer.MaxPool2d(2)),
        *(layer.Conv2d(32, 64, 5), neuron.IFNode(), layer.MaxPool2d(2), layer.Flatten()),
        *(layer.Linear(1600, 1000), neuron.IFNode(), layer.Linear(1000, 10), neuron.IFNode()),
    )
    fired = _steps(images, steps)

    def call() -> None:
        functional.reset_net(network)
        with torch.inference_mode():
            for step in range(steps):
                network((fired == step).float())

    return call


def _steps(images: np.ndarray, steps: int) -> Any:
    """Return the step at which each pixel fires. Pixels with intensity 0 are silent."""
    intensities = torch_images(images)
    fired = ((1 - intensities) * (steps - 1)).round().long()
    fired[intensities == 0] = steps
    return fired
