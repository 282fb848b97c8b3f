"""Networks that files are made of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from netsim.specification import (
    PSP,
    Convolution,
    Delays,
    Dense,
    Distance,
    EdgeList,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Population,
    PopulationWinners,
    Projection,
    Random,
)
from netsim.training.loop import start_training
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights

EDGES = Path(__file__).with_name("edges.csv")
"""From 16 neurons onto 3, several between some."""


@cache
def small_network() -> Network:
    """A network with every connectivity and regime."""
    return Network.chain(
        name="small",
        encoder=IntensityEncoder((4, 5, 2), 16.0),
        layers=(
            Layer("conv", Convolution(3, 3), neurons=Neurons("phased", onset=16.0, end=32.0, drive=1.0, bias=True)),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(5), Neurons("staggered", threshold=2.0, onset=24.0, end=40.0, drive=1.0)),
            Layer("output", Dense(3), Neurons("phased", onset=40.0, drive=1.0, bias=True)),
        ),
        duration=64.0,
        learning=Learning(averaging=0.9, revive_below=0.01),
    )


@cache
def graphs() -> list[Network]:
    """Small networks of populations and projections: loops, winners, delays, signs, and every PSP."""
    free, dense = Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True), Dense()
    learned = Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    loop = (
        Population("maps", (4, 4, 2), free),
        Population("pool", (2, 2, 2), None),
        Population("hidden", (6,), free, winners=PopulationWinners(2)),
        Population("inhibitory", (3,), free),
        Population("output", (3,), free),
    )
    synapses = (
        Projection("stimulus", "maps", Convolution(2, 3, padding=1)),
        Projection("maps", "pool", Pooling(2)),
        Projection("pool", "hidden", dense, psp=PSP("triangle", rise=5.2, fall=9.1), delay=learned),
        Projection("hidden", "inhibitory", Random(probability=0.4, seed=1), sign="excitatory"),
        Projection("inhibitory", "hidden", dense, sign="inhibitory", name="back", delay=0.7),
        Projection("hidden", "output", dense, psp=PSP("plateau", rise=7.3), delay=Delays(mean=1.0, spread=0.5)),
        Projection(
            "stimulus", "output", dense, name="skip", psp=PSP("breakpoints", breakpoints=((0, 0), (3, 1), (8, 0)))
        ),
    )
    encoder = IntensityEncoder((4, 4, 1), 20.0)
    distance = (
        Projection("stimulus", "maps", Distance(sigma=1.0, seed=3)),
        Projection("maps", "output", Random(indegree=9, seed=2), delay=1.3),
        Projection("stimulus", "output", EdgeList(file=str(EDGES)), delay=Delays("synapse", mean=2.0, spread=1.0)),
    )
    return [
        Network("loop", encoder, loop, synapses, 90.0),
        Network("drawn", encoder, (loop[0], loop[4]), distance, 90.0),
    ]


@cache
def exchanged() -> list[Network]:
    """The same, but for what is in them twice: files of many groups take long to read."""
    free, encoder = Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True), IntensityEncoder((4, 4, 1), 20.0)
    maps = Population("maps", (4, 4, 2), free)
    hidden = Population("hidden", (6,), free, winners=PopulationWinners(2))
    convolution = Projection("stimulus", "maps", Convolution(2, 3, padding=1))
    learned = Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    loop = (
        convolution,
        Projection("maps", "hidden", Dense(), psp=PSP("triangle", rise=5.2, fall=9.1), delay=learned),
        Projection("hidden", "maps", Dense(), sign="inhibitory", name="back", delay=Delays(mean=1.0, spread=0.5)),
    )
    pooled = (
        convolution,
        Projection("maps", "pool", Pooling(2)),
        Projection("pool", "hidden", Random(probability=0.4, seed=1), sign="excitatory", psp=PSP("plateau", rise=7.3)),
        Projection("stimulus", "hidden", EdgeList(file=str(EDGES)), delay=Delays("synapse", mean=2.0, spread=1.0)),
    )
    return [
        Network("loop", encoder, (maps, hidden), loop, 90.0),
        Network("pooled", encoder, (maps, Population("pool", (2, 2, 2), None), hidden), pooled, 90.0),
    ]


def small_weights() -> Weights:
    """What the small network begins its training with."""
    return start_training(small_network(), 0).weights


def double(weights: Weights) -> Weights:
    """Weights as they are exchanged."""
    return {name: array.astype(np.float64) for name, array in weights.items()}


def drawn(network: Network) -> Weights:
    """Weights of a network as they are exchanged."""
    return double(initial_weights(network, 0))
