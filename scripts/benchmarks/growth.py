"""Scaling of the cost with spikes, neurons, synapses, populations, batch, threads and time steps.

`docs/results/speed.md` has the commands. Each benchmark has its own process. A sample is a batch of 64 stimuli.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np

import netsim
from benchmarks import calls

PRESETS = {"phased": calls.PHASED, "free": calls.FREE}
LABELS = np.arange(256) % 10


def network(regime: str, shape: tuple[int, ...], *rules: netsim.Connectivity) -> netsim.Network:
    """Return layers with these rules and ten outputs. In `free`, mean weights are positive to make neurons fire."""
    layers = []
    for depth, rule in enumerate((*rules, netsim.Dense(10))):
        name, onset = f"layer{depth}", 64.0 if depth == 0 else 128.0
        if isinstance(rule, netsim.Pooling):
            layers.append(netsim.Layer(name, rule))
        elif regime == "free":
            initial = netsim.InitialWeights(mean=1.0, spread=1.0)
            layers.append(netsim.Layer(name, rule, netsim.Neurons("free", 1.0, 16.0), initial=initial))
        else:
            neurons = netsim.Neurons("phased", 2.0, 64.0, onset, onset + 64.0, drive=1.0)
            layers.append(netsim.Layer(name, rule, neurons))
    return netsim.Network.chain("growing", netsim.IntensityEncoder(shape, 64.0), tuple(layers), duration=256.0)


def second_convolution(regime: str) -> netsim.Network:
    """Return the second convolution of the presets with its pooling, driven by stimuli."""
    return network(regime, (12, 12, 32), netsim.Convolution(64, 5), netsim.Pooling(2))


def one_dense(regime: str, side: int) -> netsim.Network:
    """Return a thousand neurons that receive from every pixel."""
    return network(regime, (side, side, 1), netsim.Dense(1000))


class _Timed:
    """Benchmarks in which one call is one sample."""

    number, rounds, repeat, timeout = 1, 4, (5, 20, 2.0), 600
    call: calls.Call

    def time_call(self, *_: object) -> None:
        """Call the function from `setup`."""
        self.call()

    def present(self, which: netsim.Network, active: int) -> None:
        """Present random images with `active` active inputs."""
        self.call = calls.forward(*calls.untrained(which), calls.random_images(64, active, shape=which.encoder.shape))


class InputSpikes(_Timed):
    """Active pixels of a stimulus."""

    params: ClassVar = [[10, 30, 100, 250, 500, 784], ["phased", "free", "free, one dense layer", "torch"]]
    param_names: ClassVar = ["pixels", "network"]

    def setup(self, active: int, series: str) -> None:
        """Prepare presets with initial weights, and the dense network."""
        if series == "torch":
            self.call = calls.torch_forward(calls.dense_network(), calls.torch_images(calls.random_images(64, active)))
        else:
            self.present(one_dense("free", 28) if "dense" in series else netsim.load_preset(PRESETS[series]), active)


class ActiveInputs(_Timed):
    """Active inputs of a layer (%)."""

    params: ClassVar = [[1, 2, 5, 10, 20, 50, 100], ["phased", "phased, step", "free", "free, step", "torch"]]
    param_names: ClassVar = ["percent", "layer"]

    def setup(self, percent: int, series: str) -> None:
        """Prepare the second convolution: forward, a training step, or the dense network with channels last."""
        images = calls.random_images(64, round(percent / 100 * 12 * 12 * 32), shape=(12, 12, 32))
        if series == "torch":
            self.call = calls.torch_forward(
                calls.dense_network(True, second_convolution=True), calls.torch_images(images, True)
            )
        elif "step" in series:
            self.call = calls.training(*calls.untrained(second_convolution(series.split(",")[0])), images, LABELS[:64])
        else:
            self.call = calls.forward(*calls.untrained(second_convolution(series)), images)


class Neurons(_Timed):
    """Maps of a padded 5×5 convolution with half of the pixels active."""

    params: ClassVar = [[8, 16, 32, 64, 128], ["phased", "free"]]
    param_names: ClassVar = ["maps", "regime"]

    def setup(self, maps: int, regime: str) -> None:
        """Prepare 28 × 28 neurons per map, with 25 synapses each."""
        self.present(network(regime, (28, 28, 1), netsim.Convolution(maps, 5, padding=2), netsim.Pooling(28)), 392)


class Synapses(_Timed):
    """Side of a square of pixels, half of them active, that all project onto a thousand neurons."""

    params: ClassVar = [[7, 14, 28, 56, 112], ["phased", "free"]]
    param_names: ClassVar = ["side", "regime"]

    def setup(self, side: int, regime: str) -> None:
        """Prepare a dense layer."""
        self.present(one_dense(regime, side), side**2 // 2)


class Populations(_Timed):
    """Processor time of a chain of populations with a hundred neurons each."""

    timer = time.process_time
    params: ClassVar = [[2, 4, 8, 16, 32, 64], ["phased", "free"]]
    param_names: ClassVar = ["populations", "regime"]

    def setup(self, count: int, regime: str) -> None:
        """Prepare dense layers."""
        self.present(listed(regime, (10, 10, 1), *[netsim.Dense(100)] * count), 50)


def _series(count: int) -> dict[str, Callable[[], calls.Call]]:
    images = calls.random_images(count, 392)
    return {
        "phased": lambda: calls.forward(*calls.untrained(calls.PHASED), images),
        "free": lambda: calls.forward(*calls.untrained(calls.FREE), images),
        "phased, step": lambda: calls.training(*calls.untrained(calls.PHASED), images, LABELS[:count]),
        "torch": lambda: calls.torch_forward(calls.dense_network(), calls.torch_images(images)),
    }


class Batches(_Timed):
    """Presentations per batch."""

    params: ClassVar = [[1, 4, 16, 64, 256], list(_series(1))]
    param_names: ClassVar = ["presentations", "network"]

    def setup(self, size: int, series: str) -> None:
        """Presets with initial weights."""
        self.call = _series(size)[series]()


class Threads(_Timed):
    """Threads."""

    params: ClassVar = [[1, 2], list(_series(1))]
    param_names: ClassVar = ["threads", "network"]

    def setup(self, threads: int, series: str) -> None:
        """Presets with initial weights."""
        self.call = _series(64)[series]()
        calls.set_threads(threads)


class TimeSteps(_Timed):
    """Time step of `mlp-fashion` (ms) on both engines, or 0 for exact times."""

    params: ClassVar = [[0.0, 8.0, 4.0, 2.0, 1.0, 0.5], ["event", "brian2"]]
    param_names: ClassVar = ["dt", "engine"]

    def setup(self, dt: float, engine: str) -> None:
        """Prepare 64 images on the event engine, 32 in Brian2."""
        if engine == "event":
            self.call = calls.forward(*calls.trained("mlp-fashion", float), calls.random_images(64, 392), "double", dt)
        elif not dt:
            raise NotImplementedError("Brian2 has no exact times")
        else:
            which, weights = calls.trained("mlp-fashion", float)
            batch = netsim.Batch(which.encoder.latencies(calls.random_images(32, 392), 255), weights)
            made = netsim.make_engine("brian2", which, dt=dt)
            self.call = lambda: made.present(batch)


class Thinned(_Timed):
    """Processor time on one thread of a layer of 784 pixels with a tenth of its synapses, and of the dense layer."""

    timer = time.process_time
    params: ClassVar = [[400, 1000, 4000], [0.2, 1.0], ["phased", "free"], ["double", "single"], ["dense", "thinned"]]
    param_names: ClassVar = ["neurons", "active", "regime", "precision", "synapses"]

    def setup(self, size: int, active: float, regime: str, precision: str, synapses: str) -> None:
        """Prepare networks with one layer."""
        os.environ["NETSIM_THREADS"] = "1"
        rule = netsim.Dense(size) if synapses == "dense" else netsim.Random(size, 0.1, seed=1)
        which = listed(regime, (28, 28, 1), rule)
        generator = np.random.default_rng(0)
        times = np.where(generator.random((64, 28, 28, 1)) < active, generator.uniform(0, 64, (64, 28, 28, 1)), np.inf)
        batch = netsim.Batch(times, netsim.initial_weights(which, 0))
        engine = netsim.make_engine("event", which, precision=precision)
        self.call = lambda: engine.present(batch)


class ManyNeurons:
    """Processor time of two equal populations with a hundred synapses onto every neuron, and as many back in a loop."""

    number, repeat, rounds, warmup_time, timeout, timer = 1, 3, 1, 0, 1800, time.process_time
    params: ClassVar = [[10_000, 100_000, 1_000_000], ["phased", "free", "loop"]]
    param_names: ClassVar = ["neurons", "regime"]

    def setup(self, count: int, regime: str) -> None:
        """Prepare weights in single precision. The first presentation lists the synapses."""
        side, half = round((count / 10) ** 0.5), count // 2
        rules = [netsim.Random(size, indegree=100, seed=seed) for seed, size in ((1, half), (2, count - half), (3, 10))]
        self.which = which = listed(regime, (side, side, 1), *rules)
        self.weights = {name: each.astype(np.float32) for name, each in netsim.initial_weights(which, 0).items()}
        self.engine = netsim.make_engine("event", which, precision="single")
        self.stimuli = np.random.default_rng(0).uniform(0, 64, (32, side, side, 1))
        self.time_alone()

    def time_first(self, *_: object) -> None:
        """Run the first presentation of an engine."""
        batch = netsim.Batch(self.stimuli[:1], self.weights)
        netsim.make_engine("event", self.which, precision="single").present(batch)

    def time_alone(self, *_: object) -> None:
        """Run one presentation."""
        self.engine.present(netsim.Batch(self.stimuli[:1], self.weights))

    def time_batch(self, *_: object) -> None:
        """Run 32 presentations."""
        self.engine.present(netsim.Batch(self.stimuli, self.weights))

    def peakmem_batch(self, *_: object) -> None:
        """Measure the peak memory of 32 presentations."""
        self.time_batch()

    @cached_property
    def step(self) -> calls.Call:
        """A training step of 32 presentations."""
        images = calls.random_images(32, self.stimuli[0].size, shape=self.stimuli[0].shape)
        return calls.training(self.which, self.weights, images, LABELS[:32])

    def time_step(self, *_: object) -> None:
        """Run a training step. The first also lists synapses."""
        self.step()

    def peakmem_step(self, *_: object) -> None:
        """Measure the peak memory of a training step."""
        self.step()


def listed(regime: str, shape: tuple[int, ...], *rules: netsim.Connectivity) -> netsim.Network:
    """Return layers with drawn synapses in which most neurons fire."""
    layers = []
    for depth, rule in enumerate(rules):
        onset = 64.0 + 128.0 * depth
        neurons = netsim.Neurons("free", threshold=0.1, tau=64.0)
        if regime == "phased":
            neurons = netsim.Neurons("phased", threshold=2.0, tau=64.0, onset=onset, end=onset + 128.0, drive=1.0)
        layers.append(netsim.Layer(f"layer{depth}", rule, neurons))
    made = netsim.Network.chain("listed", netsim.IntensityEncoder(shape, 64.0), tuple(layers), 128.0 * (len(rules) + 1))
    back = [netsim.Projection("layer1", "layer0", netsim.Random(indegree=100, seed=4))] if regime == "loop" else []
    return replace(made, projections=(*made.projections, *back))
